"""A generator on an image of any size, layer by layer in tiles: the whole image's numbers in a tile's memory.

Instance norm makes every pixel depend on the whole image, so tiles that go through all layers by themselves differ in
colour and contrast. Here each layer draws all of its tiles before the next layer begins; what lies between two layers
is in files, 256 bytes a pixel of the image with 64 channels.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from mindspore import Tensor, nn

from mindgan.cyclegan.networks import ResnetBlock, UnetBlock
from mindgan.layers import native
from mindgan.layers.convolution import Conv2d, ConvTranspose2d
from mindgan.layers.normalisation import EPS, InstanceNorm

BAND_VALUES = 1 << 22  # what a layer without a kernel reads at once
MAX_VALUES = 1 << 26  # between two layers in memory, 256 MB; more goes to a file


class Stream:
    """Draws one image with a generator; `folder` takes the files, which are removed with it."""

    def __init__(self, network: nn.Cell, tile: int, folder: Path):
        """
        Args:
            network: a `ResnetGenerator` or `UnetGenerator`.
            tile: pixels of a tile's side.
            folder: for the files.
        """
        self.network = network
        self.tile = tile
        self.folder = folder

    def draw(self, image: np.ndarray) -> np.ndarray:
        """float32 [C, H, W] in [-1, 1] to float32 [C, H, W] in [-1, 1]."""
        self.height = image.shape[1]
        result = self._run(self.network.model, np.ascontiguousarray(image.transpose(1, 2, 0)))
        return np.array(result).transpose(2, 0, 1)

    def _run(self, cell: nn.Cell, x: np.ndarray) -> np.ndarray:
        """What a Cell makes of x [H, W, C]; it may be done in place, but not in the x of a block."""
        if isinstance(cell, nn.SequentialCell):
            for layer in cell.cell_list:
                x = self._run(layer, x)
            return x
        if isinstance(cell, ResnetBlock):
            return self._map(lambda y, before: y + before, self._run(cell.conv_block, x), x)
        if isinstance(cell, UnetBlock):
            return self._run_unet(cell, x)
        if isinstance(cell, InstanceNorm):
            return self._normalised(x)
        if isinstance(cell, Conv2d | ConvTranspose2d):
            return self._convolved(cell, x)
        if isinstance(cell, nn.Identity):
            return x
        return self._map(lambda rows: cell(Tensor(rows)).asnumpy(), x)

    def _run_unet(self, block: UnetBlock, x: np.ndarray) -> np.ndarray:
        layers = list(block.model.cell_list)
        first = 0
        if not block.is_outermost:
            kept, x = x, self._map(lambda rows: layers[0](Tensor(rows)).asnumpy(), self._copy(x))
            first = 1
        y = x
        for layer in layers[first:]:
            y = self._run(layer, y)
        if block.is_outermost:
            return y
        both = self._new((*y.shape[:2], kept.shape[2] + y.shape[2]))
        for rows in _bands(both):
            both[rows] = np.concatenate((kept[rows], y[rows]), axis=2)
        return both

    def _new(self, shape: tuple[int, ...]) -> np.ndarray:
        """float32 [H, W, C], where it is large in a file that goes with the array."""
        if shape[0] * shape[1] * shape[2] <= MAX_VALUES:
            return np.empty(shape, np.float32)
        with tempfile.TemporaryFile(dir=self.folder) as file:
            return np.memmap(file, np.float32, "w+", shape=shape)

    def _copy(self, x: np.ndarray) -> np.ndarray:
        new = self._new(x.shape)
        for rows in _bands(x):
            new[rows] = x[rows]
        return new

    def _map(self, function: Callable[..., np.ndarray], x: np.ndarray, *others: np.ndarray) -> np.ndarray:
        """A function of each value, in place of x."""
        for rows in _bands(x):
            x[rows] = function(x[rows], *(other[rows] for other in others))
        return x

    def _normalised(self, x: np.ndarray) -> np.ndarray:
        num = x.shape[0] * x.shape[1]
        mean = sum(x[rows].sum((0, 1), dtype=np.float64) for rows in _bands(x)) / num
        shift = np.asarray(mean, np.float32)
        variance = sum(np.square(x[rows] - shift).sum((0, 1), dtype=np.float64) for rows in _bands(x)) / num
        scale = np.asarray(1 / np.sqrt(variance + EPS), np.float32)
        return self._map(lambda rows: (rows - shift) * scale, x)

    def _convolved(self, cell: Conv2d | ConvTranspose2d, x: np.ndarray) -> np.ndarray:
        if isinstance(cell, ConvTranspose2d):
            height, width, draw = 2 * x.shape[0], 2 * x.shape[1], _transposed(cell, x)
        else:
            height, width = ((size + 2 * cell.padding - cell.kernel_size) // cell.stride + 1 for size in x.shape[:2])
            draw = _convolution(cell, x)
        y = self._new((height, width, cell.out_channels))
        # inner layers have fewer pixels and as many times more channels; even, for transposed convolutions
        side = max(self.tile * height // self.height // 2 * 2, 2)
        for top in range(0, height, side):
            for left in range(0, width, side):
                shape = min(side, height - top), min(side, width - left)
                y[top : top + side, left : left + side] = draw((top, left), shape)
        return y


Corner = tuple[int, int]
Draw = Callable[[Corner, Corner], np.ndarray]
"""Top and left, height and width of a tile of the output to float32 [height, width, O]."""


def _convolution(cell: Conv2d, x: np.ndarray) -> Draw:
    def draw(corner: Corner, shape: Corner) -> np.ndarray:
        places = [
            np.arange(num * cell.stride - cell.stride + cell.kernel_size) + start * cell.stride - cell.padding
            for start, num in zip(corner, shape, strict=True)
        ]
        part = Tensor(_padded(x, *places, is_reflected=cell.is_reflected)[None])
        with _without_padding(cell):
            return cell(part).asnumpy()[0]

    return draw


@contextmanager
def _without_padding(cell: Conv2d) -> Iterator[None]:
    """In PyNative mode: what a tile needs around it is part of it."""
    padding, convolve = cell.padding, cell.native
    cell.padding = 0
    if convolve is not None:
        cell.native = native.Convolution(cell.torch_axes, stride=cell.stride)
    try:
        yield
    finally:
        cell.padding, cell.native = padding, convolve


def _padded(x: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, is_reflected: bool) -> np.ndarray:
    """Rows and columns of x [H, W, C], also beyond its edges, where it is mirrored or 0."""
    inside = []
    for places, size in ((rows, x.shape[0]), (columns, x.shape[1])):
        mirrored = np.abs(places)
        inside.append(np.where(mirrored >= size, 2 * (size - 1) - mirrored, mirrored))
    top, left = inside[0].min(), inside[1].min()  # a view first: picking single places reads whole rows of the file
    part = np.array(x[top : inside[0].max() + 1, left : inside[1].max() + 1])
    picked = part[inside[0] - top][:, inside[1] - left]
    if not is_reflected:
        picked[inside[0] != rows] = 0
        picked[:, inside[1] != columns] = 0
    return picked


def _transposed(cell: ConvTranspose2d, x: np.ndarray) -> Draw:
    def draw(corner: Corner, shape: Corner) -> np.ndarray:
        starts = [
            max(start // 2 - 1, 0) for start in corner
        ]  # a pixel of the input reaches into its neighbours' places
        stops = [(start + num) // 2 + 1 for start, num in zip(corner, shape, strict=True)]
        part = np.array(x[starts[0] : stops[0], starts[1] : stops[1]])
        y = cell(Tensor(part[None])).asnumpy()[0]
        top, left = (start - 2 * first for start, first in zip(corner, starts, strict=True))
        return y[top : top + shape[0], left : left + shape[1]]

    return draw


def _bands(x: np.ndarray) -> Iterator[slice]:
    """Rows of x [H, W, C] that together are not too many values."""
    num = max(BAND_VALUES // (x.shape[1] * x.shape[2]), 1)
    return (slice(top, top + num) for top in range(0, x.shape[0], num))
