"""A whole training through the real command: what it writes, and that stopping it loses nothing."""

import json
import re
import shutil
import signal

import numpy as np
import pytest
from PIL import Image
from runs import STEPS_PER_EPOCH, TINY, mindgan, pixels, stop_when

from mindgan.runtime import jsonl
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint

FOUR_EPOCHS = ["mnist", *TINY, "--epochs", "4"]
REPRODUCIBLE = (
    "stats.jsonl", "loss.png", "samples.png", "real.png", "train_test.gif",
    *(f"images/test_{epoch}.png" for epoch in range(4)),
    *(f"checkpoints/{name}{epoch}.ckpt" for name in ("Generator", "Discriminator") for epoch in range(4)),
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with ./result of four epochs, and what the command printed."""
    folder = tmp_path_factory.mktemp("a folder with spaces")
    done = mindgan(*FOUR_EPOCHS, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_everything_promised_is_there(whole):
    run = RunDirectory(whole[0] / "result")
    for path in (run.config, run.log, run.stats, run.timing, run.loss, run.gif, run.samples, run.real, run.report):
        assert path.stat().st_size > 0, path
    assert run.mindir.stat().st_size > 0
    assert [epoch for epoch, _ in run.sample_images()] == [0, 1, 2, 3]
    assert [epoch for epoch, _ in run.networks("Discriminator")] == [0, 1, 2, 3]
    assert list(run.events.glob("events.out.tfevents.*"))
    with Image.open(run.gif) as gif:
        assert gif.n_frames >= 2


def test_nothing_else_is_left_in_the_users_folder(whole):
    assert [path.name for path in whole[0].iterdir()] == ["result"]
    assert {path.name for path in (whole[0] / "result").iterdir()} == {
        "checkpoints", "config.json", "events", "images", "log.txt", "loss.png", "model", "real.png", "report.html",
        "samples.png", "stats.jsonl", "timing.jsonl", "train_test.gif",
    }  # fmt: skip


def test_the_screen_shows_the_tutorials_lines_and_no_warnings(whole):
    line = re.compile(
        r"Epoch:\[  \d/  4\], step:\[ +\d+/   5\], loss_d:\d\.\d{6} , loss_g:\d\.\d{6} , time:\d+\.\d{6}s, lr:0\.000200"
    )
    rows = whole[1].stdout.splitlines()
    assert len([row for row in rows if line.fullmatch(row)]) == 4 * 3
    assert len([row for row in rows if re.fullmatch(r"time of epoch \d is \d+\.\d\ds", row)]) == 4
    assert "WARNING" not in whole[1].stdout + whole[1].stderr
    assert whole[1].stderr == ""


def test_config_tells_everything(whole):
    config = json.loads((whole[0] / "result" / "config.json").read_text())
    assert config["settings"]["batch_size"] == 256
    assert config["settings"]["beta1"] == 0.5
    assert config["run"]["num_images"] == 1497
    assert "UCI" in config["run"]["data"]
    assert {"mindspore", "numpy", "python"} <= config["versions"].keys()


def test_stats_count_images(whole):
    lines = jsonl.read_stats(whole[0] / "result" / "stats.jsonl")
    assert [line["step"] for line in lines] == [0, 2, 4] * 4
    assert [line["nimg"] for line in lines[:4]] == [256, 768, 1280, 1536]
    assert all(0 < line["loss_d"] < 5 and 0 < line["loss_g"] < 5 for line in lines)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The same training, killed in its third epoch and run again."""
    folder = tmp_path_factory.mktemp("killed")
    assert stop_when("Epoch:[  2/  4], step:[   2/", signal.SIGKILL, *FOUR_EPOCHS, cwd=folder) == -signal.SIGKILL
    assert not RunDirectory(folder / "result").image(3).exists()
    done = mindgan(*FOUR_EPOCHS, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert f"going on after {2 * STEPS_PER_EPOCH * 256} images" in done.stdout
    return folder


@pytest.mark.parametrize("name", REPRODUCIBLE)
def test_killed_in_the_third_epoch_and_run_again_gives_the_same_bytes(whole, killed, name):
    assert (whole[0] / "result" / name).read_bytes() == (killed / "result" / name).read_bytes()


def test_and_the_same_state_with_both_optimisers(whole, killed):
    states = [checkpoint.read_state(RunDirectory(folder / "result").states()[-1][1]) for folder in (whole[0], killed)]
    assert states[0][2] == states[1][2] != {}
    assert states[0][1] == states[1][1] == 4 * STEPS_PER_EPOCH * 256
    assert any("moment2" in name for name in states[0][0])
    for name, array in states[0][0].items():
        assert array.tobytes() == states[1][0][name].tobytes(), name


def test_ctrl_c_in_the_middle_of_an_epoch_then_a_damaged_state(whole, tmp_path):
    assert stop_when("Epoch:[  1/  4], step:[   2/", signal.SIGINT, *FOUR_EPOCHS, cwd=tmp_path) == 130
    run = RunDirectory(tmp_path / "result")
    assert "stopped in epoch 1" in run.log.read_text()
    newest = run.states()[-1][1]
    assert run.states()[-1][0] % (STEPS_PER_EPOCH * 256) != 0
    newest.write_bytes(newest.read_bytes()[:1000])
    done = mindgan(*FOUR_EPOCHS, "--keep", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{newest.name}" in done.stdout
    assert "falling back to the one before" in done.stdout
    assert (whole[0] / "result" / "stats.jsonl").read_bytes() == run.stats.read_bytes()
    assert [epoch for epoch, _ in run.networks("Generator")] == [3]


def test_a_disk_that_fills_up_is_told_and_leaves_nothing_half_written(tmp_path):
    done = mindgan(*FOUR_EPOCHS, cwd=tmp_path, most_bytes=1_000_000)  # less than a checkpoint
    assert done.returncode == 2
    assert re.fullmatch(r"mindgan: .* cannot be written: the disk is full; free some room.*\n", done.stderr)
    run = RunDirectory(tmp_path / "result")
    assert run.networks("Generator") == run.states() == []
    assert not list(run.root.rglob(".mindgan-part-*"))
    again = mindgan(*FOUR_EPOCHS, "--epochs", "1", cwd=tmp_path)
    assert again.returncode == 0, again.stderr


def test_other_settings_are_refused(whole):
    done = mindgan(*FOUR_EPOCHS, "--lr", "0.001", cwd=whole[0])
    assert done.returncode == 2
    assert done.stderr == (
        "mindgan: result holds a run with --lr 0.0002, not 0.001; use the same again or another --train_url\n"
    )


def test_other_versions_than_the_run_began_with_are_told(whole, tmp_path):
    shutil.copytree(whole[0] / "result", tmp_path / "result")
    config = tmp_path / "result" / "config.json"
    about = json.loads(config.read_text())
    about["versions"]["mindspore"] = "2.9.0"
    config.write_text(json.dumps(about))
    assert "other versions" not in mindgan(*FOUR_EPOCHS, cwd=tmp_path).stdout  # it is complete
    config.write_text(json.dumps(about))
    done = mindgan(*FOUR_EPOCHS[:-1], "5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"not to the same bytes as before: mindspore 2\.10\.\d+ \(was 2\.9\.0\)", done.stdout)


def test_the_images_are_those_of_the_checkpoint(whole):
    from mindgan.mlp_gan import sample
    from mindgan.render.grids import image_grid

    run = RunDirectory(whole[0] / "result")
    sampler = sample.load_sampler(run.network("Generator", 3))
    drawn = image_grid(sampler.images(sample.fixed_latents(8)), columns=5, scale=2)
    np.testing.assert_array_equal(pixels(run.image(3)), drawn)
    mindir = sample.load_sampler(run.mindir)
    assert mindir.latent_size == 8
    latents = sample.random_latents(1, 7, 8)
    np.testing.assert_allclose(mindir.generate(latents), sampler.generate(latents), atol=1e-6)
