"""The embedded digits, and a classifier of them that is trained once for all tests."""

from collections.abc import Iterator

import numpy as np
import pytest

from mindgan.data.mnist import DigitSet, embedded_digits
from mindgan.runtime import device


@pytest.fixture
def graph_mode() -> Iterator[None]:
    """Compiled networks on the CPU, also for the test after one that changed the mode."""
    device.configure("CPU", "graph")
    yield
    device.configure("CPU", "graph")


@pytest.fixture(scope="session")
def digit_set() -> DigitSet:
    """1,497 digits to train on and 300 to test with."""
    return embedded_digits()


@pytest.fixture(scope="session")
def trained(digit_set: DigitSet):
    """A classifier after 66 steps, which names most of the test digits right."""
    device.configure("CPU", "graph")
    from mindgan.metrics.digit_features import train

    return train(digit_set.images, digit_set.labels, seed=0, epochs=6, say=lambda line: None)


@pytest.fixture
def trainings(trained, monkeypatch: pytest.MonkeyPatch, graph_mode) -> list[dict]:
    """Puts the trained classifier in the place of every training; returns the arguments of the trainings asked for."""
    calls: list[dict] = []

    def train(images: np.ndarray, labels: np.ndarray, **settings):
        calls.append({"images": images, "labels": labels, **settings})
        return trained

    monkeypatch.setattr("mindgan.metrics.digit_features.train", train)
    return calls
