"""Convolutions as matrix products of patches and weights, with channels last.

On CPUs with AVX-512 MindSpore 2.10's own convolution falls back to a reference kernel, up to a hundred times slower,
unless ONEDNN_MAX_CPU_ISA says AVX2 before the first operation of the process, which slows every matrix product down.
With channels last a patch is a few rows of the image's matrix, which are gathered at the speed of copying. On other
devices MindSpore's own convolutions do the work: native.py.

Weights are kept as the matrices of these products, as to turn PyTorch's layout costs a step a tenth of its time; they
have its names, `weight` and `bias`, and torch_layout.py brings them into its layout.
"""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.ops.functional import is_sequence_value_unknown

from mindgan.layers import native, places
from mindgan.layers.sharing import shared

FEW_CHANNELS = 8  # so few numbers at a time are copied faster in two turns, along each axis
WEIGHT_DEVIATION = 0.02  # of the normal initialisation that GANs use since DCGAN (Radford et al. 2016, section 3)


class Conv2d(nn.Cell):
    """x [N, H, W, C] to [N, H', W', O], H' = (H + 2 padding - kernel_size) // stride + 1.

    The weights are normal with deviation 0.02, the bias 0.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        is_reflected: bool = False,
        adds_bias: bool = True,
    ):
        """
        Args:
            in_channels: C.
            out_channels: O.
            kernel_size: height and width of the kernel in pixels.
            stride: in pixels.
            padding: on every side, in pixels.
            is_reflected: whether the padding mirrors the image without its edge, as PyTorch's ``ReflectionPad2d``, less
                than the image wide; otherwise it is 0.
            adds_bias: False where a normalisation of each channel follows, which takes every constant out again. The
                parameter is there all the same, for checkpoints; its gradient is 0, as it truly is.
        """
        super().__init__()
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.is_reflected, self.adds_bias = stride, padding, is_reflected, adds_bias
        # patches of the input would be many times larger than the products
        self.is_narrowing = stride == 1 and 2 * out_channels <= in_channels and kernel_size > 1
        rows, columns = kernel_size**2 * in_channels, out_channels
        if self.is_narrowing:
            rows, columns = in_channels, kernel_size**2 * out_channels
        self.weight = normal_weight(rows, columns)
        self.bias = ms.Parameter(np.zeros(out_channels, np.float32))
        self.multiply, self.sum_overlaps = ops.MatMul(), shared(OverlappingSums)
        self.in_two_turns = in_channels <= FEW_CHANNELS < kernel_size * in_channels
        self.multiply_patches = shared(TwoTurnPatchProduct) if self.in_two_turns else shared(PatchProduct)
        self.native = None
        if native.is_wanted():
            self.native = native.Convolution(self.torch_axes, stride=stride, padding=padding, is_reflected=is_reflected)

    @property
    def torch_axes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """See torch_layout.py."""
        kernel, inputs, outputs = (self.kernel_size,) * 2, self.in_channels, self.out_channels
        if self.is_narrowing:
            return (inputs, *kernel, outputs), (3, 0, 2, 1)
        return (*kernel, inputs, outputs), (3, 2, 0, 1)

    def construct(self, x: Tensor) -> Tensor:
        if self.native is not None:
            y = self.native(x, self.weight)
        else:
            y = self._narrowing(x) if self.is_narrowing else self._usual(x)
        return y + self.bias if self.adds_bias else y

    def _usual(self, x: Tensor) -> Tensor:
        num, height, width, _ = x.shape
        out_height = (height + 2 * self.padding - self.kernel_size) // self.stride + 1
        out_width = (width + 2 * self.padding - self.kernel_size) // self.stride + 1
        if self.kernel_size == 1 and self.stride == 1 and self.padding == 0:
            y = self.multiply(x.reshape(-1, self.in_channels), self.weight)
        elif self.in_two_turns:
            kernel, stride, padding = self.kernel_size, self.stride, self.padding
            across = places.sources(x.shape[:3], (1, kernel), (1, stride), (0, padding), self.is_reflected)
            shape = (num, height, out_width)
            down = places.sources(shape, (kernel, 1), (stride, 1), (padding, 0), self.is_reflected)
            y = self.multiply_patches(x.reshape(-1, self.in_channels), across, down, self.weight)
        else:
            y = self.multiply_patches(*self._rows(x, self.kernel_size, self.stride), self.weight)
        return y.reshape(num, out_height, out_width, self.out_channels)

    def _narrowing(self, x: Tensor) -> Tensor:
        """First the products, k k O of each pixel, then their sums where patches overlap, across and then down."""
        padded = self._mirrored(x) if self.padding else x
        num, height, width, _ = padded.shape
        out_height, out_width = height - self.kernel_size + 1, width - self.kernel_size + 1
        taps = tuple(range(0, -self.kernel_size, -1))
        products = self.multiply(padded.reshape(-1, self.in_channels), self.weight)  # [N H W, k across, k down, O]
        where = places.targets((num, height, width), ((0,), taps), (1, 1), (height, out_width))
        wide = self.sum_overlaps(products, where, (num, height, out_width, self.kernel_size * self.out_channels))
        where = places.targets((num, height, out_width), (taps, (0,)), (1, 1), (out_height, out_width))
        return self.sum_overlaps(wide, where, (num, out_height, out_width, self.out_channels))

    def _mirrored(self, x: Tensor) -> Tensor:
        """x with its padding around it."""
        num, height, width, channels = x.shape
        rows, where = self._rows(x, 1, 1)
        return ops.gather(rows, where, 0).reshape(num, height + 2 * self.padding, width + 2 * self.padding, channels)

    def _rows(self, x: Tensor, kernel: int, stride: int) -> tuple[Tensor, Tensor]:
        """The pixels of x, a row of zeros behind them if need be, and which of them make up each patch."""
        rows = x.reshape(-1, self.in_channels)
        if self.padding and not self.is_reflected:
            rows = ops.cat((rows, zero_row(self.in_channels)), 0)
        sides = (kernel, kernel), (stride, stride), (self.padding, self.padding)
        return rows, places.sources(x.shape[:3], *sides, self.is_reflected)


class ConvTranspose2d(nn.Cell):
    """x [N, H, W, C] to [N, 2 H, 2 W, O]: the transpose of a convolution of stride 2, which has that one's weights.

    A kernel of 3 is PyTorch's ``padding=1, output_padding=1``, one of 4 its ``padding=1``.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, adds_bias: bool = True):
        """
        Args:
            in_channels: C.
            out_channels: O.
            kernel_size: 3 or 4, in pixels.
            adds_bias: as of `Conv2d`.
        """
        super().__init__()
        assert kernel_size in (3, 4), kernel_size
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.adds_bias = kernel_size, adds_bias
        self.weight = normal_weight(in_channels, kernel_size**2 * out_channels)
        self.bias = ms.Parameter(np.zeros(out_channels, np.float32))
        self.multiply, self.sum_overlaps = ops.MatMul(), shared(OverlappingSums)
        self.native = None
        if native.is_wanted():
            self.native = native.TransposedConvolution(self.torch_axes, pad=(1, kernel_size - 3))

    @property
    def torch_axes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """See torch_layout.py."""
        return (self.in_channels, self.kernel_size, self.kernel_size, self.out_channels), (0, 3, 1, 2)

    def construct(self, x: Tensor) -> Tensor:
        y = self._product(x) if self.native is None else self.native(x, self.weight)
        return y + self.bias if self.adds_bias else y

    def _product(self, x: Tensor) -> Tensor:
        num, height, width, _ = x.shape
        products = self.multiply(x.reshape(-1, self.in_channels), self.weight)  # [N H W, k k O]
        taps = tuple(range(-1, self.kernel_size - 1))
        where = places.targets((num, height, width), (taps, taps), (2, 2), (2 * height, 2 * width))
        return self.sum_overlaps(products, where, (num, 2 * height, 2 * width, self.out_channels))


