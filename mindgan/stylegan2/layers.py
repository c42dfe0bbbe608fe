"""Layers with equalised learning rates and modulation (Karras et al. 2018, section 4.1; 2020, section 2.2).

Weights are kept normal(0, 1) and scaled as they are used. Those of convolutions are matrices of the patch products, as
in mindgan/layers; `torch_axes` tells how they become PyTorch's. The gain sqrt 2 that follows a leaky ReLU is in the
weights' and biases' scales, and so is the fifth that `BiasAct` asks for: they are positive, so they pass through.
"""

import math

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.ops.functional import is_sequence_value_unknown

from mindgan.layers import native, places
from mindgan.layers.activations import LEAKY_SLOPE
from mindgan.layers.sharing import shared
from mindgan.layers.torch_layout import TorchAxes
from mindgan.layers.twice_differentiable import AddRows, ConvolutionProduct, ignored, row_of
from mindgan.stylegan2.ops import BiasAct, Resample, ScaleChannels

ACTIVATION_GAIN = math.sqrt(2) * LEAKY_SLOPE  # of what goes into a leaky ReLU as BiasAct has it
DEMODULATION_EPS = 1e-8
PATCHES_BYTES = 32 << 20  # where the patches of one image take more, images are convolved one after the other
TURNED_PER_PIXEL = 4  # outputs for which a weight is turned in the time that gathers instead of sums save for a pixel


def normal(*shape: int, scale: float = 1.0, is_trained: bool = True) -> ms.Parameter:
    """Standard normal numbers times `scale`, from MindSpore's seed."""
    numbers = ms.common.initializer.initializer(ms.common.initializer.Normal(scale), shape)
    return ms.Parameter(numbers, requires_grad=is_trained)


def constant(value: float, *shape: int) -> ms.Parameter:
    return ms.Parameter(np.full(shape, value, np.float32))


