"""What happens beside the steps: telling, recording, drawing samples, saving."""

import time
from collections.abc import Callable

from mindspore import nn

from mindgan.runtime import jsonl
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint
from mindgan.training.events import Events
from mindgan.training.state import TrainState
from mindgan.training.trainer import Hook, Schedule, Step

Rates = Callable[[int], dict[str, float]]
"""The learning rates, by name, of the epoch counted from 0."""


class Tell(Hook):
    """The progress bar, a line every `log_frequency` steps and one an epoch."""

    def __init__(self, console: Console, schedule: Schedule, *, log_frequency: int, rates: Rates):
        self.console = console
        self.schedule = schedule
        self.log_frequency = log_frequency
        self.rates = rates

    def on_start(self, state: TrainState) -> None:
        self.console.start_bar(self.schedule.total_steps, state.nimg // self.schedule.batch_size)

    def on_step(self, step: Step, state: TrainState) -> None:
        self.console.advance(**step.losses)
        if step.index % self.log_frequency == 0:
            losses = "".join(f"{name}:{value:>4f} , " for name, value in step.losses.items())
            rates = ", ".join(f"{name}:{value:>6f}" for name, value in self.rates(step.epoch).items())
            self.console.say(
                f"Epoch:[{step.epoch:>3d}/{self.schedule.epochs:>3d}], "
                f"step:[{step.index:>4d}/{self.schedule.steps_per_epoch:>4d}], "
                f"{losses}time:{step.seconds:>3f}s, {rates}"
            )

    def on_epoch_end(self, epoch: int, seconds: float, state: TrainState) -> None:
        self.console.say(f"time of epoch {epoch + 1} is {seconds:.2f}s")

    def on_stopped_early(self, state: TrainState) -> None:
        epoch = state.nimg // self.schedule.nimg_per_epoch
        self.console.stop_bar()
        self.console.say(f"stopped in epoch {epoch} after {state.nimg} images; the same command goes on from here")

    def on_stop(self, state: TrainState) -> None:
        self.console.stop_bar()


class Record(Hook):
    """stats.jsonl, timing.jsonl and TensorBoard events.

    A restarted run first drops what was recorded after the state it starts from: those steps come again, equal.
    """

    def __init__(self, run: RunDirectory, *, start_nimg: int, log_frequency: int, rates: Rates):
        """
        Args:
            run: where.
            start_nimg: images seen when this process starts.
            log_frequency: a line every so many steps.
            rates: learning rates, for the lines.
        """
        self.run = run
        self.log_frequency = log_frequency
        self.rates = rates
        for path, read in ((run.stats, jsonl.read_stats), (run.timing, jsonl.read_timing)):
            jsonl.keep_lines(path, [line for line in read(path) if line["nimg"] <= start_nimg])
        self.events = Events(run.events, purge_step=start_nimg + 1)

    def on_step(self, step: Step, state: TrainState) -> None:
        if step.index % self.log_frequency:
            return
        position = {"nimg": step.nimg, "epoch": step.epoch, "step": step.index}
        line = {**position, **step.losses, **self.rates(step.epoch)}
        jsonl.append_line(self.run.stats, line)
        self.events.add(step.losses, step.nimg)

    def on_epoch_end(self, epoch: int, seconds: float, state: TrainState) -> None:
        self.events.add({"epoch_seconds": seconds}, state.nimg)
        self._settle(epoch, seconds, state)

    def on_interrupt(self, epoch: int, seconds: float, state: TrainState) -> None:
        self._settle(epoch, seconds, state)

    def _settle(self, epoch: int, seconds: float, state: TrainState) -> None:
        """Brings everything to the disk before the state is saved: whoever goes on from that starts behind it."""
        jsonl.append_line(self.run.timing, {"nimg": state.nimg, "epoch": epoch, "seconds": round(seconds, 3)})
        jsonl.sync(self.run.stats)
        jsonl.sync(self.run.timing)
        self.events.flush()

    def on_stop(self, state: TrainState) -> None:
        self.events.close()


class AfterEpoch(Hook):
    """A function of the epoch, counted from 0, after every `every` epochs and after the last."""

    def __init__(self, act: Callable[[int], object], *, every: int = 1, epochs: int = 0):
        """
        Args:
            act: such as one that draws samples.
            every: how many epochs lie between two calls.
            epochs: of the whole training.
        """
        self.act = act
        self.every = every
        self.epochs = epochs

    def on_epoch_end(self, epoch: int, seconds: float, state: TrainState) -> None:
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.epochs:
            self.act(epoch)


class SaveState(Hook):
    """The state after every epoch, which makes the epoch count, and in between when minutes have passed."""

    def __init__(self, run: RunDirectory, *, seconds: float = 600.0):
        """
        Args:
            run: where.
            seconds: how much work a power cut may cost.
        """
        self.run = run
        self.seconds = seconds
        self._saved = time.monotonic()

    def on_start(self, state: TrainState) -> None:
        self._saved = time.monotonic()

    def on_step(self, step: Step, state: TrainState) -> None:
        # At the end of an epoch only after all that belongs to it, which nobody would make again.
        if not step.is_last and time.monotonic() - self._saved > self.seconds:
            self._save(state)

    def on_epoch_end(self, epoch: int, seconds: float, state: TrainState) -> None:
        self._save(state)

    def on_interrupt(self, epoch: int, seconds: float, state: TrainState) -> None:
        self._save(state)

    def _save(self, state: TrainState) -> None:
        checkpoint.save_state(self.run, state)
        self._saved = time.monotonic()


class Save(Hook):
    """Checkpoints of the networks after every epoch, then the state, which makes the epoch count."""

    def __init__(self, run: RunDirectory, networks: dict[str, nn.Cell], *, keep: int):
        """
        Args:
            run: where.
            networks: by the name of their checkpoints, such as ``Generator``.
            keep: how many checkpoints of each network stay, the newest.
        """
        self.run = run
        self.networks = networks
        self.keep = keep

    def on_epoch_end(self, epoch: int, seconds: float, state: TrainState) -> None:
        for name, network in self.networks.items():
            checkpoint.save_network(self.run.network(name, epoch), network)
            self.run.keep_networks(name, self.keep)
        checkpoint.save_state(self.run, state)

    def on_interrupt(self, epoch: int, seconds: float, state: TrainState) -> None:
        checkpoint.save_state(self.run, state)
