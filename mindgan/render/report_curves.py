"""The report's curves: a chart and a table for each group of series, and the seconds of each epoch."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from mindgan.render.chart import Chart, Level, Line, Row
from mindgan.render.series import (
    Group,
    count_not_finite,
    covered,
    epoch_means,
    is_finite,
    mean_points,
    num_epochs,
    step_points,
    step_times,
    value_limits,
)

_SPARSE = 1000  # fewer logged steps than this do not cover one another and are drawn stronger
_FEW_EPOCHS = 4  # up to here the read-out shows every logged step, beyond it the means of the epochs


def group_charts(stats: list[dict[str, Any]], groups: Sequence[Group], nimg_per_epoch: int) -> list[Chart]:
    """A chart for each group; the first is called ``losses`` in the page, the others ``losses-1`` and so on."""
    times = step_times(stats, nimg_per_epoch)
    names = ["losses", *(f"losses-{place}" for place in range(1, len(groups)))]
    return [_chart(name, group, stats, times) for name, group in zip(names, groups, strict=True)]


def _chart(name: str, group: Group, stats: list[dict[str, Any]], times: np.ndarray) -> Chart:
    points = {series: step_points(times, stats, series) for series in group.names}
    limits = value_limits(np.concatenate([y for _, y in points.values()]), group.top)
    colours = group.colour_of
    weight = "step sparse" if len(stats) < _SPARSE else "step"
    css = {series: f"{colours[series]} over" if series in covered(points) else colours[series] for series in points}
    thin_lines = [Line(*points[series], css=f"{weight} {css[series]}") for series in points]
    bold_lines = [Line(*mean_points(stats, series), css=f"mean {css[series]}") for series in points]
    return Chart(
        name=name,
        title=f"{group.title}, by epoch",
        x_max=num_epochs(stats),
        y_limits=limits,
        names={colours[series]: group.label(series) for series in points},
        lines=thin_lines + bold_lines,
        rows=_rows(group, stats, times),
        decimals=decimals(limits),
        levels=[Level(value, label, colours[series]) for series, (value, label) in group.levels.items()],
    )


def decimals(limits: tuple[float, float]) -> int:
    """How many decimals the values of an axis need: three, and more where all of them are small."""
    size = max(map(abs, limits))
    return 3 if size >= 0.1 else min(2 - math.floor(math.log10(size)), 30)


def _rows(group: Group, stats: list[dict[str, Any]], times: np.ndarray) -> list[Row]:
    if num_epochs(stats) > _FEW_EPOCHS:
        means = epoch_means(stats, group.names)
        rows = [(mean["epoch"] + 0.5, f"Epoch {mean['epoch']}", _values(group, mean)) for mean in means]
    else:
        rows = [
            (float(time), f"Epoch {line['epoch']}, step {line['step']}", _values(group, line))
            for time, line in zip(times, stats, strict=True)
        ]
    return [row for row in rows if any(value is not None for value in row[2])]


def _values(group: Group, line: dict[str, Any]) -> list[float | None]:
    return [value if value is None or is_finite(value) else math.nan for value in map(line.get, group.names)]


def time_chart(epoch_seconds: list[float]) -> Chart:
    """How long each epoch took; times that are not finite are left out."""
    points = [(epoch + 0.5, seconds) for epoch, seconds in enumerate(epoch_seconds) if is_finite(seconds)]
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return Chart(
        name="times",
        title="Seconds per epoch",
        x_max=max(len(epoch_seconds), 1),
        y_limits=(0.0, 1.1 * float(y.max(initial=0)) or 1.0),
        names={"grey": "seconds"},
        lines=[Line(x, y, css="mean grey")],
        rows=[(a, f"Epoch {int(a)}", [b]) for a, b in points],
        decimals=1,
    )


def panels_html(stats: list[dict[str, Any]], groups: Sequence[Group], charts: list[Chart]) -> str:
    """Each group's chart and table, with its title where there are several, and what can be said of all of them."""
    if not stats:
        return '<p class="note">No losses were logged.</p>'
    notes = _notes(stats, groups)
    if len(groups) == 1:
        return charts[0].html() + notes + _table(stats, groups[0], charts[0].decimals)
    panels = [
        f'<div class="panel"><h3>{escape(group.title)}</h3>\n{chart.html()}{_table(stats, group, chart.decimals)}</div>'
        for group, chart in zip(groups, charts, strict=True)
    ]
    return f'<div class="panels">{"".join(panels)}</div>{notes}'


def _notes(stats: list[dict[str, Any]], groups: Sequence[Group]) -> str:
    dashed = " Dashed: the theoretical equilibrium." if any(group.levels for group in groups) else ""
    legend = f'<p class="note">Bold: mean of an epoch. Thin: each logged step.{dashed}</p>'
    names = list(dict.fromkeys(name for group in groups for name in group.names))
    count = count_not_finite(stats, names)
    if not count:
        return legend
    total = sum(name in line for line in stats for name in names)
    left_out = f"{count} of {total} logged values are not finite (NaN or infinite) and left out."
    return f'{legend}<p class="note warning">{left_out}</p>'


def value_text(value: float | None, places: int) -> str:
    """A mean with so many decimals, ``not finite``, or a dash where nothing was logged."""
    if value is None:
        return "–"
    return f"{value:.{places}f}" if math.isfinite(value) else "not finite"


def _table(stats: list[dict[str, Any]], group: Group, places: int) -> str:
    names = "".join(f'<th scope="col">{escape(f"{group.unit} {group.label(name)}")}</th>' for name in group.names)
    rows = "".join(
        f"<tr><td>{mean['epoch']}</td><td>{mean['steps']}</td>"
        + "".join(f"<td>{value_text(mean[name], places)}</td>" for name in group.names)
        + "</tr>"
        for mean in epoch_means(stats, group.names)
    )
    region = f'role="region" aria-label="{escape(group.title)}: means by epoch"'
    return (
        "<details><summary>The means as a table</summary>"
        f'<div class="scroll" tabindex="0" {region}><table class="numbers">'
        f'<thead><tr><th scope="col">Epoch</th><th scope="col">Logged steps</th>{names}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )
