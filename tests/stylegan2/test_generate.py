"""Images of Data/ and of seeds: which latents, classes and names they have, and that nothing is drawn twice."""

import json
import os
from zlib import crc32

import numpy as np
import pytest
from cyclegan_runs import contents
from mindspore import Tensor
from PIL import Image
from stylegan_runs import save_network, shape

from mindgan.runtime.errors import UserError
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import generate as generate_module
from mindgan.stylegan2.checkpoints import About
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.drawing import Network, load_network
from mindgan.stylegan2.generate import draw_data, file_name_parts, generate

NAMES = ("cat", "a/b", "A/B")
IN_FILES = ("cat", "a_b", "A_B_2")

pytestmark = pytest.mark.usefixtures("pynative")


def drawn_by_hand(generator, z, labels=None, psi=1.0):
    """Pixels [N, H, W, C] of latents [N, Z], by the generator's own parts, truncated in float64."""
    z = np.stack(z)
    c = np.zeros((1, 1), np.float32) if labels is None else np.asarray(labels, np.float32)
    w = generator.mapping(Tensor(z), Tensor(c)).asnumpy().astype(np.float64)
    average = generator.mapping.w_avg.asnumpy()
    ws = np.repeat((average + psi * (w - average))[:, None], 4, axis=1).astype(np.float32)
    noise = np.concatenate([p.asnumpy().ravel() for p in generator.get_parameters() if "noise_const" in p.name])
    images = generator.synthesis(Tensor(ws), Tensor(np.tile(noise, (len(z), 1)))).asnumpy().transpose(0, 2, 3, 1)
    return np.clip(np.rint(images * 127.5 + 127.5), 0, 255)


def latent_of_data(seed, column, index):
    """The key in words: seed, rank 0, image, and what for."""
    purpose = crc32(f"Data latents of class {column}".encode())
    return np.random.default_rng([seed, 0, index, purpose]).standard_normal(5, dtype=np.float32)


def draw(root, network, labels=None, **settings):
    """Into Data/, with a checkpoint or what stands for a network."""
    run = RunDirectory(root)
    config = StyleGanConfig(train_url=str(root), **{"image_format": "png", "generate_num": 3, **settings})
    network = network if isinstance(network, Network) else load_network("--resume", str(network))
    with Console() as console:
        return draw_data(run, network, config, labels, console)


def pretended(path, content=b"weights"):
    """A network without any: its images are sums of what comes in."""
    path.write_bytes(content)

    def draw_sums(z, c=None, *, psi=1.0, noise_mode="const", random=None):
        numbers = np.cumsum(np.concatenate([psi * z, c], 1), 1)
        return np.repeat((100 * np.abs(numbers[:, None, :3, None] + len(content))).astype(np.uint8), 3, axis=3)

    return Network(path, About(shape(3), NAMES), draw_sums)


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image, np.float64)


@pytest.fixture
def classes(tmp_path):
    return save_network(tmp_path / "g.ckpt", NAMES)


def test_each_image_is_of_its_class_seed_and_number(classes, tmp_path):
    images = draw(tmp_path / "run", tmp_path / "g.ckpt", trunc=0.6, seed=4)
    wanted = [(name, index) for name in NAMES for index in range(3)]
    assert [label for _, label in images] == [name for name, _ in wanted]
    assert [path.name for path, _ in images] == [f"StyleGan_{name}_{i}.png" for name in IN_FILES for i in range(3)]
    columns = [NAMES.index(name) for name, _ in wanted]
    z = [latent_of_data(4, column, index) for column, (_, index) in zip(columns, wanted, strict=True)]
    by_hand = drawn_by_hand(classes, z, np.eye(3)[columns], 0.6)
    for (path, _), expected in zip(images, by_hand, strict=True):
        assert np.abs(pixels(path) - expected).max() <= 1


def test_without_classes(tmp_path):
    generator = save_network(tmp_path / "g.ckpt", of=shape(image_channels=1))
    images = draw(tmp_path / "run", tmp_path / "g.ckpt", generate_num=2, image_format="jpg")
    assert [(path.name, label) for path, label in images] == [("StyleGan_0.jpg", None), ("StyleGan_1.jpg", None)]
    by_hand = drawn_by_hand(generator, [latent_of_data(0, None, 1)])[0, :, :, 0]
    assert np.abs(pixels(images[1][0]) - by_hand).mean() < 8  # of JPEG, on noise


