"""What --dry_run tells: settings, sizes, and costs that are put together from the kinds of steps."""

import re
import resource
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from cyclegan_runs import failing, run_here
from stylegan_runs import SMALL, write_classes

from mindgan.runtime.errors import UserError
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import dry_run as module
from mindgan.stylegan2 import memory, prepare
from mindgan.stylegan2.ada import Ada
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.dry_run import dry_run, kinds_of_steps
from mindgan.stylegan2.recipe import about_run
from mindgan.training import checkpoint
from mindgan.training.state import TrainState


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {(True, True): (0, 1), (False, False): (1, 12), (True, False): (4, 3)}),
        ({"pl_weight": 0}, {(False, True): (0, 1), (False, False): (1, 15)}),
        ({"G_interval": 1, "D_interval": 2}, {(True, True): (0, 1), (True, False): (1, 1)}),
        (
            {"G_interval": 2, "D_interval": 3},
            {(True, True): (0, 1), (False, False): (1, 2), (True, False): (2, 2), (False, True): (3, 1)},
        ),
    ],
)
def test_the_kinds_of_steps_of_a_cycle(settings, expected):
    assert kinds_of_steps(StyleGanConfig(**settings).resolved()) == expected


class Clock:
    """Time that passes only where an iteration says so."""

    now = 0.0

    def perf_counter(self):
        return self.now


def test_costs_are_those_of_a_cycle(monkeypatch):
    """Steps that take 1 s, with Greg 3 s, with Dreg too 7 s; compiling 40 s at first, with augmentation 50 s."""
    clock, seen = Clock(), []

    class Iteration:
        def __init__(self, state, data, config):
            self.ada = state.cells["ada"]

        def __call__(self, nimg):
            index = nimg // 8
            clock.now += 1 + 2 * (index % 4 == 0) + 4 * (index % 16 == 0)
            clock.now += {0: 40, 1: 50}.get(len(seen), 0)
            seen.append((index, self.ada.probability))

    monkeypatch.setattr(module, "Iteration", Iteration)
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "_memory", lambda: 1.25)
    lines = module._costs(StyleGanConfig(total_kimg=16).resolved(), SimpleNamespace(cells={"ada": Ada()}), None)
    assert seen == [(0, 0), *((index, pytest.approx(0.2)) for index in (0, 0, 1, 4))]
    seconds = (12 * 1 + 3 * 3 + 7) / 16
    assert lines[0].startswith(f"time: {seconds:.3f} s a step of 8 images, {seconds * 125:.1f} s a kimg; 16 kimg take")
    assert "take about 59 min 50 s with compiling, " in lines[0]  # 2,000 steps and 90 s
    assert lines[1] == "compiling: about 40 s before the first step, and 50 s when p leaves 0"
    assert lines[2] == "memory: 1.2 GB at its peak"


@pytest.mark.parametrize(("platform", "num"), [("linux", 3 << 20), ("darwin", 3 << 30)])
def test_memory_is_the_most_that_was_held(platform, num, monkeypatch):
    """In KiB on Linux, in bytes on macOS."""
    monkeypatch.setattr(
        resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=num * (who == resource.RUSAGE_SELF))
    )
    monkeypatch.setattr(module.sys, "platform", platform)
    assert module._memory() == 3


def test_what_was_given_back_counts_too():
    array = np.ones(1 << 28, np.uint8)
    held = psutil.Process().memory_info().rss / 2**30
    del array
    assert psutil.Process().memory_info().rss / 2**30 < held - 0.2
    assert module._memory() > held - 0.02  # the kernel counts in rough steps


