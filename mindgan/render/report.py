"""The report of a run: one HTML page that needs nothing else."""

import json
import math
import statistics
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from mindgan.render.chart import Chart, Level, Line, Row
from mindgan.render.curves import (
    EQUILIBRIUM,
    EQUILIBRIUM_LABEL,
    NAMES,
    count_not_finite,
    epoch_means,
    is_finite,
    loss_limits,
    loss_points,
    mean_points,
    num_epochs,
    step_times,
)
from mindgan.render.embed import Embedded, embed_picture
from mindgan.runtime.files import write_atomically

MOST_SAMPLES = 60
# Bytes of the files; base64 makes them 4/3 as large in the page, which stays below 8 MB with all of them.
SAMPLES_BYTES = 2_000_000
PICTURES_BYTES = 600_000
ANIMATION_BYTES = 3_000_000
_SPARSE = 1000  # fewer logged steps than this do not cover one another and are drawn stronger
_FEW_EPOCHS = 4  # up to here the read-out shows every logged step, beyond it the means of the epochs


def save_report(
    path: Path,
    *,
    title: str,
    settings: dict[str, object],
    stats: list[dict[str, Any]],
    nimg_per_epoch: int,
    epoch_seconds: list[float],
    facts: dict[str, str],
    samples: list[tuple[int, Path]],
    pictures: dict[str, Path],
) -> None:
    """Writes the report, atomically: a page of at most about 8 MB that loads nothing from anywhere.

    Args:
        path: where to.
        title: the page's heading.
        settings: name to value, in the order to show.
        stats: the lines of ``stats.jsonl``; losses that are NaN or infinite are left out, and the page says so.
        nimg_per_epoch: images in an epoch.
        epoch_seconds: how long each epoch took, in seconds.
        facts: name to text: device, versions, dataset and the like.
        samples: epoch (from 0) and sheet of images; at most 60 are embedded, evenly chosen, the first and last among
            them. Files that are missing are left out, here and among the pictures.
        pictures: caption to PNG, JPEG or GIF file, shown side by side. A GIF over 3 MB is named, not embedded.

    Raises:
        UserError: the file cannot be written.
    """
    sheets = _embed_samples(samples)
    charts = [_loss_chart(stats, nimg_per_epoch), _time_chart(epoch_seconds)]
    data = {
        "samples": [[epoch, sheet.uri] for epoch, sheet in sheets],
        "charts": [chart.data() for chart in charts if chart.rows],
    }
    template = resources.files("mindgan.render").joinpath("report.html").read_text("utf-8")
    page = Template(template).substitute(
        title=escape(title),
        keys=_key_numbers(stats, epoch_seconds),
        samples=_samples_html(sheets, samples),
        losses=charts[0].html() + _loss_notes(stats) + _loss_table(stats),
        times=_section("Seconds per epoch", charts[1].html(), css="times") if len(charts[1].rows) > 1 else "",
        pictures=_section("Pictures", _pictures_html(pictures), css="pictures"),
        settings=_section("Settings", _table(settings)),
        facts=_section("Run", _table(facts)),
        data=_script_json(data),
    )
    write_atomically(path, page.encode("utf-8", "replace"))


def _loss_chart(stats: list[dict[str, Any]], nimg_per_epoch: int) -> Chart:
    times = step_times(stats, nimg_per_epoch)
    points = {key: loss_points(times, stats, key) for key in NAMES}
    css = {key: key[-1] for key in NAMES}
    weight = "step sparse" if len(stats) < _SPARSE else "step"
    thin_lines = [Line(*points[key], css=f"{weight} {css[key]}") for key in NAMES]
    bold_lines = [Line(*mean_points(stats, key), css=f"mean {css[key]}") for key in NAMES]
    return Chart(
        name="losses",
        title="Losses by epoch",
        x_max=num_epochs(stats),
        y_limits=loss_limits(np.concatenate([y for _, y in points.values()])),
        names={css[key]: name for key, name in NAMES.items()},
        lines=thin_lines + bold_lines,
        rows=_loss_rows(stats, times),
        decimals=3,
        levels=[Level(EQUILIBRIUM[key], EQUILIBRIUM_LABEL[key], css[key]) for key in NAMES],
    )


def _loss_rows(stats: list[dict[str, Any]], times: np.ndarray) -> list[Row]:
    if num_epochs(stats) > _FEW_EPOCHS:
        return [(mean["epoch"] + 0.5, f"Epoch {mean['epoch']}", _losses(mean)) for mean in epoch_means(stats)]
    return [
        (float(time), f"Epoch {line['epoch']}, step {line['step']}", _losses(line))
        for time, line in zip(times, stats, strict=True)
    ]


def _losses(line: dict[str, Any]) -> list[float | None]:
    return [line[key] if is_finite(line.get(key)) else None for key in NAMES]


def _time_chart(epoch_seconds: list[float]) -> Chart:
    points = [(epoch + 0.5, seconds) for epoch, seconds in enumerate(epoch_seconds) if is_finite(seconds)]
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return Chart(
        name="times",
        title="Seconds per epoch",
        x_max=max(len(epoch_seconds), 1),
        y_limits=(0.0, 1.1 * float(y.max(initial=0)) or 1.0),
        names={"s": "seconds"},
        lines=[Line(x, y, css="mean s")],
        rows=[(a, f"Epoch {int(a)}", [b]) for a, b in points],
        decimals=1,
    )


