"""A convolution in PyTorch whose second derivative is fast on CPU.

PyTorch differentiates a convolution's gradient by the weights as a convolution with kernels as large as the features,
and a depthwise one channel by channel, even if the filter is constant. Here it is the gradient of a convolution again,
which takes a sixth to a third off the two regularisers. First derivatives are PyTorch's own, a little faster.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

ops = torch.ops.aten
Settings = tuple[list[int], list[int], list[int], bool, list[int], int]  # as the operators take them


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    transposed: bool = False,
    groups: int = 1,
) -> Tensor:
    """As F.conv2d, or F.conv_transpose2d."""
    if Convolution.is_in_use:
        return Convolution.apply(x, weight, bias, ([stride] * 2, [padding] * 2, [1, 1], transposed, [0, 0], groups))
    return (F.conv_transpose2d if transposed else F.conv2d)(x, weight, bias, stride, padding, groups=groups)


@contextmanager
def differentiable_twice() -> Iterator[None]:
    """What is convolved within may be differentiated a second time by way of `x`, as R1 and the path length are."""
    Convolution.is_in_use = True
    try:
        yield
    finally:
        Convolution.is_in_use = False


class Convolution(torch.autograd.Function):
    is_in_use = False

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None, settings: Settings) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.settings = settings
        return ops.convolution(x, weight, bias, *settings)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        wanted = list(ctx.needs_input_grad[:3])
        if torch.is_grad_enabled():  # to be differentiated again, and only the images or w were asked for
            return ConvolutionGradient.apply(grad, *ctx.saved_tensors, ctx.settings), None, None, None
        num_out = grad.shape[1]
        return *ops.convolution_backward(grad, *ctx.saved_tensors, [num_out], *ctx.settings, wanted), None


class ConvolutionGradient(torch.autograd.Function):
    """That by x: linear in the incoming gradient and in the weight, and its derivatives convolutions again."""

    @staticmethod
    def forward(ctx, grad: Tensor, x: Tensor, weight: Tensor, settings: Settings) -> Tensor:
        ctx.save_for_backward(grad, weight)
        ctx.settings = settings
        return ops.convolution_backward(grad, x, weight, None, *settings, [True, False, False])[0]

    @staticmethod
    def backward(ctx, outer: Tensor) -> tuple[Tensor, None, Tensor | None, None]:
        grad, weight = ctx.saved_tensors
        by_weight = None
        if ctx.needs_input_grad[2]:
            mask = [False, True, False]
            by_weight = ops.convolution_backward(grad, outer, weight, None, *ctx.settings, mask)[1]
        return ops.convolution(outer, weight, None, *ctx.settings), None, by_weight, None
