"""The report of a run: one HTML page that needs nothing else."""

import json
import statistics
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from mindgan.render.axis import Axis
from mindgan.render.report_curves import decimals, group_charts, panels_html, time_chart, value_text
from mindgan.render.report_pictures import (
    embed_pairs,
    embed_samples,
    pairs_data,
    pairs_html,
    pictures_html,
    samples_html,
)
from mindgan.render.series import Group, epoch_means, is_finite
from mindgan.runtime.files import write_atomically


def save_report(
    path: Path,
    *,
    title: str,
    settings: dict[str, object],
    stats: list[dict[str, Any]],
    groups: Sequence[Group],
    nimg_per_epoch: int | None,
    epoch_seconds: list[float],
    facts: dict[str, str],
    samples: list[tuple[int, Path]],
    pictures: dict[str, Path],
    before_after: Sequence[tuple[str, Path | np.ndarray, Path | np.ndarray]] = (),
    warnings: Sequence[str] = (),
) -> None:
    """Writes the report, atomically: a page of at most about 10 MB that loads nothing from anywhere.

    Args:
        path: where to.
        title: the page's heading.
        settings: name to value, in the order to show.
        stats: the lines of ``stats.jsonl``; values that are NaN or infinite are left out, and the page says so.
        groups: what to draw of them, a chart each, at least one.
        nimg_per_epoch: images in an epoch; None where lines are means of ticks: they and the samples are of kimg.
        epoch_seconds: how long each epoch took, in seconds.
        facts: name to text: device, versions, dataset and the like.
        samples: epoch (from 0) and sheet of images; at most 60 are embedded, evenly chosen, the first and last among
            them. Files that are missing are left out, here and among the pictures and pairs.
        pictures: caption to PNG, JPEG or GIF file, shown side by side. A GIF over 3 MB is named, not embedded.
        before_after: title, source and translation, each a PNG or JPEG file or uint8 [H, W] or [H, W, 3], shown one
            pair at a time with a divider to slide; at most 24, evenly chosen.
        warnings: sentences that stand in a box at the top.

    Raises:
        UserError: the file cannot be written.
    """
    sheets, pairs = embed_samples(samples), embed_pairs(before_after)
    axis = Axis(nimg_per_epoch)
    charts, times = group_charts(stats, groups, axis), time_chart(epoch_seconds, axis)
    data = {
        "samples": [[epoch, sheet.uri] for epoch, sheet in sheets],
        "charts": [chart.data() for chart in [*charts, times] if chart.rows],
        "pairs": pairs_data(pairs),
    }
    template = resources.files("mindgan.render").joinpath("report.html").read_text("utf-8")
    page = Template(template).substitute(
        title=escape(title),
        keys=_key_numbers(stats, groups, epoch_seconds, axis),
        warnings=_warnings_html(warnings),
        samples=_section(f"Samples by {axis.unit}", samples_html(sheets, samples, axis), css="samples"),
        pairs=_section("Before and after", pairs_html(pairs), css="compare"),
        losses=_losses_section(panels_html(stats, groups, charts, axis), groups),
        times=_section(f"Seconds per {axis.span}", times.html(), css="times") if len(times.rows) > 1 else "",
        pictures=_section("Pictures", pictures_html(pictures), css="pictures"),
        settings=_section("Settings", _table(settings)),
        facts=_section("Run", _table(facts)),
        data=_script_json(data),
    )
    write_atomically(path, page.encode("utf-8", "replace"))


def _key_numbers(stats: list[dict[str, Any]], groups: Sequence[Group], epoch_seconds: list[float], axis: Axis) -> str:
    """The run in a handful of numbers, those that there are."""
    numbers: list[tuple[str, str]] = []
    if stats:
        numbers.append(("epochs" if axis.is_epochs else "kimg", f"{axis.end(stats):g}"))
        numbers += _last_means(stats, groups[0]) if len(groups) == 1 else []
    seconds = [second for second in epoch_seconds if is_finite(second)]
    if seconds:
        numbers.append(("training time", duration_text(sum(seconds))))
        numbers.append(
            (f"{'an' if axis.is_epochs else 'a'} {axis.span}, median", duration_text(statistics.median(seconds)))
        )
    return "".join(f"<div><dt>{escape(label)}</dt><dd>{value}</dd></div>" for label, value in numbers)


def _last_means(stats: list[dict[str, Any]], group: Group) -> list[tuple[str, str]]:
    last = epoch_means(stats, group.names)[-1]
    largest = max((abs(last[name]) for name in group.names if is_finite(last[name])), default=1.0)
    return [
        (f"{group.unit.lower()} {group.label(name)}, last epoch", value_text(last[name], decimals((0, largest or 1.0))))
        for name in sorted(group.names)
    ]


def duration_text(seconds: float) -> str:
    """``4.2 s``, ``3 min 20 s`` or ``1 h 02 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _warnings_html(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    return _section("Warnings", f"<ul>{items}</ul>", css="warnings")


def _losses_section(body: str, groups: Sequence[Group]) -> str:
    if len(groups) == 1:
        return _section(escape(groups[0].unit), body, css="losses")
    return _section("Curves", body, css="losses many")


def _section(heading: str, body: str, *, css: str = "") -> str:
    return f'<section class="{css}"><h2>{heading}</h2>\n{body}</section>' if body else ""


def _table(values: dict[str, Any]) -> str:
    rows = [
        f'<tr><th scope="row">{escape(str(name))}</th><td>{escape(str(value))}</td></tr>'
        for name, value in values.items()
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _script_json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
