"""The features in which images are compared where nobody gives a better network: a small CNN, trained on them.

It learns from the training images which domain an image is of and by how many right angles it was turned (Gidaris et
al. 2018, "Unsupervised Representation Learning by Predicting Image Rotations"). The domain alone would teach it to
forget all that images of one domain differ in. Domains are the two of a translation or the classes of a data set; of
one domain it learns the turns alone. Its distances mean something beside each other, for the same sets of training
images; they are not comparable with any other data or paper.

Images that do not tell how they were turned, as textures and things seen from above, teach it little: where they have
no classes either, its distances tell less than the loss it ends with seems to promise.
"""

import hashlib
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from mindspore import Tensor, nn, ops
from PIL import Image
from safetensors.numpy import save

from mindgan.data.batches import normalise
from mindgan.metrics.digit_features import Convolution, Say, TrainStep, cache_folder, dataset_fingerprint
from mindgan.metrics.feature_network import EPS, FeatureNetwork, perceptual_distance
from mindgan.runtime import device, randomness
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import write_atomically
from mindgan.runtime.torch_file import read_state_dict

RECIPE_VERSION = 1  # to be raised whenever the network or its training changes; caches of other versions are not read
DIGEST = "digest"  # among the weights in the cache
SIZE_PX = 64  # images are resized to; each of the four convolutions halves it
WIDTHS = (16, 32, 64, 64)
NUM_FEATURES = 128
NUM_TURNS = 4
STEPS = 400  # longer, it learns the training images by heart
BATCH_SIZE = 32
LEARNING_RATE = 1e-3  # Adam's, at the first step; it falls linearly to nothing
NUM_SCALING = 250  # training images of each domain that say how large features are
EVALUATION_BATCH_SIZE = 50  # always the same, so that the network is compiled once
NAME = "a small network trained on the two domains (not comparable with other data or papers)"
NAME_OF_ONE = "a small network trained on these images to tell their turns (not comparable with other data or papers)"
NAME_OF_CLASSES = (
    "a small network trained on these images to tell their classes and turns (not comparable with other data or papers)"
)


