"""Networks against float64 NumPy and against MindSpore's stock layers."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from mindgan.mlp_gan.networks import BatchNorm, Dense, Discriminator, Generator


def parameters(network):
    return {name: value.asnumpy().astype(np.float64) for name, value in network.parameters_dict().items()}


def disturb(network, seed):
    """Weights, biases and statistics that are not the identity."""
    random = np.random.RandomState(seed)
    for parameter in network.get_parameters():
        noise = 0.2 * random.randn(*parameter.shape)
        parameter.set_data(Tensor((parameter.asnumpy() + np.abs(noise)).astype(np.float32)))


def reference_generator(values, latents, *, training):
    x = latents.astype(np.float64)
    for index in (0, 2, 5, 8, 11):
        x = x @ values[f"model.{index}.weight"].T + values[f"model.{index}.bias"]
        if index in (2, 5, 8):
            norm = f"model.{index + 1}"
            mean, variance = (x.mean(0), x.var(0)) if training else (
                values[f"{norm}.moving_mean"], values[f"{norm}.moving_variance"])  # fmt: skip
            x = (x - mean) / np.sqrt(variance + 1e-5) * values[f"{norm}.gamma"] + values[f"{norm}.beta"]
        x = np.tanh(x) if index == 11 else np.maximum(x, 0)
    return x.reshape(-1, 1, 28, 28)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("latent_size", [100, 7])
def test_the_generator_is_the_tutorials(training, latent_size):
    network = Generator(latent_size)
    disturb(network, 1)
    values = parameters(network)
    latents = np.random.RandomState(2).randn(6, latent_size).astype(np.float32)
    network.set_train(training)
    images = network(Tensor(latents)).asnumpy()
    np.testing.assert_allclose(images, reference_generator(values, latents, training=training), atol=2e-5)


def test_the_discriminator_is_the_tutorials():
    network = Discriminator()
    disturb(network, 3)
    values = parameters(network)
    images = np.random.RandomState(4).uniform(-1, 1, (5, 1, 28, 28)).astype(np.float32)
    x = images.reshape(5, 784).astype(np.float64)
    for index in (0, 2, 4):
        x = x @ values[f"model.{index}.weight"].T + values[f"model.{index}.bias"]
        x = np.where(x > 0, x, 0.2 * x) if index < 4 else 1 / (1 + np.exp(-x))
    probs = network(Tensor(images)).asnumpy()
    assert probs.shape == (5, 1)
    np.testing.assert_allclose(probs, x, rtol=1e-4, atol=1e-7)


def weighted_by(layer, weight):
    def weighted(x):
        return (layer(x) * weight).sum()

    return weighted


@pytest.mark.parametrize("mode", [ms.PYNATIVE_MODE, ms.GRAPH_MODE])
def test_batch_norm_has_the_values_gradients_and_statistics_of_mindspores(mode):
    ms.set_context(mode=mode)
    random = np.random.RandomState(5)
    x, weight = (Tensor(random.randn(9, 4).astype(np.float32) * 3 + 1) for _ in range(2))
    found = []
    for norm in (BatchNorm(4), nn.BatchNorm1d(num_features=4)):
        disturb(norm, 6)
        norm.set_train()
        value, (grad_x, grads) = ms.value_and_grad(weighted_by(norm, weight), 0, norm.trainable_params())(x)
        found.append([value, grad_x, *grads, norm.moving_mean, norm.moving_variance])
    ms.set_context(mode=ms.GRAPH_MODE)
    for ours, stock in zip(*found, strict=True):
        np.testing.assert_allclose(ours.asnumpy(), stock.asnumpy(), rtol=1e-4, atol=1e-4)


def test_dense_starts_as_mindspores_does():
    ms.set_seed(7)
    ours = Dense(300, 200)
    ms.set_seed(7)
    stock = nn.Dense(in_channels=300, out_channels=200)
    np.testing.assert_array_equal(ours.weight.asnumpy(), stock.weight.asnumpy())
    np.testing.assert_array_equal(ours.bias.asnumpy(), stock.bias.asnumpy())
    assert np.abs(ours.weight.asnumpy()).max() <= 1 / np.sqrt(300)


def test_images_stay_in_range():
    network = Generator(100)
    network.set_train(False)
    images = network(Tensor(30 * np.random.RandomState(0).randn(4, 100).astype(np.float32))).asnumpy()
    assert images.shape == (4, 1, 28, 28)
    assert np.abs(images).max() <= 1
