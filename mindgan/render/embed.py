"""Picture files as data URIs of bounded size, for pages that must stand alone."""

import base64
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mindgan.render.grids import png_bytes

_MIME = {"PNG": "image/png", "GIF": "image/gif", "JPEG": "image/jpeg"}
_SMALLER_PX = (1024, 768, 512, 384, 256)  # longest sides to try where a picture is too big as it is
_JPEG_QUALITY = 85


class Embedded(NamedTuple):
    """A picture inside a page."""

    uri: str
    width: int  # pixels
    height: int
    is_animation: bool


def embed_picture(path: Path, *, most_bytes: int) -> Embedded | None:
    """The picture at `path` as a data URI.

    A PNG or JPEG file of more than `most_bytes` is embedded smaller, as JPEG. None where there is no such file, where
    it is no picture, or where it is a GIF of more than `most_bytes`.
    """
    try:
        return _embed_bytes(path.read_bytes(), most_bytes)
    except (OSError, Image.DecompressionBombError):
        return None


def embed_image(image: np.ndarray, *, most_bytes: int) -> Embedded | None:
    """uint8 [H, W] or [H, W, 3] as a data URI: PNG, or smaller as JPEG where that has more than `most_bytes`."""
    return _embed_bytes(png_bytes(image), most_bytes)


def _embed_bytes(data: bytes, most_bytes: int) -> Embedded | None:
    with Image.open(io.BytesIO(data), formats=list(_MIME)) as image:
        kind = str(image.format)
        if len(data) <= most_bytes:
            return _embedded(data, kind, image)
        return None if kind == "GIF" else _shrunken(image, most_bytes)


def _embedded(data: bytes, kind: str, image: Image.Image) -> Embedded:
    uri = f"data:{_MIME[kind]};base64,{base64.b64encode(data).decode()}"
    return Embedded(uri, image.width, image.height, getattr(image, "is_animated", False))


def _shrunken(image: Image.Image, most_bytes: int) -> Embedded:
    """The largest JPEG within `most_bytes`, or the smallest there is."""
    small = image.convert("L" if image.mode == "L" else "RGB")
    data = io.BytesIO()
    for side in _SMALLER_PX:
        small.thumbnail((side, side))
        data = io.BytesIO()
        small.save(data, format="JPEG", quality=_JPEG_QUALITY)
        if data.tell() <= most_bytes:
            break
    return _embedded(data.getvalue(), "JPEG", small)
