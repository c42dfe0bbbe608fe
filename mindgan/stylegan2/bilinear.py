"""Bilinear sampling of images at given places, differentiable twice for the images.

MindSpore's own sampling can be differentiated once. Its gradient, and that gradient's, are written out here: sampling
is linear in the image, so the first is its transpose and the second is sampling again.
"""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.ops.auto_generate import GridSampler2D, GridSampler2DGrad
from mindspore.ops.operations.sparse_ops import SparseTensorDenseMatmul

Place = tuple[Tensor, Tensor]  # float32 [N, H', W'] each: a line, and the part of the way to the next, 0 to 1
EXACT = 1 << 24  # float32 has every integer up to here


class SparseSampling(nn.Cell):
    """Images [N, H, W, C] at `rows` and `columns` to [N, H', W', C], as the product of a sparse matrix, for CPU.

    It has four numbers a sample. The product and its transpose are faster than a gather of rows and segment sums, even
    without the weights and the sums of four that those leave to do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.product, self.spread = SparseProduct(), ops.MatMul(transpose_a=True)
        # from 1, fx, fy and fx fy to the weights (1 - fx)(1 - fy), fx (1 - fy), (1 - fx) fy and fx fy
        self.bilinear = Tensor(np.array([[1, 0, 0, 0], [-1, 1, 0, 0], [-1, 0, 1, 0], [1, -1, -1, 1]], np.float32))

    def construct(self, images: Tensor, rows: Place, columns: Place) -> Tensor:
        num, height, width, channels = images.shape
        shape = rows[0].shape
        fx, fy = columns[1].reshape(1, -1), rows[1].reshape(1, -1)
        weights = self.spread(ops.cat((ops.ones_like(fx), fx, fy, fx * fy), 0), self.bilinear)
        # products with constants of few columns: MindSpore's broadcasting and stacking of these take five times as long
        first = ((rows[0] - height // 2) * width + columns[0]).reshape(1, -1)
        pixels = ops.cast(self.spread(first, second_of_four()), ms.int32).reshape(-1, 2)
        # a sum of integers by `Add` takes six times as long, and it keeps 16 bytes for each
        places = ops.addn((pixels, corners((num, height, width), shape[1] * shape[2])))
        samples = self.product(images.reshape(-1, channels), places, weights.reshape(-1))
        return samples.reshape(*shape, channels)


class SparseProduct(nn.Cell):
    """rows [R, C], places, int [4 S, 2] of (sample, row), and weights [4 S] to sums [S, C]."""

    def __init__(self) -> None:
        super().__init__()
        self.multiply, self.transposed, self.zeros = SparseTensorDenseMatmul(), TransposedProduct(), ops.ZerosLike()

    def construct(self, rows: Tensor, places: Tensor, weights: Tensor) -> Tensor:
        return self.multiply(places, weights, (weights.shape[0] // 4, rows.shape[0]), rows)

    def bprop(self, rows: Tensor, places: Tensor, weights: Tensor, out: Tensor, gradient: Tensor) -> tuple:
        of_rows = self.transposed(gradient, places, weights, rows.shape[0])
        return of_rows, self.zeros(places), self.zeros(weights)


class TransposedProduct(nn.Cell):
    """samples [S, C] to rows [R, C], R being `num_rows`; see `SparseProduct`."""

    def __init__(self) -> None:
        super().__init__()
        self.multiply, self.zeros = SparseTensorDenseMatmul(), ops.ZerosLike()
        self.multiply_transposed = SparseTensorDenseMatmul(adjoint_st=True)

    def construct(self, samples: Tensor, places: Tensor, weights: Tensor, num_rows: int) -> Tensor:
        return self.multiply_transposed(places, weights, (samples.shape[0], num_rows), samples)

    def bprop(
        self, samples: Tensor, places: Tensor, weights: Tensor, num_rows: int, out: Tensor, gradient: Tensor
    ) -> tuple:
        of_samples = self.multiply(places, weights, (samples.shape[0], num_rows), gradient)
        return of_samples, self.zeros(places), self.zeros(weights), num_rows


class NativeSampling(nn.Cell):
    """As `SparseSampling`, by MindSpore's own sampling, for accelerators."""

    def __init__(self) -> None:
        super().__init__()
        self.product = NativeProduct()

    def construct(self, images: Tensor, rows: Place, columns: Place) -> Tensor:
        _, height, width, _ = images.shape
        x = (columns[0] + columns[1] + 0.5) * (2 / width) - 1
        y = (rows[0] + rows[1] + 0.5) * (2 / height) - 1
        return self.product(images.transpose(0, 3, 1, 2), ops.stack((x, y), -1)).transpose(0, 2, 3, 1)


class NativeProduct(nn.Cell):
    """images [N, C, H, W] and places [N, H', W', 2], from -1 to 1 from edge to edge, to [N, C, H', W']."""

    def __init__(self) -> None:
        super().__init__()
        self.sample, self.transposed = GridSampler2D("bilinear", "zeros", False), TransposedNativeProduct()
        self.zeros = ops.ZerosLike()

    def construct(self, images: Tensor, places: Tensor) -> Tensor:
        return self.sample(images, places)

    def bprop(self, images: Tensor, places: Tensor, out: Tensor, gradient: Tensor) -> tuple:
        return self.transposed(gradient, images, places), self.zeros(places)


class TransposedNativeProduct(nn.Cell):
    """Samples [N, C, H', W'] to images; `images` only tells the shape."""

    def __init__(self) -> None:
        super().__init__()
        self.sample, self.zeros = GridSampler2D("bilinear", "zeros", False), ops.ZerosLike()
        self.spread = GridSampler2DGrad("bilinear", "zeros", False)

    def construct(self, samples: Tensor, images: Tensor, places: Tensor) -> Tensor:
        return self.spread(samples, images, places)[0]

    def bprop(self, samples: Tensor, images: Tensor, places: Tensor, out: Tensor, gradient: Tensor) -> tuple:
        return self.sample(gradient, places), self.zeros(images), self.zeros(places)


@ops.constexpr
def second_of_four() -> Tensor:
    """A number to four pairs of 0 and itself, as a matrix [1, 8]."""
    return Tensor(np.array([[0, 1] * 4], np.float32))


@ops.constexpr
def corners(shape: tuple[int, int, int], num_samples: int) -> Tensor:
    """Of four pixels around each of `num_samples` samples of each image: the sample and the pixel, int [.., 2].

    Both are counted over all of N images of H x W, which `shape` has; pixels are counted from the first one of the
    image's middle row, and the first of the four at 0.
    """
    num, height, width = shape
    assert (height + 1) * width <= 2 * EXACT, f"{shape}: pixels of so large an image cannot be counted in float32"
    samples = np.repeat(np.arange(num * num_samples), 4).reshape(num, -1, 4)
    middles = (np.arange(num) * height * width + height // 2 * width).reshape(-1, 1, 1)
    pixels = np.broadcast_to(middles + np.array([0, 1, width, width + 1]), samples.shape)
    return Tensor(np.stack([samples, pixels], -1).reshape(-1, 2).astype(np.int32))
