"""Images to one sheet, and the one place where float images become uint8 again."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mindgan.runtime.errors import UserError
from mindgan.runtime.files import write_atomically

JPEG_QUALITY = 95


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Float images in [-1, 1] to uint8 of the same shape: 127.5 x + 127.5, rounded and clipped.

    The exact inverse of `mindgan.data.batches.normalise`. NaN, which a diverged network draws, becomes mid-grey.
    """
    pixels = np.nan_to_num(images.astype(np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
    pixels *= 127.5
    pixels += 127.5
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def opaque(images: np.ndarray) -> np.ndarray:
    """Images on white where they are transparent: uint8 [N, 4, H, W] to [N, 3, H, W]; others stay as they are."""
    if images.shape[1] != 4:
        return images
    colours, alpha = images[:, :3].astype(np.float32), images[:, 3:] / np.float32(255)
    return np.rint(255 + alpha * (colours - 255)).astype(np.uint8)


def image_grid(images: np.ndarray, *, columns: int = 5, padding: int = 2, scale: int = 1) -> np.ndarray:
    """Images side by side on a black sheet, row by row.

    Args:
        images: uint8 [N, C, H, W], C 1 or 3, N at least 1.
        columns: images a row; fewer where there are fewer images.
        padding: black pixels of the sheet around and between the images.
        scale: each pixel of an image becomes a square of `scale` x `scale` pixels.

    Returns:
        uint8 [H', W'] for C = 1, [H', W', 3] for C = 3, where with R rows H' = R (scale H + padding) + padding, and
        W' alike. Places that the last row leaves free stay black.

    Raises:
        ValueError: the images or the numbers are none of these.
    """
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[1] not in (1, 3) or not len(images):
        raise ValueError(f"images must be uint8 [N, 1 or 3, H, W], not {images.dtype} {list(images.shape)}")
    if columns < 1 or padding < 0 or scale < 1:
        raise ValueError(f"columns {columns}, padding {padding} and scale {scale} must be at least 1, 0 and 1")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    tiles = images.repeat(scale, axis=2).repeat(scale, axis=3)
    tiles = np.pad(tiles, ((0, rows * columns - len(images)), (0, 0), (0, padding), (0, padding)))
    _, channels, height, width = tiles.shape
    sheet = tiles.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)  # [R, H, columns, W, C]
    sheet = sheet.reshape(rows * height, columns * width, channels)
    sheet = np.pad(sheet, ((padding, 0), (padding, 0), (0, 0)))
    return sheet[:, :, 0] if channels == 1 else sheet


def row(images: Sequence[np.ndarray], *, gap: int = 4) -> np.ndarray:
    """Images of one height side by side in colour, such as source, translation and reconstruction.

    Args:
        images: uint8 [1 or 3, H, W], at least one; their widths may differ.
        gap: black pixels between two of them.

    Returns:
        uint8 [H, W', 3], where W' is the sum of the widths and gaps; grey images have three equal channels.

    Raises:
        ValueError: the images or the gap are none of these.
    """
    if not images or gap < 0:
        raise ValueError(f"a row needs one image or more, and a gap of 0 or more, not {len(images)} and {gap}")
    shapes = [image.shape for image in images]
    if any(image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] not in (1, 3) for image in images):
        raise ValueError(f"images of a row must be uint8 [1 or 3, H, W], not {shapes}")
    if len({height for _, height, _ in shapes}) != 1:
        raise ValueError(f"images of a row must have one height, not {shapes}")
    space = np.zeros((shapes[0][1], gap, 3), np.uint8)
    tiles = [image.repeat(3 // image.shape[0], axis=0).transpose(1, 2, 0) for image in images]
    return np.concatenate([part for tile in tiles for part in (space, tile)][1:], axis=1)


def picture(image: np.ndarray) -> np.ndarray:
    """uint8 [1 or 3, H, W] as a picture: [H, W] or [H, W, 3]."""
    return image[0] if len(image) == 1 else image.transpose(1, 2, 0)


def read_picture(path: Path, mode: str) -> np.ndarray:
    """A picture file as uint8 [H, W] (mode ``'L'``) or [H, W, 3] (``'RGB'``).

    Raises:
        UserError: it cannot be read.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert(mode))
    except OSError as error:  # Pillow's own errors are OSErrors too
        raise UserError(f"{path} cannot be read as a picture; remove it") from error


def png_bytes(image: np.ndarray) -> bytes:
    """uint8 [H, W] or [H, W, 3] as PNG; the same pixels give the same bytes."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, format="PNG")
    return data.getvalue()


def save_png(path: Path, image: np.ndarray) -> None:
    """Writes uint8 [H, W] or [H, W, 3] as PNG, atomically; the same pixels give the same bytes.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomically(path, png_bytes(image))


def save_jpeg(path: Path, image: np.ndarray) -> None:
    """Writes uint8 [H, W] or [H, W, 3] as JPEG of quality 95, atomically; the same pixels give the same bytes.

    Colours keep their full resolution: small pictures show it where they do not.

    Raises:
        UserError: the file cannot be written.
    """
    data = io.BytesIO()
    Image.fromarray(image).save(data, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    write_atomically(path, data.getvalue())
