"""The cached classifier: found again, never believed when damaged or of other digits, and never in the way."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from mindgan.metrics import digit_features
from mindgan.metrics.digit_features import cache_folder, dataset_fingerprint, evaluate, load_or_train
from mindgan.runtime.errors import UserError


def forbidden(line: str) -> None:
    raise AssertionError(f"said {line!r}")


@pytest.fixture
def filled(digit_set, tmp_path, trainings) -> Path:
    """A cache folder that holds the classifier of the embedded digits; no training counted yet."""
    load_or_train(digit_set, cache=tmp_path, say=lambda line: None)
    trainings.clear()
    return tmp_path


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_first_use_trains_on_the_training_images_and_says_so(digit_set, tmp_path, trainings):
    lines: list[str] = []
    load_or_train(digit_set, cache=tmp_path / "new" / "folder", say=lines.append)
    (training,) = trainings
    assert training["images"] is digit_set.images
    assert training["labels"] is digit_set.labels
    assert training["seed"] == 0
    path = only_file(tmp_path / "new" / "folder")
    assert lines == [f"training the digit classifier on digits, once; it will be kept in {path}"]


@pytest.mark.parametrize(("num", "epochs"), [(60000, 3), (1497, 55), (50, 600)])
def test_small_sets_are_gone_through_more_often(digit_set, tmp_path, trainings, num, epochs):
    images, labels = np.zeros((num, 1, 28, 28), np.uint8), np.zeros(num, np.uint8)
    some = dataclasses.replace(digit_set, images=images, labels=labels)
    load_or_train(some, cache=tmp_path, say=lambda line: None)
    assert trainings[0]["epochs"] == epochs


def test_second_use_gives_the_same_features_without_training(digit_set, filled, trained, trainings):
    network = load_or_train(digit_set, cache=filled, say=forbidden)
    assert trainings == []
    assert network is not trained
    found, expected = (evaluate(each, digit_set.test_images) for each in (network, trained))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def flip_a_bit(data: bytes) -> bytes:
    return data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:]


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda data: data[: len(data) // 2], "cannot be read"),
    "empty": (lambda data: b"", "cannot be read"),
    "garbage": (lambda data: b"not a cache at all" * 100, "cannot be read"),
    "one bit": (flip_a_bit, "its weights are damaged"),
    "other network": (lambda data: save({"dense.weight": np.zeros((2, 2), np.float32)}), "belongs to other digits"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_trained_again_and_mended(digit_set, filled, trainings, damage):
    path = only_file(filled)
    whole = path.read_bytes()
    change, reason = DAMAGES[damage]
    path.write_bytes(change(whole))
    lines: list[str] = []
    load_or_train(digit_set, cache=filled, say=lines.append)
    assert len(trainings) == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"{path} is of no use: ")
    assert reason in lines[0]
    assert only_file(filled).read_bytes() == whole


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "dtype"])
def test_other_names_shapes_or_types_are_refused(digit_set, filled, trained, trainings, change):
    weights = {name: parameter.asnumpy() for name, parameter in trained.parameters_and_names()}
    bias = weights.pop("dense.bias")
    weights |= {
        "missing": {},
        "extra": {"dense.bias": bias, "more": bias},
        "shape": {"dense.bias": bias[:, None]},
        "dtype": {"dense.bias": bias.astype(np.float64)},
    }[change]
    fingerprint = dataset_fingerprint(digit_set.images, digit_set.labels)
    only_file(filled).write_bytes(save(weights, metadata={fingerprint: "0" * 64}))
    lines: list[str] = []
    load_or_train(digit_set, cache=filled, say=lines.append)
    assert "its parameters are not those of the network" in lines[0]
    assert len(trainings) == 1


def test_other_digits_have_their_own_cache(digit_set, filled, trainings):
    relabelled = dataclasses.replace(digit_set, labels=digit_set.labels[::-1])
    load_or_train(relabelled, cache=filled, say=lambda line: None)
    assert trainings[0]["labels"] is relabelled.labels
    assert len(list(filled.iterdir())) == 2


def test_a_cache_of_other_digits_under_this_name_is_refused(digit_set, filled, trainings):
    mine = only_file(filled)
    relabelled = dataclasses.replace(digit_set, labels=digit_set.labels[::-1])
    load_or_train(relabelled, cache=filled, say=lambda line: None)
    (other,) = set(filled.iterdir()) - {mine}
    other.replace(mine)
    trainings.clear()
    lines: list[str] = []
    load_or_train(digit_set, cache=filled, say=lines.append)
    assert "belongs to other digits" in lines[0]
    assert len(trainings) == 1


def test_another_recipe_has_its_own_cache(digit_set, filled, trainings, monkeypatch):
    monkeypatch.setattr(digit_features, "RECIPE_VERSION", digit_features.RECIPE_VERSION + 1)
    load_or_train(digit_set, cache=filled, say=lambda line: None)
    assert len(trainings) == 1


def test_a_cache_that_cannot_be_written_is_said_and_no_error(digit_set, tmp_path, trained, trainings):
    (tmp_path / "file").write_text("in the way")
    lines: list[str] = []
    assert load_or_train(digit_set, cache=tmp_path / "file", say=lines.append) is trained
    assert lines[-1].startswith("the digit classifier is not kept: ")
    assert "MINDGAN_CACHE" in lines[-1]


def test_a_label_that_is_no_digit_is_refused_before_training(digit_set, tmp_path, trainings):
    odd = dataclasses.replace(digit_set, labels=digit_set.labels + np.uint8(1))
    with pytest.raises(UserError, match="a label 10; labels must be 0 to 9"):
        load_or_train(odd, cache=tmp_path, say=forbidden)
    assert trainings == []


def test_fingerprint_knows_values_shapes_and_which_is_which():
    images, labels = np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2), np.zeros(2, np.uint8)
    prints = {
        dataset_fingerprint(images, labels),
        dataset_fingerprint(images, labels + np.uint8(1)),
        dataset_fingerprint(images[::-1], labels),
        dataset_fingerprint(images.reshape(1, 2, 2, 2), labels),
        dataset_fingerprint(labels, images),
    }
    assert len(prints) == 5
    assert dataset_fingerprint(images.copy(), labels.copy()) in prints


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"MINDGAN_CACHE": "/a/b", "XDG_CACHE_HOME": "/x"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/mindgan"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/someone/.cache/mindgan"),
        ({"XDG_CACHE_HOME": "", "MINDGAN_CACHE": ""}, "/home/someone/.cache/mindgan"),
        ({}, "/home/someone/.cache/mindgan"),
    ],
)
def test_cache_folder(monkeypatch, environment, expected):
    for name in ("MINDGAN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_without_an_argument_the_cache_folder_is_used(digit_set, tmp_path, trainings, monkeypatch):
    monkeypatch.setenv("MINDGAN_CACHE", str(tmp_path / "mine"))
    load_or_train(digit_set, say=lambda line: None)
    assert only_file(tmp_path / "mine").suffix == ".safetensors"
