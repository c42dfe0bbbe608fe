"""Turned, scaled and shifted images against slow loops in float64; what is left out of the enlarged image."""

from itertools import pairwise

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from mindgan.runtime import device
from mindgan.stylegan2.augment import Augment
from mindgan.stylegan2.bilinear import NativeSampling, SparseSampling
from mindgan.stylegan2.warp import LOW_PASS, SYM6, Enlarged, Warp, enlarging_matrix, margins_for, mirrored

EVERYTHING = {"scale": 1.0}  # the widest margins


@pytest.fixture(params=["graph", "pynative"])
def mode(request):
    device.configure("CPU", request.param)
    yield request.param
    device.configure("CPU", "graph")


def slow_warp(image, matrix):
    """One channel [H, W] in float64, by the definitions: zeros between, filtered, sampled, filtered, every second."""
    height, width = image.shape
    padded = np.pad(image, ((height - 1,) * 2, (width - 1,) * 2), "reflect")
    zeros = np.zeros(tuple(2 * size for size in padded.shape))
    zeros[::2, ::2] = padded
    for axis in (0, 1):  # as much of the whole convolution as makes tap 5 of 12 meet a pixel at its own place
        whole = np.apply_along_axis(np.convolve, axis, zeros, 2 * LOW_PASS)
        zeros = whole.take(range(5, 5 + zeros.shape[axis]), axis)
    centre_y, centre_x = padded.shape[0] - 1, padded.shape[1] - 1  # of the image, in samples
    samples = np.zeros((2 * height + 10, 2 * width + 10))
    for i, j in np.ndindex(samples.shape):
        x, y = j - 5 - (width - 1), i - 5 - (height - 1)
        from_x, from_y = matrix @ [x, y, 2]  # the shift is in pixels, two samples each
        samples[i, j] = bilinear(zeros, from_y + centre_y, from_x + centre_x)
    for axis in (0, 1):
        samples = np.apply_along_axis(np.correlate, axis, samples, LOW_PASS, "valid")
    return samples[::2, ::2]


def bilinear(image, y, x):
    """What is at (y, x), 0 beyond the edge."""
    total, top, left = 0.0, int(np.floor(y)), int(np.floor(x))
    for i in (top, top + 1):
        for j in (left, left + 1):
            if 0 <= i < image.shape[0] and 0 <= j < image.shape[1]:
                total += image[i, j] * (1 - abs(y - i)) * (1 - abs(x - j))
    return total


@pytest.mark.parametrize(("height", "width"), [(6, 11), (9, 4), (2, 3), (16, 16)])
def test_warp(height, width, mode):
    """Twice as large to far too small, so that it ends in zeros; enlarged images of every size are stored in part."""
    random = np.random.default_rng(height)
    images = random.standard_normal((4, 2, height, width)).astype(np.float32)
    matrices = np.concatenate([random.standard_normal((4, 2, 2)), 3 * random.standard_normal((4, 2, 1))], 2)
    matrices = (matrices * np.array([0.4, 1, 2, 4])[:, None, None]).astype(np.float32)
    found = Warp(height, width, EVERYTHING)(Tensor(images), Tensor(matrices.reshape(4, 6))).asnumpy()
    expected = np.array(
        [[slow_warp(channel, matrix) for channel in image] for image, matrix in zip(images, matrices, strict=True)]
    )
    assert np.linalg.norm(found - expected) <= 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize(("height", "width"), [(7, 12), (32, 32)])
def test_nothing_done_leaves_images_as_they_are(height, width):
    images = np.random.default_rng(0).standard_normal((2, 3, height, width)).astype(np.float32)
    matrices = np.tile(np.eye(2, 3, dtype=np.float32).reshape(6), (2, 1))
    found = Warp(height, width, EVERYTHING)(Tensor(images), Tensor(matrices)).asnumpy()
    np.testing.assert_allclose(found, images, atol=2e-5)


def test_whole_pixels_are_moved_exactly():
    images = np.random.default_rng(0).standard_normal((1, 3, 12, 12)).astype(np.float32)
    matrix = np.array([[1, 0, -3, 0, 1, 2]], np.float32)
    expected = np.pad(images, ((0, 0), (0, 0), (0, 2), (3, 0)), "reflect")[:, :, 2:, :-3]
    np.testing.assert_allclose(Warp(12, 12, EVERYTHING)(Tensor(images), Tensor(matrix)).asnumpy(), expected, atol=2e-5)


@pytest.mark.parametrize(
    ("matrix", "move"),
    [
        ([-1, 0, 0, 0, 1, 0], lambda images: images[..., ::-1]),
        ([0, 1, 0, -1, 0, 0], lambda images: np.rot90(images, -1, (2, 3))),
        ([0, -1, 0, 1, 0, 0], lambda images: np.rot90(images, 1, (2, 3))),
    ],
    ids=["flip", "right", "left"],
)
def test_turned_images_stay_in_place(matrix, move):
    """The filter is not quite symmetric, so edges of objects change a little."""
    y, x = np.mgrid[:16, :16]
    images = (np.cos(0.4 * x + 0.2 * y) + 0.5 * np.sin(0.3 * y))[None, None].astype(np.float32)
    found = Warp(16, 16, EVERYTHING)(Tensor(images), Tensor(np.array([matrix], np.float32))).asnumpy()
    np.testing.assert_allclose(found, move(images), atol=0.08)


