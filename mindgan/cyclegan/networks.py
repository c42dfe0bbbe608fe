"""Generators and discriminators of CycleGAN (Zhu et al. 2017, section 7.2).

Layers stand at the places, and parameters have the names and layouts, that the paper's PyTorch implementation gives
them: ``model.10.conv_block.1.weight``. So its state dicts can be read as they are.
"""

from itertools import pairwise

from mindspore import Tensor, nn, ops

from mindgan.layers.activations import LeakyReLU, Tanh
from mindgan.layers.convolution import Conv2d, ConvTranspose2d
from mindgan.layers.normalisation import InstanceNorm

NUM_DOWN = 2  # of the ResNet generator: it works at a quarter of the image's size


def channels_last(images: Tensor) -> Tensor:
    """[N, C, H, W] to [N, H, W, C], in which the layers work."""
    return images.transpose(0, 2, 3, 1)


def channels_first(x: Tensor) -> Tensor:
    """[N, H, W, C] to [N, C, H, W]."""
    return x.transpose(0, 3, 1, 2)


def reflected(in_channels: int, out_channels: int, kernel_size: int, *, adds_bias: bool = True) -> list[nn.Cell]:
    """A convolution that keeps the image's size, after an empty place: the paper's code has a padding layer there."""
    conv = Conv2d(
        in_channels, out_channels, kernel_size, padding=kernel_size // 2, is_reflected=True, adds_bias=adds_bias
    )
    return [nn.Identity(), conv]


