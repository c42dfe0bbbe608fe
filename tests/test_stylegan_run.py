"""StyleGAN2 through the real command, compiled: what a person sees, and that a kill at any moment loses nothing."""

import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from runs import mindgan, stop_when
from stylegan_runs import CLASSES, NUM_IMAGES, SIDE, command, whole_run, write_classes

from mindgan.export import mindir_input_shapes
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import exporting
from mindgan.training import checkpoint

pytestmark = pytest.mark.slow

TOTAL_NIMG = 32
NOT_REPRODUCIBLE = ("config.json", "log.txt", "timing.jsonl", "stats.jsonl", "report.html", "events/", "loss.png")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_run(tmp_path_factory)


def test_the_screen_shows_ticks_and_no_warnings_of_the_framework(whole):
    folder, done = whole
    rows = done.stdout.splitlines()
    assert rows[0] == f"{NUM_IMAGES} images of my images"
    assert len([row for row in rows if row.startswith("tick ")]) == 4
    assert rows[-1] == "done: see result/report.html"
    assert "WARNING" not in done.stdout
    assert done.stderr == ""
    assert (folder / "result" / "log.txt").read_text() == done.stdout


def test_nothing_is_left_beside_the_result(whole):
    assert {path.name for path in whole[0].iterdir()} == {"my images", "result"}
    config = json.loads((whole[0] / "result" / "config.json").read_text())
    assert config["run"]["family"] == "stylegan2"
    assert config["run"]["class_names"] == list(CLASSES)


def test_the_files_are_all_there(whole):
    run = RunDirectory(whole[0] / "result")
    assert {path.name for path in run.data.iterdir()} == {
        f"StyleGan_{name}_{i}.jpg" for name in CLASSES for i in range(5)
    }
    rows = [json.loads(line) for line in run.manifest.read_text().splitlines()]
    assert [row["annotation"][0]["name"] for row in rows] == [name for name in CLASSES for _ in range(5)]
    assert mindir_input_shapes(run.stylegan_mindir) == [(-1, 4), (-1, 2), ()]
    assert exporting.read_about(run.stylegan_mindir).class_names == CLASSES
    for path in run.data.iterdir():
        with Image.open(path) as image:
            assert (image.size, image.format) == ((SIDE, SIDE), "JPEG")


def reproducible(root):
    return {
        name: path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not (name := str(path.relative_to(root))).startswith(NOT_REPRODUCIBLE)
    }


def losses(root):
    """What is in stats.jsonl but for times and memory."""
    rows = [json.loads(line) for line in (root / "stats.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in row.items() if name.startswith(("Loss/", "Progress/", "nimg"))} for row in rows
    ]


def kill_after(seconds, cwd):
    """The command, killed after so many seconds unless it is done by then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mindgan", *command()], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def times(root):
    """When what a training leaves was written."""
    folders = (root / name for name in ("checkpoints", "model", "samples"))
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.iterdir()}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The same training, killed in its third tick, then while Data/ is drawn and whenever, and run again."""
    folder = tmp_path_factory.mktemp("killed")
    write_classes(folder)
    run = RunDirectory(folder / "result")
    assert stop_when("tick 2 ", signal.SIGKILL, *command(), cwd=folder) == -signal.SIGKILL
    assert not run.manifest.exists()
    assert stop_when("drawing 10 images", signal.SIGKILL, *command(), cwd=folder) == -signal.SIGKILL
    assert not run.manifest.exists()
    seed = time.time_ns()
    seconds = random.Random(seed).uniform(1, 8)
    print(f"killed after {seconds:.2f} seconds")
    kill_after(seconds, folder)
    before = times(folder / "result")
    done = mindgan(*command(), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert f"going on after {TOTAL_NIMG} images" in done.stdout
    after = times(folder / "result")
    assert len(before) >= 9  # networks, states and samples are of the first runs
    assert {path: after[path] for path in before} == before
    return folder


def test_killed_and_run_again_gives_the_same_bytes(whole, killed):
    one, other = (reproducible(folder / "result") for folder in (whole[0], killed))
    mindirs = {name for name in one if name.endswith(".mindir")}
    ours = {name for name in one if name != "output_0.manifest"} - mindirs  # the manifest has absolute paths
    assert len([name for name in ours if name.startswith("Data/")]) == 10
    assert {
        "samples/fakes000000.016.png",
        "samples/fakes000000.032.png",
        "model/network-snapshot-000000.016.ckpt",
    } <= ours
    assert {"samples/fakes_init.png", "samples/reals.png"} <= ours
    assert one.keys() == other.keys()
    assert [name for name in sorted(ours) if one[name] != other[name] and "checkpoints/" not in name] == []


def test_and_the_same_losses(whole, killed):
    one, other = (losses(folder / "result") for folder in (whole[0], killed))
    assert len(one) == 4
    assert one == other


def test_and_the_same_state_with_both_optimisers_and_all_that_is_averaged(whole, killed):
    states = [checkpoint.read_state(RunDirectory(folder / "result").states()[-1][1]) for folder in (whole[0], killed)]
    assert states[0][1] == TOTAL_NIMG
    assert states[0][1:] == states[1][1:]
    names = {"ada/p", "ada/sum_signs", "path_length/pl_mean", "G_ema/G_ema.mapping.w_avg"}
    assert names <= states[0][0].keys()
    assert any(name.startswith("optim_D/") for name in states[0][0])
    for name, array in states[0][0].items():
        assert array.tobytes() == states[1][0][name].tobytes(), name
        assert np.isfinite(array).all(), name
