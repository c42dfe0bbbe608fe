"""MindIR files of the average generator, against the generator itself, for any number of images."""

import json

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from stylegan_runs import CLASSES, exported_run, not_reloading, save_network, shape

from mindgan import export
from mindgan.export import export_network, mindir_about, mindir_input_shapes
from mindgan.runtime.errors import UserError
from mindgan.stylegan2 import checkpoints, exporting
from mindgan.stylegan2.networks import Generator, for_all_layers


@pytest.fixture(scope="module", params=[0, 2])
def exported(request, tmp_path_factory):
    """The number of classes, the generator and its three files."""
    if request.param:
        run, generator = exported_run(tmp_path_factory)
        names = ("StyleGan.mindir", "StyleGan_mapping.mindir", "StyleGan_synthesis.mindir")
        return request.param, generator, [run.model / name for name in names]
    folder = tmp_path_factory.mktemp("without classes")
    generator = save_network(folder / "g.ckpt")
    with not_reloading():
        paths = exporting.export_parts(checkpoints.read(folder / "g.ckpt"), folder / "x y" / "G.mindir")
    assert [path.name for path in paths] == ["G.mindir", "G_mapping.mindir", "G_synthesis.mindir"]
    return request.param, generator, paths


def inputs(num_classes, num, psi):
    random = np.random.default_rng(num)
    z = random.standard_normal((num, 5)).astype(np.float32)
    labels = [np.eye(num_classes, dtype=np.float32)[random.integers(num_classes, size=num)]] if num_classes else []
    return [*map(Tensor, [z, *labels]), Tensor(psi, ms.float32)]


def reloaded(path):
    return nn.GraphCell(ms.load(str(path)))


def styles(generator, z, *rest):
    """Truncated in float64; w_avg + psi (w - w_avg)."""
    psi = float(rest[-1].asnumpy())
    w = generator.mapping(z, rest[0]).asnumpy().astype(np.float64)
    average = generator.mapping.w_avg.asnumpy().astype(np.float64)
    return np.repeat((average + psi * (w - average))[:, None], 4, axis=1)


def test_what_goes_in(exported):
    num_classes, _, paths = exported
    labels = [(-1, 2)] if num_classes else []
    assert mindir_input_shapes(paths[0]) == mindir_input_shapes(paths[1]) == [(-1, 5), *labels, ()]
    assert mindir_input_shapes(paths[2]) == [(-1, 4, 4)]


@pytest.mark.parametrize(("num", "psi"), [(1, 1.0), (4, 0.3)])
def test_each_file_draws_what_the_generator_does(exported, num, psi, pynative):
    num_classes, generator, (whole, mapping, synthesis) = exported
    of_call = inputs(num_classes, num, psi)
    ws = styles(generator, *of_call)
    noise = np.concatenate([p.asnumpy().ravel() for p in generator.get_parameters() if "noise_const" in p.name])
    assert noise.shape == (4 * 4 + 2 * 8 * 8,)
    images = generator.synthesis(Tensor(ws, ms.float32), Tensor(np.tile(noise, (num, 1)))).asnumpy()
    scale = np.abs(images).max()
    np.testing.assert_allclose(reloaded(mapping)(*of_call).asnumpy(), ws, atol=1e-5)
    np.testing.assert_allclose(reloaded(whole)(*of_call).asnumpy() / scale, images / scale, atol=1e-5)
    drawn = reloaded(synthesis)(Tensor(ws, ms.float32)).asnumpy()
    np.testing.assert_allclose(drawn / scale, images / scale, atol=1e-5)


def test_the_noise_is_not_nothing(exported, pynative):
    num_classes, generator, paths = exported
    of_call = inputs(num_classes, 2, 1.0)
    w = generator.mapping(of_call[0], of_call[-2])
    without = generator.synthesis(for_all_layers(w, 4), Tensor(np.zeros((2, 144), np.float32))).asnumpy()
    assert np.abs(reloaded(paths[0])(*of_call).asnumpy() - without).max() > 0.01


def test_the_files_tell_what_they_are(exported):
    num_classes, _, paths = exported
    about = exporting.read_about(paths[0])
    assert (about.class_names, about.nimg, about.shape) == (CLASSES[:num_classes], 7, shape(num_classes))
    assert mindir_about(paths[2])["part"] == "synthesis"
    with pytest.raises(UserError, match=r"_synthesis\.mindir holds the synthesis alone; name the \.mindir"):
        exporting.read_about(paths[2])


