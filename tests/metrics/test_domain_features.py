"""The network of two domains: its arithmetic against NumPy, its training, and what its distances tell apart."""

import hashlib
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mindspore import Tensor
from safetensors.numpy import save

from mindgan.data.batches import normalise
from mindgan.metrics import domain_features
from mindgan.metrics.domain_features import (
    NAME,
    NAME_OF_CLASSES,
    NAME_OF_ONE,
    DomainFeatures,
    Evaluation,
    domain_network,
    resized,
    train,
)
from mindgan.metrics.feature_network import perceptual_distance
from mindgan.metrics.frechet import frechet_distance, statistics
from mindgan.metrics.pairs import retrieval_accuracy
from mindgan.runtime import device
from mindgan.runtime.errors import UserError

pytestmark = pytest.mark.usefixtures("graph_mode")
STEPS = 40


def silent(line: str) -> None:
    pass


def drawings(num: int, seed: int, *, is_round: bool, channels: int = 3) -> np.ndarray:
    """Discs or squares in random colours at random places of a gradient: uint8 [num, channels, 48, 48]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:48, :48]
    images = np.empty((num, channels, 48, 48), np.uint8)
    for image in images:
        (row, column), radius = rng.uniform(14, 34, 2), rng.uniform(6, 12)
        offsets = np.abs(np.stack((rows - row, columns - column)))
        is_inside = (np.hypot(*offsets) if is_round else offsets.max(0)) < radius
        image[:] = rows * 3  # so that turns can be told
        image[:, is_inside] = rng.integers(0, 256, (channels, 1))
    return images


DISCS, SQUARES = drawings(40, 1, is_round=True), drawings(50, 2, is_round=False)


@pytest.fixture(scope="module")
def network() -> DomainFeatures:
    device.configure("CPU", "graph")
    return train([DISCS, SQUARES], seed=0, steps=STEPS, say=silent)


@pytest.fixture(scope="module")
def evaluation(network) -> Evaluation:
    return Evaluation(network, np.concatenate((DISCS, SQUARES)))


def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """5x5, stride 2, two zeros around, then ReLU: one product for each of the 25 places of the kernel."""
    _, channels, height, width = x.shape
    kernel = weight.reshape(-1, channels, 5, 5)
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))
    places = [(i, j) for i in range(5) for j in range(5)]
    products = (
        np.einsum("nihw,oi->nohw", padded[:, :, i : i + height : 2, j : j + width : 2], kernel[:, :, i, j])
        for i, j in places
    )
    return np.maximum(sum(products) + bias[:, None, None], 0)


def restated(network: DomainFeatures, images: np.ndarray) -> list[np.ndarray]:
    """All layers in NumPy and float64; images uint8 of 64 pixels."""
    w = {name: parameter.asnumpy().astype(np.float64) for name, parameter in network.parameters_and_names()}
    layers = [images / 127.5 - 1]
    for number in range(4):
        prefix = f"convolutions.{number}"
        layers.append(convolve(layers[-1], w[f"{prefix}.product.weight"], w[f"{prefix}.bias"]))
    flat = layers[-1].reshape(len(images), -1)
    return [*layers[1:], np.maximum(flat @ w["dense.weight"].T + w["dense.bias"], 0)]


def test_equals_the_network_in_numpy(network, evaluation):
    images_a, images_b = resized(DISCS[:3]), resized(SQUARES[:3])
    *maps_a, features = restated(network, images_a)
    *maps_b, _ = restated(network, images_b)
    np.testing.assert_allclose(evaluation.features(images_a), features * evaluation.scale, rtol=1e-3, atol=1e-3)
    maps_a, maps_b = ([each.transpose(0, 2, 3, 1) for each in maps] for maps in (maps_a, maps_b))
    found = evaluation.distances(images_a, images_b)
    np.testing.assert_allclose(found, perceptual_distance(maps_a, maps_b), rtol=1e-4)


def test_features_of_training_images_have_a_mean_square_of_1(evaluation):
    features = evaluation.features(np.concatenate((DISCS, SQUARES)))
    assert np.square(features).mean() == pytest.approx(1, rel=1e-4)


def test_number_of_images_and_batches_do_not_matter(evaluation):
    whole = evaluation.features(SQUARES)  # one batch, and a part of one
    assert (whole.shape, whole.dtype) == ((50, 128), np.float32)
    np.testing.assert_array_equal(evaluation.features(SQUARES[7:9]), whole[7:9])
    np.testing.assert_array_equal(evaluation.features(np.concatenate((DISCS, SQUARES)))[40:], whole)
    assert evaluation.features(SQUARES[:0]).shape == (0, 128)


def test_finds_a_damaged_image_again_and_tells_the_domains_apart(evaluation):
    rng = np.random.default_rng(3)
    fresh = drawings(40, 4, is_round=True)
    noisy = np.clip(fresh + rng.normal(0, 10, fresh.shape), 0, 255).astype(np.uint8)
    reference = evaluation.features(fresh)
    assert retrieval_accuracy(evaluation.features(noisy), reference) > 0.9
    assert retrieval_accuracy(reference[::-1], reference) == 0
    near, far = evaluation.distances(noisy, fresh), evaluation.distances(fresh[::-1], fresh)
    assert near.mean() < far.mean() / 2

    def distance(images: np.ndarray) -> float:
        return frechet_distance(*statistics(evaluation.features(images)), *statistics(reference))

    assert distance(drawings(40, 5, is_round=True)) < distance(255 - fresh)


def test_learns_domain_and_turn(network):
    images, labels = domain_features._batch((resized(DISCS), resized(SQUARES)), 9, 0)
    _, logits = network(Tensor(normalise(images)))
    found = logits.asnumpy().argmax(1)
    assert (found % 4 == labels % 4).mean() > 0.5  # of four turns
    assert set(labels[:16]) <= set(range(4))
    assert set(labels[16:]) <= set(range(4, 8))


@pytest.mark.slow
def test_training_is_bit_reproducible_and_depends_on_the_seed():
    def weights(seed: int) -> list[np.ndarray]:
        network = train([DISCS, SQUARES], seed=seed, steps=3, say=silent)
        return [parameter.asnumpy() for parameter in network.get_parameters()]

    first, second, other = weights(1), weights(1), weights(2)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_labels_say_how_the_images_are_turned():
    pair = resized(DISCS[:1]), resized(SQUARES[:1])
    images, labels = domain_features._batch(pair, 3, 5)
    for image, label in zip(images, labels, strict=True):
        turned_back = np.rot90(image, -(label % 4), (1, 2))
        original = pair[label // 4][0]
        assert (turned_back == original).all() or (turned_back == original[:, :, ::-1]).all()
    assert len(set(labels)) >= 6  # of 8


def test_batches_of_two_domains_are_those_that_published_numbers_were_measured_with():
    """Sixteen of A, sixteen of B, then turns, then mirroring, drawn one after the other."""
    domains = [resized(DISCS), resized(SQUARES)]
    rng = np.random.default_rng([7, 0, 5 * 32, zlib.crc32(b"domain features")])
    images = np.concatenate([images[rng.integers(len(images), size=16)] for images in domains])
    turns, is_mirrored = rng.integers(4, size=32), rng.integers(2, size=32).astype(bool)
    images[is_mirrored] = images[is_mirrored][..., ::-1]
    found, labels = domain_features._batch(domains, 7, 5)
    np.testing.assert_array_equal(labels, np.repeat((0, 4), 16) + turns)
    np.testing.assert_array_equal(
        found, [np.rot90(image, turn, (1, 2)) for image, turn in zip(images, turns, strict=True)]
    )


@pytest.mark.parametrize("num", [1, 3, 10, 50])
def test_a_batch_holds_as_many_of_each_domain(num):
    """Domain d is of grey d alone; what does not divide goes round."""
    domains = [np.full((2, 1, 64, 64), number, np.uint8) for number in range(num)]
    seen = np.zeros(num, int)
    for number in range(num):
        images, labels = domain_features._batch(domains, 1, number)
        assert (labels.dtype, images.shape) == (np.int32, (32, 1, 64, 64))
        np.testing.assert_array_equal(images[:, 0, 0, 0], labels // 4)
        counts = np.bincount(labels // 4, minlength=num)
        assert counts.max() - counts.min() <= 1
        seen += counts
    assert (seen == 32).all()


@pytest.fixture(scope="module")
def of_one() -> DomainFeatures:
    device.configure("CPU", "graph")
    return train([DISCS], seed=0, steps=STEPS, say=silent)


def test_one_domain_teaches_the_turns(of_one):
    assert of_one.classify.weight.shape == (4, 128)
    images, labels = domain_features._batch([resized(drawings(30, 6, is_round=True))], 9, 0)
    _, logits = of_one(Tensor(normalise(images)))
    assert (logits.asnumpy().argmax(1) == labels).mean() > 0.5
    assert set(labels) == set(range(4))
    network = domain_features._measuring(of_one, [DISCS])
    assert (network.name, network.is_comparable) == (domain_features.NAME_OF_ONE, False)
    features = network.features(DISCS)
    assert np.square(features).mean() == pytest.approx(1, rel=1e-4)
    far, near = (frechet_distance(*statistics(features), *statistics(network.features(images)))
                 for images in (255 - DISCS, drawings(40, 8, is_round=True)))  # fmt: skip
    assert near < far


GREY = [drawings(4, 1, is_round=True, channels=1), np.repeat(drawings(4, 2, is_round=False, channels=1), 2, 3)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> tuple[Path, np.ndarray]:
    """A cache with the network of grey images after two steps, and its features."""
    device.configure("CPU", "graph")
    folder = tmp_path_factory.mktemp("cache") / "new"
    lines: list[str] = []
    network = domain_network(GREY, steps=2, cache=folder, say=lines.append)
    assert [line.split(",")[0] for line in lines] == [
        "training a network on both domains",
        "domain classifier: 2 steps",
    ]
    assert "not comparable" in network.name
    assert not network.is_comparable
    return folder, network.features(GREY[0][:, :, :30])


def forbidden(line: str) -> None:
    raise AssertionError(f"said {line!r}")


def test_second_use_gives_the_same_features_without_training(filled):
    folder, features = filled
    network = domain_network(GREY, steps=2, cache=folder, say=forbidden)
    assert features.shape == (4, 128)
    np.testing.assert_array_equal(network.features(GREY[0][:, :, :30]), features)


def flip_a_bit(data: bytes) -> bytes:
    return data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (flip_a_bit, "is damaged"),
        (lambda data: data[:1000], "neither"),
        (lambda data: b"", "is empty"),
        (lambda data: save({"dense.weight": np.zeros((2, 2), np.float32)}), "another network"),
    ],
)
def test_a_damaged_cache_is_trained_again_and_mended(filled, tmp_path, trained, change, reason):
    (whole,) = filled[0].iterdir()
    path = tmp_path / whole.name
    path.write_bytes(change(whole.read_bytes()))
    lines: list[str] = []
    domain_network(GREY, steps=2, cache=tmp_path, say=lines.append)
    assert len(trained) == 1
    assert reason in lines[0]
    assert lines[0].endswith("training again")
    assert len(path.read_bytes()) == len(whole.read_bytes())


@pytest.fixture
def trained(monkeypatch) -> list[dict]:
    """Puts an untrained network in the place of every training, and nothing in that of its evaluation, which would be
    compiled; returns the settings of the trainings asked for.
    """
    calls: list[dict] = []

    def made(domains: list[np.ndarray], **settings) -> DomainFeatures:
        calls.append(settings)
        return DomainFeatures(domains[0].shape[1], len(domains))

    monkeypatch.setattr(domain_features, "train", made)
    monkeypatch.setattr(domain_features, "Evaluation", lambda *_: SimpleNamespace(features=None, distances=None))
    return calls


def test_other_images_seeds_and_recipes_have_their_own_cache(trained, tmp_path, monkeypatch):
    domain_network(GREY, cache=tmp_path, say=silent)
    domain_network(GREY, cache=tmp_path, say=forbidden)
    domain_network(GREY, cache=tmp_path, seed=1, say=silent)
    domain_network(GREY[::-1], cache=tmp_path, say=silent)
    domain_network([GREY[0], GREY[1][:3]], cache=tmp_path, say=silent)
    monkeypatch.setattr(domain_features, "RECIPE_VERSION", 99)
    domain_network(GREY, cache=tmp_path, say=silent)
    assert len(trained) == len(list(tmp_path.iterdir())) == 5
    assert trained[1]["seed"] == 1


def test_the_cache_of_two_domains_has_the_name_it_always_had(trained, tmp_path):
    """By which the networks of published numbers are found again."""
    hashed = hashlib.sha256()
    for name, images in zip(("images", "labels"), map(resized, GREY), strict=True):
        hashed.update(f"{name} uint8 {images.shape};".encode() + images.tobytes())
    key = hashlib.sha256(f"1 6 400 {hashed.hexdigest()}".encode()).hexdigest()
    domain_network(GREY, seed=6, cache=tmp_path, say=silent)
    assert [path.name for path in tmp_path.iterdir()] == [f"domain-features-{key[:16]}-v1.safetensors"]


def test_each_division_into_domains_has_its_own_network_and_name(trained, tmp_path):
    whole, others = GREY[0], resized(GREY[1])
    named = {
        NAME_OF_ONE: [[whole], [whole[:3]], [others]],
        NAME: [[whole[:2], whole[2:]]],
        NAME_OF_CLASSES: [
            [whole[:1], whole[1:2], whole[2:]],
            [whole[:1], whole[1:3], whole[3:]],
            [whole, others, whole],
        ],
    }
    lines: list[str] = []
    for name, divisions in named.items():
        for domains in divisions:
            assert domain_network(domains, cache=tmp_path, say=lines.append).name == name
            domain_network(domains, cache=tmp_path, say=forbidden)
    assert len(trained) == len(list(tmp_path.iterdir())) == 7
    assert [line.split(",")[0].removeprefix("training a network on ") for line in lines] == [
        *["the images"] * 3, "both domains", *["3 classes"] * 3,
    ]  # fmt: skip


def test_a_cache_that_cannot_be_written_is_said_and_no_error(trained, tmp_path):
    (tmp_path / "file").write_text("in the way")
    lines: list[str] = []
    domain_network(GREY, cache=tmp_path / "file", say=lines.append)
    assert lines[-1].startswith("the network is not kept: ")
    assert "MINDGAN_CACHE" in lines[-1]


def test_resized_by_hand():
    flat = np.full((2, 3, 100, 20), 77, np.uint8)
    np.testing.assert_array_equal(resized(flat), np.full((2, 3, 64, 64), 77, np.uint8))
    half = np.zeros((1, 1, 128, 128), np.uint8)
    half[:, :, 64:] = 200
    found = resized(half)[0, 0]
    assert (found[:30] == 0).all()
    assert (found[34:] == 200).all()
    same = np.zeros((1, 1, 64, 64), np.uint8)
    assert resized(same) is same


def test_domains_that_cannot_be_compared_are_refused():
    with pytest.raises(UserError, match="3 and 1 channels"):
        train([DISCS, SQUARES[:, :1]], seed=0, say=silent)
    with pytest.raises(UserError, match="no training images"):
        train([DISCS, SQUARES[:0]], seed=0, say=silent)
