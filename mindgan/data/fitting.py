"""Images of any size to one size: the middle of the picture in the right aspect ratio, reduced or enlarged."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from PIL import Image

from mindgan.data.decode import channels_first, naming, open_image, refusing, to_channels
from mindgan.data.image_set import ImageItem
from mindgan.data.prefetch import map_ahead
from mindgan.runtime.errors import UserError

FILTERS = {"box": Image.Resampling.BOX, "lanczos": Image.Resampling.LANCZOS}
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
NUM_THREADS = 4


@dataclass(frozen=True)
class FitCounts:
    """How many images were changed, and how."""

    cropped: int = 0
    """Sides were cut off, since the aspect ratio was another."""
    reduced: int = 0
    enlarged: int = 0
    """They had fewer pixels than were asked for."""
    converted: int = 0
    """They had other channels, or more than 8 bits."""
    turned: int = 0
    """An EXIF orientation was applied."""

    def __add__(self, other: "FitCounts") -> "FitCounts":
        return FitCounts(*(getattr(self, name) + getattr(other, name) for name in _NAMES))

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, name)} {name}" for name in _NAMES)


_NAMES = tuple(field.name for field in fields(FitCounts))


class Fitted(NamedTuple):
    """An image as it is trained on."""

    pixels: np.ndarray
    """uint8 [C, H, W]."""
    counts: FitCounts
    """0 or 1 each."""


@dataclass(frozen=True)
class Fitting:
    """What images are brought to.

    Raises:
        UserError: an option is out of range.
    """

    channels: int
    """1 for grey, 3 for RGB, 4 for RGBA, where images without alpha are opaque."""
    size: tuple[int, int]
    """(height, width), px."""
    resize_filter: str = "box"
    """How images are reduced: ``box`` by area, the mean of the pixels whose centres a new pixel covers; ``lanczos`` is
    sharper. They are enlarged with Lanczos in either case."""

    def __post_init__(self) -> None:
        if self.channels not in MODES:
            raise UserError(f"--image_channel {self.channels} is none; use 3 for colour, 1 for grey or 4 for RGBA")
        if self.resize_filter not in FILTERS:
            raise UserError(f"--resize_filter {self.resize_filter} is none; use {' or '.join(FILTERS)}")

    @property
    def num_bytes(self) -> int:
        """Of one image."""
        return self.channels * self.size[0] * self.size[1]

    def items(self, items: Iterable[ImageItem]) -> Iterator[Fitted]:
        """The images in their order; they are decoded in threads.

        Raises:
            UserError: a file cannot be read or decoded; the message names it.
        """
        return map_ahead(self._item, items, num_threads=NUM_THREADS)

    def _item(self, item: ImageItem) -> Fitted:
        with naming(item):
            opened = open_image(item.read())
            converted = opened.image.mode != MODES[self.channels] or opened.bits > 8
            fitted = self.image(to_channels(opened.image, self.channels))
        more = FitCounts(converted=int(converted), turned=int(opened.orientation != 1))
        return Fitted(fitted.pixels, fitted.counts + more)

    def image(self, image: Image.Image) -> Fitted:
        """One image of the right channels."""
        (left, top, right, bottom), (height, width) = centre_box(image.size, self.size), self.size
        area = (right - left, bottom - top)
        enlarged = area[0] < width or area[1] < height
        reduced = area != (width, height) and not enlarged
        counts = FitCounts(cropped=int(area != image.size), reduced=int(reduced), enlarged=int(enlarged))
        with refusing():
            if area == (width, height):
                image = image.crop((left, top, right, bottom))
            else:
                method = Image.Resampling.LANCZOS if enlarged else FILTERS[self.resize_filter]
                image = image.resize((width, height), method, box=(left, top, right, bottom))
        return Fitted(channels_first(image), counts)


def centre_box(image_size: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the largest part in the middle that has the aspect ratio of a size.

    Args:
        image_size: (width, height), px.
        size: (height, width) whose aspect ratio is wanted.
    """
    image_width, image_height = image_size
    height, width = size
    scale = min(image_height / height, image_width / width)
    part_height = min(image_height, max(1, round(height * scale)))
    part_width = min(image_width, max(1, round(width * scale)))
    left, top = (image_width - part_width) // 2, (image_height - part_height) // 2
    return left, top, left + part_width, top + part_height