def _key_numbers(stats: list[dict[str, Any]], epoch_seconds: list[float]) -> str:
    """The run in a handful of numbers, those that there are."""
    numbers: list[tuple[str, str]] = []
    means = epoch_means(stats)
    if means:
        numbers.append(("epochs", str(num_epochs(stats))))
        for key, name in sorted(NAMES.items()):
            numbers.append((f"loss {name}, last epoch", _loss_text(means[-1][key])))
    seconds = [second for second in epoch_seconds if is_finite(second)]
    if seconds:
        numbers.append(("training time", duration_text(sum(seconds))))
        numbers.append(("an epoch, median", duration_text(statistics.median(seconds))))
    return "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in numbers)


def duration_text(seconds: float) -> str:
    """``4.2 s``, ``3 min 20 s`` or ``1 h 02 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _loss_text(loss: float) -> str:
    return "not finite" if math.isnan(loss) else f"{loss:.3f}"


def _loss_notes(stats: list[dict[str, Any]]) -> str:
    if not stats:
        return '<p class="note">No losses were logged.</p>'
    legend = '<p class="note">Bold: mean of an epoch. Thin: each logged step. Dashed: the theoretical equilibrium.</p>'
    count = count_not_finite(stats)
    if not count:
        return legend
    left_out = f"{count} of {len(stats) * len(NAMES)} logged losses are not finite (NaN or infinite) and left out."
    return f'{legend}<p class="note warning">{left_out}</p>'


def _loss_table(stats: list[dict[str, Any]]) -> str:
    if not stats:
        return ""
    rows = "".join(
        f"<tr><td>{mean['epoch']}</td><td>{mean['steps']}</td>"
        f"<td>{_loss_text(mean['loss_d'])}</td><td>{_loss_text(mean['loss_g'])}</td></tr>"
        for mean in epoch_means(stats)
    )
    return (
        "<details><summary>The means as a table</summary>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Mean losses by epoch"><table class="numbers">'
        '<thead><tr><th scope="col">Epoch</th><th scope="col">Logged steps</th><th scope="col">Loss D</th>'
        f'<th scope="col">Loss G</th></tr></thead><tbody>{rows}</tbody></table></div></details>'
    )


def choose_evenly(items: list[Any], most: int) -> list[Any]:
    """At most `most` (2 or more) of the items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def _embed_samples(samples: list[tuple[int, Path]]) -> list[tuple[int, Embedded]]:
    there = sorted((epoch, path) for epoch, path in samples if path.is_file())
    chosen = choose_evenly(there, MOST_SAMPLES)
    fits = sum(path.stat().st_size for _, path in chosen) <= SAMPLES_BYTES
    most_bytes = SAMPLES_BYTES if fits else SAMPLES_BYTES // len(chosen)
    sheets = [(epoch, embed_picture(path, most_bytes=most_bytes)) for epoch, path in chosen]
    return [(epoch, sheet) for epoch, sheet in sheets if sheet]


def _samples_html(sheets: list[tuple[int, Embedded]], samples: list[tuple[int, Path]]) -> str:
    if not sheets:
        return '<p class="note">No samples were drawn.</p>'
    epoch, last = sheets[-1]
    end = len(sheets) - 1
    note = f"{len(sheets)} of {len(samples)} epochs are embedded." if len(sheets) < len(samples) else ""
    image = _img(last, f"Generated images, epoch {epoch}", name="sample")
    return (
        f"<figure>{image}"
        f'<figcaption id="caption">Epoch {epoch}</figcaption></figure>\n'
        f'<div class="controls"{"" if end else " hidden"}><label for="epoch">Epoch</label>'
        f'<input type="range" id="epoch" min="0" max="{end}" step="1" value="{end}" aria-valuetext="Epoch {epoch}">'
        '<button type="button" id="play" aria-pressed="false">Play</button></div>\n'
        f'<p class="note">{note}</p>'
    )


def _img(picture: Embedded, alt: str, *, name: str = "") -> str:
    css = ' class="pixels"' if picture.width < 320 else ""
    size = f'width="{picture.width}" height="{picture.height}"'
    identity = f' id="{name}"' if name else ""
    return f'<img{identity}{css} src="{picture.uri}" alt="{escape(alt)}" {size}>'


def _pictures_html(pictures: dict[str, Path]) -> str:
    there = {caption: path for caption, path in pictures.items() if path.is_file()}
    num_gifs = sum(map(_is_gif, there.values()))
    figures = []
    for caption, path in there.items():
        total, num = (ANIMATION_BYTES, num_gifs) if _is_gif(path) else (PICTURES_BYTES, len(there) - num_gifs)
        figures.append(_figure(caption, path, embed_picture(path, most_bytes=total // num)))
    return "\n".join(figures)


def _is_gif(path: Path) -> bool:
    return path.suffix.lower() == ".gif"


def _figure(caption: str, path: Path, picture: Embedded | None) -> str:
    if picture is None:
        instead = f"<p>{escape(path.name)}, too large to be embedded</p>"
        return f"<figure><figcaption>{escape(caption)}</figcaption>{instead}</figure>"
    image = _img(picture, caption)
    if picture.is_animation:  # folding it away is how a reader stops it
        return f'<details class="animation" open><summary>{escape(caption)}</summary>{image}</details>'
    return f"<figure><figcaption>{escape(caption)}</figcaption>{image}</figure>"


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
