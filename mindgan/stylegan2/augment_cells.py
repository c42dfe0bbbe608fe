"""The augmentations within a compiled step: what `Augment` draws, done to images. Differentiable twice."""

import numpy as np
from mindspore import Tensor, nn, ops

from mindgan.data.batches import normalise
from mindgan.render.grids import to_uint8
from mindgan.runtime import device
from mindgan.stylegan2.augment import NUM_BANDS, Augment
from mindgan.stylegan2.warp import Warp, mirrored

# half the low-pass filter of the wavelet sym2, of four taps (Daubechies 1992, chapter 6)
SYM2 = np.array([1 - np.sqrt(3), 3 - np.sqrt(3), 3 + np.sqrt(3), 1 + np.sqrt(3)]) / (4 * np.sqrt(2))


class AugmentImages(nn.Cell):
    """images [N, C, H, W] float32, and rows [N, K] that `augment.draw` gave, to images of the same shape.

    A spec with noise takes noise [N, C, H, W], of `augment.draw_noise`, too. What the spec lacks is not in the graph.
    The transforms come in the order geometry, colour, filter, noise, cutout; nothing is clipped.
    """

    def __init__(self, augment: Augment):
        super().__init__()
        fields = augment.fields
        self.bounds = {name: (field.start, field.stop) for name, field in fields.items()}
        self.warp = Warp(augment.height, augment.width, augment.multipliers) if "matrix" in fields else None
        self.recolor = Recolor() if "color" in fields else None
        self.filter = Filter(augment.height, augment.width) if "gains" in fields else None
        self.add_noise = AddNoise() if "noise" in fields else None
        self.cut_out = CutOut(augment.height, augment.width) if "cutout" in fields else None

    def construct(self, images: Tensor, draws: Tensor, noise: Tensor | None = None) -> Tensor:
        draws = ops.stop_gradient(draws)
        if self.warp is not None:
            images = self.warp(images, self._of(draws, "matrix"))
        if self.recolor is not None:
            images = self.recolor(images, self._of(draws, "color"))
        if self.filter is not None:
            images = self.filter(images, self._of(draws, "gains"))
        if self.add_noise is not None:
            images = self.add_noise(images, self._of(draws, "noise"), noise)
        if self.cut_out is not None:
            images = self.cut_out(images, self._of(draws, "cutout"))
        return images

    def _of(self, draws: Tensor, name: str) -> Tensor:
        start, stop = self.bounds[name]
        return draws[:, start:stop]


def augmented(images: np.ndarray, augment: Augment, draws: np.ndarray, noise: np.ndarray | None = None) -> np.ndarray:
    """Images as the discriminator would see them, outside of a compiled step; for pictures.

    Args:
        images: [N, C, H, W], uint8 or float in [-1, 1].
        augment: made for images of this shape.
        draws: float32 [N, K], of `augment.draw` or `augment.draw_at`.
        noise: of `augment.draw_noise`, where the spec has noise.

    Returns:
        As many of the same type: uint8, clipped, or float32, which may leave [-1, 1].
    """
    is_uint8 = images.dtype == np.uint8
    inputs = [normalise(images) if is_uint8 else images.astype(np.float32), draws]
    if noise is not None:
        inputs.append(noise)
    with device.in_mode("pynative"):
        found = AugmentImages(augment)(*map(Tensor, inputs)).asnumpy()
    return to_uint8(found) if is_uint8 else found


