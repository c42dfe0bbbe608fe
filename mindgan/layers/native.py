"""Convolutions by MindSpore's own operations, for accelerators, where these are the fast ones.

They take and give what the layers on CPU do, channels last, with the same weights, whose matrices `torch_axes` turn
into kernels (torch_layout.py), and add no bias. They can be differentiated twice.
"""

import mindspore as ms
from mindspore import Tensor, nn, ops

from mindgan.layers.torch_layout import TorchAxes


def is_wanted() -> bool:
    """Whether the device in use is one on which MindSpore's own convolutions are the fast ones."""
    return ms.get_context("device_target") != "CPU"


class Convolution(nn.Cell):
    """x [N, H, W, C] and weight to [N, H', W', O], H' = (H + 2 padding - kernel) // stride + 1."""

    def __init__(self, torch_axes: TorchAxes, *, stride: int = 1, padding: int = 0, is_reflected: bool = False):
        """
        Args:
            torch_axes: of the weight, to [O, C, k, k].
            stride: in pixels.
            padding: in pixels.
            is_reflected: whether the padding is a mirror; its gradient has no gradient.
        """
        super().__init__()
        self.sizes, self.axes = torch_axes
        outputs, kernel = self.sizes[self.axes[0]], self.sizes[self.axes[2]]
        self.mirror = (padding,) * 4 if is_reflected and padding else None
        pad = 0 if self.mirror else padding
        self.convolve = ops.Conv2D(outputs, kernel, pad_mode="pad", pad=pad, stride=stride)

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        images = x.transpose(0, 3, 1, 2)
        if self.mirror is not None:
            images = ops.pad(images, self.mirror, mode="reflect")
        kernels = weight.reshape(self.sizes).transpose(self.axes)
        return self.convolve(images, kernels).transpose(0, 2, 3, 1)


class TransposedConvolution(nn.Cell):
    """x [N, H, W, C] and weight to [N, 2 H + more, 2 W + more, O]: the transpose of a convolution of stride 2."""

    def __init__(self, torch_axes: TorchAxes, *, pad: tuple[int, int]):
        """
        Args:
            torch_axes: of the weight, to [C, O, k, k].
            pad: before and behind, in pixels, of the convolution that this is the transpose of.
        """
        super().__init__()
        self.sizes, self.axes = torch_axes
        inputs, self.outputs, kernel = (self.sizes[axis] for axis in self.axes[:3])
        self.more = kernel - 2 - sum(pad)
        pads = (*pad, *pad)
        self.spread = ops.Conv2DTranspose(inputs, kernel, pad_mode="pad", pad=pads, stride=2)

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        num, height, width, _ = x.shape
        kernels = weight.reshape(self.sizes).transpose(self.axes)
        size = (num, self.outputs, 2 * height + self.more, 2 * width + self.more)
        return self.spread(x.transpose(0, 3, 1, 2), kernels, size).transpose(0, 2, 3, 1)
