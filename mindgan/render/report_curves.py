"""The report's curves: a chart and a table for each group of series, and the seconds of each epoch."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from mindgan.render.axis import Axis
from mindgan.render.chart import Chart, Level, Line, Row
from mindgan.render.series import Group, count_not_finite, covered, is_finite, value_limits

_SPARSE = 1000  # fewer logged steps than this do not cover one another and are drawn stronger


def group_charts(stats: list[dict[str, Any]], groups: Sequence[Group], axis: Axis) -> list[Chart]:
    """A chart for each group; the first is called ``losses`` in the page, the others ``losses-1`` and so on."""
    names = ["losses", *(f"losses-{place}" for place in range(1, len(groups)))]
    return [_chart(name, group, stats, axis) for name, group in zip(names, groups, strict=True)]


def _chart(name: str, group: Group, stats: list[dict[str, Any]], axis: Axis) -> Chart:
    thin, bold = zip(*(axis.lines(stats, series) for series in group.names), strict=True)
    points = dict(zip(group.names, thin if axis.is_epochs else bold, strict=True))
    limits = value_limits(np.concatenate([group.level_values, *(y for _, y in points.values())]), group.top)
    colours = group.colour_of
    weight = "step sparse" if len(stats) < _SPARSE else "step"
    css = {series: f"{colours[series]} over" if series in covered(points) else colours[series] for series in points}
    thin_lines = [Line(x, y, css=f"{weight} {css[series]}") for series, (x, y) in zip(points, thin, strict=True)]
    bold_lines = [Line(x, y, css=f"mean {css[series]}") for series, (x, y) in zip(points, bold, strict=True)]
    return Chart(
        name=name,
        title=f"{group.title}, by {axis.unit}",
        x_max=axis.end(stats),
        y_limits=limits,
        names={colours[series]: group.label(series) for series in points},
        lines=thin_lines + bold_lines,
        rows=_rows(group, stats, axis),
        decimals=decimals(limits),
        levels=[Level(value, label, colours[series]) for series, (value, label) in group.levels.items()],
        unit=axis.unit,
    )


def decimals(limits: tuple[float, float]) -> int:
    """How many decimals the values of an axis need: three, and more where all of them are small."""
    size = max(map(abs, limits))
    return 3 if size >= 0.1 else min(2 - math.floor(math.log10(size)), 30)


def _rows(group: Group, stats: list[dict[str, Any]], axis: Axis) -> list[Row]:
    rows = [(x, label, _values(group, line)) for x, label, line in axis.readings(stats, group.names)]
    return [row for row in rows if any(value is not None for value in row[2])]


def _values(group: Group, line: dict[str, Any]) -> list[float | None]:
    return [value if value is None or is_finite(value) else math.nan for value in map(line.get, group.names)]


def time_chart(epoch_seconds: list[float], axis: Axis) -> Chart:
    """How long each epoch, or tick, took; times that are not finite are left out."""
    points = [(epoch + 0.5, seconds) for epoch, seconds in enumerate(epoch_seconds) if is_finite(seconds)]
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return Chart(
        name="times",
        title=f"Seconds per {axis.span}",
        x_max=max(len(epoch_seconds), 1),
        y_limits=(0.0, 1.1 * float(y.max(initial=0)) or 1.0),
        names={"grey": "seconds"},
        lines=[Line(x, y, css="mean grey")],
        rows=[(a, f"{axis.span.capitalize()} {int(a) + axis.first}", [b]) for a, b in points],
        decimals=1,
        unit=axis.span,
    )


def panels_html(stats: list[dict[str, Any]], groups: Sequence[Group], charts: list[Chart], axis: Axis) -> str:
    """Each group's chart and table, with its title where there are several, and what can be said of all of them."""
    if not stats:
        return '<p class="note">No losses were logged.</p>'
    notes = _notes(stats, groups, axis)
    if len(groups) == 1:
        return charts[0].html() + notes + _table(stats, groups[0], charts[0].decimals, axis)
    panels = [
        f'<div class="panel"><h3>{escape(group.title)}</h3>\n{chart.html()}'
        f"{_table(stats, group, chart.decimals, axis)}</div>"
        for group, chart in zip(groups, charts, strict=True)
    ]
    return f'<div class="panels">{"".join(panels)}</div>{notes}'


def _notes(stats: list[dict[str, Any]], groups: Sequence[Group], axis: Axis) -> str:
    dashed = " Dashed: the theoretical equilibrium." if any(group.levels for group in groups) else ""
    lines = f"Bold: mean of an epoch. Thin: each logged step.{dashed}" if axis.is_epochs else "Means of the ticks."
    legend = f'<p class="note">{lines}</p>'
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


def _heading(group: Group, name: str) -> str:
    """The unit and the label; the label alone where the unit has it, as one of several."""
    label = group.label(name)
    return label if label in group.unit.replace(",", "").split() else f"{group.unit} {label}"


def _table(stats: list[dict[str, Any]], group: Group, places: int, axis: Axis) -> str:
    headings, lines = axis.table(stats, group.names)
    num = len(headings)
    first = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    names = "".join(f'<th scope="col">{escape(_heading(group, name))}</th>' for name in group.names)
    rows = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in line[:num])}"
        f"{''.join(f'<td>{value_text(cell, places)}</td>' for cell in line[num:])}</tr>"
        for line in lines
    )
    region = f'role="region" aria-label="{escape(group.title)}: means by {axis.unit}"'
    return (
        "<details><summary>The means as a table</summary>"
        f'<div class="scroll" tabindex="0" {region}><table class="numbers">'
        f"<thead><tr>{first}{names}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div></details>"
    )
