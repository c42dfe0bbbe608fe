"""Image files for tests, whole and broken."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mindgan.data.image_set import ImageSet
from mindgan.data.image_source import list_images
from mindgan.runtime.errors import UserError


def pixels(seed: int = 0, height: int = 6, width: int = 8, channels: int = 3) -> np.ndarray:
    """Random pixels: uint8 [H, W, channels], or [H, W] for 1 channel."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    """The bytes of an image file."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    data = io.BytesIO()
    image.save(data, format=kind, **options)
    return data.getvalue()


def rotated(array: np.ndarray, orientation: int, kind: str = "PNG", **options: object) -> bytes:
    """An image file that asks to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(array, kind, exif=exif, **options)


def raw_png(samples: bytes, width: int, height: int, *, bits: int, colour_type: int) -> bytes:
    """A PNG of any depth and size: `samples` are its unfiltered rows, which need not be all that it announces."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    stride = len(samples) // height if samples else 0
    rows = b"".join(b"\0" + samples[row * stride : (row + 1) * stride] for row in range(height)) if samples else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    """Writes files by their names in a folder."""
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_zip(path: Path, contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Writes files by their names in a .zip; a name that ends in / is a folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def some(num: int, *, first: int = 0, folder: str = "") -> dict[str, bytes]:
    """`num` different small images by name."""
    return {f"{folder}{i:03d}.png": encoded(pixels(first + i)) for i in range(num)}


def names(images: ImageSet) -> list[str]:
    """Of a set, in its order."""
    return [item.name for item in images.items]


def listed(path: Path | str) -> ImageSet:
    """What is found under a path."""
    return list_images(path, option="--data_url")


def refusal(path: Path | str) -> str:
    """What is said of a path that is refused: one line, which names the option."""
    with pytest.raises(UserError) as error:
        listed(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("--data_url ")
    return str(error.value)
