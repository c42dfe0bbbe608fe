"""What the curves run over: epochs of many logged steps, or thousands of images with one line for each tick."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mindgan.render.series import Points, choose_evenly, epoch_means, mean_points, num_epochs, step_points, step_times

KIMG = 1000  # images
_FEW_EPOCHS = 4  # up to here the read-out shows every logged step, beyond it the means of the epochs
_MOST_TICKS = 1000  # in the read-out and the table of a run of many; the curves show all


@dataclass(frozen=True)
class Axis:
    """Epochs of so many images, each with the mean of its steps; or with None thousands of images, kimg.

    In kimg a line of ``stats.jsonl`` is the mean over a tick already: it is drawn as it is, where the tick ends.
    """

    nimg_per_epoch: int | None

    @property
    def is_epochs(self) -> bool:
        return self.nimg_per_epoch is not None

    @property
    def unit(self) -> str:
        return "epoch" if self.is_epochs else "kimg"

    @property
    def label(self) -> str:
        """The unit where a text begins with it."""
        return "Epoch" if self.is_epochs else "kimg"

    @property
    def samples(self) -> str:
        """What samples are drawn of."""
        return "epochs" if self.is_epochs else "snapshots"

    @property
    def span(self) -> str:
        """What is timed."""
        return "epoch" if self.is_epochs else "tick"

    @property
    def first(self) -> int:
        """The number of the first of these spans."""
        return 0 if self.is_epochs else 1

    @property
    def words(self) -> tuple[str, str]:
        """What stands before and after a number on the axis: ``Epoch 3`` or ``3 kimg``."""
        return ("Epoch ", "") if self.is_epochs else ("", " kimg")

    def name(self, number: object) -> str:
        """A place on the axis as text."""
        return str(number).join(self.words)

    def times(self, stats: list[dict[str, Any]]) -> np.ndarray:
        """Where each line is: float64 [N]."""
        return step_times(stats, self.nimg_per_epoch or KIMG)

    def end(self, stats: list[dict[str, Any]]) -> float:
        """Where the axis, which starts at 0, ends."""
        return num_epochs(stats) if self.is_epochs else float(self.times(stats).max(initial=0)) or 1.0

    def lines(self, stats: list[dict[str, Any]], name: str) -> tuple[Points, Points]:
        """The finite values of a series to draw thin, none in kimg, and bold."""
        points = step_points(self.times(stats), stats, name)
        none = np.zeros(0)
        return (points, mean_points(stats, name)) if self.is_epochs else ((none, none), points)

    def readings(self, stats: list[dict[str, Any]], names: Sequence[str]) -> list[tuple[float, str, dict[str, Any]]]:
        """What can be read from the curves: where, its name, and the values by series."""
        if self.is_epochs and num_epochs(stats) > _FEW_EPOCHS:
            means = epoch_means(stats, names)
            return [(mean["epoch"] + 0.5, self.name(mean["epoch"]), mean) for mean in means]
        lines = list(zip(self.times(stats).tolist(), stats, strict=True))
        if self.is_epochs:
            return [(time, f"{self.name(line['epoch'])}, step {line['step']}", line) for time, line in lines]
        return [(time, self.name(f"{time:g}"), line) for time, line in choose_evenly(lines, _MOST_TICKS)]

    def table(self, stats: list[dict[str, Any]], names: Sequence[str]) -> tuple[list[str], list[list[Any]]]:
        """Headings of the first columns, and rows: those columns and then the values."""
        if self.is_epochs:
            means = epoch_means(stats, names)
            rows = [[mean["epoch"], mean["steps"], *(mean[name] for name in names)] for mean in means]
            return ["Epoch", "Logged steps"], rows
        readings = self.readings(stats, names)
        return ["kimg"], [[f"{time:g}", *(line.get(name) for name in names)] for time, _, line in readings]
