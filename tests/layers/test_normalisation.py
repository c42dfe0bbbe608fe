"""Instance norm against float64 NumPy, in both modes."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from mindgan.layers.normalisation import InstanceNorm
from mindgan.runtime import device

EPS = 1e-5


def reference(x):
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    return (x - mean) / np.sqrt(variance + EPS)


def reference_gradient(x, factors):
    """Of (reference(x) * factors).sum(), by differentiating mean and variance too."""
    num = x.shape[1] * x.shape[2]
    y = reference(x)
    share = factors.sum((1, 2), keepdims=True) + y * (factors * y).sum((1, 2), keepdims=True)
    return (factors - share / num) / np.sqrt(x.var((1, 2), keepdims=True) + EPS)


class Gradient(nn.Cell):
    def __init__(self):
        super().__init__()
        self.norm = InstanceNorm()
        self.compute = ms.value_and_grad(self.weighted, 0, None, has_aux=True)

    def weighted(self, x, factors):
        y = self.norm(x)
        return (y * factors).sum(), y

    def construct(self, x, factors):
        return self.compute(x, factors)


def draw(seed, shape):
    """Every channel of every image with a mean and a deviation of its own."""
    random = np.random.default_rng(seed)
    each = shape[0], 1, 1, shape[3]
    means, deviations = random.uniform(-3, 3, each), random.uniform(0.1, 5, each)
    return (means + deviations * random.standard_normal(shape)).astype(np.float32)


def assert_close(actual, expected):
    assert np.linalg.norm(actual - expected) <= 3e-6 * np.linalg.norm(expected)


@pytest.mark.parametrize("mode", ["graph", "pynative"])
@pytest.mark.parametrize("shape", [(1, 4, 4, 1), (1, 7, 3, 5), (3, 6, 8, 4), (2, 2, 2, 3), (1, 64, 65, 3)], ids=str)
def test_value_and_gradient(shape, mode):
    device.configure("CPU", mode)
    cell = Gradient()
    for seed in (1, 2):
        x, factors = draw(seed, shape), draw(seed + 10, shape)
        (_, y), gradient = cell(Tensor(x), Tensor(factors))
        assert_close(y.asnumpy(), reference(x.astype(np.float64)))
        assert_close(gradient.asnumpy(), reference_gradient(x.astype(np.float64), factors.astype(np.float64)))
    assert len(cell.compile_cache) == (mode == "graph")
    device.configure("CPU", "graph")


def test_the_restated_gradient_is_the_slope():
    x, factors = draw(3, (1, 3, 4, 2)).astype(np.float64), draw(4, (1, 3, 4, 2)).astype(np.float64)
    gradient = reference_gradient(x, factors)
    for place in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[place] = 1e-5
        slope = ((reference(x + nudge) - reference(x - nudge)) * factors).sum() / 2e-5
        assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_images_and_channels_are_on_their_own(pynative):
    x = draw(5, (3, 5, 6, 4))
    together = InstanceNorm()(Tensor(x)).asnumpy()
    x[0], x[..., 1] = 100 * x[0] + 7, 0
    apart = InstanceNorm()(Tensor(x)).asnumpy()
    others = [0, 2, 3]
    np.testing.assert_array_equal(apart[1:, ..., others], together[1:, ..., others])
    # scale and shift go out; eps stays
    np.testing.assert_allclose(apart[0][..., others], together[0][..., others], atol=2e-3)
    np.testing.assert_array_equal(apart[..., 1], np.zeros((3, 5, 6)))


def test_there_is_nothing_to_learn_or_to_remember():
    assert list(InstanceNorm().get_parameters()) == []
