"""The convolutions for accelerators, tried on CPU, where they are slow and right: equal to those for CPU."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from mindgan.layers import native
from mindgan.layers.convolution import Conv2d, ConvTranspose2d
from mindgan.runtime import device

LAYERS = {
    "stride 2": lambda: Conv2d(3, 5, 3, stride=2, padding=1),
    "mirrored": lambda: Conv2d(3, 5, 7, padding=3, is_reflected=True),
    "mirrored, to fewer channels": lambda: Conv2d(8, 3, 7, padding=3, is_reflected=True, adds_bias=False),
    "to one channel": lambda: Conv2d(8, 1, 4, padding=1),
    "of single pixels": lambda: Conv2d(4, 6, 1),
    "transposed, 3": lambda: ConvTranspose2d(6, 4, 3),
    "transposed, 4": lambda: ConvTranspose2d(6, 4, 4, adds_bias=False),
}


class Weighted(nn.Cell):
    """The sum of a layer's outputs, each times a number of its own, and the gradients."""

    def __init__(self, layer):
        super().__init__(auto_prefix=False)
        self.layer = layer

        def total(x, factors):
            y = layer(x)
            return (y * factors).sum(), y

        self.compute = ms.value_and_grad(total, 0, layer.trainable_params(), has_aux=True)

    def construct(self, x, factors):
        return self.compute(x, factors)


@pytest.fixture(autouse=True)
def _graph_again():
    yield
    device.configure("CPU", "graph")


@pytest.mark.parametrize("mode", ["graph", "pynative"])
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_those_of_the_cpu_layers(name, mode, monkeypatch):
    device.configure("CPU", mode)
    usual = LAYERS[name]()
    monkeypatch.setattr(native, "is_wanted", lambda: True)
    other = LAYERS[name]()
    assert usual.native is None
    assert other.native is not None
    random = np.random.default_rng(0)
    for ours, theirs in zip(usual.get_parameters(), other.get_parameters(), strict=True):
        theirs.set_data(Tensor(random.standard_normal(ours.shape).astype(np.float32)))
        ours.set_data(Tensor(theirs.asnumpy()))
    x = Tensor(random.standard_normal((2, 6, 10, usual.in_channels)).astype(np.float32))
    factors = Tensor(random.standard_normal(usual(x).shape).astype(np.float32))
    results = []
    for layer in (usual, other):
        (_, y), (along_x, along_weights) = Weighted(layer)(x, factors)
        results.append([array.asnumpy() for array in (y, along_x, *along_weights)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=2e-5 * max(np.abs(ours).max(), 1e-3))


def test_on_cpu_they_are_not_wanted():
    device.configure("CPU", "graph")
    assert not native.is_wanted()
