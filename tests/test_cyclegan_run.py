"""CycleGAN's own networks through the real command, compiled: what a person sees, and that a kill loses nothing."""

import json
import re
import signal

import mindspore as ms
import numpy as np
import pytest
from cyclegan_runs import NUM_SOURCE, SMALL, write_domains
from mindspore import Tensor, nn
from runs import mindgan, pixels, stop_when

from mindgan.cyclegan.translate import load_translator
from mindgan.data.batches import normalise
from mindgan.runtime import device
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint

pytestmark = pytest.mark.slow

REPRODUCIBLE = (
    "stats.jsonl", "loss.png", "train_test.gif", *(f"samples/{epoch:04d}_0.jpg" for epoch in (0, 1, 2, 3)),
    *(f"Data/CYcleGan_{index // 2}_{index % 2}.jpg" for index in range(NUM_SOURCE)), "model/CYcleGan_epoch_3.mindir",
    "model/CYcleGan_epoch_3.ckpt", *(f"checkpoints/state-{nimg:012d}.safetensors" for nimg in (8, 12)),
)  # fmt: skip


def command(folder):
    """As a person in a folder beside the images types it: names with spaces, relative."""
    write_domains(folder)
    data = ["--data_url", "domain A", "--target-data-url=domain B", "--train_url", "result"]
    return ["train", "cyclegan", *data, *SMALL, "--max_epoch", "3", "--num_samples", "1"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with ./result of three epochs, and what the command printed."""
    folder = tmp_path_factory.mktemp("whole run")
    done = mindgan(*command(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_the_screen_shows_losses_and_rates_and_no_warnings(whole):
    names = ("G_A", "cycle_A", "idt_A", "G_B", "cycle_B", "idt_B", "D_A", "D_B")
    losses = "".join(rf"{name}:\d+\.\d{{6}} , " for name in names)
    line = re.compile(rf"Epoch:\[  \d/  3\], step:\[   \d/   2\], {losses}time:\d+\.\d{{6}}s, lr_g:0\.0001.*")
    rows = whole[1].stdout.splitlines()
    assert len([row for row in rows if row.startswith("Epoch:")]) == 3 * 2
    assert len([row for row in rows if line.match(row)]) == 2 * 2  # the last epoch's rates are half
    assert "source domain: 5 images of domain A" in rows
    assert rows[-1] == "done: see result/report.html"
    assert "WARNING" not in whole[1].stdout
    assert whole[1].stderr == ""
    assert (whole[0] / "result" / "log.txt").read_text() == whole[1].stdout


def test_nothing_is_left_beside_the_result(whole):
    assert {path.name for path in whole[0].iterdir()} == {"domain A", "domain B", "result"}
    assert json.loads((whole[0] / "result" / "config.json").read_text())["run"]["data"] == "domain A to domain B"


def test_the_mindir_file_is_the_generator_of_the_checkpoint(whole):
    run = RunDirectory(whole[0] / "result")
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 16, 32), np.uint8)
    device.configure("CPU", "pynative")
    files = [run.operator_model(3, suffix) for suffix in (".ckpt", ".mindir")]
    layers = [load_translator("--network", str(file), "AtoB").cell for file in files]
    graph = nn.GraphCell(ms.load(str(files[1])))
    drawn = [cell(Tensor(normalise(image))).asnumpy() for cell in (*layers, graph)]
    device.configure("CPU", "graph")
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_allclose(drawn[0], drawn[2], atol=1e-6)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The same training, killed in its third epoch and run again."""
    folder = tmp_path_factory.mktemp("killed")
    arguments = command(folder)
    assert stop_when("Epoch:[  2/  3], step:[   0/", signal.SIGKILL, *arguments, cwd=folder) == -signal.SIGKILL
    assert not RunDirectory(folder / "result").manifest.exists()
    done = mindgan(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "going on after 8 images" in done.stdout
    return folder


def test_killed_and_run_again_gives_the_same_bytes(whole, killed):
    for name in REPRODUCIBLE:
        assert (whole[0] / "result" / name).read_bytes() == (killed / "result" / name).read_bytes(), name


def test_and_the_same_state_with_pools_and_both_optimisers(whole, killed):
    states = [checkpoint.read_state(RunDirectory(folder / "result").states()[-1][1]) for folder in (whole[0], killed)]
    assert states[0][1:] == states[1][1:]
    assert {"pool_A/pool_A.images", "pool_B/pool_B.images"} <= states[0][0].keys()
    for name, array in states[0][0].items():
        assert array.tobytes() == states[1][0][name].tobytes(), name


def test_the_generators_have_learned(whole):
    """All images moved: those that are drawn after three epochs are other ones than after the first."""
    rows = [pixels(whole[0] / "result" / f"samples/{epoch:04d}_0.jpg") for epoch in (1, 3)]
    assert rows[0].shape == (16, 3 * 32 + 2 * 4, 3)
    np.testing.assert_allclose(rows[0][:, :30], rows[1][:, :30], atol=12)  # the source
    assert np.abs(rows[0] - rows[1])[:, 40:].max() > 0
