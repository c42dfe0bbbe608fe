"""Convolutions against slow loops in float64, in both modes."""

from itertools import product

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from mindgan.layers.convolution import Conv2d, ConvTranspose2d
from mindgan.layers.torch_layout import load_torch, to_torch
from mindgan.runtime import device


def convolution(x, weight, bias, *, stride, padding, pad_mode="constant"):
    """The definition: y[n, o, i, j] is the patch at (i, j) times the weights of o, summed, plus the bias."""
    kernel = weight.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), pad_mode)
    height, width = ((size - kernel) // stride + 1 for size in padded.shape[2:])
    y = np.zeros((len(x), len(weight), height, width))
    for n, o, i, j in np.ndindex(y.shape):
        top, left = i * stride, j * stride
        y[n, o, i, j] = (padded[n, :, top : top + kernel, left : left + kernel] * weight[o]).sum() + bias[o]
    return y


def convolution_gradients(x, weight, y_gradient, *, stride, padding, pad_mode="constant"):
    """Of (y * y_gradient).sum() for x, weight and bias: each product of the definition, the other way."""
    kernel = weight.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), pad_mode)
    x_gradient, weight_gradient = np.zeros_like(padded), np.zeros_like(weight)
    for n, o, i, j in np.ndindex(y_gradient.shape):
        rows, columns = slice(i * stride, i * stride + kernel), slice(j * stride, j * stride + kernel)
        x_gradient[n, :, rows, columns] += y_gradient[n, o, i, j] * weight[o]
        weight_gradient[o] += y_gradient[n, o, i, j] * padded[n, :, rows, columns]
    return unpadded(x_gradient, padding, pad_mode), weight_gradient, y_gradient.sum((0, 2, 3))


