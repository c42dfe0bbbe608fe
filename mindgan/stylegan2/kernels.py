"""Convolutions whose weights are given, one Cell for all layers that have the same, and the norms of such weights.

Weights are matrices of the patch products, as in mindgan/layers; `torch_axes` tells how they become PyTorch's.
"""

import math

import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.ops.functional import is_sequence_value_unknown

from mindgan.layers import native, places
from mindgan.layers.in_turn import InTurn
from mindgan.layers.sharing import shared
from mindgan.layers.torch_layout import TorchAxes
from mindgan.layers.twice_differentiable import AddRows, ConvolutionProduct, ignored

PATCHES_BYTES = 80 << 20  # where the patches of a batch take more, it is convolved in parts
DEMODULATION_EPS = 1e-8
TURNED_PER_PIXEL = 4  # outputs for which a weight is turned in the time that gathers instead of sums save for a pixel


class Kernel(nn.Cell):
    """A convolution of x [N, H, W, C] with a weight: plain, with stride 2, or transposed with stride 2; no bias.

    Layers of all sizes share it, which takes less time to compile: see `kernel_of`. Where patches would take too much
    memory, the images are convolved in parts, and each part's patches are gathered again for the gradient.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        up: int,
        down: int,
        gathers_back: bool,
        is_native: bool,
    ):
        """
        Args:
            shape: C, kernel size (1 or 3) and O.
            up: 1, or 2 with a kernel of 3: [N, H, W, C] to [N, 2 H + 1, 2 W + 1, O].
            down: 1, or 2: with a kernel of 3 to [N, (H - 1) / 2, (W - 1) / 2, O], with one of 1 as without.
            gathers_back: as of `ConvolutionProduct`.
            is_native: by MindSpore's own convolutions.
        """
        super().__init__()
        self.inputs, self.kernel, self.outputs = shape
        self.up, self.down = up, down
        self.multiply = ops.MatMul(transpose_b=True)
        self.convolved = shared(Convolved, down, gathers_back=gathers_back)
        part = shared(Convolved, down, gathers_back=gathers_back, keeps_patches=False)
        self.in_turn = shared(InTurn, part)
        self.transposed = shared(Transposed)
        self.native: nn.Cell | None = None
        if is_native and up > 1:
            sizes, axes = self.weight_axes
            self.native = native.TransposedConvolution((sizes, (axes[1], axes[0], *axes[2:])), pad=(0, 0))
        elif is_native and self.kernel > 1:
            self.native = native.Convolution(self.weight_axes, stride=down, padding=1 if down == 1 else 0)

    @property
    def weight_shape(self) -> tuple[int, int]:
        """(C, k k O) for up; else (O, k k C)."""
        area = self.kernel**2
        return (self.inputs, area * self.outputs) if self.up > 1 else (self.outputs, area * self.inputs)

    @property
    def weight_axes(self) -> TorchAxes:
        """What `torch_axes` of a layer says, for the weight that `construct` takes."""
        kernel = (self.kernel, self.kernel)
        if self.up > 1:
            return (self.inputs, *kernel, self.outputs), (3, 0, 1, 2)
        return (self.outputs, *kernel, self.inputs), (0, 3, 1, 2)

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        if self.native is not None:
            return self.native(x, weight)
        if self.up > 1:
            return self.transposed(x, weight)
        if self.kernel == 1:
            y = self.multiply(x.reshape(-1, self.inputs), weight)
            return y.reshape(*x.shape[:3], self.outputs)
        num, height, width, _ = x.shape
        pixels = (height // self.down) * (width // self.down)
        is_exported = is_sequence_value_unknown((num,))
        num_parts = 1 if is_exported else parts_of(num, pixels * self.kernel**2 * self.inputs)
        return self.convolved(x, weight) if num_parts == 1 else self.in_turn(x, weight, num_parts)


@ops.constexpr
def parts_of(num: int, numbers: int) -> int:
    """How many parts `num` images are convolved in, all of one size; each image's patches have so many `numbers`."""
    sizes = [size for size in range(1, num + 1) if num % size == 0 and size * numbers * 4 <= PATCHES_BYTES]
    return num // max(sizes, default=1)


class Convolved(nn.Cell):
    """x [N, H, W, C] and weight [O, 9 C] to [N, H', W', O]: with zeros around, or with stride 2 and without."""

    def __init__(self, stride: int, *, gathers_back: bool, keeps_patches: bool = True):
        super().__init__()
        self.stride, self.padding = stride, 0 if stride == 2 else 1
        self.convolve = shared(ConvolutionProduct, gathers_back=gathers_back, keeps_patches=keeps_patches)

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        num, height, width, channels = x.shape
        stride, padding = self.stride, self.padding
        where = places.sources((num, height, width), (3, 3), (stride, stride), (padding, padding), False)
        is_exported = is_sequence_value_unknown((num,))  # then there is no gradient, which alone reads the -1
        back = where if is_exported else ignored(where, num * height * width)
        y = self.convolve(x.reshape(-1, channels), where, back, weight)
        side = ((height + 2 * padding - 3) // stride + 1, (width + 2 * padding - 3) // stride + 1)
        return y.reshape(num, *side, weight.shape[0])


class Transposed(nn.Cell):
    """x [N, H, W, C] and weight [C, 9 O] to [N, 2 H + 1, 2 W + 1, O]."""

    def __init__(self) -> None:
        super().__init__()
        self.multiply, self.add_rows = ops.MatMul(), shared(AddRows)

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        num, height, width, channels = x.shape
        wide, outputs = (2 * height + 1, 2 * width + 1), weight.shape[1] // 9
        products = self.multiply(x.reshape(-1, channels), weight)
        where = places.targets((num, height, width), ((0, 1, 2), (0, 1, 2)), (2, 2), wide)
        size = num * wide[0] * wide[1]
        num_rows = ops.scalar_to_tensor(size, ms.int64) if is_sequence_value_unknown((num,)) else size
        return self.add_rows(products.reshape(-1, outputs), where, num_rows).reshape(num, *wide, outputs)


def kernel_of(shape: tuple[int, int, int], size: tuple[int, int], *, up: int = 1, down: int = 1) -> Kernel:
    """As is best for images of a size.

    Args:
        shape: as of `Kernel`, as `up` and `down`.
        size: H and W, those of the result doubled with `down` 2.
        up: see there.
        down: see there.
    """
    pixels = math.prod(size) // down**2
    return shared(
        Kernel,
        shape,
        up=up,
        down=down,
        gathers_back=up == down == 1 and shape[1] > 1 and TURNED_PER_PIXEL * pixels >= shape[2],
        is_native=native.is_wanted(),
    )


class Demodulation(nn.Cell):
    """1 / norm of what a weight and styles [N, C] make together: [N, O] (Karras et al. 2020, equation 3)."""

    def __init__(self, inputs: int, outputs: int, *, is_transposed: bool):
        """
        Args:
            inputs: C.
            outputs: O.
            is_transposed: whether the weight is that of a `Kernel` with `up` 2.
        """
        super().__init__()
        self.inputs, self.outputs, self.is_transposed = inputs, outputs, is_transposed
        self.multiply = ops.MatMul(transpose_b=not is_transposed)

    def construct(self, weight: Tensor, styles: Tensor) -> Tensor:
        squares = ops.square(weight)
        if self.is_transposed:
            energy = squares.reshape(self.inputs, -1, self.outputs).sum(1)
        else:
            energy = squares.reshape(self.outputs, -1, self.inputs).sum(1)
        return ops.rsqrt(self.multiply(ops.square(styles), energy) + DEMODULATION_EPS)
