"""The bytes of an image file to pixels; whatever is wrong with them becomes one kind of error."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import ExifTags, Image

from mindgan.data.image_set import ImageItem, shown
from mindgan.runtime.errors import UserError

MAX_PIXELS = 89_478_485  # Pillow's own limit, which it only warns at: 256 MiB as RGB
# No formats that run programs (EPS) or are told by nothing but their suffix (TGA).
FORMATS = ("JPEG", "MPO", "PNG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
PNG_BITS_OFFSET = 24  # of the bit depth in the header: https://www.w3.org/TR/png/#11IHDR
UPRIGHT = {  # Exif 2.32, tag Orientation: what brings the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Local filters would not do: Python's are not kept apart by thread, and images are decoded in several.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # of odd tags, without the file's name
logging.getLogger("PIL").addHandler(logging.NullHandler())  # alike; without a handler the console would be one
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class Undecodable(Exception):
    """The bytes are no whole image; the message is half a line."""


@dataclass(frozen=True)
class Opened:
    """An image file, decoded as it is stored but upright."""

    image: Image.Image
    """The first frame, in the mode of the file."""
    format: str
    """One of `FORMATS`."""
    bits: int
    """Bits a channel in the file, 8 or 16; fewer count as 8."""
    orientation: int
    """The EXIF orientation that was applied, 1 to 8; 1 is upright already."""
    several_frames: bool
    """Whether there are frames after the first, as of an animation."""


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextmanager
def refusing() -> Iterator[None]:
    """Whatever Pillow raises for damaged or hostile bytes, of which it promises no list, becomes `Undecodable`."""
    try:
        yield
    except (Undecodable, MemoryError):
        raise
    except Image.UnidentifiedImageError as error:  # its message holds an address
        raise Undecodable("no image of a known format") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Undecodable(f"more than {MAX_PIXELS} pixels") from error
    except Exception as error:
        if "truncated" in str(error).lower():
            raise Undecodable("the file is cut short") from error
        raise Undecodable(shown(error) or type(error).__name__) from error


def open_image(data: bytes) -> Opened:
    """Decodes the first frame of an image file and applies its EXIF orientation.

    Raises:
        Undecodable: the bytes are of no known format, not whole, or of more than `MAX_PIXELS` pixels.
    """
    with refusing(), Image.open(io.BytesIO(data), formats=_formats()) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Undecodable(f"more than {MAX_PIXELS} pixels")
        name = "JPEG" if image.format == "MPO" else str(image.format)  # MPO is a JPEG with further pictures behind it
        orientation = _orientation(image)
        image.load()
        left = _orientation(image)  # loading has turned a TIFF already
        upright = image.transpose(UPRIGHT[left]) if left in UPRIGHT else image.copy()
        return Opened(upright, name, _bits(image, data), orientation, _has_second_frame(image))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged tag says nothing about the pixels
        return 1
    return value if value in UPRIGHT else 1


def _has_second_frame(image: Image.Image) -> bool:
    """Moves an image to its second frame, if it has one; counting them could take long."""
    if image.format == "MPO":  # previews of the picture
        return False
    try:
        image.seek(1)
        return True
    except Exception:  # EOFError where there is none; a damaged one is as good as none
        return False


def _bits(image: Image.Image, data: bytes) -> int:
    if image.format == "PNG" and image.mode in ("RGB", "RGBA", "LA"):  # of which Pillow drops the lower byte
        return max(data[PNG_BITS_OFFSET], 8)
    return 16 if image.mode.startswith("I") else 8


def has_transparency(image: Image.Image) -> bool:
    """Whether some pixels may be transparent: by an alpha channel, or a colour or palette entry that is."""
    return image.has_transparency_data


def to_channels(image: Image.Image, channels: int) -> Image.Image:
    """An image of any mode to RGB (3 channels), grey (1, ITU-R 601-2 luma) or RGBA (4) of 8 bits.

    For 3 and 1, what is transparent is laid over white, as a page shows it: the colours that an alpha channel hides are
    arbitrary. For 4, an image without alpha becomes opaque.
    Of 16 bits the higher byte is kept, as Pillow does for RGB. CMYK is converted without colour profile.

    Raises:
        Undecodable: the pixels are numbers of an unknown range, or cannot be converted.
    """
    with refusing():
        if image.mode == "F" or image.mode.startswith("I"):
            image = _eight_bits(image)
        if channels == 4:
            return image.convert("RGBA")
        if has_transparency(image):
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return image.convert("RGB" if channels == 3 else "L")


def _eight_bits(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image)
    if image.mode == "F" or pixels.min() < 0 or pixels.max() > 0xFFFF:
        raise Undecodable("its pixels are numbers without a known range; save it with 8 or 16 bits a channel")
    return Image.fromarray((pixels >> 8).astype(np.uint8))


def decode(data: bytes, *, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """The pixels of an image file, as `open_image` and `to_channels` make them.

    Args:
        data: the file.
        channels: 3 for RGB, 1 for grey, 4 for RGBA.
        size: (height, width) to resize to, bicubic with antialiasing, the aspect ratio not kept; None leaves it.

    Returns:
        uint8 [channels, H, W].

    Raises:
        Undecodable: the bytes are no whole image.
    """
    image = to_channels(open_image(data).image, channels)
    if size is not None and image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BICUBIC)
    return channels_first(image)


def channels_first(image: Image.Image) -> np.ndarray:
    """The pixels of an image of 8 bits: uint8 [C, H, W]."""
    pixels = np.asarray(image)  # [H, W] or [H, W, C]
    return pixels[None].copy() if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def decode_item(item: ImageItem, *, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """The pixels of an image of a set; see `decode`.

    Raises:
        UserError: the file cannot be read or is no whole image; the message names it.
    """
    with naming(item):
        return decode(item.read(), channels=channels, size=size)


@contextmanager
def naming(item: ImageItem) -> Iterator[None]:
    """What is `Undecodable` becomes a UserError that names the file."""
    try:
        yield
    except Undecodable as error:
        raise UserError(
            f"{item.where} cannot be decoded: {error}; mend or remove it, or run with validation"
        ) from error