def test_the_filter_is_sym6():
    """Orthonormal with its even shifts and six moments of the high-pass filter are 0: what defines the family."""
    assert SYM6.sum() == pytest.approx(np.sqrt(2), abs=1e-11)
    for shift in range(6):
        assert (SYM6[2 * shift :] * SYM6[: 12 - 2 * shift]).sum() == pytest.approx(float(shift == 0), abs=1e-11)
    high = SYM6[::-1] * (-1.0) ** np.arange(12)
    for moment in range(6):
        assert (high * (np.arange(12) - 5.5) ** moment).sum() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("size", [2, 3, 5, 8, 13, 32])
def test_what_repeats_itself_is_stored_once(size):
    for margin in {0, 1, size // 2, size - 1}:
        axis = Enlarged(size, margin)
        whole = np.concatenate([np.zeros((1, size)), enlarging_matrix(size, margin), np.zeros((2, size))])
        assert len(axis.lines) == len(whole) - 1
        for line, (row, following) in zip(axis.lines, pairwise(whole), strict=True):
            np.testing.assert_allclose(axis.matrix[line], row, atol=1e-15)
            np.testing.assert_allclose(axis.matrix[line + 1], following, atol=1e-15)
        assert len(axis.matrix) <= 4 * size + 16
    assert len(Enlarged(64, 63).matrix) == 268


@pytest.mark.parametrize(
    "spec", ["blit", "xflip", "rotate90", "rotate", "xint", {"xint": 1, "rotate": 1, "rotate90": 1}]
)
@pytest.mark.parametrize(("height", "width"), [(16, 24), (24, 24)])
@pytest.mark.usefixtures("pynative")
def test_margins_are_wide_enough(spec, height, width):
    augment = Augment(spec, channels=1, height=height, width=width)
    draws = augment.draw(np.random.default_rng(0), 1.0, 64)
    images = Tensor(np.random.default_rng(1).standard_normal((64, 1, height, width)).astype(np.float32))
    wide = Warp(height, width, EVERYTHING)(images, Tensor(draws)).asnumpy()
    found = Warp(height, width, augment.multipliers)(images, Tensor(draws)).asnumpy()
    np.testing.assert_allclose(found, wide, atol=1e-6)


def test_margins():
    assert margins_for(64, 32, {"scale": 1}) == margins_for(64, 32, {"xfrac": 1, "xflip": 1}) == (63, 31)
    assert margins_for(64, 64, {"xflip": 1}) == (6, 6)
    assert margins_for(64, 64, {"xflip": 1, "rotate90": 1, "xint": 1}) == (14, 14)
    assert margins_for(64, 32, {"rotate90": 1}) == (6, 22)
    assert margins_for(4, 4, {"rotate": 1}) == (3, 3)


def test_mirrors():
    np.testing.assert_array_equal(mirrored(np.arange(-6, 10), 3), np.pad([0, 1, 2], (6, 7), "reflect"))
    np.testing.assert_array_equal(mirrored(np.arange(-3, 3), 2), [1, 0, 1, 0, 1, 0])


class Norm(nn.Cell):
    """The sum of squares of the gradient of sum(sampled(images)^3)."""

    def __init__(self, sample):
        super().__init__(auto_prefix=False)
        self.sample = sample
        self.gradient = ms.grad(self.cubes, 0)

    def cubes(self, images, rows, columns, down, across):
        return (self.sample(images, (rows, down), (columns, across)) ** 3).sum()

    def construct(self, images, rows, columns, down, across):
        return ops.square(self.gradient(images, rows, columns, down, across)).sum()


def test_both_ways_of_sampling_agree_and_can_be_differentiated_twice():
    """s = A x, g = A' 3 s^2, n = |g|^2; so dn/dx = A' (6 s . A 2 g): all from A, by hand."""
    random = np.random.default_rng(0)
    images = random.standard_normal((2, 5, 7, 3))
    rows, columns = (random.integers(0, size - 1, (2, 8, 6)).astype(np.int32) for size in (5, 7))
    down, across = random.uniform(0, 1, (2, 2, 8, 6))
    matrix = np.zeros((2, 8, 6, 5, 7))
    for n, i, j in np.ndindex(rows.shape):
        weights = np.outer([1 - down[n, i, j], down[n, i, j]], [1 - across[n, i, j], across[n, i, j]])
        matrix[n, i, j, rows[n, i, j] : rows[n, i, j] + 2, columns[n, i, j] : columns[n, i, j] + 2] = weights

    def apply(x):
        return np.einsum("nijhw,nhwc->nijc", matrix, x)

    def spread(y):
        return np.einsum("nijhw,nijc->nhwc", matrix, y)

    sampled = apply(images)
    gradient = spread(3 * sampled**2)
    expected = (gradient**2).sum(), spread(6 * sampled * apply(2 * gradient))
    places = [Tensor(part.astype(np.float32)) for part in (rows, columns, down, across)]
    for sample in (SparseSampling(), NativeSampling()):
        compute = ms.value_and_grad(Norm(sample), 0)

        class Top(nn.Cell):
            def construct(self, images, rows, columns, down, across, compute=compute, sample=sample):
                s = sample(images, (rows, down), (columns, across))
                return s, compute(images, rows, columns, down, across)

        found, (norm, of_images) = Top()(Tensor(images.astype(np.float32)), *places)
        np.testing.assert_allclose(found.asnumpy(), sampled, atol=1e-5)
        assert float(norm.asnumpy()) == pytest.approx(expected[0], rel=1e-5)
        assert np.linalg.norm(of_images.asnumpy() - expected[1]) <= 1e-5 * np.linalg.norm(expected[1])
