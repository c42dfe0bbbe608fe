"""The features in which digits are compared: a small CNN, trained once on a digit set and cached.

The training is reproducible to the bit on one machine. Two machines may round differently, so distances that are
to be compared closely should come from one cache.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mindgan.data.batches import normalise
from mindgan.data.mnist import DigitSet
from mindgan.runtime import device, randomness
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import write_atomically

RECIPE_VERSION = 1  # to be raised whenever the network or its training changes; caches of other versions are not read
SEED = 0
EPOCHS = 3  # on MNIST 99.0 % of the test set right
MIN_STEPS = 600  # small digit sets are gone through more often
BATCH_SIZE = 128
LEARNING_RATE = 2e-3  # Adam's, at the first step; it falls linearly to nothing
NUM_FEATURES = 128
NUM_CLASSES = 10
EVALUATION_BATCH_SIZE = 500  # always the same, so that the network is compiled once

Say = Callable[[str], None]


class Convolution(nn.Cell):
    """5x5 convolution of stride 2, padded by 2: x [N, in, H, W] to [N, out, H / 2, W / 2]; H and W are even.

    Written as a product of patches and weights. On CPUs with AVX-512 MindSpore 2.10's `nn.Conv2d` is many times slower
    unless the environment variable ONEDNN_MAX_CPU_ISA says AVX2 before the first operation of the process, which is
    too late for whoever trains a GAN and then scores it.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.product = nn.Dense(in_channels * 25, out_channels, has_bias=False)
        self.bias = ms.Parameter(np.zeros(out_channels, np.float32))  # added by broadcasting: a faster gradient

    def construct(self, x: Tensor) -> Tensor:
        num, _, height, width = x.shape
        height, width = height // 2, width // 2
        patches = ops.unfold(x, kernel_size=5, stride=2, padding=2).reshape(num, -1, height * width)  # [N, in 25, HW]
        rows = patches.transpose(0, 2, 1).reshape(num * height * width, -1)  # [N HW, in 25]
        result = self.product(rows) + self.bias  # [N HW, out]
        return result.reshape(num, height * width, -1).transpose(0, 2, 1).reshape(num, -1, height, width)


class DigitFeatures(nn.Cell):
    """Images float32 [N, 1, 28, 28] in [-1, 1] to (features [N, 128], logits [N, 10])."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution1 = Convolution(1, 16)
        self.convolution2 = Convolution(16, 64)
        self.dense = nn.Dense(64 * 7 * 7, NUM_FEATURES, has_bias=True)
        self.classify = nn.Dense(NUM_FEATURES, NUM_CLASSES, has_bias=True)

    def construct(self, images: Tensor) -> tuple[Tensor, Tensor]:
        ink = images * 0.5 + 0.5  # with the background at 0 half as many features never fire
        x = ops.relu(self.convolution1(ink))  # [N, 16, 14, 14]
        x = ops.relu(self.convolution2(x))  # [N, 64, 7, 7]
        features = ops.relu(self.dense(x.reshape(-1, 64 * 7 * 7)))
        return features, self.classify(features)


class TrainStep(nn.Cell):
    """One step of Adam on the mean cross-entropy, in one Cell, so that graph mode compiles it whole."""

    def __init__(self, network: DigitFeatures, optimiser: nn.Adam):
        super().__init__()
        self.network = network
        self.optimiser = optimiser

        def forward(images: Tensor, labels: Tensor) -> Tensor:
            _, logits = network(images)
            return ops.cross_entropy(logits, labels)

        self.grad = ms.value_and_grad(forward, None, network.trainable_params())
        self.set_train()

    def construct(self, images: Tensor, labels: Tensor) -> Tensor:
        """Images float32 [N, 1, 28, 28] in [-1, 1] and labels int32 [N] to the loss before the update, a scalar."""
        loss, grads = self.grad(images, labels)
        return ops.depend(loss, self.optimiser(grads))


def train(images: np.ndarray, labels: np.ndarray, *, seed: int, epochs: int, say: Say) -> DigitFeatures:
    """Trains the network; the same arguments give the same weights, to the bit, on one machine.

    Args:
        images: uint8 [N, 1, 28, 28], N at least 1.
        labels: uint8 [N], 0 to 9.
        seed: of the initialisation and the order of the images.
        epochs: passes over the images, 1 or more; the incomplete last batch of a pass is dropped.
        say: told the loss, three times or fewer.
    """
    device.seed_initialisation(seed)
    network = DigitFeatures()
    batch_size = min(BATCH_SIZE, len(images))
    steps_per_epoch = len(images) // batch_size
    num_steps = steps_per_epoch * epochs
    learning_rates = (LEARNING_RATE * (1 - np.arange(num_steps) / num_steps)).tolist()
    step = TrainStep(network, nn.Adam(network.trainable_params(), learning_rate=learning_rates))
    for epoch in range(epochs):
        order = randomness.permutation(seed, epoch * len(images), len(images))
        loss = _train_epoch(step, images, labels, order[: steps_per_epoch * batch_size].reshape(-1, batch_size))
        if (epoch + 1) * 3 // epochs > epoch * 3 // epochs:  # another third is done
            say(f"digit classifier: epoch {epoch + 1} of {epochs}, loss {loss:.4f}")
    network.set_train(False)
    return network


def _train_epoch(step: TrainStep, images: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> float:
    """One pass; `batches` are indices [num_batches, batch_size]. Returns the mean loss."""
    losses = [
        float(step(Tensor(normalise(images[batch])), Tensor(labels[batch].astype(np.int32))).asnumpy())
        for batch in batches
    ]
    return float(np.mean(losses))


def evaluate(network: DigitFeatures, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features float32 [N, 128] and logits float32 [N, 10] of images uint8 [N, 1, 28, 28], N at least 1."""
    network.set_train(False)
    parts = [
        _evaluate_batch(network, images[start : start + EVALUATION_BATCH_SIZE])
        for start in range(0, len(images), EVALUATION_BATCH_SIZE)
    ]
    features, logits = zip(*parts, strict=True)
    return np.concatenate(features), np.concatenate(logits)


