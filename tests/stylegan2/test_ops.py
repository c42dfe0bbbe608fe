"""Resampling against zero insertion, padding and a sum over taps, in float64; and its gradients."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from mindgan.stylegan2 import ops as stylegan_ops
from mindgan.stylegan2.ops import ChannelsFirst, ChannelsLast, Resample, ScaleChannels, upfirdn_matrix

random = np.random.default_rng(0)


def upfirdn2d(x, taps, *, up, down, padding, gain, flips):
    """Images [N, C, H, W]: zeros are put in, then around or pixels off, then every window is weighed by the filter."""
    num, channels, height, width = x.shape
    x0, x1, y0, y1 = padding
    wide = np.zeros((num, channels, height * up, width * up))
    wide[:, :, ::up, ::up] = x
    wide = np.pad(wide, ((0, 0), (0, 0), (max(y0, 0), max(y1, 0)), (max(x0, 0), max(x1, 0))))
    wide = wide[:, :, max(-y0, 0) : wide.shape[2] - max(-y1, 0), max(-x0, 0) : wide.shape[3] - max(-x1, 0)]
    kernel = np.outer(taps, taps) * gain
    kernel = kernel if flips else kernel[::-1, ::-1]
    rows, columns = wide.shape[2] - len(taps) + 1, wide.shape[3] - len(taps) + 1
    y = np.zeros((num, channels, rows, columns))
    for row in range(rows):
        for column in range(columns):
            window = wide[:, :, row : row + len(taps), column : column + len(taps)]
            y[:, :, row, column] = (window * kernel).sum((2, 3))
    return y[:, :, ::down, ::down]


CASES = [  # taps, up, down, (x0, x1, y0, y1), gain, flips
    (4, 1, 1, (1, 2, 2, 1), 1.0, False),
    (4, 2, 1, (2, 1, 2, 1), 4.0, False),
    (4, 1, 2, (1, 1, 1, 1), 1.0, True),
    (5, 3, 2, (-1, 3, 2, -2), 1.5, False),
    (12, 2, 1, (5, 6, 7, 4), 4.0, True),
    (1, 2, 3, (0, 0, 0, 0), 1.0, False),
    (2, 1, 4, (-3, -2, -1, 0), 2.0, True),
]


@pytest.fixture(params=["one matrix", "an axis at a time", "turned for the second axis"])
def way(request, monkeypatch):
    if request.param != "one matrix":
        monkeypatch.setattr(stylegan_ops, "AT_ONCE_PX", 0)
    if request.param == "turned for the second axis":
        monkeypatch.setattr(stylegan_ops, "MOST_COPIED_PX", 0)
    return request.param


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize(("num_taps", "up", "down", "padding", "gain", "flips"), CASES)
def test_resampling(way, num_taps, up, down, padding, gain, flips):
    x, taps = random.standard_normal((2, 3, 9, 13)), random.uniform(-1, 1, num_taps) + 0.2
    options = {"up": up, "down": down, "padding": padding, "gain": gain, "flips": flips}
    resample = Resample((9, 13), tuple(taps), normalises=False, **options)
    assert resample.is_at_once == (way == "one matrix")
    found = resample(Tensor(x.transpose(0, 2, 3, 1).astype(np.float32))).asnumpy().transpose(0, 3, 1, 2)
    expected = upfirdn2d(x, taps, **options)
    assert found.shape == expected.shape == (2, 3, *resample.out_size)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.usefixtures("pynative")
def test_filters_are_divided_by_their_sum():
    options = {"up": 2, "padding": (2, 1, 2, 1), "gain": 4.0}
    x = Tensor(random.standard_normal((1, 4, 5, 2)).astype(np.float32))
    plain, divided = (
        Resample((4, 5), (0.125, 0.375, 0.375, 0.125), normalises=False, **options),
        Resample((4, 5), **options),
    )
    np.testing.assert_allclose(divided(x).asnumpy(), plain(x).asnumpy(), rtol=1e-5)
    ones = divided(Tensor(np.ones((1, 4, 5, 1), np.float32))).asnumpy()
    np.testing.assert_allclose(ones[:, 2:-2, 2:-2], 1, rtol=1e-6)  # inside, a plane stays as it is


class Cubes(nn.Cell):
    """sum y^3 / 6 of y, a resampled x, and half the squares of its gradient in x."""

    def __init__(self, resample):
        super().__init__()
        self.resample = resample

    def construct(self, x):
        return (self.resample(x) ** 3).sum() / 6


class HalfSquares(nn.Cell):
    def __init__(self, cell):
        super().__init__()
        self.gradient = ms.grad(cell, 0)

    def construct(self, x):
        return ops.square(self.gradient(x)).sum() / 2


class SecondGradient(nn.Cell):
    def __init__(self, cell):
        super().__init__()
        self.gradient = ms.grad(HalfSquares(cell), 0)

    def construct(self, x):
        return self.gradient(x)


def test_two_gradients(way):
    """Of y = A x: g = A' y^2 / 2, and the gradient of g^2 / 2 is A' (y (A g))."""
    options = {"up": 2, "down": 3, "padding": (2, 1, 3, -1)}
    taps = (1.0, -2.0, 0.5)
    down, across = (
        upfirdn_matrix(size, taps, up=2, down=3, padding=pads) for size, pads in ((5, (3, -1)), (7, (2, 1)))
    )
    matrix = np.kron(down, across)
    x = random.standard_normal((2, 5, 7, 3))
    second = SecondGradient(Cubes(Resample((5, 7), taps, normalises=False, **options)))
    for _ in range(2):  # the second call meets what the first kept
        found = second(Tensor(x.astype(np.float32))).asnumpy()
    rows = x.transpose(0, 3, 1, 2).reshape(6, 35).T
    y = matrix @ rows
    expected = (matrix.T @ (y * (matrix @ (matrix.T @ (y**2 / 2))))).T.reshape(2, 3, 5, 7).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.usefixtures("pynative")
def test_scales_by_image_and_channel():
    x, scales = (random.standard_normal(shape).astype(np.float32) for shape in ((3, 4, 5, 2), (3, 2)))
    found = ScaleChannels()(Tensor(x), Tensor(scales)).asnumpy()
    np.testing.assert_array_equal(found, x * scales[:, None, None])


@pytest.mark.parametrize("is_native", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_move(channels, is_native):
    images = np.random.default_rng(1).standard_normal((2, channels, 3, 5)).astype(np.float32)
    last = ChannelsLast(is_native=is_native)(Tensor(images))
    np.testing.assert_array_equal(last.asnumpy(), images.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(ChannelsFirst(is_native=is_native)(last).asnumpy(), images)
