"""StyleGAN2's unconditional networks in PyTorch, for CPU: Karras et al. 2020, *Analyzing and Improving ... StyleGAN*.

Parameters have the names of the authors' PyTorch networks. Gains, of activations and of residual branches, are folded
into weights and demodulation, which are smaller than features. Features have the memory format of the weights: in
channels_last PyTorch's depthwise convolutions on CPU are up to ten times as fast, forwards and backwards.
"""

from math import log2, sqrt

import torch
import torch.nn.functional as F
from stylegan2_twin_convolution import convolve
from torch import Tensor, nn

SLOPE = 0.2  # of the leaky ReLU
GAIN = sqrt(2)  # of the leaky ReLU
HALF = sqrt(0.5)  # of both branches of a residual block
FIR = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


def smooth(x: Tensor, padding: int, gain: float = 1.0, stride: int = 1) -> Tensor:
    """Each channel under the FIR filter: one 4 x 4 pass, which is no slower here than two of 4."""
    channels = x.shape[1]
    return convolve(x, (FIR * gain).expand(channels, 1, 4, 4), None, stride, padding, groups=channels)


def upsample(x: Tensor) -> Tensor:
    """[N, C, H, W] to [N, C, 2H, 2W]"""
    channels = x.shape[1]
    return convolve(x, (FIR * 4).expand(channels, 1, 4, 4), None, 2, 1, transposed=True, groups=channels)


def as_weight(x: Tensor, weight: Tensor) -> Tensor:
    """In the memory format of a weight [O, I, 3, 3]."""
    memory_format = torch.contiguous_format if weight.is_contiguous() else torch.channels_last
    return x.contiguous(memory_format=memory_format)


def lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu_(x, SLOPE)


class Dense(nn.Module):
    """A fully connected layer of equalised learning rate."""

    def __init__(self, num_in: int, num_out: int, bias: float = 0.0, lrmul: float = 1.0, activate: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_out, num_in) / lrmul)
        self.bias = nn.Parameter(torch.full((num_out,), bias))
        self.activate = activate
        self.bias_gain = lrmul * (GAIN if activate else 1)
        self.weight_gain = self.bias_gain / sqrt(num_in)

    def forward(self, x: Tensor) -> Tensor:
        bias = self.bias * self.bias_gain if self.bias_gain != 1 else self.bias
        x = torch.addmm(bias, x, self.weight.t(), alpha=self.weight_gain)
        return lrelu(x) if self.activate else x


class Conv(nn.Module):
    """A convolution of equalised learning rate, of stride 2 after the FIR filter if `down`; with a bias, also lrelu."""

    def __init__(self, num_in: int, num_out: int, size: int, down: bool = False, bias: bool = True, gain: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_out, num_in, size, size))
        self.bias = nn.Parameter(torch.zeros(num_out)) if bias else None
        self.down = down
        self.bias_gain = gain * (GAIN if bias else 1)
        self.weight_gain = self.bias_gain / sqrt(num_in * size**2)
        self.padding = size // 2

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.weight_gain
        if self.down and self.padding == 0:  # only every second pixel of the filtered image is looked at
            x = smooth(x, 1, stride=2)
        elif self.down:
            x = smooth(x, 1 + self.padding)
        stride, padding = (2, 0) if self.down and self.padding else (1, self.padding)
        if self.bias is None:
            return convolve(x, weight, None, stride, padding)
        return lrelu(convolve(x, weight, self.bias * self.bias_gain, stride, padding))


class Mapping(nn.Module):
    """z [N, z_dim] to w [N, num_ws, w_dim]"""

    def __init__(self, z_dim: int, w_dim: int, num_ws: int, num_layers: int):
        super().__init__()
        self.num_ws, self.num_layers = num_ws, num_layers
        for layer in range(num_layers):
            setattr(self, f"fc{layer}", Dense(w_dim if layer else z_dim, w_dim, lrmul=0.01, activate=True))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor, update_w_avg: bool = True) -> Tensor:
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in range(self.num_layers):
            x = getattr(self, f"fc{layer}")(x)
        if update_w_avg:
            self.w_avg.copy_(x.detach().mean(0).lerp(self.w_avg, 0.995))
        return x[:, None].expand(-1, self.num_ws, -1)


class StyledConv(nn.Module):
    """A modulated convolution, noise and a leaky ReLU. Styles scale its input and its output, not its weights: grouped
    convolutions of a weight for each sample are up to twice as slow here."""

    def __init__(self, num_in: int, num_out: int, w_dim: int, up: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_out, num_in, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(num_out))
        self.affine = Dense(w_dim, num_in, bias=1.0)
        self.up = up

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w)
        demod = torch.rsqrt(style.square() @ self.weight.square().sum((2, 3)).t() + 1e-8) * GAIN  # [N, num_out]
        x = x * style[:, :, None, None]
        if self.up:
            x = smooth(convolve(x, self.weight.transpose(0, 1), None, 2, 0, transposed=True), 1, gain=4)
        else:
            x = convolve(x, self.weight, None, 1, 1)
        x = torch.addcmul(self.noise(x) * (self.noise_strength * GAIN), x, demod[:, :, None, None])
        return lrelu(x.add_((self.bias * GAIN)[:, None, None]))

    def noise(self, x: Tensor) -> Tensor:
        return torch.randn(x.shape[0], 1, *x.shape[2:])


