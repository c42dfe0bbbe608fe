"""The layers against what their papers say, written out in float64 with weights in PyTorch's layouts."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from mindgan.layers.torch_layout import load_torch, to_torch
from mindgan.stylegan2.layers import Convolution, FullyConnected, ModulatedConvolution, ToRGB

random = np.random.default_rng(2)
FIR = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
SLOPE = 0.2


def convolved(x, weight, *, stride=1, padding=0):
    """Correlation of [N, C, H, W] with [N or 1, O, C, K, K], every image with its own."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    size = weight.shape[3]
    rows, columns = ((side - size) // stride + 1 for side in x.shape[2:])
    y = np.zeros((len(x), weight.shape[1], rows, columns))
    for row in range(rows):
        for column in range(columns):
            at = (slice(None), None, slice(None), *(slice(stride * i, stride * i + size) for i in (row, column)))
            y[:, :, row, column] = (x[at] * weight).sum((2, 3, 4))
    return y


def filtered(x, kernel):
    """Every channel with the same kernel, no padding."""
    num, channels, height, width = x.shape
    return convolved(x.reshape(-1, 1, height, width), kernel[None, None, None]).reshape(
        num, channels, height - 3, width - 3
    )


def up_convolved(x, weight):
    """Transposed convolution of stride 2 by [N, O, C, 3, 3], then the filter of gain 4."""
    wide = np.zeros((*x.shape[:2], 2 * x.shape[2] - 1, 2 * x.shape[3] - 1))
    wide[:, :, ::2, ::2] = x
    y = convolved(wide, weight[..., ::-1, ::-1], padding=2)
    return filtered(np.pad(y, ((0, 0), (0, 0), (1, 1), (1, 1))), FIR * 4)


def leaky(x):
    return np.sqrt(2) * np.where(x > 0, x, SLOPE * x)


def filled(cell):
    """The cell with names for its parameters and random numbers for them; these, in PyTorch's layouts."""
    cell.update_parameters_name("")
    arrays = {name: random.standard_normal(array.shape) for name, array in to_torch(cell).items()}
    load_torch(cell, arrays)
    return cell, arrays


def run(cell, x, *inputs):
    """A Cell on images [N, C, H, W] and others."""
    found = cell(Tensor(x.transpose(0, 2, 3, 1).astype(np.float32)), *(Tensor(y.astype(np.float32)) for y in inputs))
    return found.asnumpy().transpose(0, 3, 1, 2)


def assert_close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("is_linear", [True, False])
@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
def test_fully_connected(is_linear, lr_multiplier):
    cell, arrays = filled(FullyConnected(5, 4, is_linear=is_linear, lr_multiplier=lr_multiplier))
    x = random.standard_normal((3, 5))
    y = x @ arrays["weight"].T * lr_multiplier / np.sqrt(5) + arrays["bias"] * lr_multiplier
    assert_close(cell(Tensor(x.astype(np.float32))).asnumpy(), y if is_linear else leaky(y))


@pytest.mark.usefixtures("pynative")
def test_weights_at_first():
    """Normal over the multiplier, so that what is used is normal; the bias too is what was asked for."""
    cell = FullyConnected(200, 300, lr_multiplier=0.01, bias=1.0)
    assert cell.weight.asnumpy().std() == pytest.approx(100, rel=0.02)
    np.testing.assert_allclose(cell.bias.asnumpy(), 100, rtol=1e-6)
    assert Convolution((30, 3, 40), (8, 8)).weight.asnumpy().std() == pytest.approx(1, rel=0.03)
    layer = ModulatedConvolution((30, 3, 40), (8, 8), w_dim=6)
    assert layer.weight.asnumpy().std() == pytest.approx(1, rel=0.03)
    np.testing.assert_array_equal(layer.affine.bias.asnumpy(), 1)
    np.testing.assert_array_equal(layer.bias.asnumpy(), 0)
    assert layer.noise_strength.asnumpy() == 0
    assert layer.noise_const.asnumpy().std() == pytest.approx(1, rel=0.3)
    assert not layer.noise_const.requires_grad


CONVOLUTIONS = [
    {"kernel": 1},
    {"kernel": 3},
    {"kernel": 3, "down": 2},
    {"kernel": 1, "down": 2, "is_linear": True, "has_bias": False, "gain": np.sqrt(0.5)},
    {"kernel": 3, "down": 2, "gain": np.sqrt(0.5), "clamp": 0.4},
]


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("options", CONVOLUTIONS)
def test_convolution(options):
    options = dict(options)
    kernel, down = options.pop("kernel"), options.get("down", 1)
    cell, arrays = filled(Convolution((3, kernel, 4), (8, 6), **options))
    x = random.standard_normal((2, 3, 8, 6))
    weight, half = arrays["weight"][None] / np.sqrt(3 * kernel**2), kernel // 2
    if down == 2:
        wide = filtered(np.pad(x, ((0, 0), (0, 0), *[(1 + half, 1 + half)] * 2)), FIR)
        y = convolved(wide, weight, stride=2)
    else:
        y = convolved(x, weight, padding=half)
    gain = options.get("gain", 1)
    y = gain * y if options.get("is_linear") else gain * leaky(y + arrays["bias"][:, None, None])
    clamp = options.get("clamp", np.inf) * gain
    assert (np.abs(y) > clamp).any() == ("clamp" in options)
    assert_close(run(cell, x), np.clip(y, -clamp, clamp))


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("up", [1, 2])
@pytest.mark.parametrize("clamp", [None, 0.5])
def test_modulated_convolution(up, clamp):
    """The weights themselves are scaled, w' = s w, and divided by their norm, an image at a time."""
    height, width = 5, 4
    cell, arrays = filled(ModulatedConvolution((3, 3, 4), (height, width), w_dim=6, up=up, clamp=clamp))
    x, w = random.standard_normal((2, 3, height, width)), random.standard_normal((2, 6))
    noise = random.standard_normal((2, up * height, up * width))
    styles = w @ arrays["affine.weight"].T + arrays["affine.bias"]  # w comes divided by the root of its length
    weight = arrays["weight"][None] * styles[:, None, :, None, None]
    weight = weight / np.sqrt(np.square(weight).sum((2, 3, 4), keepdims=True) + 1e-8)
    y = up_convolved(x, weight) if up == 2 else convolved(x, weight, padding=1)
    y = leaky(y + noise[:, None] * arrays["noise_strength"] + arrays["bias"][:, None, None])
    found = run(cell, x, w, noise.reshape(2, -1))
    if clamp is not None:
        assert (np.abs(y) > clamp).any()
        y = np.clip(y, -clamp, clamp)
    assert_close(found, y)


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("clamp", [None, 0.5])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_to_rgb(channels, clamp):
    """No demodulation; the styles are divided by the root of the channels."""
    cell, arrays = filled(ToRGB(5, channels, (4, 3), w_dim=6, clamp=clamp))
    x, w = random.standard_normal((2, 5, 4, 3)), random.standard_normal((2, 6))
    styles = (w @ arrays["affine.weight"].T + arrays["affine.bias"]) / np.sqrt(5)
    y = convolved(x, arrays["weight"][None] * styles[:, None, :, None, None]) + arrays["bias"][:, None, None]
    assert_close(run(cell, x, w), y if clamp is None else np.clip(y, -clamp, clamp))


class PenaltyGradient(nn.Cell):
    """In x, of the squares of the gradient of the cubes of what a layer gives."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.first = ms.grad(self.cubes, 0)
        self.second = ms.grad(self.squares, 0)

    def cubes(self, x):
        return (self.layer(x) ** 3).sum() / 6

    def squares(self, x):
        return ops.square(self.first(x)).sum() / 2

    def construct(self, x):
        return self.second(x)


def test_the_clamp_has_two_gradients():
    """What is cut off has none; the rest is leaky ReLU of A x, so the gradient of g^2 / 2 is as of any matrix."""
    cell, arrays = filled(Convolution((3, 1, 4), (2, 2), clamp=0.8))
    x = random.standard_normal((2, 3, 2, 2))
    found = PenaltyGradient(cell)(Tensor(x.transpose(0, 2, 3, 1).astype(np.float32))).asnumpy()
    rows = x.transpose(0, 2, 3, 1).reshape(-1, 3)
    weight = arrays["weight"][:, :, 0, 0] / np.sqrt(3)
    before = rows @ weight.T + arrays["bias"]
    slopes = np.sqrt(2) * np.where(before > 0, 1, SLOPE) * (np.abs(leaky(before)) < 0.8)
    assert 0.2 < (slopes == 0).mean() < 0.8
    y = np.clip(leaky(before), -0.8, 0.8)
    first = (y**2 / 2 * slopes) @ weight
    expected = (y * slopes**2 * (first @ weight.T)) @ weight
    np.testing.assert_allclose(found.reshape(-1, 3), expected, rtol=1e-4, atol=1e-5)
