"""Resampling with FIR filters, scaling by channel, and the biased activation of StyleGAN2, each twice differentiable.

Images are [N, H, W, C] here, as in mindgan/layers.
"""

import math

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.ops.functional import is_sequence_value_unknown

from mindgan.layers.activations import LEAKY_SLOPE
from mindgan.layers.sharing import shared
from mindgan.layers.twice_differentiable import AddBias, GatherRows, ReorderRows

RESAMPLE_FILTER = (1, 3, 3, 1)
AT_ONCE_PX = 256  # images up to so many pixels are resampled by one matrix, larger ones along each axis
MOST_COPIED_PX = 72  # wider images are turned, as the matrix's copies, one a row of pixels, would take more memory


def upfirdn_matrix(
    size: int, taps: np.ndarray, *, up: int = 1, down: int = 1, padding: tuple[int, int] = (0, 0), flips: bool = False
) -> np.ndarray:
    """Zero insertion, padding, FIR filter and decimation along one axis, as a matrix.

    Args:
        size: of the axis, px.
        taps: of the filter.
        up: zeros are inserted up to so many times the size.
        down: every so many-th pixel is kept.
        padding: zeros before and behind, px; negative crops.
        flips: False convolves (the filter is mirrored), True correlates.

    Returns:
        float64 [out, size].
    """
    taps = np.asarray(taps, np.float64)
    padded = size * up + sum(padding)
    num = (padded - len(taps)) // down + 1
    matrix = np.zeros((num, size))
    for row in range(num):
        for tap, value in enumerate(taps if flips else taps[::-1]):
            source, left = divmod(row * down + tap - padding[0], up)
            if left == 0 and 0 <= source < size:
                matrix[row, source] += value
    return matrix


class Resample(nn.Cell):
    """x [N, H, W, C] to [N, H', W', C]: upfirdn2d with a separable filter, as products with constant matrices."""

    def __init__(
        self,
        size: tuple[int, int],
        taps: tuple[float, ...] = RESAMPLE_FILTER,
        *,
        up: int = 1,
        down: int = 1,
        padding: tuple[int, int, int, int] = (0, 0, 0, 0),
        gain: float = 1.0,
        flips: bool = False,
        normalises: bool = True,
    ):
        """
        Args:
            size: H and W.
            taps: of the filter along each axis.
            up: as of `upfirdn_matrix`, as `down`, `padding` (x0, x1, y0, y1) and `flips`.
            down: see there.
            padding: see there.
            gain: of the result.
            flips: see there.
            normalises: whether the filter is divided by its sum.
        """
        super().__init__()
        filter_ = np.asarray(taps, np.float64) * (math.sqrt(gain) / (sum(taps) if normalises else 1))
        down_matrix = upfirdn_matrix(size[0], filter_, up=up, down=down, padding=padding[2:], flips=flips)
        across_matrix = upfirdn_matrix(size[1], filter_, up=up, down=down, padding=padding[:2], flips=flips)
        self.size, self.out_size = size, (len(down_matrix), len(across_matrix))
        self.is_at_once = math.prod(size) <= AT_ONCE_PX
        if self.is_at_once:
            self.matrix = _constant(np.kron(down_matrix, across_matrix))
        else:
            self.down, self.across = _constant(down_matrix), _constant(across_matrix)
        self.is_turned = size[1] > MOST_COPIED_PX
        self.multiply, self.swap = ops.BatchMatMul(), shared(SwapSides)

    def construct(self, x: Tensor) -> Tensor:
        num, height, width, channels = x.shape
        if self.is_at_once:
            y = self.multiply(_copies(self.matrix, num), x.reshape(num, height * width, channels))
            return y.reshape(num, *self.out_size, channels)
        y = self.multiply(_copies(self.down, num), x.reshape(num, height, width * channels))
        if self.is_turned:
            y = self.swap(y.reshape(num, self.out_size[0], width, channels))
            y = self.multiply(_copies(self.across, num), y.reshape(num, width, self.out_size[0] * channels))
            return self.swap(y.reshape(num, self.out_size[1], self.out_size[0], channels))
        y = y.reshape(num * self.out_size[0], width, channels)
        y = self.multiply(_copies(self.across, num * self.out_size[0]), y)
        return y.reshape(num, *self.out_size, channels)


def _constant(matrix: np.ndarray) -> Tensor:
    return Tensor(matrix[None].astype(np.float32))


def _copies(matrix: Tensor, num: int) -> Tensor:
    """[1, A, B] to [num, A, B]: batch products take no broadcast matrix on CPU. An exported file knows no `num`."""
    if is_sequence_value_unknown((num,)):
        return ops.ones((num, 1, 1), ms.float32) * matrix
    return _known_copies(matrix, num)


@ops.constexpr
def _known_copies(matrix: Tensor, num: int) -> Tensor:
    return Tensor(np.repeat(matrix.asnumpy(), num, axis=0))


