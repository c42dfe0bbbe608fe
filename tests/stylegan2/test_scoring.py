"""`mindgan metrics stylegan`: what is measured on which images, and what it says."""

import json
import sys
from functools import partial

import numpy as np
import pytest
from cyclegan_runs import failing, run_here
from image_files import pixels
from safetensors.numpy import save
from scored_runs import CLASSES, NUM, SOME_PIXELS, in_classes, make_run, reals, some_pixels, write_images
from stylegan_runs import SIDE, save_network, shape

from mindgan.data.fitting import FitCounts
from mindgan.data.labelled import LabelledImages, subset_rows
from mindgan.data.mnist import embedded_digits
from mindgan.metrics.domain_features import NAME_OF_CLASSES, domain_network
from mindgan.metrics.feature_network import FeatureNetwork
from mindgan.metrics.frechet import frechet_distance, statistics
from mindgan.metrics.kernel import kernel_distance
from mindgan.render.grids import opaque
from mindgan.runtime import randomness
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import checkpoints, prepare, reference, scoring
from mindgan.stylegan2.results import _measured
from mindgan.stylegan2.sample import Drawer
from mindgan.stylegan2.scoring import score_run, scores_text
from mindgan.training import checkpoint
from mindgan.training.state import TrainState


class Waves:
    """In the place of `Drawer`, whose networks take seconds to compile: other images for other weights and inputs."""

    def __init__(self, generator, *, batch_size):
        self.generator, self.shape = generator, generator.shape

    def draw(self, z, c=None, *, psi, noise_mode, random):
        assert noise_mode == "random"
        of = self.generator.shape
        weights = np.concatenate([parameter.asnumpy().ravel() for parameter in self.generator.get_parameters()])
        heights = (
            z @ weights[: of.z_dim]
            + weights[-1]
            + random.standard_normal(len(z))
            + (0 if c is None else c @ np.arange(1, of.num_classes + 1))
        )
        places = np.arange(1, 1 + of.image_channels * of.height * of.width)
        values = 127 + 120 * np.sin(psi * np.outer(heights, places) / 7)
        return values.astype(np.uint8).reshape(-1, of.image_channels, of.height, of.width)


@pytest.fixture
def in_earnest() -> None:
    """Has a test draw by the networks."""


@pytest.fixture(autouse=True)
def _quickly(request, monkeypatch) -> None:
    if "in_earnest" not in request.fixturenames:
        monkeypatch.setattr(scoring, "Drawer", Waves)
        monkeypatch.setattr(sys.modules[__name__], "Drawer", Waves)


@pytest.fixture
def trained_on(monkeypatch) -> list[list[np.ndarray]]:
    """Puts pixels in the place of every small network; the images of each domain that networks were wanted of."""
    asked = []

    def made(domains, **settings):
        asked.append(domains)
        return SOME_PIXELS

    monkeypatch.setattr(reference, "domain_network", made)
    return asked


@pytest.fixture
def run(tmp_path, trained_on) -> RunDirectory:
    write_images(tmp_path / "images", reals())
    return make_run(tmp_path / "run", tmp_path / "images")


def silent(line: str) -> None:
    pass


def drawn(path, num: int, seed: int, psi: float = 1.0, labels=None) -> np.ndarray:
    """The fakes of a snapshot, by a network of their own, all at once."""
    saved = checkpoints.read(path)
    z = randomness.generator(seed, "latents of metrics").standard_normal((num, saved.about.shape.z_dim), np.float32)
    noise = {"noise_mode": "random", "random": randomness.generator(seed, "noise of metrics")}
    return opaque(Drawer(saved.generator(), batch_size=num).draw(z, labels, psi=psi, **noise))


def fid(one: np.ndarray, other: np.ndarray) -> float:
    """By the covariances, from images."""
    return frechet_distance(*statistics(some_pixels(one)), *statistics(some_pixels(other)))


