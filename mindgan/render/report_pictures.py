"""The report's pictures: samples by epoch, pictures side by side, and pairs of before and after."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mindgan.render.axis import Axis
from mindgan.render.embed import Embedded, embed_image, embed_picture
from mindgan.render.series import choose_evenly

MOST_SAMPLES = 60
MOST_PAIRS = 24
# Bytes of the files; base64 makes them 4/3 as large in the page, which stays below 10 MB with all of them.
SAMPLES_BYTES = 2_000_000
PICTURES_BYTES = 600_000
ANIMATION_BYTES = 3_000_000
PAIRS_BYTES = 1_200_000


class Pair(NamedTuple):
    """Two pictures to slide between."""

    title: str
    before: Embedded
    after: Embedded


def embed_samples(samples: list[tuple[int, Path]]) -> list[tuple[int, Embedded]]:
    """The samples that are there, evenly chosen and small enough for the page: epoch and picture, in order."""
    there = sorted(((epoch, path) for epoch, path in samples if path.is_file()), key=lambda sample: sample[0])
    chosen = choose_evenly(there, MOST_SAMPLES)
    fits = sum(path.stat().st_size for _, path in chosen) <= SAMPLES_BYTES
    most_bytes = SAMPLES_BYTES if fits else SAMPLES_BYTES // len(chosen)
    sheets = [(epoch, embed_picture(path, most_bytes=most_bytes)) for epoch, path in chosen]
    return [(epoch, sheet) for epoch, sheet in sheets if sheet]


def samples_html(sheets: list[tuple[int, Embedded]], samples: list[tuple[int, Path]], axis: Axis) -> str:
    """The last sample with the controls that show another."""
    if not sheets:
        return '<p class="note">No samples were drawn.</p>'
    epoch, last = sheets[-1]
    end = len(sheets) - 1
    before, after = axis.words
    words = f'data-before="{before}" data-after="{after}" data-middle="{0.5 if axis.is_epochs else 0}"'
    note = f"{len(sheets)} of {len(samples)} {axis.samples} are embedded." if len(sheets) < len(samples) else ""
    where = axis.name(epoch)
    image = _img(last, f"Generated images, {where.lower()}", name="sample")
    return (
        f"<figure>{image}"
        f'<figcaption id="caption">{where}</figcaption></figure>\n'
        f'<div class="controls"{"" if end else " hidden"}><label for="epoch">{axis.label}</label>'
        f'<input type="range" id="epoch" min="0" max="{end}" step="1" value="{end}" {words} aria-valuetext="{where}">'
        '<button type="button" id="play" aria-pressed="false">Play</button></div>\n'
        f'<p class="note">{note}</p>'
    )


def _img(picture: Embedded, alt: str, *, name: str = "") -> str:
    css = ' class="pixels"' if picture.width < 320 else ""
    size = f'width="{picture.width}" height="{picture.height}"'
    identity = f' id="{name}"' if name else ""
    return f'<img{identity}{css} src="{picture.uri}" alt="{escape(alt)}" {size}>'


def pictures_html(pictures: dict[str, Path]) -> str:
    """Caption to picture file, those that are there, side by side."""
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


def embed_pairs(before_after: Sequence[tuple[str, Path | np.ndarray, Path | np.ndarray]]) -> list[Pair]:
    """The pairs of which both pictures are there, evenly chosen and small enough for the page."""
    chosen = choose_evenly(list(before_after), MOST_PAIRS)
    most_bytes = PAIRS_BYTES // max(2 * len(chosen), 1)
    pairs = [(title, _embed(before, most_bytes), _embed(after, most_bytes)) for title, before, after in chosen]
    return [Pair(title, before, after) for title, before, after in pairs if before and after]


def _embed(picture: Path | np.ndarray, most_bytes: int) -> Embedded | None:
    if isinstance(picture, np.ndarray):
        return embed_image(picture, most_bytes=most_bytes)
    return embed_picture(picture, most_bytes=most_bytes)


def pairs_html(pairs: list[Pair]) -> str:
    """The first pair with its divider, and the choice of another; empty without pairs."""
    if not pairs:
        return ""
    options = "".join(f'<option value="{i}">{escape(pair.title)}</option>' for i, pair in enumerate(pairs))
    title, before, after = pairs[0]
    # the divider lies over the whole picture, so that a pointer can take it anywhere
    return (
        f'<div class="controls"{"" if len(pairs) > 1 else " hidden"}><label for="pair">Picture</label>'
        f'<select id="pair">{options}</select></div>\n'
        f'<figure><div class="pair" id="compare">{_img(after, f"{title}, after", name="after")}'
        f"{_img(before, f'{title}, before', name='before')}"
        '<span class="side">Before</span><span class="side right">After</span>'
        '<input type="range" id="divider" min="0" max="100" step="0.5" value="50" aria-label="Divider" '
        'aria-valuetext="50 % before"><span class="handle"></span></div>\n'
        f'<figcaption id="pair-title">{escape(title)}</figcaption></figure>'
    )


def pairs_data(pairs: list[Pair]) -> list[list[object]]:
    """What the page's script needs of the pairs: title and the two addresses of each."""
    return [[pair.title, pair.before.uri, pair.after.uri] for pair in pairs]