def test_vectors_are_those_of_the_images(tmp_path):
    generator = save_network(tmp_path / "g.ckpt", of=shape(2))
    labels = np.array([[0.5, -1], [2, 0.25]], np.float32)
    images = draw(tmp_path / "run", tmp_path / "g.ckpt", labels, generate_num=6)
    assert [label for _, label in images] == [None] * 6
    z = [latent_of_data(0, None, index) for index in range(6)]
    by_hand = np.stack([drawn_by_hand(generator, z, np.tile(label, (6, 1))) for label in labels])
    drawn = np.stack([pixels(path) for path, _ in images])
    differences = np.abs(drawn - by_hand).max((2, 3, 4))  # [labels, images]
    assert (differences.min(0) <= 1).all()
    assert set(differences.argmin(0)) == {0, 1}


def test_transparency_needs_png(tmp_path):
    save_network(tmp_path / "g.ckpt", of=shape(image_channels=4))
    [(path, _)] = draw(tmp_path / "run", tmp_path / "g.ckpt", generate_num=1, image_format="jpg")
    assert path.suffix == ".png"
    assert pixels(path).shape == (8, 8, 4)
    assert generate(str(tmp_path / "g.ckpt"), tmp_path / "out", seeds=[0, 1])


def test_going_on_draws_what_is_missing_and_gives_the_same_bytes(tmp_path):
    network = pretended(tmp_path / "weights")
    settings = {"batch_size": 2, "image_format": "jpg", "seed": 1}
    draw(tmp_path / "run", network, **settings)
    whole = contents(tmp_path / "run")
    data = RunDirectory(tmp_path / "run").data
    for name in ("StyleGan_cat_2.jpg", "StyleGan_a_b_1.jpg"):
        (data / name).unlink()
    kept = data / "StyleGan_A_B_2_2.jpg"
    kept.write_bytes(b"as it was")
    draw(tmp_path / "run", network, **settings)
    assert kept.read_bytes() == b"as it was"
    kept.write_bytes(whole["Data/StyleGan_A_B_2_2.jpg"])
    assert contents(tmp_path / "run") == whole


@pytest.mark.parametrize("change", [{"trunc": 0.5}, {"seed": 1}, {"image_format": "jpg"}, {"generate_num": 1}])
def test_other_settings_leave_none_of_the_first(change, tmp_path):
    network = pretended(tmp_path / "weights")
    draw(tmp_path / "run", network)
    run = RunDirectory(tmp_path / "run")
    run.manifest.write_text("of the first")
    images = draw(tmp_path / "run", network, **change)
    assert not run.manifest.exists()
    assert sorted(path for path, _ in images) == sorted(run.data.iterdir())
    draw(tmp_path / "other", network, **change)
    assert contents(run.data) == contents(tmp_path / "other" / "Data")


def test_another_network_leaves_none_of_the_first(tmp_path):
    draw(tmp_path / "run", pretended(tmp_path / "weights"))
    first = contents(tmp_path / "run" / "Data")
    draw(tmp_path / "run", pretended(tmp_path / "weights", b"other weights"))
    second = contents(tmp_path / "run" / "Data")
    assert first.keys() == second.keys()
    assert all(first[name] != second[name] for name in first)


def test_names_of_classes_that_no_system_refuses():
    names = ["a/b", "A\\B", "", ".", "猫 犬", "x\x00y\n", "CON: *?", "a_b_1", "n" * 300, "é" * 150]
    parts = file_name_parts(names)
    assert parts[:8] == ["a_b", "A_B_1", "_", "__3", "猫 犬", "x_y_", "CON_ __", "a_b_1_7"]
    assert parts[8] == "n" * 100
    assert parts[9] == "é" * 50
    assert len({part.casefold() for part in parts}) == len(names)
    assert all(len(os.fsencode(part)) <= 110 for part in parts)


def test_seeds_are_the_fields(classes, tmp_path):
    out = tmp_path / "out dir"
    written = generate(str(tmp_path / "g.ckpt"), out, seeds=[3, 12345], psi=0.5, of_class="a/b")
    assert written == [out / "grid.png", out / "seed0003.png", out / "seed12345.png"]
    z = [np.random.RandomState(seed).randn(1, 5)[0].astype(np.float32) for seed in (3, 12345)]
    by_hand = drawn_by_hand(classes, z, [[0, 1, 0]] * 2, 0.5)
    for seed, expected in zip((3, 12345), by_hand, strict=True):
        assert np.abs(pixels(out / f"seed{seed:04d}.png") - expected).max() <= 1


def test_classes_by_number_by_name_and_in_turn(classes, tmp_path):
    source = str(tmp_path / "g.ckpt")
    for name, of_class in (("number", "1"), ("name", "a/b"), ("turn", None)):
        generate(source, tmp_path / name, seeds=range(3), of_class=of_class)
    number, name, turn = (contents(tmp_path / folder) for folder in ("number", "name", "turn"))
    assert number == name
    assert {file for file in turn if turn[file] == number[file]} == {"seed0001.png"}