class FullyConnected(nn.Cell):
    """x [N, I] to [N, O]."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        is_linear: bool = True,
        lr_multiplier: float = 1.0,
        bias: float = 0.0,
        is_scaled: bool = False,
    ):
        """
        Args:
            inputs: I.
            outputs: O.
            is_linear: no leaky ReLU follows.
            lr_multiplier: of weight and bias, which are that many times larger than what they stand for.
            bias: at first.
            is_scaled: x comes divided by the root of I.
        """
        super().__init__()
        gain = 1 if is_linear else ACTIVATION_GAIN
        self.weight = normal(outputs, inputs, scale=1 / lr_multiplier)
        self.bias = constant(bias / lr_multiplier, outputs)
        self.weight_gain = gain * lr_multiplier / (1 if is_scaled else math.sqrt(inputs))
        self.multiply, self.finish = (
            ops.MatMul(transpose_b=True),
            shared(BiasAct, gain * lr_multiplier, is_linear=is_linear),
        )

    def construct(self, x: Tensor) -> Tensor:
        x = x if self.weight_gain == 1 else x * self.weight_gain  # the weight's, where there are fewer numbers
        return self.finish(self.multiply(x, self.weight), self.bias)


class Kernel(nn.Cell):
    """A convolution of x [N, H, W, C] with a weight that is given: plain, up or down by 2; no bias.

    Up: transposed convolution, then a filter of gain 4. Down: filter, then a convolution of stride 2. (Karras et al.
    2020, section 2 and appendix B.)
    """

    def __init__(self, shape: tuple[int, int, int], size: tuple[int, int], *, up: int = 1, down: int = 1):
        """
        Args:
            shape: C, kernel size (1 or 3) and O.
            size: H and W.
            up: 1, or 2 with a kernel of 3.
            down: 1 or 2.
        """
        super().__init__()
        self.inputs, self.kernel, self.outputs = shape
        self.up, self.down, self.size = up, down, size
        self.multiply, self.multiply_weights = ops.MatMul(), ops.MatMul(transpose_b=True)
        is_worth_it = down == 1 and TURNED_PER_PIXEL * size[0] * size[1] >= self.outputs
        self.is_one_by_one = math.prod(size) // down**2 * self.kernel**2 * self.inputs * 4 > PATCHES_BYTES
        self.convolve = shared(ConvolutionProduct, gathers_back=is_worth_it, keeps_patches=not self.is_one_by_one)
        self.add_rows = shared(AddRows)
        half = self.kernel // 2
        if up > 1:
            wide = (2 * size[0] + 1, 2 * size[1] + 1)
            self.resample = shared(Resample, wide, padding=(1, 1, 1, 1), gain=4.0)
        elif down > 1:
            self.resample = shared(Resample, size, down=2 if self.kernel == 1 else 1, padding=(1 + half,) * 4)
        self.native: nn.Cell | None = None
        if native.is_wanted() and self.kernel > 1:
            if up > 1:
                sizes, axes = self.weight_axes
                self.native = native.TransposedConvolution((sizes, (axes[1], axes[0], *axes[2:])), pad=(0, 0))
            else:
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
        if self.up > 1:
            wide = self._transposed(x, weight) if self.native is None else self.native(x, weight)
            return self.resample(wide)
        if self.down > 1:
            x = self.resample(x)
        if self.native is not None:
            return self.native(x, weight)
        if self.kernel == 1:
            y = self.multiply_weights(x.reshape(-1, self.inputs), weight)
            return y.reshape(*x.shape[:3], self.outputs)
        if self.is_one_by_one and not is_sequence_value_unknown(x.shape):
            images: tuple[Tensor, ...] = ()
            for image in ops.split(x, 1, 0):
                images += (self._convolved(image, weight),)
            return ops.cat(images, 0)
        return self._convolved(x, weight)

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        num, height, width, _ = x.shape
        stride = self.down
        padding = 0 if stride == 2 else 1
        where = places.sources((num, height, width), (3, 3), (stride, stride), (padding, padding), False)
        is_exported = is_sequence_value_unknown((num,))  # then there is no gradient, which alone reads the -1
        back = where if is_exported else ignored(where, num * height * width)
        y = self.convolve(x.reshape(-1, self.inputs), where, back, weight)
        side = ((height + 2 * padding - 3) // stride + 1, (width + 2 * padding - 3) // stride + 1)
        return y.reshape(num, *side, self.outputs)

    def _transposed(self, x: Tensor, weight: Tensor) -> Tensor:
        """[N, H, W, C] to [N, 2 H + 1, 2 W + 1, O]."""
        num, height, width, _ = x.shape
        wide = (2 * height + 1, 2 * width + 1)
        products = self.multiply(x.reshape(-1, self.inputs), weight)
        where = places.targets((num, height, width), ((0, 1, 2), (0, 1, 2)), (2, 2), wide)
        size = num * wide[0] * wide[1]
        num_rows = ops.scalar_to_tensor(size, ms.int64) if is_sequence_value_unknown((num,)) else size
        rows = self.add_rows(products.reshape(-1, self.outputs), where, num_rows)
        return rows.reshape(num, *wide, self.outputs)


class Convolution(nn.Cell):
    """x [N, H, W, C] to [N, H', W', O]: equalised convolution, bias, activation."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        size: tuple[int, int],
        *,
        down: int = 1,
        is_linear: bool = False,
        has_bias: bool = True,
        gain: float = 1.0,
        clamp: float | None = None,
    ):
        """
        Args:
            shape: C, kernel size (1 or 3) and O.
            size: H and W.
            down: 1 or 2.
            is_linear: no leaky ReLU follows.
            has_bias: whether there is one.
            gain: of the result, over the activation's own.
            clamp: the largest absolute value that comes out, times `gain`.
        """
        super().__init__()
        self.kernel = Kernel(shape, size, down=down)
        self.weight = normal(*self.kernel.weight_shape)
        self.bias = constant(0.0, shape[2]) if has_bias else None
        bias_gain = gain if is_linear else gain * ACTIVATION_GAIN
        self.weight_gain = bias_gain / math.sqrt(self.kernel.weight_shape[1])
        self.finish = shared(BiasAct, bias_gain, is_linear=is_linear, clamp=None if clamp is None else clamp * gain)

    @property
    def torch_axes(self) -> TorchAxes:
        """See mindgan/layers/torch_layout.py."""
        return self.kernel.weight_axes

    def construct(self, x: Tensor) -> Tensor:
        y = self.kernel(x, self.weight * self.weight_gain)
        if self.bias is None:
            return y
        return self.finish(y.reshape(-1, y.shape[3]), self.bias).reshape(y.shape)


