"""CycleGAN's networks in PyTorch, for golden vectors and benchmarks; see scripts/bench/requirements.txt."""

from itertools import pairwise

import torch
from torch import nn


class Block(nn.Module):
    """x + two convolutions of it."""

    def __init__(self, channels: int):
        super().__init__()
        half = [[nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)] for _ in "12"]
        self.conv_block = nn.Sequential(*half[0], nn.ReLU(), *half[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv_block(x)


class Generator(nn.Module):
    """The ResNet generator, with the names of the paper's implementation."""

    def __init__(self, image_channels: int, ngf: int, num_blocks: int):
        super().__init__()
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(image_channels, ngf, 7), nn.InstanceNorm2d(ngf), nn.ReLU()]
        for width, wider in ((ngf, 2 * ngf), (2 * ngf, 4 * ngf)):
            layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1), nn.InstanceNorm2d(wider), nn.ReLU()]
        layers += [Block(4 * ngf) for _ in range(num_blocks)]
        for wider, width in ((4 * ngf, 2 * ngf), (2 * ngf, ngf)):
            layers += [nn.ConvTranspose2d(wider, width, 3, stride=2, padding=1, output_padding=1)]
            layers += [nn.InstanceNorm2d(width), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(ngf, image_channels, 7), nn.Tanh())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images)


class Discriminator(nn.Module):
    """The PatchGAN discriminator, with the names of the paper's implementation."""

    def __init__(self, image_channels: int, ndf: int, num_layers: int):
        super().__init__()
        widths = [ndf * min(2**index, 8) for index in range(num_layers + 1)]
        layers = [nn.Conv2d(image_channels, ndf, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for index, (width, wider) in enumerate(pairwise(widths), start=1):
            layers += [nn.Conv2d(width, wider, 4, stride=2 if index < num_layers else 1, padding=1)]
            layers += [nn.InstanceNorm2d(wider), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images)
