"""Normalisation of each image and channel by itself."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.ops.functional import is_sequence_value_unknown

from mindgan.layers.sharing import shared

EPS = 1e-5  # PyTorch's


class InstanceNorm(nn.Cell):
    """x [N, H, W, C] with every channel of every image at mean 0 and variance 1 (Ulyanov et al. 2016).

    No learned scale or shift and no running statistics, as CycleGAN has it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.standardise = shared(Standardise)

    def construct(self, x: Tensor) -> Tensor:
        num, height, width, channels = x.shape
        return self.standardise(x.reshape(num, height * width, channels))[0].reshape(x.shape)


class Standardise(nn.Cell):
    """x [N, P, C] with mean 0 and variance 1 over P, and the factor [N, 1, C] that did the latter.

    Written out backwards too, which takes less than half the time of what MindSpore derives. Means are products with a
    row of 1/P, up to forty times faster than MindSpore's sums over that axis; and what stands for all pixels is tiled,
    as its own broadcasting is four times slower.
    """

    def __init__(self) -> None:
        super().__init__()
        # primitives, as functions such as ops.tile do not compile within bprop
        self.multiply, self.tile = ops.BatchMatMul(), ops.Tile()

    def construct(self, x: Tensor) -> tuple[Tensor, Tensor]:
        centred = x - self._everywhere(self._mean(x), x)
        scale = ops.rsqrt(self._mean(centred * centred) + EPS)
        return centred * self._everywhere(scale, x), scale

    def bprop(self, x: Tensor, out: tuple[Tensor, Tensor], gradients: tuple[Tensor, Tensor]) -> tuple[Tensor]:
        y, scale = out
        gradient = gradients[0]  # nothing uses the scale
        along_y = y * self._everywhere(self._mean(gradient * y), x)
        centred = gradient - self._everywhere(self._mean(gradient), x) - along_y
        return (centred * self._everywhere(scale, x),)

    def _mean(self, x: Tensor) -> Tensor:
        num, pixels, _ = x.shape
        if is_sequence_value_unknown(x.shape):
            return self.multiply(ops.ones((num, 1, pixels), ms.float32) / pixels, x)
        return self.multiply(equal_shares(num, pixels), x)

    def _everywhere(self, row: Tensor, x: Tensor) -> Tensor:
        return self.tile(row, (1, x.shape[1], 1))


@ops.constexpr
def equal_shares(num: int, pixels: int) -> Tensor:
    """A row of 1/pixels for each of `num` images."""
    return Tensor(np.full((num, 1, pixels), 1 / pixels, np.float32))