def test_where_no_peak_is_known_it_is_what_is_held(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert module._memory() == pytest.approx(psutil.Process().memory_info().rss / 2**30, rel=0.05)


def sizes_by_hand():
    """Of the settings `SMALL`: z and w 4 numbers, 2 channels at 4 and 8 px, one layer of mapping, 2 labels."""
    mapping = (2 * 4 + 4) + (8 * 4 + 4)
    modulated = 2 * 2 * 9 + 2 + 1 + (4 * 2 + 2)
    to_rgb = 2 * 3 + 3 + (4 * 2 + 2)
    synthesis = 2 * 4 * 4 + 3 * modulated + 2 * to_rgb
    d_mapping = (2 * 2 + 2) + 8 * (2 * 2 + 2)
    d_block = (3 * 2 + 2) + (2 * 2 * 9 + 2) + (2 * 2 * 9 + 2) + 2 * 2
    d_end = (3 * 2 * 9 + 2) + (2 * 16 * 2 + 2) + (2 * 2 + 2)
    return mapping, synthesis, d_mapping + d_block + d_end


@pytest.mark.slow
def test_a_real_one_tells_everything_and_writes_nothing(tmp_path, monkeypatch, capsys):
    write_classes(tmp_path)
    monkeypatch.chdir(tmp_path)
    # two phases only: each is compiled
    arguments = ["--aug", "noaug", "--pl_weight", "0", "--D_interval", "1", "--dry-run", "--freezed", "2"]
    monkeypatch.setattr(memory, "free_bytes", lambda: 0)
    assert run_here("stylegan", "--data", "my images", *SMALL, *arguments) == 0
    said = capsys.readouterr().out
    assert said.index("warning: this may need about 1.0 GB") < said.index("three steps on CPU")
    settings = dict(re.findall(r"^  (\w+) +(.*)$", said, re.M))
    assert settings["gamma"] == f"{0.0002 * 64 / 4:g}   (was open)"
    assert (settings["mbstd_group"], settings["resolution"], settings["p"]) == ("4   (was open)", "8", "none")
    mapping, synthesis, discriminator = sizes_by_hand()
    assert f"parameters of G: {mapping + synthesis} (mapping {mapping}, synthesis {synthesis})" in said
    frozen = (3 * 2 + 2) + (2 * 2 * 9 + 2)
    assert f"parameters of D: {discriminator}, of which {frozen} are frozen" in said
    assert "images: 13, labels of 2 numbers" in said
    match = re.search(r"time: (\S+) s a step of 4 images, (\S+) s a kimg; 0\.032 kimg take about", said)
    assert match is not None
    assert float(match[1]) * 250 == pytest.approx(float(match[2]), abs=0.2)
    assert float(re.search(r"memory: (\S+) GB", said)[1]) > 0.1
    assert [path.name for path in tmp_path.iterdir()] == ["my images"]
    assert len(list((tmp_path / "my images").rglob("*"))) == 2 + 13


def test_without_a_training_there_is_nothing_to_tell(capsys):
    code = run_here("stylegan", "--predict", "--resume", "x.ckpt", "--dry_run")
    assert "--dry_run tells of a training, and --predict True has none" in failing(code, capsys)


def test_a_run_of_other_settings_is_refused_before_a_step(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_costs", lambda *args: pytest.fail("took steps"))
    run = RunDirectory(tmp_path / "run")
    run.create()
    settings = {"train_url": str(run.root), "resolution": 32, "image_channel": 1, "channel_max": 2}
    config = StyleGanConfig(**settings, gamma=5.0).resolved()
    checkpoint.save_state(run, TrainState({}, about=about_run(config, prepare.digits(config))))
    with Console() as console, pytest.raises(UserError, match=r"holds a run with --gamma 5\.0, not 4\.0"):
        dry_run(StyleGanConfig(**settings, gamma=4.0), console)


def test_what_is_wrong_is_told_as_by_the_training(tmp_path):
    for settings, message in (
        ({"data_url": str(tmp_path / "nowhere")}, "nowhere cannot be read"),
        ({"resume": "x.mindir", "resolution": 32, "image_channel": 1}, "cannot be trained"),
    ):
        with Console() as console, pytest.raises(UserError, match=message):
            dry_run(StyleGanConfig(train_url=str(tmp_path / "run"), **settings), console)
    assert list(tmp_path.iterdir()) == []
    assert np.isfinite(module._memory())
