"""Networks against restatements in PyTorch, layer by layer in float64: names, values and gradients."""

import importlib

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor
from mindspore import nn as ms_nn

from mindgan.cyclegan.networks import PatchDiscriminator, PixelDiscriminator, ResnetGenerator, UnetGenerator
from mindgan.layers.torch_layout import load_torch, to_torch

torch = pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")
restated = importlib.import_module("make_golden_cyclegan")
nn, norm = torch.nn, torch.nn.InstanceNorm2d
torch.set_num_threads(1)  # more of them wait for each other most of the time, where another process works too
pytestmark = pytest.mark.usefixtures("pynative")


class Level(nn.Module):
    """One level of the UNet of Isola et al. (2017), around the level below."""

    def __init__(self, layers, *, is_outermost=False):
        super().__init__()
        self.model, self.is_outermost = nn.Sequential(*layers), is_outermost

    def forward(self, x):
        y = self.model(x)
        return y if self.is_outermost else torch.cat([x, y], 1)


class Unet(nn.Module):
    """From the bottom to the top: 8 ngf channels at the bottom and the `num_down` - 5 levels over it, then 4, 2, 1."""

    def __init__(self, channels, ngf, num_down):
        super().__init__()

        def down(inputs, outputs):
            return nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)

        def up(inputs, outputs):
            return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)

        level = Level([nn.LeakyReLU(0.2), down(8 * ngf, 8 * ngf), nn.ReLU(), up(8 * ngf, 8 * ngf), norm(8 * ngf)])
        for outer, inner in [(8, 8)] * (num_down - 5) + [(4, 8), (2, 4), (1, 2)]:
            way_down = [nn.LeakyReLU(0.2), down(outer * ngf, inner * ngf), norm(inner * ngf)]
            level = Level([*way_down, level, nn.ReLU(), up(2 * inner * ngf, outer * ngf), norm(outer * ngf)])
        layers = [down(channels, ngf), level, nn.ReLU(), up(2 * ngf, channels), nn.Tanh()]
        self.model = Level(layers, is_outermost=True)

    def forward(self, images):
        return self.model(images)


class Pixel(nn.Module):
    """A network for every pixel, with kernels of 1."""

    def __init__(self, channels, ndf):
        super().__init__()
        layers = [nn.Conv2d(channels, ndf, 1), nn.LeakyReLU(0.2), nn.Conv2d(ndf, 2 * ndf, 1)]
        self.net = nn.Sequential(*layers, norm(2 * ndf), nn.LeakyReLU(0.2), nn.Conv2d(2 * ndf, 1, 1))

    def forward(self, images):
        return self.net(images)


class Weighted(ms_nn.Cell):
    """The network's output times `factors`, summed, and the output."""

    def __init__(self, network):
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, images, factors):
        y = self.network(images)
        return (y * factors).sum(), y


def error(actual, expected, scale):
    return np.linalg.norm(actual - expected) / scale


# ours, PyTorch's, and the shape of the images
PAIRS = {
    "resnet": (lambda: ResnetGenerator(1, ngf=3, num_blocks=2), lambda: restated.Generator(1, 3, 2), (2, 1, 12, 20)),
    "patch": (
        lambda: PatchDiscriminator(1, ndf=2, num_layers=4),
        lambda: restated.Discriminator(1, 2, 4),
        (2, 1, 48, 64),
    ),
    "unet": (lambda: UnetGenerator(3, ngf=2, num_down=6), lambda: Unet(3, 2, 6), (2, 3, 64, 128)),
    "pixel": (lambda: PixelDiscriminator(3, ndf=4), lambda: Pixel(3, 4), (2, 3, 5, 8)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_names_values_and_gradients(name):
    make_ours, make_theirs, shape = PAIRS[name]
    ours, theirs = make_ours(), make_theirs().double()
    random = np.random.default_rng(1)
    weights = to_torch(ours)
    named = dict(theirs.named_parameters())
    assert {key: value.shape for key, value in weights.items()} == {key: (*v.shape,) for key, v in named.items()}
    for key, value in named.items():
        drawn = (0.2 * random.standard_normal(value.shape)).astype(np.float32)
        weights[key] = drawn
        value.data = torch.from_numpy(drawn).double()
    load_torch(ours, weights)
    images = random.uniform(-1, 1, shape).astype(np.float32)
    their_y = theirs(torch.from_numpy(images).double())
    factors = random.standard_normal(their_y.shape).astype(np.float32)
    their_grads = torch.autograd.grad((their_y * torch.from_numpy(factors)).sum(), list(named.values()))

    compute = ms.value_and_grad(Weighted(ours), None, ms.ParameterTuple(ours.trainable_params()), has_aux=True)
    (_, our_y), our_grads = compute(Tensor(images), Tensor(factors))
    expected = their_y.detach().numpy()
    assert error(our_y.asnumpy(), expected, np.linalg.norm(expected)) < 1e-5
    names = [parameter.name for parameter in ours.trainable_params()]
    found = to_torch(ours, {name: grad.asnumpy() for name, grad in zip(names, our_grads, strict=True)})
    norms = [np.linalg.norm(grad.numpy()) for grad in their_grads]
    for key, grad, norm_of_grad in zip(named, their_grads, norms, strict=True):
        has_true_gradient = norm_of_grad > 1e-9 * max(norms)  # a bias before a norm has none
        assert error(found[key], grad.numpy(), norm_of_grad if has_true_gradient else max(norms)) < 1e-4, key
