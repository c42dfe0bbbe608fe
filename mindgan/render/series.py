"""What was logged of a run, as numbers to draw: which series share a panel, their points, means and limits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

# Name to colour in figures; the page has a lighter or darker one of the same name for each of its themes. Neighbours
# stay apart for colour-blind eyes (after Okabe and Ito).
COLOURS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "purple": "#B0559A",
    "gold": "#8F7400",
    "grey": "#57606A",
}
Points = tuple[np.ndarray, np.ndarray]  # x, y: float64 [N] each


@dataclass(frozen=True)
class Group:
    """The series that share one panel of curves.

    Attributes:
        title: of the panel.
        names: of the series, as in ``stats.jsonl``; at most six.
        labels: name to what the legend calls it, where that is not the name.
        colours: one of `COLOURS` for each of `names`; its first ones without it.
        levels: name to a value that its curve should be seen beside, and that value's label: dashed lines.
        top: the vertical axis ends there unless values lie above; None: it ends a little above the highest.
        unit: what the vertical axis is called.

    Raises:
        ValueError: no names, too many of them, or not one colour of its own for each.
    """

    title: str
    names: Sequence[str]
    labels: Mapping[str, str] = field(default_factory=dict)
    colours: Sequence[str] = ()
    levels: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    top: float | None = None
    unit: str = "Loss"

    def __post_init__(self) -> None:
        if not 1 <= len(set(self.names)) == len(self.names) <= len(COLOURS):
            raise ValueError(f"a panel shows 1 to {len(COLOURS)} different series, not {list(self.names)}")
        colours = set(self.colours)
        fits = not colours or len(colours) == len(self.colours) == len(self.names)
        if not fits or not colours <= set(COLOURS):
            raise ValueError(f"{list(self.colours)} are not {len(self.names)} of the colours {', '.join(COLOURS)}")

    @property
    def colour_of(self) -> dict[str, str]:
        """Name of a series to name of its colour."""
        return dict(zip(self.names, self.colours or COLOURS, strict=False))

    @property
    def level_values(self) -> np.ndarray:
        """Where the dashed lines are: float64 [number of levels]."""
        return np.array([value for value, _ in self.levels.values()], np.float64)

    def label(self, name: str) -> str:
        """What the legend calls a series."""
        return self.labels.get(name, name)


# Where G draws the data's distribution the best D says 1/2 everywhere, so each cross-entropy is log 2, and D's loss is
# the sum of two (Goodfellow et al. 2014, Theorem 1). The figure of the tutorial ends at 3.5.
GAN_LOSSES = Group(
    title="Generator and Discriminator Loss During Training",
    names=("loss_g", "loss_d"),
    labels={"loss_g": "G", "loss_d": "D"},
    levels={"loss_g": (math.log(2), "log 2"), "loss_d": (2 * math.log(2), "2 log 2")},
    top=3.5,
)


def choose_evenly(items: list[Any], most: int) -> list[Any]:
    """At most `most` (2 or more) of the items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def is_finite(value: object) -> bool:
    """Whether `value` is a number that can be drawn: neither NaN nor infinite nor missing."""
    return isinstance(value, Real) and math.isfinite(value)


def step_times(stats: list[dict[str, Any]], nimg_per_epoch: int) -> np.ndarray:
    """When each logged step was done, in epochs: float64 [N]."""
    return np.array([line["nimg"] / nimg_per_epoch for line in stats], np.float64)


def step_points(times: np.ndarray, stats: list[dict[str, Any]], name: str) -> Points:
    """The finite values of a series at the logged steps.

    Args:
        times: when each step was, in epochs: float64 [N].
        stats: the N lines of ``stats.jsonl``; some may be without the series.
        name: of the series.

    Returns:
        The times of the finite ones and their values, each float64 [number of finite values].
    """
    points = [(time, line[name]) for time, line in zip(times, stats, strict=True) if is_finite(line.get(name))]
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return x, y


def epoch_means(stats: list[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """The mean of each series in each epoch that has logged steps, in the order of the epochs.

    Returns:
        For each epoch ``{"epoch", "steps", name: mean}``: its number from 0, how many of its steps were logged, and for
        each of `names` the mean of the finite values among them: NaN where none is finite, None where there is none.
    """
    by_epoch: dict[int, list[dict[str, Any]]] = {}
    for line in stats:
        by_epoch.setdefault(line["epoch"], []).append(line)
    return [
        {"epoch": epoch, "steps": len(lines), **{name: _mean(lines, name) for name in names}}
        for epoch, lines in sorted(by_epoch.items())
    ]


def _mean(lines: list[dict[str, Any]], name: str) -> float | None:
    if not any(name in line for line in lines):
        return None
    values = [line[name] for line in lines if is_finite(line.get(name))]
    return float(np.mean(values, dtype=np.float64)) if values else math.nan


def mean_points(stats: list[dict[str, Any]], name: str) -> Points:
    """The finite means of the epochs, each in the middle of its epoch: time in epochs and value, float64 [epochs]."""
    means = [(mean["epoch"] + 0.5, mean[name]) for mean in epoch_means(stats, [name]) if is_finite(mean[name])]
    x, y = np.array(means, np.float64).reshape(-1, 2).T
    return x, y


def num_epochs(stats: list[dict[str, Any]]) -> int:
    """How many epochs the time axis shows: to the end of the last one logged, at least 1."""
    return max((line["epoch"] + 1 for line in stats), default=1)


def value_limits(values: np.ndarray, top: float | None) -> tuple[float, float]:
    """The vertical axis: 0 to `top`, further where data lie outside; nothing is cut off.

    Without a `top` the axis ends 5 % above the highest value, or at 1 where nothing is above 0.
    """
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if top is None or high > top:
        top = 1.05 * high if high > 0 else 1.0
    return 1.05 * min(low, 0.0), top


def covered(points: Mapping[str, Points]) -> set[str]:
    """The series that lie exactly on an earlier one, as equal learning rates do: to be drawn so that both show."""
    names = list(points)
    return {
        later
        for place, later in enumerate(names)
        if points[later][0].size and any(np.array_equal(points[later], points[name]) for name in names[:place])
    }


def count_not_finite(stats: list[dict[str, Any]], names: Sequence[str]) -> int:
    """How many logged values of the series are NaN or infinite; one that a line is without was not logged."""
    return sum(name in line and not is_finite(line[name]) for line in stats for name in names)
