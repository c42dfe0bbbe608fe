"""A training of three epochs: every output that is promised, and what each holds; bad input leaves nothing."""

import json
import os

import numpy as np
import pytest
from cyclegan_runs import (
    HEIGHT,
    NUM_SOURCE,
    STEPS_PER_EPOCH,
    THREE_EPOCHS,
    WIDTH,
    contents,
    failing,
    small_config,
    tiny_networks,
    train_tiny,
    whole_run,
    without_pictures,
    write_domains,
)
from image_files import some, write
from mindspore import Tensor
from PIL import Image

from mindgan.cyclegan import checkpoints, recipe, results
from mindgan.cyclegan.config import CycleGanConfig
from mindgan.cyclegan.image_pool import exchange
from mindgan.cyclegan.state import make_state
from mindgan.cyclegan.step import LOSS_NAMES
from mindgan.runtime import jsonl
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return whole_run(tmp_path_factory)


@pytest.fixture(scope="module")
def run(folder):
    return RunDirectory(folder / "result")


@pytest.fixture
def _no_pictures():
    with without_pictures():
        yield


def names(folder):
    return sorted(os.listdir(folder))


def test_everything_promised_is_there(run):
    assert {path.name for path in run.root.iterdir()} == {
        "Data", "checkpoints", "config.json", "data.json", "events", "log.txt", "loss.png", "model",
        "output_0.manifest", "report.html", "samples", "samples.png", "stats.jsonl", "timing.jsonl", "train_test.gif",
        "validation",
    }  # fmt: skip
    assert names(run.model) == [f"CYcleGan_epoch_{epoch}.{kind}" for epoch in (2, 3) for kind in ("ckpt", "mindir")]
    assert names(run.sample_rows) == [f"{epoch:04d}_{index}.jpg" for epoch in (0, 1, 2, 3) for index in (0, 1)]
    assert names(run.data) == [f"CYcleGan_{i}_{j}.jpg" for i, j in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0))]
    assert all(path.stat().st_size for path in run.root.rglob("*") if path.is_file())
    with Image.open(run.gif) as gif:
        assert gif.n_frames >= 3


def test_originals_are_as_they_were(folder, tmp_path):
    write_domains(tmp_path)
    for name in ("domain A", "domain B"):
        assert contents(folder / name) == contents(tmp_path / name)


def test_stats_hold_every_loss_and_the_learning_rates(run):
    lines = jsonl.read_stats(run.stats)
    assert [(line["epoch"], line["step"], line["nimg"]) for line in lines] == [
        (epoch, step, 2 * (epoch * STEPS_PER_EPOCH + step + 1)) for epoch in range(3) for step in range(2)
    ]
    assert all({*LOSS_NAMES, "lr_g", "lr_d"} <= line.keys() for line in lines)
    assert [line["lr_g"] for line in lines] == pytest.approx([1e-2] * 4 + [5e-3] * 2)  # half of three epochs is one
    assert [line["lr_d"] for line in lines] == pytest.approx([1e-4] * 4 + [5e-5] * 2)


def test_the_learning_rates_told_are_those_that_adam_has(run):
    arrays, nimg, _ = checkpoint.read_state(run.states()[-1][1])
    assert nimg == 3 * STEPS_PER_EPOCH * 2
    rates = {name: float(array) for name, array in arrays.items() if name.endswith("learning_rate")}
    assert rates == {
        "optim_G/optim_G.learning_rate": pytest.approx(5e-3), "optim_D/optim_D.learning_rate": pytest.approx(5e-5)
    }  # fmt: skip


def test_config_tells_everything(folder, run):
    config = json.loads(run.config.read_text())
    assert config["settings"]["image_width"] == WIDTH
    assert config["settings"].keys() >= CycleGanConfig().settings().keys()
    about = config["run"]
    assert (about["data_url"], about["target_data_url"]) == (str(folder / "domain A"), str(folder / "domain B"))
    assert (about["family"], about["num_source"], about["num_target"]) == ("cyclegan", 5, 4)
    assert "domain A" in about["data"]
    assert "domain B" in about["data"]


def generators(run, epoch):
    """Both, as the checkpoint of an epoch has them, as functions in float64: see `TinyGenerator`."""
    arrays = checkpoints.read(run.operator_model(epoch, ".ckpt")).arrays

    def made(name):
        scale, shift, gain = (arrays[f"{name}.{part}"].astype(np.float64) for part in ("scale", "shift", "gain"))
        return lambda x: np.tanh(x * scale * (1 + gain.mean()) + shift)

    return made("G_A"), made("G_B")


def jpeg(path):
    with Image.open(path) as image:
        return np.asarray(image, np.float64)


def test_samples_are_source_translated_and_reconstructed(folder, run):
    """In this order, each of the checkpoint's networks, restated here."""
    g_a, g_b = generators(run, 3)
    originals = []
    for path in sorted((folder / "domain A").iterdir()):
        with Image.open(path) as image:
            originals.append(np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float64))
    chosen = set()
    for index in (0, 1):
        row = jpeg(run.sample_row(3, index))
        assert row.shape == (HEIGHT, 3 * WIDTH + 2 * results.GAP, 3)
        source, fake, again = (row[:, start : start + WIDTH] for start in range(0, row.shape[1], WIDTH + results.GAP))
        distances = [np.abs(source - original).mean() for original in originals]
        chosen.add(int(np.argmin(distances)))
        x = originals[int(np.argmin(distances))].transpose(2, 0, 1) / 127.5 - 1
        expected = [g_a(x), g_b(g_a(x))]
        for drawn, image in zip((fake, again), expected, strict=True):
            assert np.abs(drawn - (image.transpose(1, 2, 0) * 127.5 + 127.5)).mean() < 4  # of JPEG
        assert np.abs(fake - again).mean() > 10
        assert np.abs(fake - source).mean() > 10
    assert len(chosen) == 2


