"""Frames to an animated GIF."""

import io
import math
from collections.abc import Sequence
from itertools import compress
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mindgan.render.grids import read_picture
from mindgan.render.series import choose_evenly
from mindgan.runtime.files import write_atomically

_MOST_FRAMES = 60
_LONGEST_MS = 655_350  # the format stores hundredths of a second in 16 bits
_PALETTE_PIXELS = 20_000  # from so many a frame's palette is found: k-means takes its time


def save_gif(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    milliseconds: int = 200,
    captions: Sequence[str] | None = None,
    hold_last_ms: int = 1500,
) -> None:
    """Writes a GIF that loops for ever, atomically; the same frames give the same bytes.

    Grey frames keep every pixel; frames of more than 256 colours are dithered with 256, each frame with its own.
    Equal frames that follow one another are stored once and shown as long as all of them.

    Args:
        path: where to.
        frames: uint8 [H, W] or [H, W, 3], all of one shape, at least one.
        milliseconds: how long each frame but the last is shown; GIFs count in steps of 10.
        captions: a line of text a frame, drawn in a strip below it.
        hold_last_ms: how long the last frame is shown.

    Raises:
        ValueError: no frames, frames of different shapes, another number of captions, or times under 10 ms.
        UserError: the file cannot be written.
    """
    if not frames or len({frame.shape for frame in frames}) != 1:
        raise ValueError("a GIF needs one frame or more, all of the same shape")
    if captions is not None and len(captions) != len(frames):
        raise ValueError(f"{len(captions)} captions for {len(frames)} frames")
    if min(milliseconds, hold_last_ms) < 10:
        raise ValueError("a frame of a GIF lasts 10 ms or more")
    pictures = list(frames) if captions is None else _captioned(frames, captions)
    kept, durations = _merge_repeats(pictures, [milliseconds] * (len(frames) - 1) + [hold_last_ms])
    first, *others = (_to_pillow(picture) for picture in kept)
    data = io.BytesIO()
    first.save(data, format="GIF", save_all=True, append_images=others, duration=durations, loop=0)
    write_atomically(path, data.getvalue())


def save_progress(
    path: Path,
    samples: Sequence[tuple[int, Path]],
    *,
    mode: str,
    least_width: int = 0,
    most_width: int | None = None,
    words: tuple[str, str] = ("epoch ", ""),
) -> None:
    """The samples of a training as a GIF, with their epochs below; of many, evenly chosen ones.

    Args:
        path: where to.
        samples: epoch and picture file, at least one; those of another size than the last are left out.
        mode: ``'L'`` for grey, ``'RGB'`` for colour.
        least_width: narrower pictures are enlarged by a whole number while they stay within this width, px.
        most_width: wider pictures are reduced by a whole number to within this width, px; None for none.
        words: what stands before and after the number in a caption.

    Raises:
        UserError: a picture cannot be read, or the file cannot be written.
    """
    chosen = choose_evenly(list(samples), _MOST_FRAMES)
    frames = [read_picture(picture, mode) for _, picture in chosen]
    width = frames[-1].shape[1]
    scale, part = max(1, least_width // width), -(-width // (most_width or width))
    is_like_last = [frame.shape == frames[-1].shape for frame in frames]
    frames = [frame.repeat(scale, axis=0).repeat(scale, axis=1) for frame in compress(frames, is_like_last)]
    frames = [np.asarray(Image.fromarray(frame).reduce(part)) for frame in frames]
    save_gif(path, frames, captions=[str(epoch).join(words) for epoch, _ in compress(chosen, is_like_last)])


def _merge_repeats(pictures: list[np.ndarray], durations: list[int]) -> tuple[list[np.ndarray], list[int]]:
    """Equal neighbours made one that lasts as long as both, so that no encoder has to decide what to do with them."""
    kept: list[np.ndarray] = []
    times: list[int] = []
    for picture, duration in zip(pictures, durations, strict=True):
        duration = round(duration / 10) * 10
        if kept and np.array_equal(kept[-1], picture):
            times[-1] += duration
        else:
            kept.append(picture)
            times.append(duration)
    return kept, [min(time, _LONGEST_MS) for time in times]


def _to_pillow(picture: np.ndarray) -> Image.Image:
    """Grey as it is; colour with a palette of its own, exact where 256 colours are enough, else dithered.

    Of the palettes that Pillow makes, the one of maximum coverage, refined by k-means, changed photographs the least.
    """
    image = Image.fromarray(picture)
    if image.mode == "L":
        return image
    if image.getcolors(256):
        return image.quantize(256)
    step = max(1, round(math.sqrt(image.width * image.height / _PALETTE_PIXELS)))
    some = Image.fromarray(np.ascontiguousarray(picture[::step, ::step]))
    palette = some.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=1)
    return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def _captioned(frames: Sequence[np.ndarray], captions: Sequence[str]) -> list[np.ndarray]:
    """Each frame with its caption in a black strip below, in one size of type that the longest caption fits."""
    width = frames[0].shape[1]
    longest = max(captions, key=len)
    size = max(11, width // 16)
    while size > 6 and ImageFont.load_default(size).getlength(longest) > width - size:
        size -= 1
    return [_caption(frame, text, size) for frame, text in zip(frames, captions, strict=True)]


def _caption(frame: np.ndarray, text: str, size: int) -> np.ndarray:
    """The frame and, below it, `text` in white on black, at the left so that counting numbers do not jitter."""
    strip = Image.new("L", (frame.shape[1], round(1.7 * size)))
    position = (size // 2, strip.height // 2)
    ImageDraw.Draw(strip).text(position, text, fill=255, font=ImageFont.load_default(size), anchor="lm")
    below = np.asarray(strip)
    if frame.ndim == 3:
        below = below[:, :, None].repeat(3, axis=2)
    return np.concatenate([frame, below])
