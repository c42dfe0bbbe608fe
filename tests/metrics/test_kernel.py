"""The kernel distance against a naive double sum, numbers by hand, and what it must not depend on."""

import numpy as np
import pytest

from mindgan.metrics.kernel import discrepancy, kernel_distance


def naive(a: np.ndarray, b: np.ndarray) -> float:
    """The estimate as printed, pair by pair."""

    def k(x, y):
        return (sum(p * q for p, q in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def within(rows):
        return sum(k(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j)

    across = sum(k(x, y) for x in a for y in b)
    n, m = len(a), len(b)
    return within(a) / (n * (n - 1)) + within(b) / (m * (m - 1)) - 2 * across / (n * m)


def features(num: int, size: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (num, size)).astype(np.float32)


def test_by_hand():
    # k(x, y) = (xy + 1)^3: 1 within {0, 1}, 27 within {1, 2}, across 1, 1, 8, 27 of mean 37 / 4
    a, b = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
    assert kernel_distance(a, b) == (1 + 27 - 37 / 2, 0.0)


@pytest.mark.parametrize(("num_a", "num_b", "size"), [(2, 2, 1), (7, 7, 5), (12, 9, 33)])
def test_equals_the_double_sum(num_a, num_b, size):
    a, b = features(num_a, size, 1), features(num_b, size, 2, shift=0.3)
    exact = naive(a.astype(np.float64).tolist(), b.astype(np.float64).tolist())
    assert discrepancy(a.astype(np.float64), b.astype(np.float64)) == pytest.approx(exact, rel=1e-10)


def test_the_mean_over_subsets_nears_the_value_of_all():
    a, b = features(60, 4, 3), features(80, 4, 4, shift=0.5)
    mean, deviation = kernel_distance(a, b, num_subsets=2000, subset_size=20)
    # the estimate has no bias, and subsets of both draw from the same sets
    assert mean == pytest.approx(discrepancy(a.astype(np.float64), b.astype(np.float64)), abs=4 * deviation / 2000**0.5)
    assert deviation > 0


def test_fewer_features_than_a_subset_are_taken_all():
    a, b = features(50, 3, 5), features(50, 3, 6)
    assert kernel_distance(a, b) == (discrepancy(a.astype(np.float64), b.astype(np.float64)), 0.0)
    _, deviation = kernel_distance(a, b[:40])
    assert deviation > 0


def test_is_without_bias_for_equal_distributions():
    values = [kernel_distance(features(20, 6, seed), features(20, 6, 1000 + seed))[0] for seed in range(400)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 400**0.5
    assert min(values) < 0


def test_depends_on_the_seed_alone():
    a, b = features(40, 3, 7), features(40, 3, 8)
    first, again, other = (kernel_distance(a, b, seed=seed, subset_size=10) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_grows_with_the_distance():
    a = features(100, 8, 9)
    values = [kernel_distance(a, features(100, 8, 10, shift))[0] for shift in (0, 0.3, 0.6, 1.2)]
    assert values == sorted(values)


def test_refuses_what_cannot_be_compared():
    for a, b in (((3, 2), (3, 3)), ((1, 2), (3, 2)), ((3,), (3,))):
        with pytest.raises(ValueError, match="features have shapes"):
            kernel_distance(np.zeros(a), np.zeros(b))
    with pytest.raises(ValueError, match="finite"):
        kernel_distance(np.full((3, 2), np.nan), np.zeros((3, 2)))