class Recolor(nn.Cell):
    """images and [N, 2] for one channel, [N, 12] for three, of which a fourth is left as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.multiply = ops.BatchMatMul()

    def construct(self, images: Tensor, colors: Tensor) -> Tensor:
        num, channels, height, width = images.shape
        if channels == 1:
            return images * colors[:, 0:1].reshape(num, 1, 1, 1) + colors[:, 1:2].reshape(num, 1, 1, 1)
        rgb = images if channels == 3 else images[:, :3]
        # the summands as products with ones: MindSpore's broadcasting takes as long as the whole product
        pixels = ops.cat((rgb.reshape(num, 3, -1), ops.ones((num, 1, height * width), images.dtype)), 1)
        recolored = self.multiply(colors.reshape(num, 3, 4), pixels).reshape(num, 3, height, width)
        return recolored if channels == 3 else ops.cat((recolored, images[:, 3:]), 1)


class Filter(nn.Cell):
    """images and gains [N, 4]: octaves of frequency amplified, along each axis by a matrix of each image's own."""

    def __init__(self, height: int, width: int):
        super().__init__()
        self.down, self.across = Tensor(octave_matrices(height)), Tensor(octave_matrices(width))
        self.mix, self.multiply = ops.MatMul(), ops.BatchMatMul(transpose_b=True)

    def construct(self, images: Tensor, gains: Tensor) -> Tensor:
        num, channels, height, width = images.shape
        across = self.mix(gains, self.across).reshape(num, width, width)
        down = self.mix(gains, self.down).reshape(num, height, height)
        images = self.multiply(images.reshape(num, -1, width), across).reshape(num, channels, height, width)
        turned = self.multiply(images.transpose(0, 1, 3, 2).reshape(num, -1, height), down)
        return turned.reshape(num, channels, width, height).transpose(0, 1, 3, 2)


class AddNoise(nn.Cell):
    """images, deviations [N, 1] and noise of deviation 1."""

    def construct(self, images: Tensor, deviations: Tensor, noise: Tensor) -> Tensor:
        return images + ops.stop_gradient(noise) * deviations.reshape(-1, 1, 1, 1)


class CutOut(nn.Cell):
    """images and [N, 4], left, right, top and bottom in pixels: 0 where the centre of a pixel lies between them."""

    def __init__(self, height: int, width: int):
        super().__init__()
        self.x = Tensor((np.arange(width) + 0.5).astype(np.float32).reshape(1, 1, 1, -1))
        self.y = Tensor((np.arange(height) + 0.5).astype(np.float32).reshape(1, 1, -1, 1))

    def construct(self, images: Tensor, edges: Tensor) -> Tensor:
        left, right, top, bottom = (edges[:, i : i + 1].reshape(-1, 1, 1, 1) for i in range(4))
        across = ops.cast(self.x > left, images.dtype) * ops.cast(self.x < right, images.dtype)
        down = ops.cast(self.y > top, images.dtype) * ops.cast(self.y < bottom, images.dtype)
        return images * (1 - down * across)


def octave_matrices(size: int) -> np.ndarray:
    """For each octave of frequency, low to high, the matrix that filters `size` pixels: float32 [4, size size].

    The pixels continue by mirrors, back and forth where the filter is longer than an image. The four add up to 1.
    """
    filters = octave_filters()
    half = filters.shape[1] // 2
    matrices = np.zeros((NUM_BANDS, size, size))
    for pixel in range(size):
        for tap, source in enumerate(mirrored(np.arange(pixel - half, pixel + half + 1), size)):
            matrices[:, pixel, source] += filters[:, tap]
    return matrices.reshape(NUM_BANDS, -1).astype(np.float32)


def octave_filters() -> np.ndarray:
    """Filters of the octaves, low to high, that add up to 1: [4, 43], symmetric.

    The wavelet's low-pass and high-pass filters, each applied forth and back, at three scales (Karras et al. 2020b,
    appendix B).
    """
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high = low * (-1.0) ** np.arange(1, len(low) + 1)
    filters = [np.ones(1)]
    for _ in range(NUM_BANDS - 1):
        filters = [np.convolve(spread(taps), low) for taps in filters]
        filters.append(high)
    length = len(filters[0])
    return np.stack([np.pad(taps, (length - len(taps)) // 2) for taps in filters])


def spread(taps: np.ndarray) -> np.ndarray:
    """With a zero between each and the next."""
    wide = np.zeros(2 * len(taps) - 1)
    wide[::2] = taps
    return wide
