"""The training loop. It knows no model: a step is a function, everything else happens in hooks."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from mindgan.training.state import TrainState

Losses = dict[str, float]


@dataclass(frozen=True)
class Schedule:
    """How long a training is. Progress is counted in images; steps and epochs are views of it.

    Attributes:
        batch_size: images a step.
        steps_per_epoch: of every epoch but the last, which may be shorter.
        epochs: how many.
        steps: of all epochs; None where the last is as long as the others.
    """

    batch_size: int
    steps_per_epoch: int
    epochs: int
    steps: int | None = None

    @property
    def nimg_per_epoch(self) -> int:
        return self.batch_size * self.steps_per_epoch

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.epochs if self.steps is None else self.steps

    @property
    def total_nimg(self) -> int:
        return self.batch_size * self.total_steps


@dataclass(frozen=True)
class Step:
    """One finished step: what hooks are told.

    Attributes:
        nimg: images seen, this step's included.
        epoch: counted from 0.
        index: of the step in its epoch, counted from 0.
        losses: by name.
        seconds: what the step took.
        is_last: whether its epoch ends with it: `Hook.on_epoch_end` follows.
    """

    nimg: int
    epoch: int
    index: int
    losses: Losses
    seconds: float
    is_last: bool


class Hook:
    """Something that happens beside the training; hooks are called in the order they are listed."""

    def on_start(self, state: TrainState) -> None:
        """Before the first step of this process."""

    def on_step(self, step: Step, state: TrainState) -> None:
        """After every step."""

    def on_epoch_end(self, epoch: int, seconds: float, state: TrainState) -> None:
        """After the last step of an epoch; `seconds` is what this process spent on it."""

    def on_interrupt(self, epoch: int, seconds: float, state: TrainState) -> None:
        """After the last step before an early stop, in the middle of `epoch`."""

    def on_stopped_early(self, state: TrainState) -> None:
        """After an early stop, in the middle of an epoch or between two, when all is saved."""

    def on_stop(self, state: TrainState) -> None:
        """At the end, however it came."""


def train(state: TrainState, step: Callable[[int], Losses], schedule: Schedule, hooks: Sequence[Hook]) -> bool:
    """Trains from ``state.nimg`` to the end of the schedule.

    Args:
        state: is advanced by each step.
        step: does the step that starts when so many images were seen, and returns its losses.
        schedule: how long.
        hooks: see `Hook`.

    Returns:
        True at the end of the schedule, False where Ctrl-C or SIGTERM ended it early: the step under way is
        finished first, so the state is whole.
    """
    with _stop_requests() as stop_requested:
        try:
            for hook in hooks:
                hook.on_start(state)
            return _steps(state, step, schedule, hooks, stop_requested)
        finally:
            for hook in hooks:
                hook.on_stop(state)


def _steps(
    state: TrainState,
    step: Callable[[int], Losses],
    schedule: Schedule,
    hooks: Sequence[Hook],
    stop_requested: threading.Event,
) -> bool:
    epoch_start = time.perf_counter()
    while state.nimg < schedule.total_nimg:
        epoch, within = divmod(state.nimg, schedule.nimg_per_epoch)
        start = time.perf_counter()
        losses = step(state.nimg)
        state.nimg += schedule.batch_size
        is_last = state.nimg % schedule.nimg_per_epoch == 0 or state.nimg >= schedule.total_nimg
        done = Step(state.nimg, epoch, within // schedule.batch_size, losses, time.perf_counter() - start, is_last)
        for hook in hooks:
            hook.on_step(done, state)
        if is_last:
            seconds = time.perf_counter() - epoch_start
            for hook in hooks:
                hook.on_epoch_end(epoch, seconds, state)
            epoch_start = time.perf_counter()
        elif stop_requested.is_set():
            for hook in hooks:
                hook.on_interrupt(epoch, time.perf_counter() - epoch_start, state)
        if stop_requested.is_set() and state.nimg < schedule.total_nimg:
            for hook in hooks:
                hook.on_stopped_early(state)
            return False
    return True


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets; the second signal acts at once, as without this."""
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield requested
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def request(number: int, frame: FrameType | None) -> None:
        requested.set()
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    for number in previous:
        signal.signal(number, request)
    try:
        yield requested
    finally:
        restore()