def test_what_is_there_stays_and_what_is_of_another_checkpoint_goes(tmp_path, monkeypatch):
    written = []

    def pretend(cell, path, shapes, calls, *, about, say):
        written.append(path.name)
        path.write_text(json.dumps(about))

    monkeypatch.setattr(exporting, "export_network", pretend)
    monkeypatch.setattr(exporting, "mindir_about", lambda path: json.loads(path.read_bytes()))
    names = ["G.mindir", "G_mapping.mindir", "G_synthesis.mindir"]
    for seed, removed, expected in ((0, [], names), (0, [1], names[1:2]), (0, [], []), (1, [], names)):
        save_network(tmp_path / "g.ckpt", seed=seed)
        for index in removed:
            (tmp_path / names[index]).unlink()
        written.clear()
        paths = exporting.export_parts(checkpoints.read(tmp_path / "g.ckpt"), tmp_path / "G.mindir")
        assert written == expected
        assert [path.name for path in paths] == names


def test_a_network_that_has_diverged_is_told(tmp_path):
    save_network(tmp_path / "g.ckpt")
    saved = checkpoints.read(tmp_path / "g.ckpt")
    saved.arrays["G_ema.mapping.w_avg"][:] = np.nan
    with pytest.raises(UserError, match=r"was not written: .* is not finite, as its training has diverged; export an"):
        exporting.export_parts(saved, tmp_path / "G.mindir")
    assert [path.name for path in tmp_path.iterdir()] == ["g.ckpt"]


def test_no_parameter_is_copied():
    """The cells that are exported have the generator's own."""
    generator = Generator(shape())
    own = {id(parameter) for parameter in generator.get_parameters()}
    for cell in (exporting.Whole(generator), exporting.OwnNoise(generator)):
        assert {id(parameter) for parameter in cell.get_parameters()} <= own


def test_a_fresh_process_decides_and_large_numbers_count_by_their_share(tmp_path, monkeypatch):
    """In a fresh process: several inputs, one of them a number."""

    class Scaled(nn.Cell):
        def construct(self, x, factor):
            return x * factor

    calls = {"one": (np.full((1, 2), 3, np.float32), np.array(1000, np.float32))}
    told = []
    shapes = ((None, 2), ())
    path = tmp_path / "x.mindir"
    assert export_network(Scaled(), path, shapes, calls, about={"a": "猫"}, say=told.append) == 0
    assert mindir_about(path) == {"a": "猫"}
    assert told == [f"{path}: reloaded in a fresh process, largest difference 0.0e+00"]
    path.unlink()
    for wrong, passes in ((0.2, True), (0.4, False), (np.nan, False)):  # of 3000: 7e-5 and 1.3e-4
        monkeypatch.setattr(export, "_reload", lambda *_, wrong=wrong: {"one": np.full((1, 2), 3000 + wrong)})
        if passes:
            export_network(Scaled(), path, shapes, calls, say=told.append)
            path.unlink()
        else:
            with pytest.raises(UserError, match="reloaded, it differs by"):
                export_network(Scaled(), path, shapes, calls, say=told.append)
            assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"text", b"\x08\x01"])
def test_what_is_no_file_of_stylegan_is_told(content, tmp_path):
    (tmp_path / "x.mindir").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.mindir is no MindIR file of StyleGAN2"):
        exporting.read_about(tmp_path / "x.mindir")


def test_a_file_that_tells_nonsense_is_told(tmp_path):
    class Doubled(nn.Cell):
        def construct(self, x):
            return x + x

    for about in ({}, {"family": "cyclegan"}, {"family": "stylegan2", "part": "generator", "about": json.dumps([])}):
        calls = {"one": (np.ones((1, 2), np.float32),)}
        with not_reloading():
            export_network(Doubled(), tmp_path / "x.mindir", ((None, 2),), calls, about=about, say=lambda line: None)
        with pytest.raises(UserError, match="is no MindIR file of StyleGAN2"):
            exporting.read_about(tmp_path / "x.mindir")


def test_a_file_that_tells_of_other_inputs_is_told(exported, tmp_path):
    num_classes, generator, paths = exported
    model = export._model(paths[0])
    about = json.loads(model.user_info["about"])
    assert exporting.read_about(paths[0]).shape == generator.shape
    for changes in ({"z_dim": 6}, {"num_classes": num_classes + 1}):
        other = {**about, "shape": {**about["shape"], **changes}, "class_names": []}
        model.user_info["about"] = json.dumps(other)
        (tmp_path / "x.mindir").write_bytes(model.SerializeToString())
        with pytest.raises(UserError, match=r"x\.mindir is no MindIR file of StyleGAN2; export it"):
            exporting.read_about(tmp_path / "x.mindir")