class PatchProduct(nn.Cell):
    """Patches, gathered from the rows of an image, times weights.

    Written out backwards too, so that the patches, many times the image's size, are gathered again and not kept.
    """

    def __init__(self) -> None:
        super().__init__()
        # primitives, as functions such as ops.gather do not compile within bprop
        self.gather, self.sum, self.depend = ops.Gather(), ops.UnsortedSegmentSum(), ops.Depend()
        self.multiply, self.multiply_back = ops.MatMul(), ops.MatMul(transpose_b=True)
        self.multiply_across = ops.MatMul(transpose_a=True)

    def construct(self, rows: Tensor, where: Tensor, weight: Tensor) -> Tensor:
        """`rows` [R, C] and `where`, int [P k k], to [P, k k C]; times `weight` [k k C, O]."""
        return self.multiply(self.gather(rows, where, 0).reshape(-1, weight.shape[0]), weight)

    def bprop(self, rows: Tensor, where: Tensor, weight: Tensor, out: Tensor, gradient: Tensor) -> tuple:
        again = self.gather(self.depend(rows, gradient), where, 0).reshape(-1, weight.shape[0])
        of_patches = self.multiply_back(gradient, weight).reshape(-1, rows.shape[1])
        return self.sum(of_patches, where, rows.shape[0]), where, self.multiply_across(again, gradient)


