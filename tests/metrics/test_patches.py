"""Layers in NumPy against naive sums."""

import numpy as np
import pytest

from mindgan.metrics.patches import channels_last, convolve_relu, max_pool, pad


@pytest.mark.parametrize(("stride", "padding"), [(1, (0, 0)), (2, (0, 0)), (1, (1, 2)), (3, (2, 0))])
def test_convolution_equals_the_sum(stride, padding):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 7, 8, 3)).astype(np.float32), rng.normal(size=(4, 3, 2, 5)).astype(np.float32)
    bias = rng.normal(size=4).astype(np.float32)
    padded = np.pad(x, ((0, 0), padding[:1] * 2, padding[1:] * 2, (0, 0)))
    height, width = ((padded.shape[1] - 2) // stride + 1, (padded.shape[2] - 5) // stride + 1)
    expected = np.zeros((2, height, width, 4))
    for n, i, j, o in np.ndindex(expected.shape):
        seen = padded[n, i * stride : i * stride + 2, j * stride : j * stride + 5]
        expected[n, i, j, o] = max(0, np.einsum("hwc,chw->", seen.astype(np.float64), kernel[o]) + bias[o])
    found = convolve_relu(x, channels_last(kernel), bias, stride=stride, padding=padding)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("size", "stride"), [(7, 2), (8, 2), (5, 1), (3, 1)])
def test_max_pool_equals_the_maximum(size, stride):
    x = np.random.default_rng(1).normal(size=(2, size, size + 1, 3))
    found = max_pool(x, stride)
    assert found.shape == (2, (size - 3) // stride + 1, (size - 2) // stride + 1, 3)
    for i in range(found.shape[1]):
        for j in range(found.shape[2]):
            window = x[:, i * stride : i * stride + 3, j * stride : j * stride + 3]
            np.testing.assert_array_equal(found[:, i, j], window.max((1, 2)))


def test_pad_by_hand():
    assert pad(np.ones((1, 1, 1, 1)), (1, 0), -2)[0, :, :, 0].tolist() == [[-2], [1], [-2]]
    assert pad(np.ones((1, 1, 1, 1)), (0, 0), -2).shape == (1, 1, 1, 1)