class SwapSides(nn.Cell):
    """x [N, H, W, C] to [N, W, H, C]."""

    def __init__(self) -> None:
        super().__init__()
        self.reorder = shared(ReorderRows)

    def construct(self, x: Tensor) -> Tensor:
        num, height, width, channels = x.shape
        if is_sequence_value_unknown((num,)):
            return x.transpose(0, 2, 1, 3)
        there, back = _swapped_rows(num, height, width), _swapped_rows(num, width, height)
        return self.reorder(x.reshape(-1, channels), there, back).reshape(num, width, height, channels)


@ops.constexpr
def _swapped_rows(num: int, height: int, width: int) -> Tensor:
    """Where the pixels of [num, width, height] are among those of [num, height, width]: integers [num height width]."""
    numbers = np.arange(num * height * width, dtype=np.int32).reshape(num, height, width)
    return Tensor(np.ascontiguousarray(numbers.transpose(0, 2, 1)).reshape(-1))


class ChannelsLast(nn.Cell):
    """Images [N, C, H, W] of a few channels to [N, H, W, C].

    On CPUs as a product with the identity: MindSpore's Transpose keeps 8 bytes for each number that it moves, and is no
    faster.
    """

    def __init__(self, *, is_native: bool):
        """
        Args:
            is_native: by MindSpore's Transpose.
        """
        super().__init__()
        self.is_native, self.multiply = is_native, ops.BatchMatMul(transpose_a=True)

    def construct(self, images: Tensor) -> Tensor:
        if self.is_native:
            return images.transpose(0, 2, 3, 1)
        num, channels, height, width = images.shape
        last = self.multiply(images.reshape(num, channels, height * width), identities(num, channels))
        return last.reshape(num, height, width, channels)


class ChannelsFirst(nn.Cell):
    """Images [N, H, W, C] of a few channels to [N, C, H, W]; see `ChannelsLast`."""

    def __init__(self, *, is_native: bool):
        super().__init__()
        self.is_native, self.multiply = is_native, ops.BatchMatMul(transpose_b=True)

    def construct(self, images: Tensor) -> Tensor:
        if self.is_native:
            return images.transpose(0, 3, 1, 2)
        num, height, width, channels = images.shape
        first = self.multiply(identities(num, channels), images.reshape(num, height * width, channels))
        return first.reshape(num, channels, height, width)


def identities(num: int, size: int) -> Tensor:
    """[num, size, size]; an exported file knows no `num`."""
    if is_sequence_value_unknown((num,)):
        return ops.ones((num, 1, 1), ms.float32) * _known_identities(1, size)
    return _known_identities(num, size)


@ops.constexpr
def _known_identities(num: int, size: int) -> Tensor:
    return Tensor(np.tile(np.eye(size, dtype=np.float32), (num, 1, 1)))


class ScaleChannels(nn.Cell):
    """x [N, H, W, C] times scales [N, C].

    The scales are gathered for every pixel, which is six times as fast as MindSpore's broadcasting.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gather = shared(GatherRows)

    def construct(self, x: Tensor, scales: Tensor) -> Tensor:
        num, height, width, channels = x.shape
        everywhere = self.gather(scales, image_of_pixel(num, height * width))
        return (x.reshape(-1, channels) * everywhere).reshape(x.shape)


def image_of_pixel(num: int, pixels: int) -> Tensor:
    """The numbers of the images that pixels are of: integers [num pixels]."""
    if is_sequence_value_unknown((num,)):
        return (ops.arange(num).reshape(-1, 1) * ops.ones((1, pixels), ms.int64)).reshape(-1)
    return _known_image_of_pixel(num, pixels)


@ops.constexpr
def _known_image_of_pixel(num: int, pixels: int) -> Tensor:
    return Tensor(np.repeat(np.arange(num, dtype=np.int32), pixels))


class BiasAct(nn.Cell):
    """Activation of rows [P, C] + bias [C] times a gain, then the clamp.

    A leaky ReLU wants a fifth of both: x/5 + 4 relu(x/5) is x above 0 and x/5 below, in fewer passes over the memory
    than any other form; the gains of weights and biases, which are small, are where to put the fifth.
    """

    def __init__(self, gain: float = 1.0, *, is_linear: bool = False, clamp: float | None = None):
        """
        Args:
            gain: of the bias.
            is_linear: whether there is no activation, else a leaky ReLU of slope 0.2.
            clamp: the largest absolute value that comes out.
        """
        super().__init__()
        self.is_linear, self.clamp = is_linear, clamp
        self.add = shared(AddBias, gain)

    def construct(self, rows: Tensor, bias: Tensor) -> Tensor:
        y = self.add(rows, bias)
        if not self.is_linear:
            y = y + ops.relu(y) * (1 / LEAKY_SLOPE - 1)
        return y if self.clamp is None else ops.clamp(y, -self.clamp, self.clamp)
