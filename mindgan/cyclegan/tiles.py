"""Large images through a network that cannot be taken apart, of a MindIR file that does not tell its layers, in tiles.

Instance norm makes every pixel depend on the whole image, so tiles, normalised each by itself, may differ in colour and
contrast; wide overlaps make that a slow change instead of a seam. `streaming` is exact and needs the layers.
"""

from collections.abc import Callable

import numpy as np

OVERLAP_SHARE = 4  # a quarter of the tile is shared with the next one
MARGIN_SHARE = 4  # a quarter of the overlap, at the tile's edge, counts for nothing: there the padding shows

Draw = Callable[[np.ndarray], np.ndarray]
"""float32 [1, C, H, W] to float32 [1, C, H, W]."""


def starts(size: int, tile: int, multiple: int) -> list[int]:
    """Where the tiles of an axis of `size` px begin, evenly, at multiples of `multiple`; a quarter overlaps."""
    if size <= tile:
        return [0]
    overlap = tile // OVERLAP_SHARE
    num = -(-(size - overlap) // (tile - overlap))
    return [(size - tile) * index // (num - 1) // multiple * multiple for index in range(num)]


def ramp(start: int, tile: int, size: int, margin: int, width: int) -> np.ndarray:
    """How much each pixel of a tile counts along an axis: float32 [tile], 0 at the margins, 1 in the middle.

    Args:
        start: of the tile, px.
        tile: its length, px.
        size: of the axis, px.
        margin: px at an edge inside the image that do not count: there the network saw padding.
        width: px from there to the full weight.
    """
    inward = np.arange(tile) - margin + 0.5
    rising = np.ones(tile) if start == 0 else inward / width
    falling = np.ones(tile) if start + tile == size else inward[::-1] / width
    return np.clip(np.minimum(rising, falling), 0, 1).astype(np.float32)


def draw_tiled(draw: Draw, image: np.ndarray, tile: tuple[int, int], multiple: int) -> np.ndarray:
    """An image drawn in tiles, each normalised by itself, and blended.

    Args:
        draw: the generator.
        image: float32 [1, C, H, W] in [-1, 1], H and W multiples of `multiple`.
        tile: (height, width) of a tile, px, multiples of `multiple`.
        multiple: what sizes have to be multiples of.

    Returns:
        float32 [1, C, H, W].
    """
    size = image.shape[2:]
    total = np.zeros_like(image)
    weights = np.zeros(size, np.float32)
    for top in starts(size[0], tile[0], multiple):
        for left in starts(size[1], tile[1], multiple):
            area = (..., slice(top, top + tile[0]), slice(left, left + tile[1]))
            part = draw(image[area])
            weight = np.outer(*map(_weight, (top, left), tile, size))
            total[area] += part * weight
            weights[area[1:]] += weight
    return total / weights


def _weight(start: int, tile: int, size: int) -> np.ndarray:
    """`ramp` of a tile that begins at `start`."""
    overlap = tile // OVERLAP_SHARE
    margin = overlap // MARGIN_SHARE
    return ramp(start, min(tile, size), size, margin, overlap - 2 * margin)
