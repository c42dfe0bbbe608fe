"""The figure of a run's curves: one panel, or several in two columns."""

import io
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mindgan.render.axis import Axis
from mindgan.render.chart import scientific
from mindgan.render.series import (
    COLOURS,
    Group,
    Points,
    count_not_finite,
    covered,
    value_limits,
)
from mindgan.runtime.files import write_atomically

_DASHES = (0, (5, 4))
_WARNING_CHARS = 150  # of a line below the panels
_INK, _FAINT, _STYLE_INK = "#333333", "#E4E4E4", "#888888"
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


def save_loss_curve(
    path: Path,
    stats: list[dict[str, Any]],
    *,
    groups: Sequence[Group],
    nimg_per_epoch: int | None,
    warnings: Sequence[str] = (),
) -> None:
    """Draws series over the epochs as PNG, a panel for each group: every logged step thin, each epoch's mean bold.

    The levels of a group are dashed. NaN and infinite values are left out and counted in a note; a curve runs straight
    over steps that are without its value. The same numbers give the same bytes.

    Args:
        path: where to.
        stats: the lines of ``stats.jsonl``; may be empty.
        groups: the panels, at least one.
        nimg_per_epoch: images in an epoch; None where lines are means of ticks: they are drawn over kimg as they are.
        warnings: sentences that stand below several panels.

    Raises:
        UserError: the file cannot be written.
    """
    data = io.BytesIO()
    axis = Axis(nimg_per_epoch)
    with style.context(["default", _STYLE]):  # whatever a person's matplotlibrc says
        if len(groups) == 1:
            figure = Figure(figsize=(7.5, 4.5), dpi=150, layout="constrained")
            _draw_panel(figure.add_subplot(), groups[0], stats, axis)
            _draw_legend(figure.axes[0], _handles(groups[0]) + _style_handles(groups, axis))
        else:
            figure = _draw_panels(groups, stats, axis)
            _draw_warnings(figure, warnings)
        figure.savefig(data, format="png", backend="agg", metadata={"Software": None})
    write_atomically(path, data.getvalue())


def _draw_panels(groups: Sequence[Group], stats: list[dict[str, Any]], axis: Axis) -> Figure:
    """The groups in two columns, with one legend below for what bold and thin mean."""
    rows = -(-len(groups) // 2)
    figure = Figure(figsize=(12, 3.3 * rows + 0.3), dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    for place, group in enumerate(groups):
        axes = figure.add_subplot(rows, 2, place + 1)
        _draw_panel(axes, group, stats, axis)
        _draw_legend(axes, _handles(group))
    if handles := _style_handles(groups, axis):
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    return figure


def _draw_warnings(figure: Figure, warnings: Sequence[str]) -> None:
    if warnings:
        text = "\n".join(fill(warning, _WARNING_CHARS, subsequent_indent="    ") for warning in warnings)
        figure.supxlabel(
            text, x=0.02, horizontalalignment="left", fontsize=10, color=COLOURS["orange"], parse_math=False
        )


def _draw_panel(axes: Axes, group: Group, stats: list[dict[str, Any]], axis: Axis) -> None:
    thin, bold = zip(*(axis.lines(stats, name) for name in group.names), strict=True)
    limits = value_limits(np.concatenate([group.level_values, *(y for _, y in thin + bold)]), group.top)
    _draw_frame(axes, group, axis, axis.end(stats), limits)
    on_top = covered(dict(zip(group.names, thin if axis.is_epochs else bold, strict=True)))
    for (name, colour), steps, means in zip(group.colour_of.items(), thin, bold, strict=True):
        if name in group.levels:
            _draw_level(axes, group, name)
        line = _DASHES if name in on_top else "-"
        _draw_series(axes, COLOURS[colour], line, steps, means)
    _draw_note(axes, group, stats)


def _draw_frame(axes: Axes, group: Group, axis: Axis, end: float, limits: tuple[float, float]) -> None:
    axes.set_title(group.title, pad=30, parse_math=False)  # room for the legend
    axes.set_xlim(0, end)
    axes.set_ylim(*limits)
    axes.set_xlabel("Epoch" if axis.is_epochs else "kimg (thousands of images)")
    axes.set_ylabel(group.unit, parse_math=False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=end > 2))
    if limits[1] < 0.01:  # in the ticks themselves: as a factor it would stand where the legend is
        axes.yaxis.set_major_formatter(lambda value, _: scientific(value))
    axes.grid(color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _draw_level(axes: Axes, group: Group, name: str) -> None:
    value, label = group.levels[name]
    colour = COLOURS[group.colour_of[name]]
    axes.axhline(value, color=colour, linewidth=1.2, linestyle=_DASHES, zorder=2.5)
    axes.text(
        1.012,  # right of the axes, where no curve runs through it
        value,
        f"{label} ({group.label(name)})",
        transform=axes.get_yaxis_transform(),
        color=colour,
        verticalalignment="center",
        fontsize=9,
        parse_math=False,
    )


def _draw_series(axes: Axes, colour: str, line: Any, steps: Points, means: Points) -> None:
    look = {"color": colour, "linestyle": line}
    axes.plot(*steps, **look, linewidth=0.7, alpha=0.6 if len(steps[0]) < 1000 else 0.35)
    few = len(means[0]) <= 20  # one mean alone is no line: it needs its dot
    axes.plot(*means, **look, linewidth=2, marker="o" if few else "", markersize=5, solid_joinstyle="round")


def _handles(group: Group) -> list[Line2D]:
    colours = group.colour_of.items()
    return [Line2D([], [], color=COLOURS[colour], linewidth=2, label=group.label(name)) for name, colour in colours]


def _style_handles(groups: Sequence[Group], axis: Axis) -> list[Line2D]:
    if not axis.is_epochs:  # all lines are of one kind, and a level's label stands beside it
        return []
    handles = [
        Line2D([], [], color=_STYLE_INK, linewidth=2, label="mean of an epoch"),
        Line2D([], [], color=_STYLE_INK, linewidth=0.7, label="logged step"),
    ]
    if any(group.levels for group in groups):
        handles.append(Line2D([], [], color=_STYLE_INK, linewidth=1.2, linestyle=_DASHES, label="equilibrium"))
    return handles


def _draw_legend(axes: Axes, handles: list[Line2D]) -> None:
    look = {"ncols": len(handles), "frameon": False, "fontsize": 9}
    # above the axes, where it hides no data
    legend = axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1), **look)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _draw_note(axes: Axes, group: Group, stats: list[dict[str, Any]]) -> None:
    """Says what the curves leave out."""
    count = count_not_finite(stats, group.names)
    any_logged = any(name in line for line in stats for name in group.names)
    note = "not logged" if stats and not any_logged else "no losses logged yet" if not stats else ""
    note = f"{count} values that are not finite left out" if count else note
    axes.text(0.012, 0.02, note, transform=axes.transAxes, fontsize=9, style="italic")
