"""Layers with equalised learning rates and modulation (Karras et al. 2018, section 4.1; 2020, section 2.2).

Weights are kept normal(0, 1) and scaled as they are used. Those of convolutions are matrices of the patch products, as
in mindgan/layers; `torch_axes` tells how they become PyTorch's. The gain sqrt 2 that follows a leaky ReLU is in the
weights' and biases' scales, and so is the fifth that `BiasAct` asks for: they are positive, so they pass through.
"""

import math

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from mindgan.layers.activations import LEAKY_SLOPE
from mindgan.layers.sharing import shared
from mindgan.layers.torch_layout import TorchAxes
from mindgan.layers.twice_differentiable import row_of
from mindgan.stylegan2.kernels import Demodulation, kernel_of
from mindgan.stylegan2.ops import BiasAct, Resample, ScaleChannels

ACTIVATION_GAIN = math.sqrt(2) * LEAKY_SLOPE  # of what goes into a leaky ReLU as BiasAct has it


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
        self.multiply = ops.MatMul(transpose_b=True)
        self.finish = shared(BiasAct, gain * lr_multiplier, is_linear=is_linear)

    def construct(self, x: Tensor) -> Tensor:
        x = x if self.weight_gain == 1 else x * self.weight_gain  # the weight's, where there are fewer numbers
        return self.finish(self.multiply(x, self.weight), self.bias)


class Convolution(nn.Cell):
    """x [N, H, W, C] to [N, H', W', O]: equalised convolution, bias, activation; with stride 2 after the FIR filter."""

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
        self.kernel = kernel_of(shape, size, down=down)
        self.resample: nn.Cell | None = None
        if down > 1 and shape[1] == 1:
            self.resample = shared(Resample, size, down=2, padding=(1, 1, 1, 1))
        elif down > 1:
            self.resample = shared(Resample, size, padding=(2, 2, 2, 2))
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
        x = x if self.resample is None else self.resample(x)
        y = self.kernel(x, self.weight * self.weight_gain)
        if self.bias is None:
            return y
        return self.finish(y.reshape(-1, y.shape[3]), self.bias).reshape(y.shape)


class ModulatedConvolution(nn.Cell):
    """x [N, H, W, C] and styles w [N, D] to [N, H', W', O]: a convolution whose weights w scales; noise, leaky ReLU.

    w comes divided by the root of D, once for all layers. With `up` 2 the convolution is transposed, and a filter
    of gain 4 comes after it (Karras et al. 2020, appendix B).

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
        self.kernel = kernel_of(shape, size, up=up)
        self.out_size = (up * size[0], up * size[1])
        wide = (2 * size[0] + 1, 2 * size[1] + 1)
        self.resample = shared(Resample, wide, padding=(1, 1, 1, 1), gain=4.0) if up > 1 else None
        self.weight = normal(*self.kernel.weight_shape)
        self.bias = constant(0.0, shape[2])
        self.noise_strength = constant(0.0)
        self.noise_const = normal(*self.out_size, is_trained=False)
        self.affine = FullyConnected(w_dim, shape[0], bias=1.0, is_scaled=True)
        self.scale, self.outer = shared(ScaleChannels), ops.MatMul()
        self.demodulation = shared(Demodulation, shape[0], shape[2], is_transposed=up > 1)
        self.finish = shared(BiasAct, ACTIVATION_GAIN, clamp=clamp)

    @property
    def torch_axes(self) -> TorchAxes:
        """See mindgan/layers/torch_layout.py."""
        return self.kernel.weight_axes

    def construct(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """`noise` is [N, H' W'], of variance 1 where there is any."""
        styles = self.affine(w)
        y = self.kernel(self.scale(x, styles), self.weight)
        y = y if self.resample is None else self.resample(y)
        y = self.scale(y, self.demodulation(self.weight, styles) * ACTIVATION_GAIN)
        strengths = row_of(ACTIVATION_GAIN, y.shape[3]) * self.noise_strength
        rows = y.reshape(-1, y.shape[3]) + self.outer(noise.reshape(-1, 1), strengths)
        return self.finish(rows, self.bias).reshape(y.shape)


class ToRGB(nn.Cell):
    """x [N, H, W, C] and styles w [N, D], divided by the root of D, to images [N, H, W, O]; no demodulation."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int], *, w_dim: int, clamp: float | None = None):
        super().__init__()
        self.kernel = kernel_of((inputs, 1, outputs), size)
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
