"""Large images through a network that cannot be taken apart, a MindIR file's, in overlapping, blended tiles.

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
    """Where the tiles of an axis of `size` pixels begin, evenly, each a multiple of `multiple`, a quarter overlapping."""
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


def draw_tiled(draw: Draw, image: np.ndarray, tile: int, multiple: int) -> np.ndarray:
    """An image drawn in tiles, each normalised by itself, and blended.

    Args:
        draw: the generator.
        image: float32 [1, C, H, W] in [-1, 1], H and W multiples of `multiple`.
        tile: pixels of a tile's side, a multiple of `multiple`.
        multiple: what sizes have to be multiples of.

    Returns:
        float32 [1, C, H, W].
    """
    height, width = image.shape[2:]
    overlap = tile // OVERLAP_SHARE
    margin = overlap // MARGIN_SHARE
    total = np.zeros_like(image)
    weights = np.zeros((height, width), np.float32)
    for top in starts(height, tile, multiple):
        for left in starts(width, tile, multiple):
            area = (..., slice(top, top + tile), slice(left, left + tile))
            part = draw(image[area])
            ramps = [
                ramp(start, min(tile, size), size, margin, overlap - 2 * margin)
                for start, size in ((top, height), (left, width))
            ]
            weight = np.outer(*ramps)
            total[area] += part * weight
            weights[area[1:]] += weight
    return total / weights