class ToRGB(nn.Module):
    """Features to colours: a modulated 1 x 1 convolution without demodulation."""

    def __init__(self, num_in: int, image_channels: int, w_dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(image_channels, num_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(image_channels))
        self.affine = Dense(w_dim, num_in, bias=1.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w) / sqrt(x.shape[1])
        return convolve(x * style[:, :, None, None], self.weight, self.bias, 1, 0)


class SynthesisBlock(nn.Module):
    """The layers of one resolution; those of the first have a constant for their input."""

    def __init__(self, num_in: int, num_out: int, image_channels: int, w_dim: int):
        super().__init__()
        self.is_first = num_in == 0
        if self.is_first:
            self.const = nn.Parameter(torch.randn(num_out, 4, 4))
        else:
            self.conv0 = StyledConv(num_in, num_out, w_dim, up=True)
        self.conv1 = StyledConv(num_out, num_out, w_dim)
        self.torgb = ToRGB(num_out, image_channels, w_dim)

    def forward(self, x: Tensor | None, image: Tensor | None, ws: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """`ws`: those of its layers in turn, the last of which is that of toRGB."""
        if self.is_first:
            batch = ws[0].shape[0]
            x = as_weight(self.const.expand(batch, -1, -1, -1), self.conv1.weight)
        else:
            x = self.conv0(x, ws[0])
        x = self.conv1(x, ws[-2])
        colours = self.torgb(x, ws[-1])
        return x, colours if image is None else upsample(image) + colours


class Synthesis(nn.Module):
    """w [N, num_ws, w_dim] to images [N, C, H, W], with skip connections."""

    def __init__(self, channels: dict[int, int], image_channels: int, w_dim: int):
        super().__init__()
        self.resolutions = sorted(channels)
        for resolution in self.resolutions:
            num_in = channels.get(resolution // 2, 0)
            setattr(self, f"b{resolution}", SynthesisBlock(num_in, channels[resolution], image_channels, w_dim))

    def forward(self, ws: Tensor) -> Tensor:
        x = image = None
        w = ws.unbind(1)
        for index, resolution in enumerate(self.resolutions):  # of two blocks, toRGB and conv0 share their w
            x, image = getattr(self, f"b{resolution}")(x, image, w[max(2 * index - 1, 0) : 2 * index + 2])
        return image


class Generator(nn.Module):
    """z [N, z_dim] to images; w has as many dimensions."""

    def __init__(self, channels: dict[int, int], z_dim: int, num_mapping_layers: int, image_channels: int = 3):
        super().__init__()
        self.num_ws = 2 * int(log2(max(channels))) - 2
        self.mapping = Mapping(z_dim, z_dim, self.num_ws, num_mapping_layers)
        self.synthesis = Synthesis(channels, image_channels, z_dim)


class DiscriminatorBlock(nn.Module):
    """Two convolutions, the second of which halves; `fromrgb` if it sees colours, `skip` if it is residual."""

    def __init__(self, num_in: int, num_out: int, image_channels: int, residual: bool):
        super().__init__()
        if image_channels:
            self.fromrgb = Conv(image_channels, num_in, 1)
        self.conv0 = Conv(num_in, num_in, 3)
        self.conv1 = Conv(num_in, num_out, 3, down=True, gain=HALF if residual else 1)
        if residual:
            self.skip = Conv(num_in, num_out, 1, down=True, bias=False, gain=HALF)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.conv0(x))
        return y + self.skip(x) if hasattr(self, "skip") else y


class Epilogue(nn.Module):
    """Features of 4 x 4 pixels to scores [N, 1]"""

    def __init__(self, channels: int, image_channels: int, group: int):
        super().__init__()
        self.group = group
        if image_channels:
            self.fromrgb = Conv(image_channels, channels, 1)
        self.conv = Conv(channels + 1, channels, 3)
        self.fc = Dense(channels * 16, channels, activate=True)
        self.out = Dense(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = as_weight(torch.cat([x, self.deviation(x)], 1), self.conv.weight)
        return self.out(self.fc(self.conv(x).flatten(1)))

    def deviation(self, x: Tensor) -> Tensor:
        """The mean deviation within each group, [N, 1, H, W]. Sample i is in group i mod (N / size of a group)."""
        num, _, height, width = x.shape
        size = min(self.group, num)
        y = x.reshape(size, num // size, -1)
        y = ((y - y.mean(0)).square().mean(0) + 1e-8).sqrt().mean(1)  # [number of groups]
        return y.repeat(size).reshape(num, 1, 1, 1).expand(-1, 1, height, width)


class Discriminator(nn.Module):
    """Images [N, C, H, W] to scores [N, 1]; `architecture`: resnet, skip or orig."""

    def __init__(self, channels: dict[int, int], group: int, image_channels: int = 3, architecture: str = "resnet"):
        super().__init__()
        self.resolutions = sorted(channels, reverse=True)
        self.skips = architecture == "skip"
        for resolution in self.resolutions[:-1]:
            seen = image_channels if self.skips or resolution == self.resolutions[0] else 0
            numbers = channels[resolution], channels[resolution // 2]
            setattr(self, f"b{resolution}", DiscriminatorBlock(*numbers, seen, architecture == "resnet"))
        self.b4 = Epilogue(channels[4], image_channels if self.skips else 0, group)

    def forward(self, images: Tensor) -> Tensor:
        images = as_weight(images, self.b4.conv.weight)
        x = None
        for resolution in self.resolutions:
            block = getattr(self, f"b{resolution}")
            if hasattr(block, "fromrgb"):
                colours = block.fromrgb(images)
                x = colours if x is None else x + colours
                images = smooth(images, 1, stride=2) if self.skips else images
            x = block(x)
        return x
