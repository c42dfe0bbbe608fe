"""The perceptual distance by hand and against a naive sum."""

import numpy as np
import pytest

from mindgan.metrics.feature_network import perceptual_distance


def test_by_hand():
    a = np.array([3.0, 4.0, 0.0]).reshape(1, 1, 1, 3)
    assert perceptual_distance([a], [7 * a]) == pytest.approx(0)  # lengths do not count
    assert perceptual_distance([a], [-a]) == pytest.approx(4)
    assert perceptual_distance([a], [np.array([0, 0, 2.0]).reshape(1, 1, 1, 3)]) == pytest.approx(2)  # a right angle
    assert perceptual_distance([a], [0 * a]) == pytest.approx(1)  # no feature fires


def test_places_and_layers_are_averaged():
    rng = np.random.default_rng(0)
    maps_a = [rng.normal(size=(2, 3, 4, 5)).astype(np.float32), rng.normal(size=(2, 1, 2, 7)).astype(np.float32)]
    maps_b = [rng.normal(size=each.shape).astype(np.float32) for each in maps_a]
    for num in range(2):
        layers = []
        for a, b in zip(maps_a, maps_b, strict=True):
            pairs = zip(a[num].reshape(-1, a.shape[-1]), b[num].reshape(-1, a.shape[-1]), strict=True)
            cosines = [float(p @ q) / (np.linalg.norm(p) * np.linalg.norm(q)) for p, q in pairs]
            layers.append(np.mean([2 - 2 * cosine for cosine in cosines]))
        assert perceptual_distance(maps_a, maps_b)[num] == pytest.approx(np.mean(layers), rel=1e-5)


def test_layers_must_be_the_same():
    with pytest.raises(ValueError, match="zip"):
        perceptual_distance([np.ones((1, 1, 1, 1))], [])
