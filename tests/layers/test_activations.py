"""Activations against MindSpore's and against float64 NumPy."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from mindgan.layers.activations import LeakyReLU, Tanh


def test_leaky_relu_has_the_values_and_gradients_of_mindspores():
    x = Tensor(np.array([-3.0, -0.5, -1e-6, 1e-6, 0.5, 3.0], np.float32))
    for ours, stock in (
        (LeakyReLU()(x), ops.leaky_relu(x, 0.2)),
        (ms.grad(LeakyReLU())(x), ms.grad(nn.LeakyReLU(0.2))(x)),
    ):
        np.testing.assert_allclose(ours.asnumpy(), stock.asnumpy(), rtol=1e-6)


def test_tanh_is_accurate_and_has_a_gradient_where_the_background_lives():
    x = np.concatenate([np.linspace(-12, 5, 400), [0.0]]).astype(np.float32)
    np.testing.assert_allclose(Tanh()(Tensor(x)).asnumpy(), np.tanh(x.astype(np.float64)), atol=3e-6)
    slope = 1 / np.cosh(x.astype(np.float64)) ** 2
    np.testing.assert_allclose(ms.grad(Tanh())(Tensor(x)).asnumpy(), slope, rtol=1e-2)
