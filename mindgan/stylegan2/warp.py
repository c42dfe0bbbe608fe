"""Turning, scaling and shifting images within a compiled step, differentiable twice.

As in Karras et al. (2020b), appendix B: the image, continued by its mirror images, is made twice as large by a
wavelet's filter, sampled bilinearly where the transform says, and made small again by the same filter, so that little
is blurred or aliased. Each filter is a matrix along each axis, with the mirrors and the crop in it.
"""

from collections.abc import Mapping

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from mindgan.layers import native
from mindgan.stylegan2.augment import XINT_MAX
from mindgan.stylegan2.bilinear import NativeSampling, SparseSampling
from mindgan.stylegan2.ops import ChannelsFirst, ChannelsLast, upfirdn_matrix

# the low-pass filter of the wavelet sym6 (Daubechies 1992, chapter 6)
SYM6 = np.array(
    [
        *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633),
        *(0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252),
        *(-0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148),
    ]
)
TAPS = len(SYM6)
LOW_PASS = SYM6 / SYM6.sum()
BESIDE = TAPS // 2 - 1  # samples that the filter needs on each side of the image, at twice its size
EARLIER = 0.5  # samples: so much before the middle of its two samples is a pixel, as sym6 weighs most before its middle


class Warp(nn.Cell):
    """Images [N, C, H, W] float32 and matrices [N, 6], as `Augment` draws them, to images of the same shape.

    Nothing is differentiated for the matrices.
    """

    def __init__(self, height: int, width: int, multipliers: Mapping[str, float]):
        """
        Args:
            height: H, 2 or more.
            width: W, 2 or more.
            multipliers: of the transforms that the matrices can consist of, by their names.
        """
        super().__init__()
        self.height, self.width = height, width
        margins = margins_for(height, width, multipliers)
        down, across = Enlarged(height, margins[0]), Enlarged(width, margins[1])
        self.rows, self.columns = Places(down), Places(across)
        self.grid, self.grid_size = Tensor(grids(height, width)), (len(grid(height)), len(grid(width)))
        self.enlarge_down = Tensor(down.matrix.astype(np.float32))
        self.enlarge_across = Tensor(across.matrix.astype(np.float32))
        self.reduce_down = Tensor(reducing_matrix(height).astype(np.float32))
        self.reduce_across = Tensor(reducing_matrix(width).astype(np.float32))
        is_native = native.is_wanted()
        self.sample = NativeSampling() if is_native else SparseSampling()
        self.multiply, self.multiply_rows = ops.MatMul(), ops.BatchMatMul()
        self.multiply_columns = ops.MatMul(transpose_b=True)
        self.to_last, self.to_first = ChannelsLast(is_native=is_native), ChannelsFirst(is_native=is_native)

    def construct(self, images: Tensor, matrices: Tensor) -> Tensor:
        matrices = ops.stop_gradient(matrices)
        x, y = self._coordinates(matrices[:, :3]), self._coordinates(matrices[:, 3:])
        return self._reduced(self.sample(self._enlarged(images), self.rows(y), self.columns(x)))

    def _coordinates(self, rows: Tensor) -> Tensor:
        """By a row of each matrix: of each sample on one axis, [N, H', W'], in samples from the image's centre."""
        return self.multiply(rows, self.grid).reshape(-1, *self.grid_size)

    def _enlarged(self, images: Tensor) -> Tensor:
        """[N, 2 H and more, 2 W and more, C]."""
        num, channels, height, width = images.shape
        across = self.multiply_columns(images.reshape(-1, width), self.enlarge_across)
        across = self.to_last(across.reshape(num, channels, height, -1))
        down = self.multiply_rows(ops.tile(self.enlarge_down, (num, 1, 1)), across.reshape(num, height, -1))
        return down.reshape(num, self.enlarge_down.shape[0], self.enlarge_across.shape[0], channels)

    def _reduced(self, samples: Tensor) -> Tensor:
        """[N, H', W', C] to [N, C, H, W]."""
        num, height, width, channels = samples.shape
        down = self.multiply_rows(ops.tile(self.reduce_down, (num, 1, 1)), samples.reshape(num, height, -1))
        down = self.to_first(down.reshape(num, self.height, width, channels))
        across = self.multiply_columns(down.reshape(-1, width), self.reduce_across)
        return across.reshape(num, channels, self.height, self.width)


