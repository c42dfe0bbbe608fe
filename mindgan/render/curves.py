"""The losses of a run: their numbers per epoch, and the figure."""

import io
import math
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mindgan.runtime.files import write_atomically

# Where G draws the data's distribution the best D says 1/2 everywhere, so each cross-entropy is log 2, and D's loss is
# the sum of two (Goodfellow et al. 2014, Theorem 1).
EQUILIBRIUM = {"loss_g": math.log(2), "loss_d": 2 * math.log(2)}
EQUILIBRIUM_LABEL = {"loss_g": "log 2", "loss_d": "2 log 2"}
USUAL_TOP = 3.5  # the figure of the tutorial ends here; larger losses make it higher
NAMES = {"loss_g": "G", "loss_d": "D"}

_COLOURS = {"loss_g": "#0072B2", "loss_d": "#D55E00"}  # blue and orange that stay apart for colour-blind eyes
_DASHES = (0, (5, 4))
_INK, _FAINT = "#333333", "#E4E4E4"
_Points = tuple[np.ndarray, np.ndarray]  # x, y
_STYLE = {
    "axes.edgecolor": "#AAAAAA",
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def is_finite(value: object) -> bool:
    """Whether `value` is a number that can be drawn: neither NaN nor infinite nor missing."""
    return isinstance(value, Real) and math.isfinite(value)


def step_times(stats: list[dict[str, Any]], nimg_per_epoch: int) -> np.ndarray:
    """When each logged step was done, in epochs: float64 [N]."""
    return np.array([line["nimg"] / nimg_per_epoch for line in stats], np.float64)


def loss_points(times: np.ndarray, stats: list[dict[str, Any]], key: str) -> tuple[np.ndarray, np.ndarray]:
    """The finite losses of the logged steps.

    Args:
        times: when each step was, in epochs: float64 [N].
        stats: the N lines of ``stats.jsonl``.
        key: ``'loss_d'`` or ``'loss_g'``.

    Returns:
        The times of the finite ones and their losses, each float64 [number of finite losses].
    """
    points = [(time, line[key]) for time, line in zip(times, stats, strict=True) if is_finite(line.get(key))]
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return x, y


def epoch_means(stats: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mean losses of each epoch that has logged steps, in the order of the epochs.

    Returns:
        For each epoch ``{"epoch", "steps", "loss_d", "loss_g"}``: its number from 0, how many of its steps were
        logged, and the means of the finite losses among them, NaN where there are none.
    """
    by_epoch: dict[int, list[dict[str, Any]]] = {}
    for line in stats:
        by_epoch.setdefault(line["epoch"], []).append(line)
    return [
        {"epoch": epoch, "steps": len(lines), "loss_d": _mean(lines, "loss_d"), "loss_g": _mean(lines, "loss_g")}
        for epoch, lines in sorted(by_epoch.items())
    ]


def _mean(lines: list[dict[str, Any]], key: str) -> float:
    values = [line[key] for line in lines if is_finite(line.get(key))]
    return float(np.mean(values, dtype=np.float64)) if values else math.nan


def mean_points(stats: list[dict[str, Any]], key: str) -> tuple[np.ndarray, np.ndarray]:
    """The finite means of the epochs, each in the middle of its epoch: time in epochs and loss, float64 [epochs]."""
    means = [(mean["epoch"] + 0.5, mean[key]) for mean in epoch_means(stats) if is_finite(mean[key])]
    x, y = np.array(means, np.float64).reshape(-1, 2).T
    return x, y


def num_epochs(stats: list[dict[str, Any]]) -> int:
    """How many epochs the time axis shows: to the end of the last one logged, at least 1."""
    return max((line["epoch"] + 1 for line in stats), default=1)


def loss_limits(values: np.ndarray) -> tuple[float, float]:
    """The loss axis: 0 to 3.5 as in the tutorial, further where data lie outside; nothing is cut off."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    return 1.05 * min(low, 0.0), USUAL_TOP if high <= USUAL_TOP else 1.05 * high


def count_not_finite(stats: list[dict[str, Any]]) -> int:
    """How many logged losses are NaN, infinite or missing."""
    return sum(not is_finite(line.get(key)) for line in stats for key in NAMES)


def save_loss_curve(path: Path, stats: list[dict[str, Any]], *, nimg_per_epoch: int) -> None:
    """Draws the losses over the epochs as PNG: every logged step thin, the mean of each epoch bold.

    The losses at the theoretical equilibrium, 2 log 2 for D and log 2 for G, are dashed. NaN and infinite losses are
    left out and counted in a note. The same numbers give the same bytes.

    Args:
        path: where to.
        stats: the lines of ``stats.jsonl``; may be empty.
        nimg_per_epoch: images in an epoch.

    Raises:
        UserError: the file cannot be written.
    """
    data = io.BytesIO()
    with style.context(["default", _STYLE]):  # whatever a person's matplotlibrc says
        figure = Figure(figsize=(7.5, 4.5), dpi=150, layout="constrained")
        axes = figure.add_subplot()
        times = step_times(stats, nimg_per_epoch)
        points = {key: loss_points(times, stats, key) for key in NAMES}
        _draw_frame(axes, num_epochs(stats), loss_limits(np.concatenate([y for _, y in points.values()])))
        for key in NAMES:
            _draw_equilibrium(axes, key)
            _draw_losses(axes, _COLOURS[key], points[key], mean_points(stats, key))
        _draw_legend(axes)
        _draw_note(axes, stats)
        figure.savefig(data, format="png", backend="agg", metadata={"Software": None})
    write_atomically(path, data.getvalue())


def _draw_frame(axes: Axes, epochs: int, limits: tuple[float, float]) -> None:
    axes.set_title("Generator and Discriminator Loss During Training", pad=30)  # room for the legend
    axes.set_xlim(0, epochs)
    axes.set_ylim(*limits)
    axes.set_xlabel("Epoch")
    axes.set_ylabel("Loss")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=epochs > 2))
    axes.grid(color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _draw_equilibrium(axes: Axes, key: str) -> None:
    axes.axhline(EQUILIBRIUM[key], color=_COLOURS[key], linewidth=1.2, linestyle=_DASHES, zorder=2.5)
    axes.text(
        1.012,  # right of the axes, where no curve runs through it
        EQUILIBRIUM[key],
        f"{EQUILIBRIUM_LABEL[key]} ({NAMES[key]})",
        transform=axes.get_yaxis_transform(),
        color=_COLOURS[key],
        verticalalignment="center",
        fontsize=9,
    )


def _draw_losses(axes: Axes, colour: str, steps: _Points, means: _Points) -> None:
    axes.plot(*steps, color=colour, linewidth=0.7, alpha=0.6 if len(steps[0]) < 1000 else 0.35)
    few = len(means[0]) <= 20  # one mean alone is no line: it needs its dot
    axes.plot(*means, color=colour, linewidth=2, marker="o" if few else "", markersize=5, solid_joinstyle="round")


def _draw_legend(axes: Axes) -> None:
    handles = [Line2D([], [], color=_COLOURS[key], linewidth=2, label=NAMES[key]) for key in NAMES]
    handles.append(Line2D([], [], color="#888888", linewidth=2, label="mean of an epoch"))
    handles.append(Line2D([], [], color="#888888", linewidth=0.7, label="logged step"))
    handles.append(Line2D([], [], color="#888888", linewidth=1.2, linestyle=_DASHES, label="equilibrium"))
    # above the axes, where it hides no data
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=5, frameon=False, fontsize=9)


def _draw_note(axes: Axes, stats: list[dict[str, Any]]) -> None:
    """Says what the curves leave out."""
    count = count_not_finite(stats)
    note = "no losses logged yet" if not stats else f"{count} values that are not finite left out" if count else ""
    axes.text(0.012, 0.02, note, transform=axes.transAxes, fontsize=9, style="italic")
