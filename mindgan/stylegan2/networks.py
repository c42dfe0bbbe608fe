"""The generator and the discriminator of StyleGAN2 (Karras et al. 2020) as StyleGAN2-ADA has them (2020, appendix).

Parameters have the names of the PyTorch implementation. Blocks are named after the resolution that they have with a
base of 4 x 4 pixels, b4, b8, ...; rectangles begin with another base.
"""

import math
from typing import Any, Literal

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from mindgan.layers import native
from mindgan.layers.sharing import shared
from mindgan.stylegan2.layers import Convolution, FullyConnected, ModulatedConvolution, ToRGB, normal
from mindgan.stylegan2.ops import ChannelsFirst, ChannelsLast, Resample
from mindgan.stylegan2.shape import BASE_PX, Shape

Architecture = Literal["resnet", "skip", "orig"]
MAPPING_LR_MULTIPLIER = 0.01
D_MAPPING_LAYERS = 8
NORMALISATION_EPS = 1e-8
MBSTD_EPS = 1e-8


class MappingNetwork(nn.Cell):
    """Latents z [N, Z] and labels c [N, K] to styles w [N, D].

    Each is normalised to mean square 1; the layers learn a hundred times more slowly than the rest.
    """

    def __init__(self, shape: Shape, *, is_discriminators: bool = False):
        """
        Args:
            shape: of the networks.
            is_discriminators: only labels come in, and w has as many numbers as D has channels at the end.
        """
        super().__init__()
        self.has_labels = shape.num_classes > 0
        self.has_latents = not is_discriminators
        width = shape.channels(BASE_PX) if is_discriminators else shape.w_dim
        inputs = (shape.z_dim if self.has_latents else 0) + (width if self.has_labels else 0)
        if self.has_labels:
            self.embed = FullyConnected(shape.num_classes, width)
        depth = D_MAPPING_LAYERS if is_discriminators else shape.map_depth
        self.layer_names = [f"fc{index}" for index in range(depth)]
        for index, name in enumerate(self.layer_names):
            layer = FullyConnected(
                inputs if index == 0 else width, width, is_linear=False, lr_multiplier=MAPPING_LR_MULTIPLIER
            )
            setattr(self, name, layer)
        self.layers = [getattr(self, name) for name in self.layer_names]
        if self.has_latents:
            self.w_avg = ms.Parameter(np.zeros(width, np.float32), requires_grad=False)

    def construct(self, z: Tensor, c: Tensor) -> Tensor:
        """Without labels, `c` may be anything; without latents, so may `z`."""
        x = normalised(z) if self.has_latents else z
        if self.has_labels:
            y = normalised(self.embed(c))
            x = ops.cat((x, y), 1) if self.has_latents else y
        for layer in self.layers:
            x = layer(x)
        return x


def normalised(x: Tensor) -> Tensor:
    """Rows with mean square 1."""
    return x * ops.rsqrt(ops.square(x).mean(1, keep_dims=True) + NORMALISATION_EPS)


