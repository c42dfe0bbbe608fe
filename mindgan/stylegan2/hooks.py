"""What happens beside the steps: a tick's line on the screen, in stats.jsonl and in TensorBoard, and snapshots."""

import time
from collections.abc import Callable

import psutil

from mindgan.render.report import duration_text
from mindgan.runtime import device, jsonl
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training.events import Events
from mindgan.training.run_config import epoch_seconds
from mindgan.training.state import TrainState
from mindgan.training.trainer import Hook, Schedule, Step


class Ticks(Hook):
    """After every tick a line each for the person, stats.jsonl, timing.jsonl and TensorBoard.

    A tick's seconds are those of its steps; maintenance is what lay between it and the tick before, or the start.

    A restarted run first drops what was recorded after the state it starts from: those steps come again, equal but for
    the last digits of losses where a part of a batch is no multiple of 8: MindSpore's softplus then rounds otherwise by
    how often it was called. What is trained on, its gradient, does not.
    """

    def __init__(
        self,
        run: RunDirectory,
        console: Console,
        schedule: Schedule,
        *,
        start_nimg: int,
        examined: dict[str, float] | None = None,
    ):
        """
        Args:
            run: where.
            console: is told.
            schedule: of the ticks.
            start_nimg: images seen when this process starts.
            examined: numbers that another hook leaves here for the next line, which takes them out.
        """
        self.run, self.console, self.schedule = run, console, schedule
        self.examined = {} if examined is None else examined
        for path in (run.stats, run.timing):
            jsonl.keep_lines(path, [line for line in jsonl.read_lines(path, ("nimg",)) if line["nimg"] <= start_nimg])
        self.tick = len(jsonl.read_lines(run.stats, ("nimg",)))  # counted on, also by ticks of another length
        self.seconds = sum(epoch_seconds(jsonl.read_timing(run.timing)))
        self.events = Events(run.events, purge_step=start_nimg + 1)
        self.start_nimg, self.maintenance = start_nimg, 0.0
        self.tick_end = time.perf_counter()

    def on_start(self, state: TrainState) -> None:
        self.console.start_bar(self.schedule.total_steps, state.nimg // self.schedule.batch_size)
        self.start_nimg = state.nimg

    def on_step(self, step: Step, state: TrainState) -> None:
        now = time.perf_counter()
        if step.nimg == self.start_nimg + self.schedule.batch_size:
            self.maintenance = max(now - step.seconds - self.tick_end, 0.0)
        self.tick_end = now
        self.console.advance(G=step.losses["Loss/G/loss"], D=step.losses["Loss/D/loss"])

    def on_epoch_end(self, epoch: int, seconds: float, state: TrainState) -> None:
        self._time(seconds, state)
        kimg = (state.nimg - self.start_nimg) / 1000
        memory = psutil.Process().memory_info().rss / 2**30
        timing = {
            "Timing/sec_per_tick": seconds,
            "Timing/sec_per_kimg": seconds / max(kimg, 1e-9),
            "Timing/maintenance_sec": self.maintenance,
            "Timing/total_sec": self.seconds,
            "Resources/cpu_mem_gb": memory,
            "Resources/peak_gpu_mem_gb": device.peak_accelerator_memory() / 2**30,
        }
        self._record(state, timing)
        self.tick += 1
        self.console.say(
            f"tick {self.tick:<5d} kimg {state.nimg / 1000:<8.1f} time {duration_text(self.seconds):<12s} "
            f"sec/tick {seconds:<7.1f} sec/kimg {timing['Timing/sec_per_kimg']:<7.2f} "
            f"maintenance {timing['Timing/maintenance_sec']:<6.1f} cpumem {memory:<6.2f} "
            f"augment {state.cells['ada'].probability:.3f}"
        )
        self.start_nimg, self.maintenance = state.nimg, 0.0

    def _record(self, state: TrainState, timing: dict[str, float]) -> None:
        place = {"nimg": state.nimg, "epoch": self.tick, "step": state.nimg // self.schedule.batch_size}
        reported = state.cells["moments"].take()
        progress = {
            "Progress/tick": float(self.tick + 1),
            "Progress/kimg": state.nimg / 1000,
            "Progress/augment": state.cells["ada"].probability,
        }
        numbers = {**progress, **timing, **self.examined}
        self.examined.clear()
        one_number = {name: {"num": 1, "mean": value, "std": 0.0} for name, value in numbers.items()}
        jsonl.append_line(self.run.stats, {**place, **reported, **one_number, "timestamp": time.time()})
        self.events.add({**{name: value["mean"] for name, value in reported.items()}, **numbers}, state.nimg)
        self._settle()

    def on_interrupt(self, epoch: int, seconds: float, state: TrainState) -> None:
        self._time(seconds, state)
        self._settle()

    def on_stopped_early(self, state: TrainState) -> None:
        self.console.stop_bar()
        self.console.say(f"stopped after {state.nimg} images; the same command goes on from here")

    def on_stop(self, state: TrainState) -> None:
        self.console.stop_bar()
        self.events.close()

    def _time(self, seconds: float, state: TrainState) -> None:
        """With what came between this tick and the one before: samples, snapshots and states."""
        seconds += self.maintenance
        self.seconds += seconds
        line = {"nimg": state.nimg, "epoch": self.tick, "seconds": round(seconds, 3)}
        jsonl.append_line(self.run.timing, line)

    def _settle(self) -> None:
        """Brings everything to the disk before the state is saved: whoever goes on from that starts behind it."""
        jsonl.sync(self.run.stats)
        jsonl.sync(self.run.timing)
        self.events.flush()


class AfterTicks(Hook):
    """A function of the state after every so many ticks and after the last."""

    def __init__(self, act: Callable[[TrainState], object], *, every: int = 1, ticks: int):
        self.act, self.due = act, frozenset(due_ticks(every, ticks))

    def on_epoch_end(self, epoch: int, seconds: float, state: TrainState) -> None:
        if epoch + 1 in self.due:
            self.act(state)


def due_ticks(every: int, ticks: int) -> list[int]:
    """The ticks after which something is due that comes every so many and after the last, counted from 1."""
    return [*range(every, ticks, every), ticks]