def test_numbers_are_those_of_direct_calls(run, in_earnest):
    scores = score_run(str(run.root), num=20, psi=0.7, seed=5, say=silent)
    (score,) = scores.snapshots
    fakes = drawn(run.snapshot(12), 20, 5, psi=0.7)
    assert (score.network, score.kimg) == ("network-snapshot-000012.ckpt", 0.007)
    assert score.fid == pytest.approx(fid(fakes, reals()), rel=1e-4)
    kid = kernel_distance(some_pixels(fakes), some_pixels(reals()), seed=5)
    assert (score.kid, score.kid_deviation) == pytest.approx(kid, rel=1e-4)
    order = randomness.generator(5, "halves of reals").permutation(NUM)
    assert scores.floor_num == 5
    assert scores.floor_fid == pytest.approx(fid(reals()[order[:5]], reals()[order[5:10]]))
    written = json.loads((run.root / "metrics.json").read_bytes())
    assert written == json.loads(json.dumps(scores.as_dict()))
    assert (written["num_fakes"], written["num_images"], written["psi"], written["seed"]) == (20, NUM, 0.7, 5)
    assert (written["feature_network"], written["comparable"]) == ("some pixels", False)
    assert written["snapshots"][0]["fid"] == score.fid


def test_all_snapshots_draw_the_same_latents_each_with_its_weights(run, in_earnest):
    scores = score_run(str(run.root), num=20, all_snapshots=True, say=silent)
    assert [score.network for score in scores.snapshots] == [run.snapshot(kimg).name for kimg in (3, 12)]
    for score, kimg in zip(scores.snapshots, (3, 12), strict=True):
        assert score.fid == pytest.approx(fid(drawn(run.snapshot(kimg), 20, 0), reals()), rel=1e-4)
    one, other = (score.fid for score in scores.snapshots)
    assert abs(one - other) > 0.1
    rows = [row for row in scores_text(scores).splitlines() if row.startswith("network-snapshot-")]
    assert [row.endswith("  best") for row in rows] == [one < other, other < one]
    assert json.loads((run.root / "metrics.json").read_bytes())["best"] == scores.best.network
    assert len({row.rindex(f"{score.fid:.4g}") + len(f"{score.fid:.4g}")
                for row, score in zip(rows, scores.snapshots, strict=True)}) == 1  # aligned  # fmt: skip


def test_as_many_fakes_as_images_but_a_thousand_at_least(run, monkeypatch):
    assert score_run(str(run.root), say=silent).num_fakes == 1000
    for fewest, most, num in ((5, 100, NUM), (3, 7, 7)):
        monkeypatch.setattr(scoring, "MIN_FAKES", fewest)
        monkeypatch.setattr(scoring, "MAX_FAKES", most)
        assert score_run(str(run.root), say=silent).num_fakes == num


def test_fewer_fakes_are_the_first_of_more(run, monkeypatch):
    """Also where a chunk ends elsewhere."""
    config = reference.settings_of(run, str(run.root))
    data, _ = reference.load_reals(run, config, None, run.root, silent)
    generator = checkpoints.read(run.snapshot(3)).generator()
    images = []
    for num, chunk in ((9, 200), (5, 4)):
        monkeypatch.setattr(scoring, "CHUNK", chunk)
        fakes = scoring.Fakes(data, num, 1.0, 0, 4)
        fakes._take(generator)
        images.append(np.concatenate(list(fakes.images())))
    np.testing.assert_array_equal(images[0][:5], images[1])


def test_a_run_on_a_subset_is_measured_on_all_images(tmp_path, trained_on):
    write_images(tmp_path / "images", reals())
    scores, said = [], []
    for name, subset in (("all", 0), ("some", 4)):
        run = make_run(tmp_path / name, tmp_path / "images", snapshots=(1,), subset=subset)
        scores.append(score_run(str(run.root), num=20, say=said.append))
    assert scores[0] == scores[1]
    np.testing.assert_array_equal(*(domains[0] for domains in trained_on))
    assert said.count("the run was trained on 4 of the 11 images and is measured on all of them") == 1