def test_kinds_of_noise(classes, tmp_path):
    source, seeds = str(tmp_path / "g.ckpt"), [5, 6]
    for mode in ("const", "random", "none"):
        generate(source, tmp_path / mode, seeds=seeds, noise_mode=mode)
    const, random, none = (contents(tmp_path / mode) for mode in ("const", "random", "none"))
    assert len({files["seed0006.png"] for files in (const, random, none)}) == 3
    generate(source, tmp_path / "again", seeds=[6], noise_mode="random")
    assert contents(tmp_path / "again")["seed0006.png"] != random["seed0006.png"]  # class 0 now
    generate(source, tmp_path / "again", seeds=[4, 6], noise_mode="random")
    assert contents(tmp_path / "again")["seed0006.png"] == random["seed0006.png"]


def test_truncation_of_the_first_layers_and_batches_of_many_seeds(classes, tmp_path, monkeypatch):
    source, of = str(tmp_path / "g.ckpt"), {"seeds": range(20), "of_class": "cat"}
    for name, settings in (
        ("all", {"psi": 0.3}),
        ("none", {"psi": 0.3, "cutoff": 0}),
        ("first", {"psi": 0.3, "cutoff": 1}),
        ("free", {}),
    ):
        generate(source, tmp_path / name, **of, **settings)
    drawn = {name: contents(tmp_path / name) for name in ("all", "none", "first", "free")}
    assert drawn["none"] == drawn["free"]
    assert len({files["seed0017.png"] for files in drawn.values()}) == 3
    monkeypatch.setattr(generate_module, "MOST_SHOWN", 18)
    generate(source, tmp_path / "few", **of)
    few = contents(tmp_path / "few")
    assert {name for name in few if few[name] != drawn["free"][name]} == {"grid.png"}
    assert pixels(tmp_path / "few" / "grid.png").shape[0] < pixels(tmp_path / "free" / "grid.png").shape[0] * 2
    with pytest.raises(UserError, match=r"--trunc_cutoff 9: .*g\.ckpt takes \d styles; use \d or fewer"):
        generate(source, tmp_path / "no", **of, cutoff=9)


@pytest.mark.parametrize(
    ("names", "of_class", "message"),
    [
        (NAMES, "3", r"--class 3 is none of .*g\.ckpt; use 0 to 2 or one of cat, a/b, A/B"),
        (NAMES, "dog", r"--class dog is none of"),
        ((), "0", r"--class 0: .*g\.ckpt has no classes; leave it out"),
    ],
)
def test_what_is_no_class_is_told(names, of_class, message, tmp_path):
    save_network(tmp_path / "g.ckpt", names)
    with pytest.raises(UserError, match=message):
        generate(str(tmp_path / "g.ckpt"), tmp_path / "out", seeds=[0], of_class=of_class)
    assert not (tmp_path / "out").exists()


def test_a_network_of_vectors_says_how_to_draw(tmp_path):
    save_network(tmp_path / "g.ckpt", of=shape(2))
    with pytest.raises(UserError, match=r"takes vectors of 2 numbers .* --predict True"):
        generate(str(tmp_path / "g.ckpt"), tmp_path / "out", seeds=[0])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x.pb", r"--resume .*x\.pb is a frozen TensorFlow graph, .*; name a run, a \.ckpt or a \.mindir"),
        ("no.ckpt", "does not exist"),
        ("no.mindir", "does not exist"),
        ("cut.ckpt", r"cut\.ckpt is no whole MindSpore checkpoint"),
        ("text.mindir", r"text\.mindir is no MindIR file of StyleGAN2"),
        ("", "holds no model/network-snapshot"),
    ],
)
def test_what_is_no_network_is_told(source, message, tmp_path):
    save_network(tmp_path / "g.ckpt")
    (tmp_path / "cut.ckpt").write_bytes((tmp_path / "g.ckpt").read_bytes()[:500])
    (tmp_path / "text.mindir").write_text("text")
    with pytest.raises(UserError, match=message):
        load_network("--resume", str(tmp_path / source))


def test_a_mark_that_is_damaged_counts_as_none(tmp_path):
    network = pretended(tmp_path / "weights")
    draw(tmp_path / "run", network, generate_num=1)
    run = RunDirectory(tmp_path / "run")
    assert json.loads(run.data_of.read_bytes())["generate_num"] == 1
    run.data_of.write_text("{")
    (run.data / "StyleGan_old_0.png").write_text("")
    draw(tmp_path / "run", network, generate_num=1)
    assert len(list(run.data.iterdir())) == 3
