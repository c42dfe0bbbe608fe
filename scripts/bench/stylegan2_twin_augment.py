"""The augmentations `bgc` of ADA in PyTorch, for CPU: Karras et al. 2020, *Training GANs with Limited Data*, app. B.

Pixel blitting, geometric and colour transforms at the probability p each, differentiable twice in the images. Both FIR
resamplings, the reflection included, are products with small matrices: mostly two to four times as fast as separable
strided and transposed depthwise convolutions, as those have but three channels and every batch has its own margins.
"""

from math import pi, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

SYM6 = torch.tensor(
    [
        *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633),
        *(0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252),
        *(-0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148),
    ]
) / sqrt(2)
TAPS = len(SYM6)
SUPPORT_PX = TAPS // 4  # to each side, at twice the resolution
SHIFT = 0.5  # of the filter's peak from its middle, at twice the resolution
LUMA = torch.full((3, 3), 1 / 3)  # the projection on the luma axis, and the cross product with it
CHROMA = torch.eye(3) - LUMA
TURN = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / sqrt(3)


class GridSample(torch.autograd.Function):
    """Bilinear, zero outside. As it is linear in the image, the derivative of its derivative is itself; PyTorch's own
    has no second derivative."""

    @staticmethod
    def forward(ctx, image: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = image.shape
        return F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        return GridSampleTransposed.apply(grad, *ctx.saved_tensors, ctx.shape), None


class GridSampleTransposed(torch.autograd.Function):
    """What takes the gradient of the samples to that of the image of the given shape."""

    @staticmethod
    def forward(ctx, grad: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        bilinear = zeros = 0
        image = grad.new_empty(()).expand(shape)  # its values matter to the gradient of the grid alone
        return torch.ops.aten.grid_sampler_2d_backward(
            grad.contiguous(), image, grid, bilinear, zeros, False, [True, False]
        )[0]

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        return GridSample.apply(grad, *ctx.saved_tensors), None, None


class Pipe:
    """Augments images [N, 3, size, size]; the matrices of a size are made once."""

    def __init__(self, size: int, p: float):
        self.size, self.p = size, p
        width = 3 * size - 2  # reflected as far as it goes: to both sides, without the border itself
        source = torch.arange(1 - size, 2 * size - 1).abs()
        source = torch.where(source < size, source, 2 * (size - 1) - source)
        self.reflect = F.one_hot(source, size).float()  # [width, size]
        rows, columns = torch.arange(2 * width)[:, None], torch.arange(width)
        taps = rows - 2 * columns + TAPS // 2 - 1
        inside = (taps >= 0) & (taps < TAPS)
        self.up = torch.where(inside, 2 * SYM6[taps.clamp(0, TAPS - 1)], torch.zeros(()))  # [2 width, width]
        self.sampled = 2 * size + TAPS - 2  # what halving to size takes
        taps = torch.arange(self.sampled) - 2 * torch.arange(size)[:, None]
        inside = (taps >= 0) & (taps < TAPS)
        self.down = torch.where(inside, SYM6[taps.clamp(0, TAPS - 1)], torch.zeros(()))  # [size, sampled]

    def __call__(self, images: Tensor) -> Tensor:
        num = len(images)
        linear, offset = self.colours(num)
        moved = self.resample(images, *self.geometry(num))
        return torch.baddbmm(offset, linear, moved.flatten(2)).view(moved.shape)

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape)

    def angle(self, num: int) -> Tensor:
        return (2 * self.uniform(num) - 1) * pi

    def choice(self, num: int, options: int) -> Tensor:
        return (self.uniform(num) * options).floor()

    @staticmethod
    def gated(value: Tensor, neutral: float, p: float) -> Tensor:
        """`value` for each sample at the probability p, else `neutral`."""
        gate = torch.rand(len(value)) < p
        return torch.where(gate.view(-1, *[1] * (value.dim() - 1)), value, neutral)

    def geometry(self, num: int) -> tuple[Tensor, Tensor]:
        """From the output to the input, in pixels from the middle: a matrix [N, 2, 2] and an offset [N, 2]."""
        p, neutral = self.p, 0.0
        p_rotate = 1 - sqrt(max(1 - p, 0))  # each of two: p together
        flip = 1 - 2 * self.gated(self.choice(num, 2), neutral, p)
        quarters = self.gated(self.choice(num, 4), neutral, p)
        whole = self.gated(torch.round((2 * self.uniform(num, 2) - 1) * 0.125 * self.size), neutral, p)
        scale = torch.exp2(-self.gated(self.normal(num) * 0.2, neutral, p))
        before = self.gated(self.angle(num), neutral, p_rotate)
        stretch = torch.exp2(-self.gated(self.normal(num) * 0.2, neutral, p))
        after = self.gated(self.angle(num), neutral, p_rotate)
        fraction = self.gated(self.normal(num, 2) * 0.125 * self.size, neutral, p)
        matrix = torch.diag_embed(torch.stack([flip, torch.ones(num)], 1)) @ rotation(quarters * (pi / 2))
        offset = -matrix @ whole[:, :, None]
        matrix = matrix * scale[:, None, None] @ rotation(before)
        matrix = matrix @ torch.diag_embed(torch.stack([stretch, 1 / stretch], 1)) @ rotation(after)
        return matrix, (offset - matrix @ fraction[:, :, None])[:, :, 0]

    def colours(self, num: int) -> tuple[Tensor, Tensor]:
        """A matrix [N, 3, 3] of colours and an offset [N, 3, 1]; brightness, contrast, luma flip, hue, saturation."""
        p, neutral = self.p, 0.0
        brightness = self.gated(self.normal(num, 1, 1) * 0.2, neutral, p)
        contrast = torch.exp2(self.gated(self.normal(num, 1, 1) * 0.5, neutral, p))
        luma = contrast * (1 - 2 * self.gated(self.choice(num, 2), neutral, p))[:, None, None]
        hue = self.gated(self.angle(num), neutral, p)[:, None, None]
        chroma = contrast * torch.exp2(self.gated(self.normal(num, 1, 1), neutral, p))
        linear = luma * LUMA + chroma * (hue.cos() * CHROMA + hue.sin() * TURN)
        return linear, (luma * brightness).expand(-1, 3, 1)

    def margins(self, matrix: Tensor, offset: Tensor) -> Tensor:
        """How far to reflect for what the batch looks at, px: [before, after] by [x, y]."""
        middle = (self.size - 1) / 2
        corners = torch.tensor([[-1.0, 1, 1, -1], [-1, -1, 1, 1]]) * middle
        seen = (matrix @ corners + offset[:, :, None]).transpose(1, 2).flatten(0, 1)  # [4 N, 2]
        reach = torch.stack([-seen.amin(0), seen.amax(0)]) + 2 * SUPPORT_PX - middle
        return reach.clamp(0, self.size - 1).ceil()

    def resample(self, images: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
        """Reflects, doubles, samples bilinearly and halves."""
        margins = self.margins(matrix, offset)
        (left, top), (right, bottom) = margins.int().tolist()
        doubled = self.doubling(top, bottom) @ (images @ self.doubling(left, right).t())
        place = (matrix.sum(2) - 1) * SHIFT + 2 * offset + margins[0] - margins[1]
        theta = torch.cat([matrix * (self.sampled / 2), place[:, :, None]], 2)
        theta = theta / (self.size + margins.sum(0))[:, None]
        grid = F.affine_grid(theta, [len(images), 3, self.sampled, self.sampled], align_corners=False)
        return self.down @ (GridSample.apply(doubled, grid) @ self.down.t())

    def doubling(self, before: int, after: int) -> Tensor:
        """[2 (before + size + after), size]"""
        first, num = self.size - 1 - before, before + self.size + after
        return self.up[: 2 * num, :num] @ self.reflect[first : first + num]


def rotation(angle: Tensor) -> Tensor:
    """[N] to [N, 2, 2]"""
    return torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2)