@pytest.mark.parametrize("mirror", [False, True])
def test_held_out_images_alone(mirror, tmp_path, trained_on):
    write_images(tmp_path / "images", reals())
    run = make_run(tmp_path / "run", tmp_path / "images", subset=5, mirror=mirror, seed=3)
    scores = score_run(str(run.root), num=20, held_out=True, say=silent)
    others = np.delete(reals(), subset_rows(NUM, 5, 3), axis=0)
    assert scores.snapshots[0].fid == pytest.approx(fid(drawn(run.snapshot(12), 20, 0), others), rel=1e-4)
    assert (scores.num_images, scores.floor_num, scores.held_out) == (6, 3, True)
    order = randomness.generator(0, "halves of reals").permutation(6)
    assert scores.floor_fid == pytest.approx(fid(others[order[:3]], others[order[3:]]))
    assert "reals:    6 held out" in scores_text(scores)
    assert [len(images) for images in trained_on[0]] == [NUM]


def test_held_out_digits(tmp_path, trained_on):
    of = shape(10, height=32, width=32, image_channels=1, channel_base=64)
    run = make_run(tmp_path / "run", None, map(str, range(10)), (1,), of, resolution=32, image_channel=1, subset=100)
    scores = score_run(str(run.root), num=20, held_out=True, say=silent)
    assert scores.num_images == len(embedded_digits().images) - 100
    assert "20 fakes against held-out images, by " in _measured(run)["measured"]


def test_what_was_held_out_cannot_be_told(tmp_path, trained_on):
    write_images(tmp_path / "images", reals())
    whole = make_run(tmp_path / "whole", tmp_path / "images", snapshots=(1,))
    nearly = make_run(tmp_path / "nearly", tmp_path / "images", snapshots=(1,), subset=NUM - 1)
    some = make_run(tmp_path / "some", tmp_path / "images", snapshots=(1,), subset=4)
    told = []
    for run, url in ((whole, None), (nearly, None), (some, str(tmp_path / "images"))):
        with pytest.raises(UserError) as caught:
            score_run(str(run.root), url, held_out=True, say=silent)
        told.append(str(caught.value))
    assert "was trained on all of its images, without --subset" in told[0]
    assert "was trained on 10 of 11 images" in told[1]
    assert "--data_url names others; leave one out" in told[2]

    trained = LabelledImages(reals()[subset_rows(NUM, 4, 0)], None, (), (), FitCounts())
    state = TrainState({}, about=prepare.identity(trained))
    checkpoint.save_state(some, state)
    score_run(str(some.root), num=20, held_out=True, say=silent)
    write_images(tmp_path / "images", reals(1, first=70), ["0000.png"])  # of a new name, which moves all the others
    with pytest.raises(UserError, match="are not those it was trained on any more"):
        score_run(str(some.root), num=20, held_out=True, say=silent)


def test_reals_as_they_are_where_the_run_mirrored(tmp_path, trained_on):
    write_images(tmp_path / "images", reals())
    run = make_run(tmp_path / "run", tmp_path / "images", mirror=True)
    scores = score_run(str(run.root), num=20, say=silent)
    fakes = drawn(run.snapshot(12), 20, 0)
    assert scores.snapshots[0].fid == pytest.approx(fid(fakes, reals()), rel=1e-4)
    assert [len(images) for images in trained_on[0]] == [NUM]


def test_classes_are_domains_and_fakes_have_the_labels_of_reals(tmp_path, trained_on, monkeypatch):
    images = reals()
    write_images(tmp_path / "images", images, in_classes())
    run = make_run(tmp_path / "run", tmp_path / "images", CLASSES)
    scores = score_run(str(run.root), num=20, say=silent)
    assert [len(each) for each in trained_on[0]] == list(CLASSES.values())
    assert scores.feature_network == NAME_OF_CLASSES
    labels = np.eye(3, dtype=np.float32)[np.repeat(range(3), list(CLASSES.values()))]
    rows = randomness.generator(0, "labels of metrics").integers(NUM, size=20)
    fakes = drawn(run.snapshot(12), 20, 0, labels=labels[rows])
    assert scores.snapshots[0].fid == pytest.approx(fid(fakes, images), rel=1e-4)
    monkeypatch.setattr(reference, "MAX_TRAINING_IN_ALL", 6)
    score_run(str(run.root), num=2, say=silent)
    assert [len(each) for each in trained_on[1]] == [2, 2, 2]