class DomainFeatures(nn.Cell):
    """Images float32 [N, C, 64, 64] in [-1, 1] to (features [N, 128], logits [N, 4 K] of domain and turn)."""

    def __init__(self, image_channels: int, num_domains: int):
        super().__init__()
        widths = (image_channels, *WIDTHS)
        self.convolutions = nn.CellList([Convolution(*pair) for pair in pairwise(widths)])
        self.num_flat = WIDTHS[-1] * (SIZE_PX >> len(WIDTHS)) ** 2
        self.dense = nn.Dense(self.num_flat, NUM_FEATURES, has_bias=True)
        self.classify = nn.Dense(NUM_FEATURES, num_domains * NUM_TURNS, has_bias=True)

    def construct(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.layers(images)[-1]
        return features, self.classify(features)

    def layers(self, images: Tensor) -> tuple[Tensor, ...]:
        """The maps [N, width, H, W] of the four convolutions, and the features."""
        maps: tuple[Tensor, ...] = ()
        x = images
        for convolution in self.convolutions:
            x = ops.relu(convolution(x))
            maps += (x,)
        return (*maps, ops.relu(self.dense(x.reshape(-1, self.num_flat))))


class Layers(nn.Cell):
    """The network up to its features, with all maps."""

    def __init__(self, network: DomainFeatures):
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        return self.network.layers(images)


def train(domains: Sequence[np.ndarray], *, seed: int, steps: int = STEPS, say: Say) -> DomainFeatures:
    """Trains the network; the same arguments give the same weights, to the bit, on one machine.

    Args:
        domains: of each, one or more, uint8 [N, C, H, W], N at least 1; N, H and W may differ.
        seed: of the initialisation and the batches.
        steps: batches of 32, as many of each domain but for the remainder, which goes round.
        say: told the loss at the end.

    Raises:
        UserError: the domains differ in their channels, or one is empty.
    """
    _check(domains)
    domains = [resized(images) for images in domains]
    device.seed_initialisation(seed)
    network = DomainFeatures(domains[0].shape[1], len(domains))
    learning_rates = (LEARNING_RATE * (1 - np.arange(steps) / steps)).tolist()
    step = TrainStep(network, nn.Adam(network.trainable_params(), learning_rate=learning_rates))
    losses = []
    for number in range(steps):
        images, labels = _batch(domains, seed, number)
        losses.append(float(step(Tensor(normalise(images)), Tensor(labels)).asnumpy()))
    say(f"domain classifier: {steps} steps, loss {np.mean(losses[-20:]):.4f}")
    network.set_train(False)
    return network


def _check(domains: Sequence[np.ndarray]) -> None:
    if not all(map(len, domains)):
        raise UserError("a domain has no training images; each needs some to train the network that compares them")
    channels = list(dict.fromkeys(str(images.shape[1]) for images in domains))
    if len(channels) > 1:
        raise UserError(f"the domains have {' and '.join(channels)} channels; give all as grey or as colour")


def _batch(domains: Sequence[np.ndarray], seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [32, C, 64, 64] of the domains, mirrored and turned, and labels int32 [32], 4 domain + turn."""
    rng = randomness.generator(seed, "domain features", nimg=number * BATCH_SIZE)
    which = np.sort((number * BATCH_SIZE + np.arange(BATCH_SIZE)) % len(domains))
    images = np.concatenate(
        [domains[at][rng.integers(len(domains[at]), size=(which == at).sum())] for at in np.unique(which)]
    )
    turns = rng.integers(NUM_TURNS, size=BATCH_SIZE)
    mirrored = rng.integers(2, size=BATCH_SIZE)
    turned = [
        np.rot90(image[:, :, ::-1] if is_mirrored else image, turn, (1, 2))
        for image, turn, is_mirrored in zip(images, turns, mirrored, strict=True)
    ]
    labels = NUM_TURNS * which + turns
    return np.stack(turned), labels.astype(np.int32)


def resized(images: np.ndarray) -> np.ndarray:
    """uint8 [N, C, H, W] to [N, C, 64, 64], bicubic with antialiasing; what has that size stays as it is."""
    if images.shape[2:] == (SIZE_PX, SIZE_PX):
        return images
    planes = images.reshape(-1, *images.shape[2:])
    small = [Image.fromarray(plane).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC) for plane in planes]
    return np.array([np.asarray(plane) for plane in small], np.uint8).reshape(*images.shape[:2], SIZE_PX, SIZE_PX)


class Evaluation:
    """A trained network's features and distances, as `FeatureNetwork` has them."""

    def __init__(self, network: DomainFeatures, images: np.ndarray):
        """
        Args:
            network: trained.
            images: uint8 [N, C, H, W], some of those it was trained on; their features get a mean square of 1, as the
                kernel distance wants them, whose value grows with the sixth power of features.
        """
        self.layers = Layers(network)
        self.layers.set_train(False)
        self.scale = np.float32(1)
        self.scale = np.float32(1 / np.sqrt(np.square(self.features(images)).mean() + EPS))

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, C, H, W] to float32 [N, 128]."""
        parts = [self._layers(batch)[-1] * self.scale for batch in _batches(images)]
        return np.concatenate(parts) if parts else np.zeros((0, NUM_FEATURES), np.float32)

    def distances(self, images_a: np.ndarray, images_b: np.ndarray) -> np.ndarray:
        """Pairs of uint8 [N, C, H, W] to their perceptual distances in the maps of the convolutions: float64 [N]."""
        pairs = zip(_batches(images_a), _batches(images_b), strict=True)
        return np.concatenate([perceptual_distance(self._maps(a), self._maps(b)) for a, b in pairs])

    def _maps(self, images: np.ndarray) -> list[np.ndarray]:
        return [layer.transpose(0, 2, 3, 1) for layer in self._layers(images)[:-1]]

    def _layers(self, images: np.ndarray) -> list[np.ndarray]:
        """All layers of at most `EVALUATION_BATCH_SIZE` images."""
        num = len(images)
        padded = np.pad(resized(images), ((0, EVALUATION_BATCH_SIZE - num), (0, 0), (0, 0), (0, 0)))
        return [layer.asnumpy()[:num] for layer in self.layers(Tensor(normalise(padded)))]


def _batches(images: np.ndarray) -> list[np.ndarray]:
    return [images[start : start + EVALUATION_BATCH_SIZE] for start in range(0, len(images), EVALUATION_BATCH_SIZE)]


def domain_network(
    domains: Sequence[np.ndarray],
    *,
    seed: int = 0,
    steps: int = STEPS,
    cache: Path | None = None,
    say: Say,
) -> FeatureNetwork:
    """The network of some domains, as measurements take it: from the cache, else trained (a minute) and cached.

    The device must be configured before (`mindgan.runtime.device.configure`).

    Args:
        domains: training images of each, one or more, uint8 [N, C, H, W], N at least 1; N, H and W may differ.
        seed: of the training.
        steps: of the training.
        cache: folder of the cached weights; without it that of `mindgan.metrics.digit_features.cache_folder`.
        say: told when the network is trained, and where the cache is of no use, which is no error.

    Raises:
        UserError: the domains differ in their channels, or one is empty.
    """
    _check(domains)
    domains = [resized(images) for images in domains]
    key = hashlib.sha256(f"{RECIPE_VERSION} {seed} {steps} {_fingerprint(domains)}".encode()).hexdigest()
    path = (cache or cache_folder()) / f"domain-features-{key[:16]}-v{RECIPE_VERSION}.safetensors"
    network = _load(path, DomainFeatures(domains[0].shape[1], len(domains)), say)
    if network is None:
        which = {1: "the images", 2: "both domains"}.get(len(domains), f"{len(domains)} classes")
        say(f"training a network on {which}, to compare images by; it will be kept in {path}")
        network = train(domains, seed=seed, steps=steps, say=say)
        _store(network, path, say)
    return _measuring(network, domains)


def _fingerprint(domains: Sequence[np.ndarray]) -> str:
    if len(domains) == 2:  # as before there were others, so that caches remain those of the numbers measured with them
        return dataset_fingerprint(*domains)
    return " ".join(dataset_fingerprint(images, np.zeros(0)) for images in domains)


def _measuring(network: DomainFeatures, domains: Sequence[np.ndarray]) -> FeatureNetwork:
    some = np.concatenate([resized(images[:NUM_SCALING]) for images in domains])
    evaluation = Evaluation(network, some)
    name = {1: NAME_OF_ONE, 2: NAME}.get(len(domains), NAME_OF_CLASSES)
    return FeatureNetwork(name, False, evaluation.features, evaluation.distances)


def _weights(network: DomainFeatures) -> dict[str, np.ndarray]:
    # by place in the network: `parameter.name` got a prefix from the training step it was part of
    return {name: parameter.asnumpy() for name, parameter in network.parameters_and_names()}


def _digest(weights: dict[str, np.ndarray]) -> np.ndarray:
    """SHA-256 of the weights in the order of their names: uint8 [32]."""
    data = b"".join(weights[name].tobytes() for name in sorted(weights))
    return np.frombuffer(hashlib.sha256(data).digest(), np.uint8)


def _store(network: DomainFeatures, path: Path, say: Say) -> None:
    weights = _weights(network)
    try:
        write_atomically(path, save({**weights, DIGEST: _digest(weights)}))
    except UserError as error:
        say(f"the network is not kept: {error} (MINDGAN_CACHE names it)")


def _load(path: Path, network: DomainFeatures, say: Say) -> DomainFeatures | None:
    """`network` with the weights of the cache file `path`; None where there is none, or none that is whole."""
    if not os.path.exists(path):  # False, not an error, where the folder cannot be searched
        return None
    try:
        weights = read_state_dict(path)
        digest = weights.pop(DIGEST, np.empty(0))
        wanted = {name: (array.dtype, array.shape) for name, array in _weights(network).items()}
        if {name: (array.dtype, array.shape) for name, array in weights.items()} != wanted:
            raise UserError(f"{path} holds the weights of another network")
        if not np.array_equal(digest, _digest(weights)):
            raise UserError(f"{path} is damaged")
    except UserError as error:
        say(f"{error}; training again")
        return None
    for name, parameter in network.parameters_and_names():
        parameter.set_data(Tensor(weights[name]))
    return network
