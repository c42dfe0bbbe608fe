"""What images and networks of StyleGAN2 look like, in numbers."""

import math
from dataclasses import dataclass

BASE_PX = 4  # the smaller side of the block that the generator begins with, at least


def num_halvings(height: int, width: int) -> int:
    """How often both sides of an image can be halved until the next time would leave less than the base."""
    num = 0
    while height % 2 == width % 2 == 0 and min(height, width) >= 2 * BASE_PX:
        num, height, width = num + 1, height // 2, width // 2
    return num


def num_layers(height: int, width: int, architecture: str) -> int:
    """Layers of the discriminator before its last block, which --freezed counts from the image on."""
    num = num_halvings(height, width)
    from_rgb = num if architecture == "skip" else min(num, 1)
    return from_rgb + num * (3 if architecture == "resnet" else 2)


@dataclass(frozen=True)
class Shape:
    """What images and networks look like.

    Attributes:
        height: of the images, px: a base of at least 4 times a power of two, as the width with the same power.
        width: of the images, px.
        image_channels: 1, 3 or 4.
        num_classes: of the labels, or the length of a label vector; 0 without.
        z_dim: of the latents.
        w_dim: of the styles.
        map_depth: layers of the mapping network.
        channel_base: channels of a layer times its resolution, at most.
        channel_max: channels of a layer, at most.
        conv_clamp: the largest absolute value of an activation; None for any.
    """

    height: int
    width: int
    image_channels: int = 3
    num_classes: int = 0
    z_dim: int = 512
    w_dim: int = 512
    map_depth: int = 8
    channel_base: int = 32768
    channel_max: int = 512
    conv_clamp: float | None = None

    @property
    def num_up(self) -> int:
        """How often the generator doubles the size of its base."""
        return num_halvings(self.height, self.width)

    @property
    def levels(self) -> tuple[int, ...]:
        """Nominal resolutions from 4 on; the images' own if their base is 4 x 4."""
        return tuple(BASE_PX * 2**index for index in range(self.num_up + 1))

    @property
    def num_ws(self) -> int:
        """Styles that the generator takes."""
        return 2 * self.num_up + 2

    def size(self, level: int) -> tuple[int, int]:
        """Height and width at a nominal resolution."""
        shrink = self.levels[-1] // level
        return self.height // shrink, self.width // shrink

    def channels(self, level: int) -> int:
        return min(self.channel_base // level, self.channel_max)

    @property
    def num_noise(self) -> int:
        """Numbers of noise that one image takes: every layer's."""
        return sum(math.prod(self.size(level)) * (1 if level == BASE_PX else 2) for level in self.levels)