def test_without_conditions_classes_count_for_nothing(tmp_path, trained_on):
    write_images(tmp_path / "images", reals(), in_classes())
    run = make_run(tmp_path / "run", tmp_path / "images", cond=False)
    scores = score_run(str(run.root), num=3, say=silent)
    assert [len(each) for each in trained_on[0]] == [NUM]
    assert scores.feature_network == "some pixels"


def test_other_images_to_compare_with(run, tmp_path, trained_on):
    others = reals(6, first=50)
    write_images(tmp_path / "others", others)
    scores = score_run(str(run.root), str(tmp_path / "others"), num=20, say=silent)
    assert scores.snapshots[0].fid == pytest.approx(fid(drawn(run.snapshot(12), 20, 0), others), rel=1e-4)
    assert scores.data == str(tmp_path / "others")
    assert trained_on[0][0].shape == (6, 3, 64, 64)


def test_other_images_to_train_the_small_network_on(run, tmp_path, trained_on):
    write_images(tmp_path / "classes", reals(NUM, first=50), in_classes())
    expected = score_run(str(run.root), num=20, say=silent)
    scores = score_run(str(run.root), feature_data_url=str(tmp_path / "classes"), num=20, say=silent)
    assert [len(each) for each in trained_on[1]] == list(CLASSES.values())
    assert (scores.snapshots, scores.num_images) == (expected.snapshots, NUM)
    assert scores.feature_network == f"{NAME_OF_CLASSES}; those of {tmp_path / 'classes'}"
    with pytest.raises(UserError, match="--feature_data_url"):
        score_run(str(run.root), feature_data_url=str(tmp_path / "none"), say=silent)
    with pytest.raises(UserError, match="leave one out"):
        score_run(str(run.root), feature_data_url=str(tmp_path / "classes"), inception="x.pth", say=silent)


def test_digits_where_the_run_has_no_images_of_its_own(tmp_path, trained_on):
    of = shape(10, height=32, width=32, image_channels=1, channel_base=64)
    settings = {"resolution": 32, "image_channel": 1, "subset": 40}
    run = make_run(tmp_path / "run", None, map(str, range(10)), of=of, snapshots=(1,), **settings)
    scores = score_run(str(run.root), num=5, say=silent)
    assert scores.num_images == len(embedded_digits().images) == 1497
    assert scores.data == "the embedded digits"
    assert [each.shape[1:] for each in trained_on[0]] == [(1, 64, 64)] * 10


def test_transparent_images_are_seen_on_white(tmp_path, trained_on):
    images = np.stack([pixels(index, SIDE, SIDE, 4).transpose(2, 0, 1) for index in range(5)])
    write_images(tmp_path / "images", images)
    of = shape(image_channels=4)
    run = make_run(tmp_path / "run", tmp_path / "images", snapshots=(1,), of=of, image_channel=4)
    scores = score_run(str(run.root), num=5, say=silent)
    assert scores.snapshots[0].fid == pytest.approx(fid(drawn(run.snapshot(1), 5, 0), opaque(images)), rel=1e-3)
    assert trained_on[0][0].shape[1] == 3


def test_three_images_have_no_halves(tmp_path, trained_on):
    write_images(tmp_path / "images", reals(3))
    run = make_run(tmp_path / "run", tmp_path / "images", snapshots=(1,))
    scores = score_run(str(run.root), num=5, say=silent)
    assert scores.floor_fid is None
    assert "others" not in scores_text(scores)


