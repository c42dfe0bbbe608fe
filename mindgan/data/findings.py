"""What is wrong with an image file, and the bytes that take its place: the rules of ModelArts' MetaValidation.

A finding is half a line; what stands before a colon is its kind, by which findings are counted. The rules are those of
the operator "Data Validation"; beyond them EXIF rotation is applied and 16 bits become 8.
"""

import io
import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from PIL import Image

from mindgan.data.decode import Opened, Undecodable, has_transparency, open_image, refusing, to_channels
from mindgan.runtime.errors import UserError

KEPT, CONVERTED, RENAMED, DROPPED = "kept", "converted", "renamed", "dropped"
SUFFIXES = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "BMP": (".bmp",)}  # formats that stay, and their suffixes
JPEG_QUALITY = 95
MAX_JPEG_SIDE = 65500  # px, JPEG_MAX_DIMENSION of libjpeg
MAX_NAME_BYTES = 200  # most file systems allow 255; the rest is for the temporary name
MODES = {
    "1": "black and white",
    "L": "1 channel",
    "LA": "2 channels",
    "P": "a palette",
    "RGB": "3 channels",
    "CMYK": "CMYK",
    "RGBA": "an alpha channel",
}


@dataclass(frozen=True)
class Rules:
    """What a valid image is."""

    image_channel: int
    """3 for RGB, 1 for grey, 4 for RGB with or without alpha."""
    image_max_width: int = -1
    """px; wider images are reduced proportionally, and -1 is off."""
    image_max_height: int = -1
    """px, alike."""

    def __post_init__(self) -> None:
        if self.image_channel not in (1, 3, 4):
            raise UserError(
                f"--image_channel {self.image_channel} is none; use 3 for colour or 1 for grey (StyleGAN also takes 4)"
            )
        for name in ("image_max_width", "image_max_height"):
            value = getattr(self, name)
            if value < 1 and value != -1:
                raise UserError(f"--{name} {value} is no size; use a number of pixels, or -1 for any size")


class Judgement(NamedTuple):
    findings: tuple[str, ...]
    action: str
    suffix: str
    """Of the result."""
    data: bytes
    """The result."""
    size: tuple[int, int] = (0, 0)
    """(width, height) upright, px; not of a dropped file."""
    result_size: tuple[int, int] = (0, 0)
    """(width, height) of the result, px."""
    turned: bool = False
    """Whether an EXIF orientation was applied."""


def judge(data: bytes, name: str, rules: Rules) -> Judgement:
    """What is wrong with the bytes of a file, and the bytes that take their place."""
    try:
        opened = open_image(data)
        suffix, named = _suffix(opened, name)
        findings = _findings(opened, rules)
        geometry = (opened.image.size, _reduced_size(opened.image, rules), opened.orientation != 1)
        if findings and _keeps_alpha(opened, rules) and suffix.lower() not in SUFFIXES["PNG"]:
            suffix = SUFFIXES["PNG"][0]
        if findings:
            return Judgement((*findings, *named), CONVERTED, suffix, _converted(opened, rules), *geometry)
        return Judgement(named, RENAMED if named else KEPT, suffix, data, *geometry)
    except Undecodable as error:
        return Judgement((f"cannot be decoded: {error}",), DROPPED, "", b"")


def _suffix(opened: Opened, name: str) -> tuple[str, tuple[str, ...]]:
    """The suffix of the result, and what is wrong with the name."""
    suffix = PurePosixPath(name).suffix
    right = SUFFIXES.get(opened.format)
    findings = []
    if right and suffix.lower() not in right:
        findings.append(f"suffix {suffix or 'missing'}, content {opened.format}")
    if len(os.fsencode(PurePosixPath(name).name)) > MAX_NAME_BYTES:
        findings.append(f"a name of more than {MAX_NAME_BYTES} bytes")
    return suffix if right and suffix.lower() in right else (right or SUFFIXES["JPEG"])[0], tuple(findings)


def _findings(opened: Opened, rules: Rules) -> tuple[str, ...]:
    """What the pixels need a conversion for."""
    image = opened.image
    found = []
    if opened.format not in SUFFIXES:
        found.append(f"format {opened.format}")
    if image.mode not in {1: ("L",), 3: ("RGB",), 4: ("RGB", "RGBA")}[rules.image_channel]:
        found.append(MODES.get(image.mode, "1 channel" if image.mode.startswith("I") else f"mode {image.mode}"))
    elif has_transparency(image) and not _keeps_alpha(opened, rules):
        found.append("a transparent colour")
    if opened.bits == 16:
        found.append("16 bits a channel")
    if opened.several_frames:
        found.append("several frames, of which the first is taken")
    if opened.orientation != 1:
        found.append(f"EXIF orientation {opened.orientation}")
    if _reduced_size(image, rules) != image.size:
        found.append(f"more pixels than allowed: {image.width}x{image.height}")
    return tuple(found)


def _reduced_size(image: Image.Image, rules: Rules) -> tuple[int, int]:
    """(width, height) within the largest allowed, of the same aspect ratio."""
    limits = ((rules.image_max_width, image.width), (rules.image_max_height, image.height))
    scale = min([limit / side for limit, side in limits if limit != -1] + [1.0])
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def _keeps_alpha(opened: Opened, rules: Rules) -> bool:
    return rules.image_channel == 4 and has_transparency(opened.image)


def _converted(opened: Opened, rules: Rules) -> bytes:
    keeps_alpha = _keeps_alpha(opened, rules)
    image = to_channels(opened.image, rules.image_channel if keeps_alpha else min(rules.image_channel, 3))
    if (size := _reduced_size(image, rules)) != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    result = io.BytesIO()
    stays = opened.format in ("PNG", "BMP") or keeps_alpha
    if not stays and max(image.size) > MAX_JPEG_SIDE:
        raise Undecodable(f"a side of more than {MAX_JPEG_SIDE} pixels, which no JPEG has")
    with refusing():
        if stays:
            image.save(result, format="PNG" if keeps_alpha else opened.format)
        else:
            image.save(result, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    return result.getvalue()