def _evaluate_batch(network: DigitFeatures, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    num = len(images)
    padded = np.pad(images, ((0, EVALUATION_BATCH_SIZE - num), (0, 0), (0, 0), (0, 0)))
    features, logits = network(Tensor(normalise(padded)))
    return features.asnumpy()[:num], logits.asnumpy()[:num]


def load_or_train(digit_set: DigitSet, *, cache: Path | None = None, say: Say) -> DigitFeatures:
    """The network of `digit_set`'s training images: from the cache, else trained and cached.

    The device must be configured before (`mindgan.runtime.device.configure`).

    Args:
        digit_set: its `images` and `labels` are what the network is trained on.
        cache: folder of the cached weights; without it the environment's ``MINDGAN_CACHE``, else ``mindgan`` in
            ``XDG_CACHE_HOME`` or ``~/.cache``.
        say: told when the network is trained and why, and where the cache cannot be written, which is no error.

    Raises:
        UserError: a label is not a digit.
    """
    if digit_set.labels.max() >= NUM_CLASSES:
        raise UserError(f"{digit_set.source}: there is a label {digit_set.labels.max()}; labels must be 0 to 9")
    fingerprint = dataset_fingerprint(digit_set.images, digit_set.labels)
    path = (cache or cache_folder()) / f"digit-features-{fingerprint[:16]}-v{RECIPE_VERSION}.safetensors"
    if os.path.exists(path):  # False, not an error, where the folder cannot be searched
        try:
            return _load(path, fingerprint)
        except ValueError as error:
            say(f"{path} is of no use: {error}; training the digit classifier again")
    else:
        say(f"training the digit classifier on {digit_set.name}, once; it will be kept in {path}")
    steps_per_epoch = max(1, len(digit_set.images) // BATCH_SIZE)
    epochs = max(EPOCHS, -(-MIN_STEPS // steps_per_epoch))
    network = train(digit_set.images, digit_set.labels, seed=SEED, epochs=epochs, say=say)
    try:
        _store(network, path, fingerprint)
    except UserError as error:
        say(f"the digit classifier is not kept: {error} (MINDGAN_CACHE names it)")
    return network


def cache_folder() -> Path:
    """The folder of caches: ``MINDGAN_CACHE``, else ``mindgan`` in ``XDG_CACHE_HOME`` or ``~/.cache``."""
    if chosen := os.environ.get("MINDGAN_CACHE"):
        return Path(chosen).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # the XDG base directory specification has relative and empty paths ignored
        base = Path(os.path.expanduser("~/.cache"))
    return base / "mindgan"


def dataset_fingerprint(images: np.ndarray, labels: np.ndarray) -> str:
    """SHA-256, as hex digits, of the shapes and values of images and labels."""
    return _digest({"images": images, "labels": labels})


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _weights(network: DigitFeatures) -> dict[str, np.ndarray]:
    # by place in the network: `parameter.name` got a prefix from the training step it was part of
    return {name: parameter.asnumpy() for name, parameter in network.parameters_and_names()}


def _store(network: DigitFeatures, path: Path, fingerprint: str) -> None:
    weights = _weights(network)
    # one pair of metadata, data set to weights: safetensors writes several in an order of its own
    write_atomically(path, save(weights, metadata={fingerprint: _digest(weights)}))


def _load(path: Path, fingerprint: str) -> DigitFeatures:
    """The network in the cache file `path`.

    Raises:
        ValueError: the file is damaged, of another network or of another data set; the message says which.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"it cannot be read ({error})") from error
    network = DigitFeatures()
    if fingerprint not in metadata:
        raise ValueError("it belongs to other digits")
    if {name: (w.dtype, w.shape) for name, w in weights.items()} != {
        name: (w.dtype, w.shape) for name, w in _weights(network).items()
    }:
        raise ValueError("its parameters are not those of the network")
    if metadata[fingerprint] != _digest(weights):
        raise ValueError("its weights are damaged")
    for name, parameter in network.parameters_and_names():
        parameter.set_data(Tensor(weights[name]))
    network.set_train(False)
    return network