def unpadded(gradient, padding, pad_mode):
    """Of the padded image to that of the image: what lies in a mirror belongs to the pixel that it mirrors."""
    num, channels, height, width = gradient.shape
    inner = np.zeros((num, channels, height - 2 * padding, width - 2 * padding))
    pixels = np.arange(inner[0, 0].size).reshape(inner.shape[2:])
    sources = np.pad(pixels, padding, pad_mode, **({"constant_values": -1} if pad_mode == "constant" else {}))
    for i, j in np.argwhere(sources >= 0):
        inner[:, :, sources[i, j] // inner.shape[3], sources[i, j] % inner.shape[3]] += gradient[:, :, i, j]
    return inner


def transposed_convolution(x, weight, bias):
    """Every pixel of x puts its multiple of the kernel around its place in an image twice as large."""
    kernel = weight.shape[2]
    num, _, height, width = x.shape
    y = np.zeros((num, weight.shape[1], 2 * height + kernel, 2 * width + kernel))
    for n, c, i, j in np.ndindex(x.shape):
        y[n, :, 2 * i : 2 * i + kernel, 2 * j : 2 * j + kernel] += x[n, c, i, j] * weight[c]
    return y[:, :, 1 : 2 * height + 1, 1 : 2 * width + 1] + bias[:, None, None]


def transposed_gradients(x, weight, y_gradient):
    """Of (y * y_gradient).sum() for x, weight and bias."""
    kernel = weight.shape[2]
    padded = np.pad(y_gradient, ((0, 0), (0, 0), (1, kernel), (1, kernel)))
    x_gradient, weight_gradient = np.zeros_like(x), np.zeros_like(weight)
    for n, c, i, j in np.ndindex(x.shape):
        patch = padded[n, :, 2 * i : 2 * i + kernel, 2 * j : 2 * j + kernel]
        x_gradient[n, c, i, j] = (patch * weight[c]).sum()
        weight_gradient[c] += x[n, c, i, j] * patch
    return x_gradient, weight_gradient, y_gradient.sum((0, 2, 3))


class Weighted(nn.Cell):
    """(layer(x) * factors).sum(), whose gradients are those of the layer for the output gradient `factors`; NCHW."""

    def __init__(self, layer):
        super().__init__(auto_prefix=False)
        self.layer = layer

    def construct(self, x, factors):
        y = self.layer(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        return (y * factors).sum(), y


class Gradients(nn.Cell):
    """The layer's value and its gradients for x, weight and bias."""

    def __init__(self, layer):
        super().__init__(auto_prefix=False)
        self.compute = ms.value_and_grad(Weighted(layer), 0, layer.trainable_params(), has_aux=True)

    def construct(self, x, factors):
        return self.compute(x, factors)


def disturb(layer, random):
    """Weights and biases of about one; PyTorch's layouts."""
    arrays = {name: random.standard_normal(array.shape).astype(np.float32) for name, array in to_torch(layer).items()}
    load_torch(layer, arrays)
    return arrays["weight"].astype(np.float64), arrays["bias"].astype(np.float64)


def assert_close(actual, expected):
    assert actual.shape == expected.shape
    assert np.linalg.norm(actual - expected) <= 2e-6 * np.linalg.norm(expected)


def computed(layer, gradients, x, factors):
    """As arrays: the value; the gradients for x, weight and bias, in PyTorch's layouts."""
    (_, y), (x_gradient, (weight_gradient, bias_gradient)) = gradients(
        *(Tensor(array.astype(np.float32)) for array in (x, factors))
    )
    grads = to_torch(layer, {"weight": weight_gradient.asnumpy(), "bias": bias_gradient.asnumpy()})
    return [y.asnumpy(), x_gradient.asnumpy(), grads["weight"], grads["bias"]]


def rounded(random, *shape):
    """Normal numbers that float32 holds."""
    return random.standard_normal(shape).astype(np.float32).astype(np.float64)


@pytest.fixture(params=["graph", "pynative"])
def mode(request):
    device.configure("CPU", request.param)
    yield request.param
    device.configure("CPU", "graph")


# N, C, H, W; O, kernel, stride, padding: all that the networks use, and few and many outputs, odd and flat sizes
CONVOLUTIONS = [
    ((1, 3, 12, 9), (5, 7, 1, 0)),
    ((3, 3, 8, 8), (2, 7, 1, 3)),
    ((1, 5, 8, 11), (1, 7, 1, 0)),
    ((3, 6, 7, 9), (3, 7, 1, 0)),
    ((1, 4, 9, 8), (8, 3, 2, 1)),
    ((3, 4, 7, 5), (2, 3, 2, 1)),
    ((1, 6, 5, 7), (6, 3, 1, 0)),
    ((3, 6, 4, 5), (3, 3, 1, 1)),
    ((3, 4, 5, 3), (1, 3, 1, 2)),
    ((1, 3, 10, 13), (4, 4, 2, 1)),
    ((3, 1, 7, 6), (40, 4, 2, 1)),
    ((1, 2, 5, 6), (4, 4, 1, 1)),
    ((3, 8, 5, 6), (1, 4, 1, 1)),
    ((1, 16, 4, 4), (1, 4, 1, 1)),
    ((3, 6, 4, 5), (2, 3, 1, 5)),
    ((1, 1, 4, 4), (1, 4, 1, 0)),
    ((1, 1, 1, 1), (2, 3, 2, 1)),
    ((3, 3, 4, 6), (5, 1, 1, 0)),
    ((1, 6, 4, 6), (1, 1, 1, 0)),
    ((3, 4, 5, 5), (1, 1, 2, 0)),
]


@pytest.mark.parametrize(("shape", "settings"), CONVOLUTIONS, ids=str)
def test_convolution(shape, settings, mode):
    out_channels, kernel, stride, padding = settings
    random = np.random.default_rng(1)
    layer = Conv2d(shape[1], out_channels, kernel, stride=stride, padding=padding)
    weight, bias = disturb(layer, random)
    gradients = Gradients(layer)
    for _ in range(2):  # the second call meets what the first compiled or kept
        x = rounded(random, *shape)
        y = convolution(x, weight, bias, stride=stride, padding=padding)
        factors = rounded(random, *y.shape)
        expected = (y, *convolution_gradients(x, weight, factors, stride=stride, padding=padding))
        for actual, right in zip(computed(layer, gradients, x, factors), expected, strict=True):
            assert_close(actual, right)
    assert len(gradients.compile_cache) == (mode == "graph")


# all that the networks use, narrowing or not, and the widest margin that an image has a mirror for
REFLECTED = [
    ((1, 3, 12, 9), (5, 7, 1, 3)),
    ((2, 6, 8, 7), (3, 7, 1, 3)),
    ((3, 4, 5, 6), (4, 3, 1, 1)),
    ((1, 4, 2, 3), (1, 3, 1, 1)),
    ((2, 2, 4, 5), (3, 5, 2, 3)),
]


@pytest.mark.parametrize(("shape", "settings"), REFLECTED, ids=str)
def test_convolution_of_a_mirrored_image(shape, settings, mode):
    out_channels, kernel, stride, padding = settings
    random = np.random.default_rng(8)
    layer = Conv2d(shape[1], out_channels, kernel, stride=stride, padding=padding, is_reflected=True)
    weight, bias = disturb(layer, random)
    how = {"stride": stride, "padding": padding, "pad_mode": "reflect"}
    x = rounded(random, *shape)
    y = convolution(x, weight, bias, **how)
    factors = rounded(random, *y.shape)
    expected = (y, *convolution_gradients(x, weight, factors, **how))
    for actual, right in zip(computed(layer, Gradients(layer), x, factors), expected, strict=True):
        assert_close(actual, right)


@pytest.mark.parametrize("kernel", [3, 4])
@pytest.mark.parametrize(("shape", "out_channels"), [((1, 6, 3, 5), 3), ((3, 3, 4, 3), 5), ((3, 1, 1, 1), 1)], ids=str)
def test_transposed_convolution(shape, out_channels, kernel, mode):
    random = np.random.default_rng(2)
    layer = ConvTranspose2d(shape[1], out_channels, kernel)
    weight, bias = disturb(layer, random)
    gradients = Gradients(layer)
    for _ in range(2):
        x = rounded(random, *shape)
        y = transposed_convolution(x, weight, bias)
        factors = rounded(random, *y.shape)
        expected = (y, *transposed_gradients(x, weight, factors))
        for actual, right in zip(computed(layer, gradients, x, factors), expected, strict=True):
            assert_close(actual, right)
    assert len(gradients.compile_cache) == (mode == "graph")


@pytest.mark.parametrize("kernel", [3, 4])
def test_the_transposed_convolution_is_the_transpose_of_the_convolution(kernel, pynative):
    """<A x, y> = <x, A' y> for a convolution of stride 2 and its transpose with the same weights."""
    random = np.random.default_rng(3)
    down, up = Conv2d(4, 6, kernel, stride=2, padding=1), ConvTranspose2d(6, 4, kernel)
    weight, _ = disturb(down, random)
    load_torch(up, {"weight": weight})
    x, y = rounded(random, 2, 10, 6, 4), rounded(random, 2, 5, 3, 6)
    down.bias.set_data(Tensor(np.zeros(6, np.float32)))
    there = (down(Tensor(x.astype(np.float32))).asnumpy() * y).sum()
    back = (up(Tensor(y.astype(np.float32))).asnumpy() * x).sum()
    assert there == pytest.approx(back, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "factors_shape"),
    [
        (lambda adds: Conv2d(3, 2, 3, adds_bias=adds), (2, 2, 3, 4)),
        (lambda adds: ConvTranspose2d(3, 2, 3, adds_bias=adds), (2, 2, 10, 12)),
    ],
)
def test_without_a_bias_it_counts_for_nothing(make, factors_shape, mode):
    random = np.random.default_rng(4)
    with_bias, without = make(True), make(False)
    _, bias = disturb(with_bias, random)
    without.weight.set_data(with_bias.weight)
    without.bias.set_data(with_bias.bias)
    x = rounded(random, 2, 3, 5, 6)
    factors = rounded(random, *factors_shape)
    y, *grads, bias_gradient = computed(with_bias, Gradients(with_bias), x, factors)
    plain_y, *plain_grads, no_gradient = computed(without, Gradients(without), x, factors)
    np.testing.assert_allclose(plain_y + bias[:, None, None], y, atol=1e-5)
    for gradient, plain_gradient in zip(grads, plain_grads, strict=True):
        np.testing.assert_array_equal(gradient, plain_gradient)
    assert np.abs(bias_gradient).min() > 0
    np.testing.assert_array_equal(no_gradient, np.zeros(2))


def test_weights_start_normal_with_deviation_002():
    device.seed_initialisation(5)
    for layer in (Conv2d(40, 50, 4), ConvTranspose2d(50, 40, 4)):
        weight = layer.weight.asnumpy()
        assert weight.std() == pytest.approx(0.02, rel=0.02)
        assert abs(weight.mean()) < 0.02 * 4 / np.sqrt(weight.size)
        assert np.mean(np.abs(weight) < 0.02) == pytest.approx(0.6827, abs=0.01)  # one deviation of a normal
        assert not layer.bias.asnumpy().any()


def test_weights_follow_the_seed():
    def weights(seed):
        device.seed_initialisation(seed)
        return [layer.weight.asnumpy() for layer in (Conv2d(3, 4, 3), Conv2d(3, 4, 3), ConvTranspose2d(3, 4, 3))]

    first, same, other = weights(6), weights(6), weights(7)
    for one, again, different in zip(first, same, other, strict=True):
        np.testing.assert_array_equal(one, again)
        assert not np.array_equal(one, different)
    assert not np.array_equal(first[0], first[1])  # every layer has its own


def test_every_kernel_stride_and_batch_size_is_covered():
    """The list above against what it promises."""
    covered = {(shape[0], kernel, stride) for shape, (_, kernel, stride, _) in CONVOLUTIONS}
    assert covered >= set(product((1, 3), (3, 4), (1, 2))) | set(product((1, 3), (1, 7), (1,)))
