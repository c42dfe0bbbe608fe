"""The digit classifier: its arithmetic against NumPy, its training, and what it says of real digits."""

import os
from itertools import pairwise
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
import scipy.ndimage

from mindgan.data import idx
from mindgan.data.batches import normalise
from mindgan.metrics import digit_features
from mindgan.metrics.digit_features import DigitFeatures, TrainStep, evaluate, train
from mindgan.metrics.frechet import frechet_distance, statistics
from mindgan.runtime import device

pytestmark = pytest.mark.usefixtures("graph_mode")
MNIST = Path(os.environ.get("MINDGAN_TEST_DATA", "../shared/data")) / "mnist"


def silent(line: str) -> None:
    pass


def weights(network: DigitFeatures) -> dict[str, np.ndarray]:
    return {name: parameter.asnumpy().copy() for name, parameter in network.parameters_and_names()}


def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """5x5, stride 2, two zeros around: one product for each of the 25 places of the kernel."""
    num, channels, height, width = x.shape
    kernel = weight.reshape(-1, channels, 5, 5)
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))
    result = np.zeros((num, kernel.shape[0], height // 2, width // 2))
    for i in range(5):
        for j in range(5):
            seen = padded[:, :, i : i + height : 2, j : j + width : 2]
            result += np.einsum("nihw,oi->nohw", seen, kernel[:, :, i, j])
    return result + bias[:, None, None]


def forward(w: dict[str, np.ndarray], images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The network in NumPy and float64; images uint8."""
    w = {name: value.astype(np.float64) for name, value in w.items()}
    x = images / 255
    x = np.maximum(convolve(x, w["convolution1.product.weight"], w["convolution1.bias"]), 0)
    x = np.maximum(convolve(x, w["convolution2.product.weight"], w["convolution2.bias"]), 0)
    features = np.maximum(x.reshape(len(x), -1) @ w["dense.weight"].T + w["dense.bias"], 0)
    return features, features @ w["classify.weight"].T + w["classify.bias"]


def cross_entropy_and_probs(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    probs = np.exp(logits - logits.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    return -np.log(probs[np.arange(len(labels)), labels]).mean(), probs


@pytest.mark.parametrize("mode", ["graph", "pynative"])
def test_equals_the_network_in_numpy(trained, digit_set, mode):
    device.configure("CPU", mode)
    images = digit_set.test_images[:7]
    features, logits = evaluate(trained, images)
    expected_features, expected_logits = forward(weights(trained), images)
    np.testing.assert_allclose(features, expected_features, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-4, atol=1e-4)


def test_evaluate_gives_one_row_an_image_whatever_the_number(trained, digit_set, monkeypatch):
    images = digit_set.images[: digit_features.EVALUATION_BATCH_SIZE + 3]
    features, logits = evaluate(trained, images)
    assert (features.shape, logits.shape) == ((len(images), 128), (len(images), 10))
    assert features.dtype == logits.dtype == np.float32
    np.testing.assert_array_equal(evaluate(trained, images[-3:])[0], features[-3:])
    np.testing.assert_array_equal(evaluate(trained, images[:1])[1], logits[:1])


def test_classifies_digits_it_was_not_trained_on(trained, digit_set):
    _, logits = evaluate(trained, digit_set.test_images)
    assert (logits.argmax(1) == digit_set.test_labels).mean() > 0.8


def test_first_step_has_the_cross_entropy_and_follows_its_gradient(digit_set):
    device.seed_initialisation(3)
    network = DigitFeatures()
    before = weights(network)
    step = TrainStep(network, ms.nn.Adam(network.trainable_params(), learning_rate=1e-3))
    images, labels = digit_set.images[:32], digit_set.labels[:32].astype(np.int32)
    loss = float(step(ms.Tensor(normalise(images)), ms.Tensor(labels)).asnumpy())

    features, logits = forward(before, images)
    expected, probs = cross_entropy_and_probs(logits, labels)
    assert loss == pytest.approx(expected, rel=1e-5)
    wrong = (probs - np.eye(10)[labels]) / len(labels)  # gradient with respect to the logits
    moved = weights(network)
    # Adam's first step is the learning rate against the sign of the gradient
    for name, gradient in (("classify.bias", wrong.sum(0)), ("classify.weight", wrong.T @ features)):
        certain = np.abs(gradient) > 1e-4  # against Adam's eps
        assert certain.mean() > 0.5
        np.testing.assert_allclose((moved[name] - before[name])[certain], -1e-3 * np.sign(gradient[certain]), rtol=1e-2)
    assert all((moved[name] != before[name]).any() for name in before)


@pytest.mark.slow
def test_training_is_bit_reproducible_and_depends_on_the_seed(digit_set):
    def run(seed: int) -> dict[str, np.ndarray]:
        return weights(train(digit_set.images[:300], digit_set.labels[:300], seed=seed, epochs=1, say=silent))

    first, second, other = run(1), run(1), run(2)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    assert (first["dense.weight"] != other["dense.weight"]).mean() > 0.9


def test_fewer_images_than_a_batch_can_be_trained_on_and_progress_is_told(digit_set):
    lines: list[str] = []
    train(digit_set.images[:20], digit_set.labels[:20], seed=0, epochs=5, say=lines.append)
    assert [line.split(",")[0] for line in lines] == [f"digit classifier: epoch {n} of 5" for n in (2, 4, 5)]
    losses = [float(line.split()[-1]) for line in lines]
    assert losses[0] > losses[1] > losses[2]


def read_mnist(name: str, ndim: int) -> np.ndarray:
    path = MNIST / name
    return idx.parse(idx.read_bytes(path), path, ndim=ndim)


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not in MINDGAN_TEST_DATA")
def test_on_mnist_the_distance_grows_with_the_damage():
    images = read_mnist("train-images-idx3-ubyte.gz", 3)[:, None]
    labels = read_mnist("train-labels-idx1-ubyte.gz", 1)
    test_images = read_mnist("t10k-images-idx3-ubyte.gz", 3)[::5, None]  # its halves differ
    test_labels = read_mnist("t10k-labels-idx1-ubyte.gz", 1)[::5]
    network = train(images[:8192], labels[:8192], seed=0, epochs=1, say=silent)
    reference, logits = evaluate(network, test_images)
    assert (logits.argmax(1) == test_labels).mean() > 0.85

    real = images[20000:22000]

    def distance(changed: np.ndarray) -> float:
        return frechet_distance(*statistics(reference), *statistics(evaluate(network, changed)[0]))

    blurred = [scipy.ndimage.gaussian_filter(real, (0, 0, sigma, sigma)) for sigma in (0.6, 1.0, 2.0)]
    distances = [distance(changed) for changed in (real, *blurred)]
    assert all(before * 1.5 < after for before, after in pairwise(distances)), distances
    without_fours = images[20000:30000][labels[20000:30000] != 4][:2000]
    assert distance(without_fours) > 1.5 * distances[0]