class TwoTurnPatchProduct(nn.Cell):
    """As `PatchProduct`; patches are gathered across and then down, which copies fewer and longer rows."""

    def __init__(self) -> None:
        super().__init__()
        self.gather, self.sum, self.depend = ops.Gather(), ops.UnsortedSegmentSum(), ops.Depend()
        self.multiply, self.multiply_back = ops.MatMul(), ops.MatMul(transpose_b=True)
        self.multiply_across, self.join = ops.MatMul(transpose_a=True), ops.Concat(0)

    def construct(self, rows: Tensor, across: Tensor, down: Tensor, weight: Tensor) -> Tensor:
        """`rows` [N H W, C], `across` int [N H W' k] and `down` int [N H' W' k]; times `weight` [k k C, O]."""
        return self.multiply(self._patches(rows, across, down, weight), weight)

    def bprop(self, rows: Tensor, across: Tensor, down: Tensor, weight: Tensor, out: Tensor, gradient: Tensor) -> tuple:
        again = self._patches(self.depend(rows, gradient), across, down, weight)
        of_patches = self.multiply_back(gradient, weight)
        size = self._width(rows, weight)
        of_wide = self.sum(of_patches.reshape(-1, size), down, across.shape[0] * rows.shape[1] // size + 1)[:-1]
        of_rows = self.sum(of_wide.reshape(-1, rows.shape[1]), across, rows.shape[0] + 1)[:-1]
        return of_rows, across, down, self.multiply_across(again, gradient)

    def _patches(self, rows: Tensor, across: Tensor, down: Tensor, weight: Tensor) -> Tensor:
        """[N H' W', k k C]; behind each image's rows stands one of zeros, which padding takes."""
        channels, size = rows.shape[1], self._width(rows, weight)
        wide = self.gather(self.join((rows, zero_row(channels))), across, 0).reshape(-1, size)
        return self.gather(self.join((wide, zero_row(size))), down, 0).reshape(-1, weight.shape[0])

    @staticmethod
    def _width(rows: Tensor, weight: Tensor) -> int:
        """k C."""
        return side(weight.shape[0], rows.shape[1])


class OverlappingSums(nn.Cell):
    """Adds products, channels of each pixel and tap, up to an image.

    Written out backwards too: MindSpore's takes care of negative places, several times as long as the sums take.
    """

    def __init__(self) -> None:
        super().__init__()
        # primitives, as functions such as ops.gather do not compile within bprop
        self.sum, self.gather, self.join = ops.UnsortedSegmentSum(), ops.Gather(), ops.Concat(0)

    def construct(self, products: Tensor, where: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
        """`products` [.., k k O] to [N, H, W, O], which is `shape`; `where` is int [.. k k], N H W for nowhere."""
        num, height, width, channels = shape
        size = num * height * width
        num_sums = ops.scalar_to_tensor(size + 1, ms.int64) if is_sequence_value_unknown(shape) else size + 1
        return self.sum(products.reshape(-1, channels), where, num_sums)[:size].reshape(shape)

    def bprop(self, products: Tensor, where: Tensor, shape: tuple, out: Tensor, gradient: Tensor) -> tuple:
        rows = self.join((gradient.reshape(-1, shape[3]), zero_row(shape[3])))
        return self.gather(rows, where, 0).reshape(products.shape), where, shape


@ops.constexpr
def side(size: int, channels: int) -> int:
    """k C, of `size` k k C."""
    return round((size // channels) ** 0.5) * channels


@ops.constexpr
def zero_row(channels: int) -> Tensor:
    return Tensor(np.zeros((1, channels), np.float32))


def normal_weight(*shape: int) -> ms.Parameter:
    """Normal numbers of mean 0 and deviation 0.02, from MindSpore's seed."""
    return ms.Parameter(ms.common.initializer.initializer(ms.common.initializer.Normal(WEIGHT_DEVIATION), shape))
