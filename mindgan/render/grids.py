"""Images to one sheet, and the one place where float images become uint8 again."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from mindgan.runtime.files import write_atomically


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Float images in [-1, 1] to uint8 of the same shape: 127.5 x + 127.5, rounded and clipped.

    The exact inverse of `mindgan.data.batches.normalise`. NaN, which a diverged network draws, becomes mid-grey.
    """
    pixels = np.nan_to_num(images.astype(np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
    pixels *= 127.5
    pixels += 127.5
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


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


def save_png(path: Path, image: np.ndarray) -> None:
    """Writes uint8 [H, W] or [H, W, 3] as PNG, atomically; the same pixels give the same bytes.

    Raises:
        UserError: the file cannot be written.
    """
    data = io.BytesIO()
    Image.fromarray(image).save(data, format="PNG")
    write_atomically(path, data.getvalue())
