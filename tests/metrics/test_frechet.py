"""The Frechet distance against hand-computed numbers, the general matrix square root and its invariances."""

import numpy as np
import pytest
import scipy.linalg

from mindgan.metrics.frechet import frechet_distance, statistics


def gaussian(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A random mean and a well-conditioned covariance."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(size, 2 * size))
    return rng.normal(size=size), factor @ factor.T / size


def textbook(mean_a, covariance_a, mean_b, covariance_b) -> float:
    """The formula as printed, with a general matrix square root; for well-conditioned covariances."""
    root = scipy.linalg.sqrtm(covariance_a @ covariance_b)
    return np.sum((mean_a - mean_b) ** 2) + np.trace(covariance_a + covariance_b - 2 * root.real)


def test_one_dimension_by_hand():
    # (1 - 4)^2 + (sqrt 9 - sqrt 4)^2
    assert frechet_distance(np.array([1.0]), np.array([[9.0]]), np.array([4.0]), np.array([[4.0]])) == pytest.approx(10)


def test_diagonal_covariances_by_hand():
    # (3, 4) apart, standard deviations (1, 2) and (3, 5)
    distance = frechet_distance(np.zeros(2), np.diag([1.0, 4.0]), np.array([3.0, 4.0]), np.diag([9.0, 25.0]))
    assert distance == pytest.approx(25 + 4 + 9)


def test_covariances_that_do_not_commute_by_hand():
    # A = diag(4, 1), B = [[2, 1], [1, 2]]: the root of a 2x2 matrix M has trace sqrt(tr M + 2 sqrt(det M));
    # tr AB = 10, det AB = 12
    distance = frechet_distance(np.zeros(2), np.diag([4.0, 1.0]), np.zeros(2), np.array([[2.0, 1.0], [1.0, 2.0]]))
    assert distance == pytest.approx(5 + 4 - 2 * np.sqrt(10 + 2 * np.sqrt(12)))


@pytest.mark.parametrize("size", [1, 5, 128])
def test_equals_the_textbook_formula(size):
    a, b = gaussian(size, 1), gaussian(size, 2)
    assert frechet_distance(*a, *b) == pytest.approx(textbook(*a, *b), rel=1e-9)


def test_is_symmetric_and_zero_for_equal_gaussians():
    a, b = gaussian(40, 3), gaussian(40, 4)
    assert frechet_distance(*a, *b) == pytest.approx(frechet_distance(*b, *a), rel=1e-12)
    assert all(0 <= frechet_distance(*each, *each) < 1e-10 for each in (gaussian(40, seed) for seed in range(20)))


def test_covariances_in_orthogonal_subspaces_do_not_overlap():
    basis = np.linalg.qr(np.random.default_rng(15).normal(size=(120, 120)))[0]
    first, second = basis[:, :60], basis[:, 60:]
    distance = frechet_distance(np.zeros(120), first @ first.T, np.zeros(120), second @ second.T)
    assert distance == pytest.approx(60 + 60, rel=1e-12)


def test_rank_deficient_covariances_equal_the_distance_within_their_subspace():
    small_a, small_b = gaussian(6, 5), gaussian(6, 6)
    basis = np.linalg.qr(np.random.default_rng(7).normal(size=(128, 6)))[0]

    def embed(mean, covariance):
        return basis @ mean, basis @ covariance @ basis.T

    distance = frechet_distance(*embed(*small_a), *embed(*small_b))
    assert distance == pytest.approx(frechet_distance(*small_a, *small_b), rel=1e-9)


def test_fewer_samples_than_features_and_silent_features():
    rng = np.random.default_rng(8)
    features = rng.normal(size=(50, 128)) * 10
    features[:, 100:] = 0
    mean, covariance = statistics(features)
    assert frechet_distance(mean, covariance, mean, covariance) < 1e-9
    assert frechet_distance(mean, covariance, mean + 2, covariance) == pytest.approx(128 * 4, rel=1e-9)


def test_against_a_single_point_it_is_the_mean_squared_distance():
    mean, covariance = gaussian(12, 9)
    assert frechet_distance(mean, covariance, np.zeros(12), np.zeros((12, 12))) == pytest.approx(
        mean @ mean + np.trace(covariance)
    )


def test_rotating_and_shifting_both_changes_nothing():
    (mean_a, covariance_a), (mean_b, covariance_b) = gaussian(20, 10), gaussian(20, 11)
    turn = np.linalg.qr(np.random.default_rng(12).normal(size=(20, 20)))[0]
    moved = frechet_distance(
        turn @ mean_a + 5, turn @ covariance_a @ turn.T, turn @ mean_b + 5, turn @ covariance_b @ turn.T
    )
    assert moved == pytest.approx(frechet_distance(mean_a, covariance_a, mean_b, covariance_b), rel=1e-10)


def test_refuses_shapes_that_disagree_and_numbers_that_are_none():
    mean, covariance = gaussian(3, 13)
    with pytest.raises(ValueError, match="shapes"):
        frechet_distance(mean, covariance, mean[:2], covariance)
    with pytest.raises(ValueError, match="finite"):
        frechet_distance(mean, covariance * np.nan, mean, covariance)


def test_statistics_by_hand():
    mean, covariance = statistics(np.array([[1, 2], [3, 6], [5, 4]], np.float32))
    assert mean.dtype == covariance.dtype == np.float64
    assert mean.tolist() == [3, 4]
    assert covariance.tolist() == [[4, 2], [2, 4]]  # divided by N - 1 = 2


def test_statistics_are_computed_in_double_precision():
    # float32 keeps 1e-3 of these values, but sums of their squares in float32 would not
    features = (1000 + np.random.default_rng(14).normal(size=(5000, 7))).astype(np.float32)
    mean, covariance = statistics(features)
    np.testing.assert_allclose(covariance, np.cov(features.astype(np.float64), rowvar=False), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(covariance, covariance.T)
    np.testing.assert_allclose(mean, features.astype(np.float64).mean(0), rtol=1e-14)


@pytest.mark.parametrize("shape", [(1, 4), (0, 4), (4,)])
def test_statistics_refuse_too_few_samples(shape):
    with pytest.raises(ValueError, match=r"\[N, D\]"):
        statistics(np.zeros(shape))