class ModulatedConvolution(nn.Cell):
    """x [N, H, W, C] and styles w [N, D] to [N, H', W', O]: a convolution whose weights w scales; noise, leaky ReLU.

    w comes divided by the root of D, once for all layers.

    The scales of modulation and demodulation are applied to the images, not to a weight for each of them (Karras et
    al. 2020, equations 1 and 3): the same numbers, for any batch.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        size: tuple[int, int],
        *,
        w_dim: int,
        up: int = 1,
        clamp: float | None = None,
    ):
        """
        Args:
            shape: C, kernel size (3) and O.
            size: H and W.
            w_dim: D.
            up: 1 or 2.
            clamp: the largest absolute value that comes out.
        """
        super().__init__()
        self.kernel = Kernel(shape, size, up=up)
        self.out_size = (up * size[0], up * size[1])
        self.weight = normal(*self.kernel.weight_shape)
        self.bias = constant(0.0, shape[2])
        self.noise_strength = constant(0.0)
        self.noise_const = normal(*self.out_size, is_trained=False)
        self.affine = FullyConnected(w_dim, shape[0], bias=1.0, is_scaled=True)
        self.scale, self.outer = shared(ScaleChannels), ops.MatMul()
        self.multiply, self.multiply_weights = ops.MatMul(), ops.MatMul(transpose_b=True)
        self.finish = shared(BiasAct, ACTIVATION_GAIN, clamp=clamp)

    @property
    def torch_axes(self) -> TorchAxes:
        """See mindgan/layers/torch_layout.py."""
        return self.kernel.weight_axes

    def construct(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """`noise` is [N, H' W'], of variance 1 where there is any."""
        styles = self.affine(w)
        y = self.kernel(self.scale(x, styles), self.weight)
        y = self.scale(y, self._demodulation(styles) * ACTIVATION_GAIN)
        rows = y.reshape(-1, y.shape[3]) + self.outer(noise.reshape(-1, 1), self._noise_row(y.shape[3]))
        return self.finish(rows, self.bias).reshape(y.shape)

    def _demodulation(self, styles: Tensor) -> Tensor:
        """1 / norm of what the weight and the styles make together: [N, O]."""
        inputs, outputs = self.kernel.inputs, self.kernel.outputs
        squares = ops.square(self.weight)
        if self.kernel.up > 1:
            energy = squares.reshape(inputs, -1, outputs).sum(1)
        else:
            energy = squares.reshape(outputs, -1, inputs).sum(1)
        multiply = self.multiply if self.kernel.up > 1 else self.multiply_weights
        return ops.rsqrt(multiply(ops.square(styles), energy) + DEMODULATION_EPS)

    def _noise_row(self, outputs: int) -> Tensor:
        return row_of(ACTIVATION_GAIN, outputs) * self.noise_strength


class ToRGB(nn.Cell):
    """x [N, H, W, C] and styles w [N, D], divided by the root of D, to images [N, H, W, O]; no demodulation."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int], *, w_dim: int, clamp: float | None = None):
        super().__init__()
        self.kernel = Kernel((inputs, 1, outputs), size)
        self.weight = normal(*self.kernel.weight_shape)
        self.bias = constant(0.0, outputs)
        self.affine = FullyConnected(w_dim, inputs, bias=1.0, is_scaled=True)
        self.style_gain = 1 / math.sqrt(inputs)
        self.scale, self.finish = shared(ScaleChannels), shared(BiasAct, is_linear=True, clamp=clamp)

    @property
    def torch_axes(self) -> TorchAxes:
        """See mindgan/layers/torch_layout.py."""
        return self.kernel.weight_axes

    def construct(self, x: Tensor, w: Tensor) -> Tensor:
        y = self.kernel(self.scale(x, self.affine(w) * self.style_gain), self.weight)
        return self.finish(y.reshape(-1, y.shape[3]), self.bias).reshape(y.shape)
