"""The Frechet distance between two Gaussians fitted to features (Heusel et al. 2017, "GANs Trained by a Two
Time-Scale Update Rule Converge to a Local Nash Equilibrium", equation 6).

NumPy alone, in float64.
"""

import numpy as np


def statistics(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and unbiased covariance of features.

    Args:
        features: [N, D], any real type, N at least 2.

    Returns:
        mean float64 [D] and covariance float64 [D, D], exactly symmetric.

    Raises:
        ValueError: not a matrix, or fewer than two rows.
    """
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"features have shape {features.shape}; [N, D] with N of at least 2 is needed")
    values = features.astype(np.float64)
    mean = values.mean(axis=0)
    centred = values - mean
    covariance = centred.T @ centred / (len(values) - 1)
    return mean, (covariance + covariance.T) / 2


def frechet_distance(
    mean_a: np.ndarray, covariance_a: np.ndarray, mean_b: np.ndarray, covariance_b: np.ndarray
) -> float:
    """|m_a - m_b|^2 + Tr(C_a + C_b - 2 (C_a C_b)^(1/2)): the squared 2-Wasserstein distance of two Gaussians.

    Tr (C_a C_b)^(1/2) is computed as the sum of the singular values of C_a^(1/2) C_b^(1/2). It is the same number,
    and symmetric eigen-decompositions stay real and exact where a covariance is singular (fewer samples than
    features, or a feature that never fires) and a general matrix square root turns complex or fails.

    Args:
        mean_a, mean_b: [D].
        covariance_a, covariance_b: [D, D], symmetric and positive semi-definite, of any rank.

    Returns:
        The distance, 0 or more, in squared units of the features.

    Raises:
        ValueError: the shapes disagree, or a number is not finite.
    """
    arrays = [np.asarray(array, np.float64) for array in (mean_a, covariance_a, mean_b, covariance_b)]
    _check(arrays)
    mean_a, covariance_a, mean_b, covariance_b = arrays
    shift = mean_a - mean_b
    overlap = np.linalg.norm(_square_root(covariance_a) @ _square_root(covariance_b), ord="nuc")
    distance = shift @ shift + np.trace(covariance_a) + np.trace(covariance_b) - 2 * overlap
    return max(0.0, float(distance))  # rounding leaves about -1e-13 for two equal Gaussians


def feature_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """The Frechet distance of the Gaussians fitted to two sets of features, without their covariances.

    With X the centred features over the root of N - 1, a covariance is X^T X, and Tr (C_a C_b)^(1/2) is the sum of the
    singular values of X_a X_b^T: a matrix of N by M, where a hundred images in 2048 features have covariances of 2048.

    Args:
        features_a: [N, D], any real type, N at least 2.
        features_b: [M, D].

    Returns:
        As `frechet_distance` of their `statistics`.

    Raises:
        ValueError: not two matrices of one width, fewer than two rows, or a number that is not finite.
    """
    if features_a.ndim != 2 or features_b.ndim != 2 or features_a.shape[1] != features_b.shape[1]:
        raise ValueError(
            f"features have shapes {features_a.shape} and {features_b.shape}; [N, D] and [M, D] are needed"
        )
    (mean_a, root_a), (mean_b, root_b) = _mean_and_root(features_a), _mean_and_root(features_b)
    shift = mean_a - mean_b
    overlap = np.linalg.norm(root_a @ root_b.T, ord="nuc")
    distance = shift @ shift + np.square(root_a).sum() + np.square(root_b).sum() - 2 * overlap
    return max(0.0, float(distance))


def _mean_and_root(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean [D] and a matrix R [N or D, D], the smaller, with the covariance R^T R."""
    if len(features) < 2 or not np.isfinite(features).all():
        raise ValueError(f"there are {len(features)} features; 2 or more are needed, all finite")
    values = features.astype(np.float64)
    mean = values.mean(axis=0)
    root = (values - mean) / np.sqrt(len(values) - 1)
    return mean, root if len(root) <= root.shape[1] else np.asarray(np.linalg.qr(root, mode="r"))


def _check(arrays: list[np.ndarray]) -> None:
    size = arrays[0].size
    wanted = [(size,), (size, size)] * 2
    shapes = [array.shape for array in arrays]
    if shapes != wanted:
        raise ValueError(f"means and covariances have shapes {shapes}; {wanted} are needed")
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("means and covariances must be finite")


def _square_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(covariance)
    # Below this an eigenvalue is rounding around zero, of either sign; its root would be a hundred million times more.
    noise = np.abs(values).max(initial=0.0) * len(values) * np.finfo(np.float64).eps
    roots = np.sqrt(np.where(values > noise, values, 0.0))
    return (vectors * roots) @ vectors.T
