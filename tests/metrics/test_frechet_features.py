"""The Frechet distance straight from features, against the one by way of covariances and numbers by hand."""

import numpy as np
import pytest

from mindgan.metrics.frechet import feature_distance, frechet_distance, statistics


def features(num: int, size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.gamma(2, 1, (num, size)) @ rng.normal(size=(size, size))).astype(np.float32)


@pytest.mark.parametrize(
    ("num_a", "num_b", "size"), [(2, 2, 1), (50, 60, 5), (5, 4, 40), (40, 5, 12), (12, 12, 12), (13, 11, 12)]
)
def test_equals_the_distance_of_the_covariances(num_a, num_b, size):
    a, b = features(num_a, size, 1), features(num_b, size, 2)
    expected = frechet_distance(*statistics(a), *statistics(b))
    assert feature_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert feature_distance(b, a) == pytest.approx(expected, rel=1e-8)


def test_by_hand():
    # means 1 and 4, standard deviations (divided by N - 1) sqrt 2 and sqrt 8
    assert feature_distance(np.array([[0.0], [2.0]]), np.array([[2.0], [6.0]])) == pytest.approx(9 + 2)


def test_is_zero_for_equal_features_and_a_shift_is_its_square():
    a = features(30, 100, 3)
    assert feature_distance(a, a) < 1e-8 * np.square(a).sum()
    assert feature_distance(a.astype(np.float64), a.astype(np.float64) + 2) == pytest.approx(100 * 4)


def test_refuses_what_cannot_be_compared():
    for a, b in (((3, 2), (3, 3)), ((3,), (3, 3))):
        with pytest.raises(ValueError, match="shapes"):
            feature_distance(np.zeros(a), np.zeros(b))
    with pytest.raises(ValueError, match="2 or more"):
        feature_distance(np.zeros((1, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="finite"):
        feature_distance(np.full((3, 3), np.inf), np.zeros((3, 3)))