def test_what_cannot_be_decoded_is_passed_over(run, tmp_path):
    (tmp_path / "images" / "000 broken.png").write_bytes(b"no image")
    said = []
    assert score_run(str(run.root), num=5, say=said.append).num_images == NUM
    assert sum("broken.png" in line for line in said) == 1
    assert f"1 of {tmp_path}/images passed over; the first: {tmp_path}/images/000 broken.png" in said[-1]
    for index in range(1, NUM):
        (tmp_path / "images" / f"{index:03d}.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"1 of its images are whole; the first of the others: .*broken"):
        score_run(str(run.root), num=5, say=silent)


def test_images_that_are_gone_or_too_few(run, tmp_path):
    for index in range(1, NUM):
        (tmp_path / "images" / f"{index:03d}.png").unlink()
    with pytest.raises(UserError, match=r"config\.json names the images of the run: .*holds 1 image; .*--data_url"):
        score_run(str(run.root), say=silent)
    (tmp_path / "images").rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"if they were moved name them with --data_url"):
        score_run(str(run.root), say=silent)
    with pytest.raises(UserError, match=r"^--data_url .*moved holds 1 image"):
        score_run(str(run.root), str(tmp_path / "moved"), say=silent)
    assert not (run.root / "metrics.json").exists()


def test_a_relative_place_of_the_images_counts_from_where_the_training_began(run, tmp_path, monkeypatch):
    config = json.loads(run.config.read_bytes())
    config["settings"]["data_url"], config["run"]["data_url"] = "images", str(tmp_path / "images")
    run.config.write_text(json.dumps(config))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert score_run(str(run.root), num=5, say=silent).num_images == NUM


def test_images_of_other_classes(tmp_path, trained_on):
    write_images(tmp_path / "images", reals(), in_classes())
    run = make_run(tmp_path / "run", tmp_path / "images", ("a", "b"))
    with pytest.raises(UserError, match="knows the classes a, b and the images have the classes a, b, c"):
        score_run(str(run.root), num=5, say=silent)
    run = make_run(tmp_path / "other", tmp_path / "images")
    assert not trained_on  # a small network, which takes minutes
    with pytest.raises(UserError, match="knows no classes and the images have"):
        score_run(str(run.root), num=5, say=silent)


def test_a_damaged_snapshot(run):
    run.snapshot(12).write_bytes(run.snapshot(12).read_bytes()[:500])
    with pytest.raises(UserError, match=r"network-snapshot-000012\.ckpt is no whole"):
        score_run(str(run.root), say=lambda line: pytest.fail("read the images"))
    save_network(run.snapshot(20), of=shape(height=16, width=16))
    save_network(run.snapshot(30), of=shape(w_dim=6))
    said = []
    scores = score_run(str(run.root), num=5, all_snapshots=True, say=said.append)
    assert [score.network for score in scores.snapshots] == ["network-snapshot-000003.ckpt"]
    over = [line for line in said if line.startswith("passed over: ")]
    assert [name in line for name, line in zip(("12.ckpt", "20.ckpt draws images (3, 16, 16)", "layers of other sizes"),
                                               over, strict=True)] == [True] * 3  # fmt: skip
    run.snapshot(3).unlink()
    run.snapshot(20).unlink()
    run.snapshot(30).unlink()
    save_network(run.snapshot(11), ("a",))
    with pytest.raises(UserError, match="holds not one whole snapshot"):
        score_run(str(run.root), num=5, all_snapshots=True, say=silent)


BAD = {
    "a run without snapshots": (
        lambda run: [path.unlink() for _, path in run.snapshots()],
        "holds no model/network-sn",
    ),
    "no run": (lambda run: run.config.unlink(), "is no run: it has no config.json"),
    "another family": (lambda run: settle(run, "run", family="cyclegan"), "is no run of StyleGAN2"),
    "a setting out of range": (lambda run: settle(run, "settings", resolution=9), "config.json is damaged"),
    "a setting of another kind": (lambda run: settle(run, "settings", data_url=3), "config.json is damaged"),
    "one more": (lambda run: settle(run, "settings", batch_size="many"), "config.json is damaged"),
}


