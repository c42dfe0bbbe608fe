"""Convolutions by MindSpore's own operations, for accelerators, where these are the fast ones.

They take and give what the layers of convolution.py do, channels last, with the same weights, and add no bias.
"""

import mindspore as ms
from mindspore import Tensor, nn, ops


def is_wanted() -> bool:
    """Whether the device in use is one on which MindSpore's own convolutions are the fast ones."""
    return ms.get_context("device_target") != "CPU"


class Convolution(nn.Cell):
    """x [N, H, W, C] and weight to [N, H', W', O]; the arguments are those of `mindgan.layers.convolution.Conv2d`."""

    def __init__(
        self, shape: tuple[int, int, int], *, stride: int, padding: int, is_reflected: bool, is_narrowing: bool
    ):
        """
        Args:
            shape: C, kernel size and O.
            stride: in pixels.
            padding: in pixels.
            is_reflected: whether the padding is a mirror.
            is_narrowing: whether the weight is [C, k across, k down, O], and not [k down, k across, C, O].
        """
        super().__init__()
        self.shape, self.is_narrowing = shape, is_narrowing
        self.mirror = (padding,) * 4 if is_reflected and padding else None
        pad = 0 if self.mirror else padding
        self.convolve = ops.Conv2D(shape[2], shape[1], pad_mode="pad", pad=pad, stride=stride)

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        inputs, kernel, outputs = self.shape
        if self.is_narrowing:
            kernels = weight.reshape(inputs, kernel, kernel, outputs).transpose(3, 0, 2, 1)
        else:
            kernels = weight.reshape(kernel, kernel, inputs, outputs).transpose(3, 2, 0, 1)
        images = x.transpose(0, 3, 1, 2)
        if self.mirror is not None:
            images = ops.pad(images, self.mirror, mode="reflect")
        return self.convolve(images, kernels).transpose(0, 2, 3, 1)


class TransposedConvolution(nn.Cell):
    """x [N, H, W, C] and weight to [N, 2 H, 2 W, O]; see `mindgan.layers.convolution.ConvTranspose2d`."""

    def __init__(self, shape: tuple[int, int, int]):
        """
        Args:
            shape: C, kernel size (3 or 4) and O.
        """
        super().__init__()
        self.shape = shape
        after = shape[1] - 3  # px of padding behind, and one before, of the convolution that this is the transpose of
        self.spread = ops.Conv2DTranspose(shape[0], shape[1], pad_mode="pad", pad=(1, after, 1, after), stride=2)

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        inputs, kernel, outputs = self.shape
        num, height, width, _ = x.shape
        kernels = weight.reshape(inputs, kernel, kernel, outputs).transpose(0, 3, 1, 2)
        size = (num, outputs, 2 * height, 2 * width)
        return self.spread(x.transpose(0, 3, 1, 2), kernels, size).transpose(0, 2, 3, 1)
