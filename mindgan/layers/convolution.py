"""Convolutions as matrix products of patches and weights.

On CPUs with AVX-512 MindSpore 2.10's own convolution falls back to a reference kernel, up to a hundred times slower,
unless ONEDNN_MAX_CPU_ISA says AVX2 before the first operation of the process, which slows every matrix product down.
Patches and a product take the time of that convolution without the variable, and less in the backward pass.

Weights have PyTorch's layouts and names: OIHW, of a transposed convolution IOHW; `weight` and `bias`.
"""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

WEIGHT_DEVIATION = 0.02  # of the normal initialisation that GANs use since DCGAN (Radford et al. 2016, section 3)


class Multiply(nn.Cell):
    """One matrix times each of N: A [I, J] (or its transpose) and B [N, J, K] to [N, I, K]."""

    def __init__(self, *, transpose_a: bool = False):
        super().__init__()
        self.product = ops.MatMul(transpose_a=transpose_a)
        self.batch_product = ops.BatchMatMul(transpose_a=transpose_a)

    def construct(self, a: Tensor, b: Tensor) -> Tensor:
        num = b.shape[0]
        if num == 1:  # saves the sum over the batch in the gradient
            return self.product(a, b.reshape(b.shape[1:])).expand_dims(0)
        return self.batch_product(ops.broadcast_to(a, (num, *a.shape)), b)


class Conv2d(nn.Cell):
    """x [N, C, H, W] to [N, O, H', W'], H' = (H + 2 padding - kernel_size) // stride + 1.

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
        adds_bias: bool = True,
    ):
        """
        Args:
            in_channels: C.
            out_channels: O.
            kernel_size: height and width of the kernel in pixels.
            stride: in pixels.
            padding: zeros on every side, in pixels.
            adds_bias: False where a normalisation of each channel follows, which takes every constant out again. The
                parameter is there all the same, for checkpoints; its gradient is 0, as it truly is.
        """
        super().__init__()
        self.kernel_size, self.stride, self.padding, self.adds_bias = kernel_size, stride, padding, adds_bias
        self.weight = normal_weight(out_channels, in_channels, kernel_size, kernel_size)
        self.bias = ms.Parameter(np.zeros(out_channels, np.float32))
        self.multiply = Multiply()
        # patches of the input would be many times larger than the products
        self.is_narrowing = stride == 1 and 2 * out_channels <= in_channels and padding < kernel_size

    def construct(self, x: Tensor) -> Tensor:
        y = self._narrowing(x) if self.is_narrowing else self._usual(x)
        return y + self.bias.reshape(1, -1, 1, 1) if self.adds_bias else y

    def _usual(self, x: Tensor) -> Tensor:
        num, _, height, width = x.shape
        out_height = (height + 2 * self.padding - self.kernel_size) // self.stride + 1
        out_width = (width + 2 * self.padding - self.kernel_size) // self.stride + 1
        patches = ops.unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)  # [N, C k k, H' W']
        weight = self.weight.reshape(self.weight.shape[0], -1)
        return self.multiply(weight, patches).reshape(num, -1, out_height, out_width)

    def _narrowing(self, x: Tensor) -> Tensor:
        """First the products, O k k of each pixel, then their sums over the places where patches overlap."""
        num, in_channels, height, width = x.shape
        margin = self.kernel_size - 1
        mirrored = ops.flip(self.weight, (2, 3)).transpose(0, 2, 3, 1).reshape(-1, in_channels)  # [O k k, C]
        products = self.multiply(mirrored, x.reshape(num, in_channels, height * width))
        grown = 2 * self.padding - margin
        size = Tensor([height + grown, width + grown], ms.int32)
        return ops.fold(products, size, self.kernel_size, padding=margin - self.padding)


class ConvTranspose2d(nn.Cell):
    """x [N, C, H, W] to [N, O, 2 H, 2 W]: the transpose of a convolution of stride 2, which has that one's weights.

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
        self.kernel_size, self.adds_bias = kernel_size, adds_bias
        self.weight = normal_weight(in_channels, out_channels, kernel_size, kernel_size)
        self.bias = ms.Parameter(np.zeros(out_channels, np.float32))
        self.multiply = Multiply(transpose_a=True)

    def construct(self, x: Tensor) -> Tensor:
        num, in_channels, height, width = x.shape
        weight = self.weight.reshape(in_channels, -1)  # [C, O k k]
        products = self.multiply(weight, x.reshape(num, in_channels, height * width))  # [N, O k k, H W]
        size = Tensor([2 * height, 2 * width], ms.int32)
        y = ops.fold(products, size, self.kernel_size, padding=1, stride=2)
        return y + self.bias.reshape(1, -1, 1, 1) if self.adds_bias else y


def normal_weight(*shape: int) -> ms.Parameter:
    """Normal numbers of mean 0 and deviation 0.02, from MindSpore's seed."""
    return ms.Parameter(ms.common.initializer.initializer(ms.common.initializer.Normal(WEIGHT_DEVIATION), shape))