def settle(run, part, **values):
    config = json.loads(run.config.read_text())
    config[part] |= values
    run.config.write_text(json.dumps(config))


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_whole_run(run, what):
    spoil, message = BAD[what]
    spoil(run)
    with pytest.raises(UserError) as error:
        score_run(str(run.root), say=silent)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_settings_of_other_versions_do_no_harm(run):
    settle(run, "settings", a_new_setting=3)
    config = json.loads(run.config.read_text())
    del config["settings"]["resize_filter"]
    run.config.write_text(json.dumps(config))
    assert score_run(str(run.root), num=3, say=silent).num_fakes == 3


@pytest.mark.parametrize("data", [None, b"text", save({"x": np.zeros(3, np.float32)})])
def test_weights_that_are_not_inceptions_are_refused_before_the_images_are_read(run, tmp_path, data):
    path = tmp_path / "weights.safetensors"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UserError, match=r"weights\.safetensors"):
        score_run(str(run.root), inception=str(path), say=lambda line: pytest.fail("read the images"))


def test_a_given_network_is_taken_and_none_trained(run, trained_on, monkeypatch):
    given = FeatureNetwork("Inception-v3 of 2015", True, some_pixels, None)
    monkeypatch.setattr(scoring, "load_inception", lambda path: given)
    scores = score_run(str(run.root), num=5, inception="x.pth", say=silent)
    assert trained_on == []
    assert "Inception-v3 of 2015; comparable with published numbers of as many fakes" in scores_text(scores)
    assert not score_run(str(run.root), num=5, inception="x.pth", psi=0.7, say=silent).comparable


def test_a_damaged_file_of_scores_is_replaced_and_harms_no_report(run):
    path = run.root / "metrics.json"
    assert _measured(run) == {}
    spoilt = (b"", b"{", b"[]", b'{"snapshots": []}', b'{"snapshots": [{"fid": "x"}]}', b"[" * 100_000, b"\xff",
              b'{"snapshots": [{"fid": null, "kid": 1, "kimg": 1}], "num_fakes": 1, "feature_network": 2}')  # fmt: skip
    for data in spoilt:
        path.write_bytes(data)
        assert _measured(run) == {}, data
    scores = score_run(str(run.root), num=5, say=silent)
    (last,) = scores.snapshots
    told = f"FID {last.fid:.4g}, KID {last.kid:.4g} at 0.007 kimg, 5 fakes, by some pixels"
    assert _measured(run) == {"measured": told}


def test_the_command_from_beginning_to_end(tmp_path, monkeypatch, capsys, in_earnest):
    """With the small network in earnest too, of two steps; two classes are two domains to it."""
    asked = partial(domain_network, steps=2, cache=tmp_path / "cache")
    monkeypatch.setattr(reference, "domain_network", asked)
    write_images(tmp_path / "images", reals(10), [f"{label}/{index}.png" for label in "ab" for index in range(5)])
    run = make_run(tmp_path / "run", tmp_path / "images", "ab")
    assert run_here("metrics", "--source", run.root, "--num", 20, "--all-snapshots", "True", "--trunc", "0.5") == 0
    rows = capsys.readouterr().out.splitlines()
    assert {f"features: {NAME_OF_CLASSES}", f"reals:    10, of {tmp_path}/images"} <= set(rows)
    assert "fakes:    20 of each snapshot, psi 0.5, seed 0" in rows
    assert [row.split()[0] for row in rows[-3:]] == [run.snapshot(3).name, run.snapshot(12).name, "5"]
    written = json.loads((run.root / "metrics.json").read_bytes())
    assert all(0 < score["fid"] < np.inf for score in written["snapshots"])


def test_the_command_tells_in_a_line_what_is_wrong(run, capsys):
    (run.root / "model").rename(run.root / "gone")
    assert "holds no model/" in failing(run_here("metrics", "stylegan", "--source", run.root), capsys)
    assert "--num 1 is too small" in failing(run_here("metrics", "--source", run.root, "--num", 1), capsys)