def test_a_step_gets_the_images_and_the_draws_of_its_place(monkeypatch):
    given = []

    class Step:
        def __init__(self, *cells):
            pass

        def __call__(self, *inputs):
            given.extend(tensor.asnumpy() for tensor in inputs)
            return Tensor(np.arange(8, dtype=np.float32))

    monkeypatch.setattr(recipe, "TrainStep", Step)
    config = small_config(seed=5)
    with tiny_networks():
        state = make_state(config)
    step = recipe.make_step(state, lambda nimg: (np.full(2, nimg), np.full(2, -nimg)), config)
    assert step(6) == dict(zip(LOSS_NAMES, range(8), strict=True))
    swaps = [exchange(5, 6, config.batch_size, config.pool_size, f"fakes of {domain}") for domain in "AB"]
    expected = [np.full(2, 6), np.full(2, -6), *(array for swap in swaps for array in (swap.taken, swap.places))]
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_samples_change_with_the_network(run):
    assert run.sample_row(1, 0).read_bytes() != run.sample_row(3, 0).read_bytes()


def test_the_report_compares_before_and_after(run):
    page = run.report.read_text()
    assert 'type="range"' in page
    assert "source image 2 after epoch 3" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_same_command_again_changes_nothing(folder, run, capsys):
    before = contents(run.root)
    assert train_tiny(*data(folder), *THREE_EPOCHS, "--train_url", run.root) == 0
    after = contents(run.root)
    changed = {name for name in after if before.get(name) != after[name] and not name.startswith("events/")}
    assert changed <= {"log.txt", "report.html"}
    assert before.keys() <= after.keys()
    assert "going on after 12 images" in capsys.readouterr().out


def data(folder):
    return ["--data_url", folder / "domain A", "--target_data_url", folder / "domain B"]


def test_other_settings_or_data_are_refused(folder, run, tmp_path, capsys):
    before = contents(run.root)
    for other, message in (
        (["--g_learning_rate", "0.5"], "--g_learning_rate 0.01, not 0.5"),
        (["--load_height", "40"], "--load_height 18, not 40"),
        (["--pool_size", "4"], "--pool_size 3, not 4"),
        (["--target_data_url", write(tmp_path, some(4))], "data of SHA-256"),
        (["--image_max_width", "9"], "data of SHA-256"),
    ):
        code = train_tiny(*data(folder), *THREE_EPOCHS, "--train_url", run.root, *other)
        assert message in failing(code, capsys)
    changed = {name for name, value in contents(run.root).items() if before.get(name) != value}
    assert changed <= {"log.txt"}
    assert contents(run.root).keys() == before.keys()
    assert train_tiny(*data(folder), *THREE_EPOCHS, "--train_url", run.root) == 0


@pytest.mark.usefixtures("_no_pictures")
def test_a_lower_max_epoch_ends_the_run_with_a_model(tmp_path):
    domains = write_domains(tmp_path)
    arguments = [*domains, "--train_url", tmp_path / "result", "--num_samples", "0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "_saving", lambda *args: _interrupt_at(1))
        assert train_tiny(*arguments, "--max_epoch", "9", "--save_frequency", "1") == 130
    run = RunDirectory(tmp_path / "result")
    assert run.operator_models(".ckpt") == []
    assert run.states()
    assert train_tiny(*arguments, "--max_epoch", "1") == 0
    assert [epoch for epoch, _ in run.operator_models(".ckpt")] == [1]
    assert [epoch for epoch, _ in run.operator_models(".mindir")] == [1]
    assert len(os.listdir(run.data)) == NUM_SOURCE


def _interrupt_at(last):
    def save(epoch):
        if epoch == last:
            raise KeyboardInterrupt

    return save


@pytest.mark.usefixtures("_no_pictures")
def test_only_the_newest_checkpoints_are_kept(tmp_path):
    arguments = [*write_domains(tmp_path), "--train_url", tmp_path / "result", "--num_samples", "0"]
    assert train_tiny(*arguments, "--max_epoch", "2", "--save_frequency", "1", "--keep", "1") == 0
    run = RunDirectory(tmp_path / "result")
    assert [epoch for epoch, _ in run.operator_models(".ckpt")] == [2]
    assert not run.sample_rows.exists()


@pytest.mark.usefixtures("_no_pictures")
def test_grey_images_without_validation(tmp_path):
    arguments = ["--image_channel", "1", "--do_validation", "False", "--max_epoch", "1", "--num_samples", "1"]
    assert train_tiny(*write_domains(tmp_path), *arguments, "--train_url", tmp_path / "result") == 0
    run = RunDirectory(tmp_path / "result")
    assert not run.validation.exists()
    with Image.open(run.translated(0, 0)) as image:
        assert (image.mode, image.size) == ("L", (WIDTH, HEIGHT))
