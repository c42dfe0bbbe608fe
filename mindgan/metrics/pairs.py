"""How near images are to the ones they should equal, pair by pair: SSIM, PSNR, and whether features find the partner.

NumPy alone, in float64.
"""

import numpy as np

WINDOW = 11  # pixels; this and the next three as Wang et al. (2004) chose them
WINDOW_DEVIATION = 1.5
K1, K2 = 0.01, 0.03
PEAK = 255.0


def structural_similarity(images_a: np.ndarray, images_b: np.ndarray) -> np.ndarray:
    """SSIM of each pair, the mean over channels and all places where the window lies inside (Wang et al. 2004, "Image
    Quality Assessment", equation 13).

    Args:
        images_a: uint8 [N, C, H, W], H and W at least 11.
        images_b: the same shape.

    Returns:
        float64 [N], at most 1, which equal images have.

    Raises:
        ValueError: the shapes or types disagree, or the images are smaller than the window.
    """
    _check(images_a, images_b)
    if min(images_a.shape[2:]) < WINDOW:
        raise ValueError(f"images of {images_a.shape[2:]} pixels are smaller than SSIM's window of {WINDOW}")
    return np.array([_similarity(a, b) for a, b in zip(images_a, images_b, strict=True)])


def _similarity(image_a: np.ndarray, image_b: np.ndarray) -> float:
    a, b = image_a.astype(np.float64), image_b.astype(np.float64)  # [C, H, W]
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a = _blur(a * a) - mean_a * mean_a
    variance_b = _blur(b * b) - mean_b * mean_b
    covariance = _blur(a * b) - mean_a * mean_b
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a * mean_a + mean_b * mean_b + c1)
    structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
    return float((luminance * structure).mean())


def _blur(image: np.ndarray) -> np.ndarray:
    """The Gaussian window over [C, H, W], rows then columns: [C, H - 10, W - 10]."""
    places = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(places**2) / (2 * WINDOW_DEVIATION**2))
    weights /= weights.sum()
    height, width = (size - WINDOW + 1 for size in image.shape[1:])
    rows = sum(weight * image[:, place : place + height] for place, weight in enumerate(weights))
    return sum(weight * rows[:, :, place : place + width] for place, weight in enumerate(weights))


def peak_signal_to_noise(images_a: np.ndarray, images_b: np.ndarray) -> np.ndarray:
    """PSNR of each pair in decibels, 10 log10(255^2 / mean squared difference); infinite for equal images.

    Args:
        images_a: uint8 [N, C, H, W].
        images_b: the same shape.

    Returns:
        float64 [N].

    Raises:
        ValueError: the shapes or types disagree.
    """
    _check(images_a, images_b)
    squares = (images_a.astype(np.float64) - images_b) ** 2
    with np.errstate(divide="ignore"):
        return 10 * np.log10(PEAK**2 / squares.mean(axis=(1, 2, 3)))


def retrieval_accuracy(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """The share of rows of `features_a` whose nearest row of `features_b` is the one at the same place.

    Where several are nearest, the row found is their share: a generator that draws one image for all has 1 / N.

    Args:
        features_a: [N, D], of translated images.
        features_b: [N, D], of their partners in the same order.

    Raises:
        ValueError: the shapes disagree.
    """
    a, b = (np.asarray(each, np.float64) for each in (features_a, features_b))
    if a.ndim != 2 or a.shape != b.shape or not len(a):
        raise ValueError(f"features have shapes {a.shape} and {b.shape}; [N, D] twice is needed")
    hits = 0.0
    for place, row in enumerate(a):  # by differences: expanded squares would lose what tells near rows apart
        distances = np.square(row - b).sum(axis=1)
        nearest = distances == distances.min()
        hits += nearest[place] / nearest.sum()
    return hits / len(a)


def _check(images_a: np.ndarray, images_b: np.ndarray) -> None:
    if images_a.ndim != 4 or images_a.shape != images_b.shape or not images_a.dtype == images_b.dtype == np.uint8:
        raise ValueError(
            f"images are {images_a.dtype} {images_a.shape} and {images_b.dtype} {images_b.shape}; uint8 [N, C, H, W] "
            f"twice is needed"
        )