class ResnetBlock(nn.Cell):
    """x [N, H, W, C] + two convolutions of it; reflection padding, instance norm."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv_block = nn.SequentialCell(
            [
                *[*reflected(channels, channels, 3, adds_bias=False), InstanceNorm(), nn.ReLU()],
                *[*reflected(channels, channels, 3, adds_bias=False), InstanceNorm()],
            ]
        )

    def construct(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class ResnetGenerator(nn.Cell):
    """Images [N, C, H, W] in [-1, 1] of one domain to the other, the same shape; H and W are multiples of 4.

    After Johnson et al. (2016): c7s1-64, d128, d256, `num_blocks` residual blocks, u128, u64, c7s1-C.

    Args:
        image_channels: C, 1 or 3.
        ngf: channels of the first layer, 64 in the paper.
        num_blocks: 9 in the paper for images of 256 pixels, 6 for 128.
    """

    def __init__(self, image_channels: int = 3, *, ngf: int = 64, num_blocks: int = 9):
        super().__init__()
        widths = [ngf * 2**index for index in range(NUM_DOWN + 1)]
        layers: list[nn.Cell] = reflected(image_channels, ngf, 7, adds_bias=False)
        layers += [InstanceNorm(), nn.ReLU()]
        for width, wider in pairwise(widths):
            layers += [Conv2d(width, wider, 3, stride=2, padding=1, adds_bias=False), InstanceNorm(), nn.ReLU()]
        layers += [ResnetBlock(widths[-1]) for _ in range(num_blocks)]
        for wider, width in pairwise(reversed(widths)):
            layers += [ConvTranspose2d(wider, width, 3, adds_bias=False), InstanceNorm(), nn.ReLU()]
        layers += [*reflected(ngf, image_channels, 7), Tanh()]
        self.model = nn.SequentialCell(layers)

    def construct(self, images: Tensor) -> Tensor:
        return channels_first(self.model(channels_last(images)))


class PatchDiscriminator(nn.Cell):
    """Images [N, C, H, W] in [-1, 1] to a score for every patch [N, 1, H', W']: near 1 real, near 0 fake.

    With three layers the convolutions of a score see 70 by 70 pixels (Isola et al. 2017); the norms see them all. No
    sigmoid: the scores are raw.

    Args:
        image_channels: C, 1 or 3.
        ndf: channels of the first layer, 64 in the paper.
        num_layers: convolutions of stride 2, 1 or more.
    """

    def __init__(self, image_channels: int = 3, *, ndf: int = 64, num_layers: int = 3):
        super().__init__()
        widths = [ndf * min(2**index, 8) for index in range(num_layers + 1)]
        layers: list[nn.Cell] = [Conv2d(image_channels, ndf, 4, stride=2, padding=1), LeakyReLU()]
        for index in range(1, num_layers + 1):
            stride = 2 if index < num_layers else 1
            layers += [Conv2d(widths[index - 1], widths[index], 4, stride=stride, padding=1, adds_bias=False)]
            layers += [InstanceNorm(), LeakyReLU()]
        self.model = nn.SequentialCell([*layers, Conv2d(widths[-1], 1, 4, padding=1)])

    def construct(self, images: Tensor) -> Tensor:
        return channels_first(self.model(channels_last(images)))


class PixelDiscriminator(nn.Cell):
    """Images [N, C, H, W] in [-1, 1] to a score for every pixel [N, 1, H, W], its convolutions see that pixel alone.

    Args:
        image_channels: C, 1 or 3.
        ndf: channels of the first layer.
    """

    def __init__(self, image_channels: int = 3, *, ndf: int = 64):
        super().__init__()
        self.net = nn.SequentialCell(
            [
                *[Conv2d(image_channels, ndf, 1), LeakyReLU()],
                *[Conv2d(ndf, 2 * ndf, 1, adds_bias=False), InstanceNorm(), LeakyReLU()],
                Conv2d(2 * ndf, 1, 1),
            ]
        )

    def construct(self, images: Tensor) -> Tensor:
        return channels_first(self.net(channels_last(images)))


class UnetBlock(nn.Cell):
    """One level of the UNet: x [N, H, W, C] down to half its size, through `inside`, up again, beside x itself.

    Args:
        outer: channels that come out of the way up.
        inner: channels within.
        into: channels that come in.
        inside: the level below; None at the bottom.
        is_outermost: no norms, nothing beside, Tanh at the end.
    """

    def __init__(self, outer: int, inner: int, *, into: int, inside: nn.Cell | None, is_outermost: bool = False):
        super().__init__()
        self.is_outermost = is_outermost
        normed_down = not is_outermost and inside is not None
        down = Conv2d(into, inner, 4, stride=2, padding=1, adds_bias=not normed_down)
        up = ConvTranspose2d(inner if inside is None else 2 * inner, outer, 4, adds_bias=is_outermost)
        if is_outermost:
            layers = [down, inside, nn.ReLU(), up, Tanh()]
        elif inside is None:
            layers = [LeakyReLU(), down, nn.ReLU(), up, InstanceNorm()]
        else:
            layers = [LeakyReLU(), down, InstanceNorm(), inside, nn.ReLU(), up, InstanceNorm()]
        self.model = nn.SequentialCell(layers)

    def construct(self, x: Tensor) -> Tensor:
        y = self.model(x)
        return y if self.is_outermost else ops.cat((x, y), -1)


class UnetGenerator(nn.Cell):
    """Images [N, C, H, W] in [-1, 1] of one domain to the other, the same shape; H and W multiples of 2^num_down.

    Ronneberger et al. (2015), as Isola et al. (2017) build it.

    Args:
        image_channels: C, 1 or 3.
        ngf: channels of the outermost level.
        num_down: levels; 7 brings 128 pixels to one, 8 brings 256.
    """

    def __init__(self, image_channels: int = 3, *, ngf: int = 64, num_down: int = 8):
        super().__init__()
        widths = [ngf * min(2**index, 8) for index in range(num_down)]
        block: nn.Cell | None = None
        for inner, outer in pairwise(reversed(widths)):
            block = UnetBlock(outer, inner, into=outer, inside=block)
        self.model = UnetBlock(image_channels, ngf, into=image_channels, inside=block, is_outermost=True)

    def construct(self, images: Tensor) -> Tensor:
        return channels_first(self.model(channels_last(images)))
