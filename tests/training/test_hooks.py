"""Each hook beside a training of two epochs of three steps, without a network."""

import json
import os
import signal
from types import SimpleNamespace

import pytest

from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint
from mindgan.training.hooks import AfterEpoch, Record, SaveState, Tell
from mindgan.training.trainer import Hook, Schedule, train

SCHEDULE = Schedule(batch_size=4, steps_per_epoch=3, epochs=2)


def rates(epoch):
    return {"lr_g": 1.0 / (epoch + 1), "lr_d": 0.5}


def step(nimg):
    return {"loss": nimg / 8}


class Stop(Exception):
    pass


class StopAfter(Hook):
    """Ends the training as a kill does, as far as hooks can tell: nothing is called but on_stop."""

    def __init__(self, nimg):
        self.nimg = nimg

    def on_step(self, step, state):
        if step.nimg == self.nimg:
            raise Stop


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path)
    run.create()
    return run


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def record(run, start_nimg=0, log_frequency=2):
    return Record(run, start_nimg=start_nimg, log_frequency=log_frequency, rates=rates)


def test_record_by_hand(run):
    assert train(SimpleNamespace(nimg=0), step, SCHEDULE, [record(run)])
    assert lines(run.stats) == [
        {"nimg": 4, "epoch": 0, "step": 0, "loss": 0.0, "lr_g": 1.0, "lr_d": 0.5},
        {"nimg": 12, "epoch": 0, "step": 2, "loss": 1.0, "lr_g": 1.0, "lr_d": 0.5},
        {"nimg": 16, "epoch": 1, "step": 0, "loss": 1.5, "lr_g": 0.5, "lr_d": 0.5},
        {"nimg": 24, "epoch": 1, "step": 2, "loss": 2.5, "lr_g": 0.5, "lr_d": 0.5},
    ]
    assert [(line["nimg"], line["epoch"]) for line in lines(run.timing)] == [(12, 0), (24, 1)]


@pytest.mark.parametrize("killed_after", [4, 8, 12, 16, 20])
def test_record_after_a_kill_is_as_without(run, tmp_path, killed_after):
    """The state at the end of the last whole epoch is what a restart begins with."""
    undisturbed = RunDirectory(tmp_path / "undisturbed")
    undisturbed.create()
    train(SimpleNamespace(nimg=0), step, SCHEDULE, [record(undisturbed)])
    with pytest.raises(Stop):
        train(SimpleNamespace(nimg=0), step, SCHEDULE, [record(run), StopAfter(killed_after)])
    start = (killed_after - 1) // 12 * 12
    train(SimpleNamespace(nimg=start), step, SCHEDULE, [record(run, start)])
    assert run.stats.read_bytes() == undisturbed.stats.read_bytes()
    assert [line["nimg"] for line in lines(run.timing)] == [12, 24]


def test_tell_says_every_other_step_and_every_epoch(run, capsys):
    with Console() as console:
        console.log_to(run.log)
        train(SimpleNamespace(nimg=0), step, SCHEDULE, [Tell(console, SCHEDULE, log_frequency=2, rates=rates)])
    told = capsys.readouterr().out.splitlines()
    assert run.log.read_text().splitlines() == told
    assert [line[:29] for line in told if line.startswith("Epoch")] == [
        "Epoch:[  0/  2], step:[   0/ ", "Epoch:[  0/  2], step:[   2/ ",
        "Epoch:[  1/  2], step:[   0/ ", "Epoch:[  1/  2], step:[   2/ ",
    ]  # fmt: skip
    assert "loss:2.500000 , " in told[-2]
    assert told[-2].endswith("lr_g:0.500000, lr_d:0.500000")
    assert [line[:15] for line in told if "time of" in line] == ["time of epoch 1", "time of epoch 2"]


def test_tell_says_where_it_was_stopped_also_between_epochs(run, capsys):
    def interrupted(nimg):
        os.kill(os.getpid(), signal.SIGINT)
        return step(nimg)

    for start, epoch, nimg in ((0, 0, 4), (8, 1, 12)):
        with Console() as console:
            console.log_to(run.log)
            hook = Tell(console, SCHEDULE, log_frequency=2, rates=rates)
            assert not train(SimpleNamespace(nimg=start), interrupted, SCHEDULE, [hook])
        said = capsys.readouterr().out.splitlines()[-1]
        assert said == f"stopped in epoch {epoch} after {nimg} images; the same command goes on from here"


@pytest.mark.parametrize(
    ("every", "epochs", "expected"), [(1, 0, [0, 1, 2, 3, 4]), (2, 5, [1, 3, 4]), (2, 0, [1, 3]), (9, 5, [4])]
)
def test_after_epoch(every, epochs, expected):
    seen = []
    hook = AfterEpoch(seen.append, every=every, epochs=epochs)
    train(SimpleNamespace(nimg=0), step, Schedule(1, 1, 5), [hook])
    assert seen == expected


def test_the_state_is_saved_at_the_end_of_epochs_and_when_time_has_passed(run, monkeypatch):
    saved = []
    monkeypatch.setattr(checkpoint, "save_state", lambda run, state: saved.append(state.nimg))
    train(SimpleNamespace(nimg=0), step, SCHEDULE, [SaveState(run)])
    assert saved == [12, 24]
    saved.clear()
    train(SimpleNamespace(nimg=0), step, SCHEDULE, [SaveState(run, seconds=-1.0)])
    assert saved == [4, 8, 12, 16, 20, 24]


def test_what_belongs_to_an_epoch_is_made_before_its_state(run, monkeypatch):
    done = []
    monkeypatch.setattr(checkpoint, "save_state", lambda run, state: done.append(f"state {state.nimg}"))
    sample = AfterEpoch(lambda epoch: done.append(f"sample {epoch}"))
    train(SimpleNamespace(nimg=8), step, SCHEDULE, [sample, SaveState(run)])
    assert done == ["sample 0", "state 12", "sample 1", "state 24"]
    done.clear()
    train(SimpleNamespace(nimg=8), step, SCHEDULE, [sample, SaveState(run, seconds=-1.0)])
    assert done == ["sample 0", "state 12", "state 16", "state 20", "sample 1", "state 24"]


def test_the_clock_of_saving_begins_with_the_training(run, monkeypatch):
    saved, clock = [], [0.0]
    monkeypatch.setattr("mindgan.training.hooks.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(checkpoint, "save_state", lambda run, state: saved.append(state.nimg))
    hook = SaveState(run, seconds=10.0)
    clock[0] = 100.0  # compiling, say

    def slow(nimg):
        clock[0] += 6.0
        return step(nimg)

    train(SimpleNamespace(nimg=0), slow, SCHEDULE, [hook])
    assert saved == [8, 12, 20, 24]
