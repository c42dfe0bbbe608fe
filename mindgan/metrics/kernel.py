"""The kernel distance of two sets of features: KID where they are Inception's (Binkowski et al. 2018, "Demystifying MMD
GANs", section 4).

NumPy alone, in float64.
"""

import numpy as np

from mindgan.runtime import randomness

NUM_SUBSETS = 100
SUBSET_SIZE = 1000  # both as everybody has them who publishes the number


def kernel_distance(
    features_a: np.ndarray,
    features_b: np.ndarray,
    *,
    seed: int = 0,
    num_subsets: int = NUM_SUBSETS,
    subset_size: int = SUBSET_SIZE,
) -> tuple[float, float]:
    """The squared maximum mean discrepancy with the kernel (x.y / D + 1)^3, without bias: mean over random subsets.

    Its expectation is 0 for equal distributions whatever the number of samples, so single values may be below 0.

    Args:
        features_a: [N, D], any real type, N at least 2.
        features_b: [M, D].
        seed: of the subsets.
        num_subsets: subsets of each set; the result is the mean over pairs of them.
        subset_size: features in a subset, drawn without replacement; N or M where there are fewer.

    Returns:
        The mean and the standard deviation over the subsets; the deviation is 0 where every subset is all there is.

    Raises:
        ValueError: not two matrices of one width, fewer than two rows, or a number that is not finite.
    """
    a, b = (np.asarray(each, np.float64) for each in (features_a, features_b))
    _check(a, b)
    size = min(subset_size, len(a), len(b))
    if size == len(a) == len(b):
        return discrepancy(a, b), 0.0
    rng = randomness.generator(seed, "kernel distance")
    values = [
        discrepancy(a[rng.choice(len(a), size, replace=False)], b[rng.choice(len(b), size, replace=False)])
        for _ in range(num_subsets)
    ]
    return float(np.mean(values)), float(np.std(values))


def discrepancy(a: np.ndarray, b: np.ndarray) -> float:
    """The unbiased estimate between float64 [N, D] and [M, D]: equation 4, of all pairs of different rows."""
    within_a, within_b, across = kernel(a, a), kernel(b, b), kernel(a, b)
    num_a, num_b = len(a), len(b)
    mean_a = (within_a.sum() - np.trace(within_a)) / (num_a * (num_a - 1))
    mean_b = (within_b.sum() - np.trace(within_b)) / (num_b * (num_b - 1))
    return float(mean_a + mean_b - 2 * across.mean())


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(x.y / D + 1)^3 of every row x of a [N, D] and y of b [M, D]: [N, M]."""
    product = a @ b.T
    product /= a.shape[1]
    product += 1
    return product * product * product  # ten times as fast as a power


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"features have shapes {a.shape} and {b.shape}; [N, D] and [M, D], N and M at least 2, are needed"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("features must be finite")
