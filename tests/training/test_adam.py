"""Adam against Algorithm 1 of its paper, in float64."""

import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from mindgan.training.adam import Adam, make_adam, named_adam, set_rate


def algorithm_1(weight, gradients, *, lr, beta1, beta2, eps):
    mean, variance = np.zeros_like(weight), np.zeros_like(weight)
    for t, gradient in enumerate(gradients, start=1):
        mean = beta1 * mean + (1 - beta1) * gradient
        variance = beta2 * variance + (1 - beta2) * gradient**2
        weight = weight - lr * (mean / (1 - beta1**t)) / (np.sqrt(variance / (1 - beta2**t)) + eps)
    return weight


# gradients near eps tell where eps is added
@pytest.mark.parametrize("size", [1.0, 1e-7, 1e-8])
@pytest.mark.parametrize("betas", [(0.5, 0.999), (0.9, 0.99)])
def test_follows_the_paper(size, betas):
    random = np.random.RandomState(0)
    start = random.randn(6, 5)
    gradients = [size * random.randn(6, 5) for _ in range(5)]
    weight = Parameter(Tensor(start.astype(np.float32)), name="w")
    optimiser = Adam([weight], learning_rate=1e-2, beta1=betas[0], beta2=betas[1], eps=1e-8)
    for gradient in gradients:
        optimiser((Tensor(gradient.astype(np.float32)),))
    expected = algorithm_1(start, gradients, lr=1e-2, beta1=betas[0], beta2=betas[1], eps=1e-8)
    moved, wanted = weight.asnumpy() - start, expected - start
    assert np.linalg.norm(moved - wanted) < 2e-5 * np.linalg.norm(wanted)


def test_the_prefix_renames_the_network_too():
    network = nn.Dense(in_channels=2, out_channels=3)
    network.update_parameters_name("net.")
    make_adam(network, "opt.", lr=1e-3, beta1=0.5, beta2=0.999)
    assert [parameter.name for parameter in network.get_parameters()] == ["opt.net.weight", "opt.net.bias"]


def test_without_a_mean_of_the_gradients():
    """A beta1 of 0, which MindSpore's Adam refuses."""
    random = np.random.RandomState(1)
    start = random.randn(6, 5)
    gradients = [random.randn(6, 5) for _ in range(5)]
    weight = Parameter(Tensor(start.astype(np.float32)), name="w")
    beta2 = 0.99 ** (16 / 17)
    optimiser = Adam([weight], learning_rate=2e-3, beta1=0.0, beta2=beta2, eps=1e-8)
    for gradient in gradients:
        optimiser((Tensor(gradient.astype(np.float32)),))
        np.testing.assert_allclose(optimiser.moment1[0].asnumpy(), gradient, rtol=1e-5, atol=1e-6)
    moved = weight.asnumpy() - start
    wanted = algorithm_1(start, gradients, lr=2e-3, beta1=0.0, beta2=beta2, eps=1e-8) - start
    assert np.linalg.norm(moved - wanted) < 2e-5 * np.linalg.norm(wanted)


def test_names_of_its_own():
    network = nn.Dense(in_channels=2, out_channels=3)
    network.update_parameters_name("net.")
    optimiser = named_adam(network.trainable_params(), "opt.", lr=1e-3, beta1=0.0, beta2=0.99)
    assert [parameter.name for parameter in network.get_parameters()] == ["net.weight", "net.bias"]
    own = [parameter.name for parameter in optimiser.get_parameters() if not parameter.name.startswith("net.")]
    assert {"opt.moment1.net.weight", "opt.moment2.net.bias", "opt.global_step", "opt.learning_rate"} <= set(own)
    assert all(name.startswith("opt.") for name in own)


def test_the_rate_can_be_set():
    weight = Parameter(Tensor(np.zeros(3, np.float32)), name="w")
    optimiser = Adam([weight], learning_rate=1.0, beta1=0.0, beta2=0.99, eps=1e-8)
    set_rate(optimiser, 0.25)
    optimiser((Tensor(np.array([2.0, -3.0, 0.5], np.float32)),))  # the first step is by the rate, whatever the gradient
    np.testing.assert_allclose(weight.asnumpy(), [-0.25, 0.25, -0.25], rtol=1e-5)
