"""Normalisation of each image and channel by itself."""

from mindspore import Tensor, nn, ops

EPS = 1e-5  # PyTorch's


class InstanceNorm(nn.Cell):
    """x [N, C, H, W] with every channel of every image at mean 0 and variance 1 (Ulyanov et al. 2016).

    No learned scale or shift and no running statistics, as CycleGAN has it. The sums run over rows of a matrix: over
    two axes at once MindSpore takes twice as long.
    """

    def construct(self, x: Tensor) -> Tensor:
        num, channels, height, width = x.shape
        share = 1 / (height * width)
        rows = x.reshape(num * channels, height * width)
        centred = rows - rows.sum(1, keepdims=True) * share
        variance = ops.square(centred).sum(1, keepdims=True) * share
        return (centred * ops.rsqrt(variance + EPS)).reshape(num, channels, height, width)
