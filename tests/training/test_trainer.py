import os
import signal
from types import SimpleNamespace

import pytest

from mindgan.training.trainer import Hook, Schedule, train

SCHEDULE = Schedule(batch_size=4, steps_per_epoch=3, epochs=2)


class Diary(Hook):
    def __init__(self):
        self.entries = []

    def on_start(self, state):
        self.entries.append("start")

    def on_step(self, step, state):
        self.entries.append((step.nimg, step.epoch, step.index, step.losses["loss"]))

    def on_epoch_end(self, epoch, seconds, state):
        self.entries.append(f"epoch {epoch}")

    def on_interrupt(self, epoch, seconds, state):
        self.entries.append(f"interrupt {epoch}")

    def on_stopped_early(self, state):
        self.entries.append(f"stopped early at {state.nimg}")

    def on_stop(self, state):
        self.entries.append("stop")


def test_steps_epochs_and_images_are_counted():
    state, diary = SimpleNamespace(nimg=0), Diary()
    assert train(state, lambda nimg: {"loss": nimg / 2}, SCHEDULE, [diary])
    assert diary.entries == [
        "start",
        (4, 0, 0, 0.0), (8, 0, 1, 2.0), (12, 0, 2, 4.0), "epoch 0",
        (16, 1, 0, 6.0), (20, 1, 1, 8.0), (24, 1, 2, 10.0), "epoch 1",
        "stop",
    ]  # fmt: skip


def test_goes_on_in_the_middle_of_an_epoch():
    state, diary = SimpleNamespace(nimg=16), Diary()
    assert train(state, lambda nimg: {"loss": 0.0}, SCHEDULE, [diary])
    assert diary.entries == ["start", (20, 1, 1, 0.0), (24, 1, 2, 0.0), "epoch 1", "stop"]


def test_a_finished_training_does_nothing():
    state, diary = SimpleNamespace(nimg=24), Diary()
    assert train(state, lambda nimg: pytest.fail("a step"), SCHEDULE, [diary])
    assert diary.entries == ["start", "stop"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_step_finish(number):
    state, diary = SimpleNamespace(nimg=0), Diary()

    def step(nimg):
        if nimg == 16:
            os.kill(os.getpid(), number)
        return {"loss": 0.0}

    before = signal.getsignal(number)
    assert not train(state, step, SCHEDULE, [diary])
    assert diary.entries[-4:] == [(20, 1, 1, 0.0), "interrupt 1", "stopped early at 20", "stop"]
    assert state.nimg == 20
    assert signal.getsignal(number) is before


def test_a_signal_at_the_end_of_an_epoch_ends_it_as_an_epoch():
    state, diary = SimpleNamespace(nimg=8), Diary()

    def step(nimg):
        os.kill(os.getpid(), signal.SIGINT)
        return {"loss": 0.0}

    assert not train(state, step, SCHEDULE, [diary])
    assert diary.entries == ["start", (12, 0, 2, 0.0), "epoch 0", "stopped early at 12", "stop"]


def test_a_signal_in_the_last_step_of_all_stops_nothing():
    state, diary = SimpleNamespace(nimg=20), Diary()

    def step(nimg):
        os.kill(os.getpid(), signal.SIGINT)
        return {"loss": 0.0}

    assert train(state, step, SCHEDULE, [diary])
    assert diary.entries == ["start", (24, 1, 2, 0.0), "epoch 1", "stop"]


def test_hooks_are_told_of_the_end_after_an_error():
    diary = Diary()

    def step(nimg):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        train(SimpleNamespace(nimg=0), step, SCHEDULE, [diary])
    assert diary.entries == ["start", "stop"]


def test_the_last_epoch_may_be_shorter():
    schedule = Schedule(batch_size=4, steps_per_epoch=3, epochs=2, steps=5)
    state, diary = SimpleNamespace(nimg=8), Diary()
    assert train(state, lambda nimg: {"loss": 0.0}, schedule, [diary])
    assert diary.entries == [
        "start", (12, 0, 2, 0.0), "epoch 0", (16, 1, 0, 0.0), (20, 1, 1, 0.0), "epoch 1", "stop",
    ]  # fmt: skip
    assert (schedule.total_steps, schedule.total_nimg) == (5, 20)