class SynthesisBlock(nn.Cell):
    """x [N, H/2, W/2, C] and the image so far to x [N, H, W, O] and the image at that size."""

    def __init__(self, level: int, shape: Shape):
        super().__init__()
        size, outputs = shape.size(level), shape.channels(level)
        options: dict[str, Any] = {"w_dim": shape.w_dim, "clamp": shape.conv_clamp}
        self.is_first = level == BASE_PX
        if self.is_first:
            self.const = normal(outputs, *size)
        else:
            before = shape.size(level // 2)
            self.conv0 = ModulatedConvolution((shape.channels(level // 2), 3, outputs), before, up=2, **options)
            self.upsample = shared(Resample, before, up=2, padding=(2, 1, 2, 1), gain=4.0)
        self.conv1 = ModulatedConvolution((outputs, 3, outputs), size, **options)
        self.torgb = ToRGB(outputs, shape.image_channels, size, **options)
        self.num_noise = math.prod(size)
        self.outputs = outputs

    def construct(
        self, x: Tensor, image: Tensor, ws: tuple[Tensor, ...], noise: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor]:
        """`ws`, 2 or 3 of [N, D], and `noise`, 1 or 2 of [N, H W], are this block's; the first reads no image."""
        if self.is_first:
            rows = ops.transpose(self.const, (1, 2, 0)).reshape(1, -1)
            num = noise[0].shape[0]
            x = (rows * ops.ones((num, 1), ms.float32)).reshape(num, *self.conv1.out_size, self.outputs)
            x = self.conv1(x, ws[0], noise[0])
            return x, self.torgb(x, ws[1])
        x = self.conv0(x, ws[0], noise[0])
        x = self.conv1(x, ws[1], noise[1])
        return x, self.upsample(image) + self.torgb(x, ws[2])


class SynthesisNetwork(nn.Cell):
    """Styles ws [N, num_ws, D] and noise [N, num_noise] to images [N, C, H, W]."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.w_dim, self.w_gain = shape.w_dim, 1 / math.sqrt(shape.w_dim)
        self.to_first = shared(ChannelsFirst, is_native=native.is_wanted())
        self.blocks = []
        for level in shape.levels:
            block = SynthesisBlock(level, shape)
            setattr(self, f"b{level}", block)
            self.blocks.append(block)

    def construct(self, ws: Tensor, noise: Tensor) -> Tensor:
        x = image = noise
        styles: tuple[Tensor, ...] = ()
        for one in ops.split(ws * self.w_gain, 1, 1):  # an operation each for all layers, and in the gradient
            styles += (one.reshape(-1, self.w_dim),)
        first_w, first_noise = 0, 0
        for block in self.blocks:
            num_layers = 1 if block.is_first else 2
            noises: tuple[Tensor, ...] = ()
            for _ in range(num_layers):
                noises += (noise[:, first_noise : first_noise + block.num_noise],)
                first_noise += block.num_noise
            x, image = block(x, image, styles[first_w : first_w + num_layers + 1], noises)
            first_w += num_layers
        return self.to_first(image)

    def noise_const(self) -> np.ndarray:
        """The noise that belongs to the network: float32 [num_noise]."""
        return np.concatenate([parameter.asnumpy().reshape(-1) for parameter in self.noise_parameters()])

    def noise_parameters(self) -> list[ms.Parameter]:
        """The noise that belongs to the network: [H, W] of each layer."""
        layers = [layer for block in self.blocks for layer in block.cells() if isinstance(layer, ModulatedConvolution)]
        return [layer.noise_const for layer in layers]


class Generator(nn.Cell):
    """Latents z [N, Z], labels c [N, K] and noise [N, num_noise] to images [N, C, H, W], about in [-1, 1]."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.synthesis = SynthesisNetwork(shape)
        self.mapping = MappingNetwork(shape)

    def construct(self, z: Tensor, c: Tensor, noise: Tensor) -> Tensor:
        w = self.mapping(z, c)
        return self.synthesis(for_all_layers(w, self.shape.num_ws), noise)


def for_all_layers(w: Tensor, num_ws: int) -> Tensor:
    """[N, D] to [N, num_ws, D]."""
    return w.expand_dims(1) * ops.ones((1, num_ws, 1), ms.float32)


class DiscriminatorBlock(nn.Cell):
    """x [N, H, W, C] and the image at that size to x [N, H/2, W/2, O] and, in 'skip', the image at half the size."""

    def __init__(self, level: int, shape: Shape, architecture: Architecture):
        super().__init__()
        size, inputs, outputs = shape.size(level), shape.channels(level), shape.channels(level // 2)
        clamp = shape.conv_clamp
        self.is_first = level == shape.levels[-1]
        self.architecture = architecture
        if self.is_first or architecture == "skip":
            self.fromrgb = Convolution((shape.image_channels, 1, inputs), size, clamp=clamp)
        self.conv0 = Convolution((inputs, 3, inputs), size, clamp=clamp)
        gain = math.sqrt(0.5) if architecture == "resnet" else 1.0
        self.conv1 = Convolution((inputs, 3, outputs), size, down=2, gain=gain, clamp=clamp)
        if architecture == "resnet":
            self.skip = Convolution((inputs, 1, outputs), size, down=2, gain=gain, is_linear=True, has_bias=False)
        if architecture == "skip":
            self.downsample = shared(Resample, size, down=2, padding=(1, 1, 1, 1))

    def layers(self) -> list[nn.Cell]:
        """Those with weights, from the image on."""
        names = ("fromrgb", "conv0", "conv1", "skip")
        return [layer for name, layer in self.name_cells().items() if name in names]

    def construct(self, x: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        if self.is_first:
            x = self.fromrgb(image)
        elif self.architecture == "skip":
            x = x + self.fromrgb(image)
        y = self.conv1(self.conv0(x))
        if self.architecture == "resnet":
            y = y + self.skip(x)
        return y, self.downsample(image) if self.architecture == "skip" else image


class MinibatchStd(nn.Cell):
    """x [N, H, W, C] to [N, H, W, C + 1]: one channel tells how much the images of a group differ.

    Group i of N / G has the images i, i + N / G, ...
    """

    def __init__(self, group: int):
        super().__init__()
        self.group = group
        self.join = ops.Concat(3)

    def construct(self, x: Tensor) -> Tensor:
        num, height, width, channels = x.shape
        group = min(self.group, num)
        y = x.reshape(group, num // group, height * width * channels)
        y = y - y.mean(0, keep_dims=True)
        deviations = ops.sqrt(ops.square(y).mean(0, keep_dims=True) + MBSTD_EPS).mean(2, keep_dims=True)
        everywhere = deviations * ops.ones((group, 1, height * width), ms.float32)
        return self.join((x, everywhere.reshape(num, height, width, 1)))


class DiscriminatorEpilogue(nn.Cell):
    """x of the smallest size, the image at it and the embedded label to scores [N, 1]."""

    def __init__(self, shape: Shape, architecture: Architecture, mbstd_group: int):
        super().__init__()
        size, channels = shape.size(BASE_PX), shape.channels(BASE_PX)
        self.architecture, self.has_labels = architecture, shape.num_classes > 0
        if architecture == "skip":
            self.fromrgb = Convolution((shape.image_channels, 1, channels), size, clamp=shape.conv_clamp)
        self.mbstd = MinibatchStd(mbstd_group)
        self.conv = Convolution((channels + 1, 3, channels), size, clamp=shape.conv_clamp)
        self.fc = FullyConnected(channels * math.prod(size), channels, is_linear=False)
        self.out = FullyConnected(channels, channels if self.has_labels else 1)
        self.label_gain = 1 / math.sqrt(channels)

    def construct(self, x: Tensor, image: Tensor, label: Tensor, num_parts: int) -> Tensor:
        if self.architecture == "skip":
            x = x + self.fromrgb(image)
        size = x.shape[0] // num_parts
        y = self.conv(self.mbstd(x) if num_parts == 1 else ops.cat((self.mbstd(x[:size]), self.mbstd(x[size:])), 0))
        y = self.out(self.fc(y.transpose(0, 3, 1, 2).reshape(y.shape[0], -1)))
        return (y * label).sum(1, keepdims=True) * self.label_gain if self.has_labels else y


class Discriminator(nn.Cell):
    """Images [N, C, H, W] and labels c [N, K] to scores [N, 1]: above 0 real, below 0 fake."""

    def __init__(self, shape: Shape, *, architecture: Architecture = "resnet", mbstd_group: int = 4):
        """
        Args:
            shape: of the networks; its z_dim, w_dim and map_depth are the generator's.
            architecture: how images come in: 'resnet' with skips between blocks, 'skip' at every size, 'orig' once.
            mbstd_group: images that are compared with one another.
        """
        super().__init__()
        self.to_last = shared(ChannelsLast, is_native=native.is_wanted())
        self.blocks = []
        for level in reversed(shape.levels[1:]):
            block = DiscriminatorBlock(level, shape, architecture)
            setattr(self, f"b{level}", block)
            self.blocks.append(block)
        self.mapping = MappingNetwork(shape, is_discriminators=True) if shape.num_classes > 0 else None
        self.b4 = DiscriminatorEpilogue(shape, architecture, mbstd_group)

    def construct(self, images: Tensor, c: Tensor, num_parts: int = 1) -> Tensor:
        """With `num_parts` 2, the halves of the images are compared among themselves only, as if they came apart."""
        image = self.to_last(images)
        x = image
        for block in self.blocks:
            x, image = block(x, image)
        label = c if self.mapping is None else self.mapping(c, c)
        return self.b4(x, image, label, num_parts)
