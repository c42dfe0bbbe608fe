"""The networks: sizes, mapping, minibatch statistics, and every architecture, shape and number of channels."""

import dataclasses
import math

import numpy as np
import pytest
from mindspore import Tensor, nn

from mindgan.layers.torch_layout import load_torch, to_torch
from mindgan.stylegan2.layers import Convolution, ModulatedConvolution, ToRGB
from mindgan.stylegan2.networks import Discriminator, Generator, MinibatchStd, for_all_layers
from mindgan.stylegan2.shape import Shape, num_layers

random = np.random.default_rng(5)
SMALL = {"z_dim": 6, "w_dim": 5, "map_depth": 2, "channel_base": 32, "channel_max": 6}


def tensor(*shape):
    return Tensor(random.standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize(("size", "num_ws"), [(8, 4), (32, 8), (256, 14), (1024, 18)])
def test_styles_by_resolution(size, num_ws):
    shape = Shape(size, size)
    assert shape.num_ws == num_ws
    assert shape.size(4) == (4, 4)
    assert shape.levels == tuple(2**index for index in range(2, int(math.log2(size)) + 1))
    assert shape.num_noise == 16 + sum(2 * level**2 for level in shape.levels[1:])


def test_channels():
    shape = Shape(1024, 1024, channel_base=32768, channel_max=512)
    assert [shape.channels(level) for level in shape.levels] == [512, 512, 512, 512, 512, 256, 128, 64, 32]


@pytest.mark.parametrize(
    ("size", "base", "num_up"),
    [((16, 32), (4, 8), 2), ((24, 16), (6, 4), 2), ((8, 12), (4, 6), 1), ((20, 28), (5, 7), 2)],
)
def test_rectangles(size, base, num_up):
    shape = Shape(*size)
    assert (shape.num_up, shape.size(4), shape.size(shape.levels[-1])) == (num_up, base, size)


def mapped(arrays, x, start, depth):
    for index in range(depth):
        weight, bias = (arrays[f"{start}fc{index}.{name}"] * 0.01 for name in ("weight", "bias"))
        x = x @ weight.T / np.sqrt(x.shape[1]) + bias
        x = np.sqrt(2) * np.where(x > 0, x, 0.2 * x)
    return x


def unit(x):
    return x / np.sqrt(np.square(x).mean(1, keepdims=True) + 1e-8)


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("num_classes", [0, 1, 5])
@pytest.mark.parametrize("depth", [1, 8])
def test_mapping(num_classes, depth):
    generator = Generator(Shape(8, 8, num_classes=num_classes, **{**SMALL, "map_depth": depth}))
    arrays = to_torch(generator)
    z, c = random.standard_normal((4, 6)), random.standard_normal((4, max(num_classes, 1)))
    x = unit(z)
    if num_classes:
        embedded = c @ arrays["mapping.embed.weight"].T / np.sqrt(num_classes) + arrays["mapping.embed.bias"]
        x = np.concatenate([x, unit(embedded)], 1)
    found = generator.mapping(*(Tensor(array.astype(np.float32)) for array in (z, c))).asnumpy()
    np.testing.assert_allclose(found, mapped(arrays, x, "mapping.", depth), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("pynative")
def test_the_generator_is_its_two_networks():
    generator = Generator(Shape(8, 8, **SMALL))
    z, c, noise = tensor(2, 6), tensor(2, 1), tensor(2, generator.shape.num_noise)
    ws = for_all_layers(generator.mapping(z, c), 4)
    assert ws.shape == (2, 4, 5)
    np.testing.assert_array_equal(generator(z, c, noise).asnumpy(), generator.synthesis(ws, noise).asnumpy())


@pytest.mark.usefixtures("pynative")
def test_noise_counts_by_its_strength():
    generator = Generator(Shape(8, 8, **SMALL))
    inputs = tensor(2, 6), tensor(2, 1)
    noises = [Tensor(np.zeros((2, generator.shape.num_noise), np.float32)), tensor(2, generator.shape.num_noise)]
    plain, same = (generator(*inputs, noise).asnumpy() for noise in noises)
    np.testing.assert_array_equal(plain, same)
    strengths = {name: np.float32(0.5) for name in to_torch(generator) if name.endswith("noise_strength")}
    assert len(strengths) == 3
    load_torch(generator, {name: np.array(value) for name, value in strengths.items()})
    assert np.abs(generator(*inputs, noises[1]).asnumpy() - plain).max() > 1e-3
    assert generator.synthesis.noise_const().shape == (generator.shape.num_noise,)


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize(
    ("size", "channels", "architecture", "num_classes"),
    [
        ((8, 8), 1, "resnet", 0),
        ((16, 16), 4, "skip", 5),
        ((16, 32), 3, "resnet", 1),
        ((24, 16), 1, "orig", 0),
        ((8, 12), 4, "skip", 0),
        ((20, 28), 3, "orig", 2),
    ],
)
def test_images_and_scores_of_any_shape(size, channels, architecture, num_classes):
    shape = Shape(*size, channels, num_classes, **SMALL)
    generator, discriminator = Generator(shape), Discriminator(shape, architecture=architecture, mbstd_group=2)
    c = tensor(2, max(num_classes, 1))
    images = generator(tensor(2, 6), c, tensor(2, shape.num_noise))
    assert images.shape == (2, channels, *size)
    scores = discriminator(images, c).asnumpy()
    assert scores.shape == (2, 1)
    assert np.isfinite(scores).all()
    num_from_rgb = sum("fromrgb.weight" in name for name in to_torch(discriminator))
    assert num_from_rgb == (shape.num_up + 1 if architecture == "skip" else 1)


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize(("num", "group", "used"), [(4, 4, 4), (6, 3, 3), (2, 4, 2), (6, 2, 2), (3, 1, 1)])
def test_minibatch_deviations(num, group, used):
    """Group i of N / G has the images i, i + N / G, ...; a group is no larger than the batch."""
    x = random.standard_normal((num, 3, 2, 5))
    found = MinibatchStd(group)(Tensor(x.astype(np.float32))).asnumpy()
    np.testing.assert_allclose(found[..., :5], x, rtol=1e-6)
    for image in range(num):
        others = x[image % (num // used) :: num // used]
        assert len(others) == used
        deviation = np.sqrt(others.var(0) + 1e-8).mean()
        np.testing.assert_allclose(found[image, ..., 5], deviation, rtol=1e-4)


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("num_classes", [0, 2])
def test_two_parts_are_two_calls(num_classes):
    shape = Shape(8, 8, 3, num_classes, **SMALL)
    discriminator = Discriminator(shape, mbstd_group=4)
    images, c = tensor(8, 3, 8, 8), tensor(8, max(num_classes, 1))
    both = discriminator(images, c, 2).asnumpy()
    apart = [discriminator(images[half], c[half]).asnumpy() for half in (slice(0, 4), slice(4, 8))]
    np.testing.assert_allclose(both, np.concatenate(apart), rtol=1e-4, atol=1e-6)
    assert np.abs(both - discriminator(images, c).asnumpy()).max() > 1e-4


@pytest.mark.usefixtures("pynative")
def test_the_clamp_of_both_networks():
    """With a clamp of 0 a generator draws nothing, and a discriminator's scores know no images."""
    shape = dataclasses.replace(Shape(8, 8, **SMALL), conv_clamp=1e-9)
    generator, discriminator = Generator(shape), Discriminator(shape)
    images = generator(tensor(2, 6), tensor(2, 1), tensor(2, shape.num_noise)).asnumpy()
    assert np.abs(images).max() < 1e-7
    scores = discriminator(tensor(2, 3, 8, 8), tensor(2, 1)).asnumpy()
    np.testing.assert_allclose(scores, 0, atol=1e-7)
    open_ = Generator(Shape(8, 8, **SMALL))
    assert np.abs(open_(tensor(2, 6), tensor(2, 1), tensor(2, shape.num_noise)).asnumpy()).max() > 1e-3


def clamps(network, kind):
    """Of the layers of a kind that have an activation or a bias, by their names."""
    layers = [(name, cell) for name, cell in network.cells_and_names() if isinstance(cell, kind)]
    return {name: layer.finish.clamp for name, layer in layers if layer.bias is not None}


def test_every_layer_of_the_generator_clamps():
    generator = Generator(dataclasses.replace(Shape(16, 16, **SMALL), conv_clamp=3.0))
    found = clamps(generator, (ModulatedConvolution, ToRGB))
    assert len(found) == 5 + 3
    assert set(found.values()) == {3.0}


@pytest.mark.parametrize(("architecture", "gain"), [("resnet", math.sqrt(0.5)), ("skip", 1), ("orig", 1)])
def test_every_layer_of_the_discriminator_clamps(architecture, gain):
    """What goes on with a gain is clamped with it; the way past the layers of 'resnet' has no activation."""
    shape = dataclasses.replace(Shape(16, 16, **SMALL), conv_clamp=3.0)
    found = clamps(Discriminator(shape, architecture=architecture), Convolution)
    assert len(found) == (3 if architecture == "skip" else 1) + 2 * 2 + 1
    for name, clamp in found.items():
        assert clamp == pytest.approx(3 * gain if name.endswith("conv1") else 3), name


class Recorder(nn.Cell):
    """A layer that keeps what it gives."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.outputs = layer, []

    def construct(self, x):
        y = self.layer(x)
        self.outputs.append(y.asnumpy())
        return y


@pytest.mark.usefixtures("pynative")
def test_the_label_decides_the_score():
    """Projection: the sum of features times the embedded label, over the root of their number."""
    shape = Shape(8, 8, 3, 2, **SMALL)
    discriminator = Discriminator(shape, mbstd_group=1)
    arrays = to_torch(discriminator)
    images = np.repeat(random.standard_normal((1, 3, 8, 8)), 3, 0).astype(np.float32)
    c = np.array([[1, 0], [0, 1], [0.5, -2]], np.float32)
    scores = discriminator(Tensor(images), Tensor(c)).asnumpy()[:, 0]
    embedded = unit(c @ arrays["mapping.embed.weight"].T / np.sqrt(2) + arrays["mapping.embed.bias"])
    labels = mapped(arrays, embedded, "mapping.", 8)
    discriminator.b4.out = recorder = Recorder(discriminator.b4.out)
    discriminator(Tensor(images), Tensor(c))
    expected = (recorder.outputs[0] * labels).sum(1) / np.sqrt(6)
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert np.ptp(scores) > 0.1 * np.abs(scores).max()


@pytest.mark.parametrize("architecture", ["resnet", "skip", "orig"])
@pytest.mark.parametrize("size", [(8, 8), (16, 24), (4, 64), (32, 32)])
def test_the_number_of_layers_is_that_of_the_discriminator(size, architecture):
    discriminator = Discriminator(Shape(*size, channel_base=64, channel_max=2), architecture=architecture)
    assert num_layers(*size, architecture) == sum(len(block.layers()) for block in discriminator.blocks)
