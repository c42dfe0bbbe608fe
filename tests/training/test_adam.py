"""Adam against Algorithm 1 of its paper, in float64."""

import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from mindgan.training.adam import Adam, make_adam


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