class Places(nn.Cell):
    """Coordinates along one axis of the enlarged image, from its centre, to a line of it and the part of the way on.

    The line is an integer, though float32, below the last; coordinates beyond the margin are on lines of zeros.
    """

    def __init__(self, axis: "Enlarged"):
        super().__init__()
        self.half = axis.half
        self.lines = Tensor(axis.lines.astype(np.float32))

    def construct(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        inside = ops.clamp(coordinates, -self.half, self.half + 1)
        before = ops.floor(inside)
        return ops.gather(self.lines, ops.cast(before + self.half, ms.int32), 0), inside - before


class Enlarged:
    """One axis of an image, with margins of mirror images, at twice the size: its samples and where they are kept.

    Attributes:
        matrix: from `size` pixels to the samples that are kept. The mirror images repeat themselves, and so do their
            samples, which are kept once: 4 (size - 1) of them and the ends, however wide the margin.
        half: half the number of samples, kept or not.
        lines: for each sample, with one of zeros before and behind them, the row of `matrix` that has it. The next
            sample's row is the next one.
    """

    def __init__(self, size: int, margin: int):
        """
        Args:
            size: in pixels.
            margin: in pixels, at most size - 1.
        """
        self.half = size + 2 * margin
        rows = np.concatenate([np.zeros((1, size)), enlarging_matrix(size, margin), np.zeros((2, size))])
        self.lines = np.arange(len(rows) - 1)
        period, first, last = 4 * (size - 1), TAPS // 2, len(rows) - 3 - TAPS // 2  # between them no end is met
        kept = np.arange(len(rows))
        if last > first + period:
            kept = np.concatenate([kept[: first + period + 1], kept[last:]])
            again = self.lines[first + period : last]
            self.lines[first + period : last] = again - period
            self.lines[last:] -= last - (first + period + 1)
        self.matrix = rows[kept]


def enlarging_matrix(size: int, margin: int) -> np.ndarray:
    """From `size` pixels to twice as many samples of these and of `margin` pixels of mirror image on either side.

    There is nothing beyond the margins, so the outermost samples fade.
    """
    padded = size + 2 * margin
    matrix = upfirdn_matrix(padded, 2 * LOW_PASS, up=2, padding=(TAPS // 2, BESIDE))
    return matrix @ np.eye(size)[mirrored(np.arange(-margin, size + margin), size)]


def reducing_matrix(size: int) -> np.ndarray:
    """From 2 size + 10 samples, 5 of them on either side of the image, to `size` pixels."""
    return upfirdn_matrix(2 * (size + BESIDE), LOW_PASS, down=2, flips=True)


def mirrored(places: np.ndarray, size: int) -> np.ndarray:
    """Which of `size` pixels, 2 or more, is seen at each place of a row that continues by mirrors, the edge once."""
    period = 2 * (size - 1)
    return size - 1 - np.abs(size - 1 - places % period)


def grid(size: int) -> np.ndarray:
    """Where the samples of the result are, from the centre of the image, in samples: float32 [2 size + 10]."""
    num = 2 * (size + BESIDE)
    return (np.arange(num) - (num - 1) / 2 + EARLIER).astype(np.float32)


def grids(height: int, width: int) -> np.ndarray:
    """x and y of each sample of the result, as of `grid`, and 2, the samples in a pixel: float32 [3, H' W']."""
    y, x = np.meshgrid(grid(height), grid(width), indexing="ij")
    return np.stack([x, y, np.full_like(x, 2)]).reshape(3, -1)


def margins_for(height: int, width: int, multipliers: Mapping[str, float]) -> tuple[int, int]:
    """Above and below, left and right, in pixels: all that the transforms can reach, at most the side less 1.

    Normal draws have no bound, so where these scale or shift it is the side less 1; what lies beyond is 0.
    """
    sides = np.array([height, width])
    if {"scale", "aniso", "xfrac"} & set(multipliers):
        return height - 1, width - 1
    reach = sides / 2 + BESIDE / 2
    if "rotate" in multipliers:
        reach = np.full(2, np.hypot(*reach))
    if "xint" in multipliers:
        reach = reach + np.rint(XINT_MAX * sides)
    if "rotate90" in multipliers:
        reach = np.full(2, reach.max())
    needed = np.ceil(reach - sides / 2 + TAPS / 4 + 0.5).astype(int)
    return min(int(needed[0]), height - 1), min(int(needed[1]), width - 1)
