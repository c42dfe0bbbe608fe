"""SSIM, PSNR and retrieval against naive sums and numbers by hand."""

import math

import numpy as np
import pytest

from mindgan.metrics.pairs import peak_signal_to_noise, retrieval_accuracy, structural_similarity


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def naive_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """One image: window by window, moments with the two-dimensional Gaussian and centred differences."""
    grid = np.arange(-5, 6)
    window = np.exp(-(grid[:, None] ** 2 + grid[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for channel in range(a.shape[0]):
        for i in range(a.shape[1] - 10):
            for j in range(a.shape[2] - 10):
                x = a[channel, i : i + 11, j : j + 11].astype(np.float64)
                y = b[channel, i : i + 11, j : j + 11].astype(np.float64)
                mx, my = (window * x).sum(), (window * y).sum()
                vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
                cov = (window * (x - mx) * (y - my)).sum()
                c1, c2 = 6.5025, 58.5225  # (0.01 255)^2, (0.03 255)^2
                values.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return sum(values) / len(values)


def test_ssim_equals_the_naive_sum():
    a = images(3, 3, 15, 19)
    noise = np.random.default_rng(1).integers(-40, 41, a.shape)
    b = np.clip(a + noise, 0, 255).astype(np.uint8)
    expected = [naive_ssim(*pair) for pair in zip(a, b, strict=True)]
    np.testing.assert_allclose(structural_similarity(a, b), expected, rtol=1e-10)


def test_ssim_by_hand():
    dark, light = np.full((1, 1, 20, 20), 50, np.uint8), np.full((1, 1, 20, 20), 100, np.uint8)
    expected = (2 * 50 * 100 + 6.5025) / (50**2 + 100**2 + 6.5025)  # variances are 0
    np.testing.assert_allclose(structural_similarity(dark, light), [expected], rtol=1e-9)
    noise = images(2, 3, 32, 32)
    np.testing.assert_allclose(structural_similarity(noise, noise), [1, 1], rtol=1e-12)
    assert (structural_similarity(noise, 255 - noise) < -0.8).all()


def test_psnr_by_hand():
    a = np.zeros((4, 3, 5, 7), np.uint8)
    b = a.copy()
    b[1] = 255  # 0 dB
    b[2] = 1  # 20 log10 255
    b[3, 0] = 3  # a mean square of 3
    found = peak_signal_to_noise(a, b)
    np.testing.assert_allclose(found, [math.inf, 0, 20 * math.log10(255), 10 * math.log10(255**2 / 3)], atol=1e-12)
    np.testing.assert_array_equal(peak_signal_to_noise(b, a), found)  # differences below 0 do not wrap


def test_retrieval_by_hand():
    targets = np.array([[0.0, 0], [1, 0], [5, 5], [9, 9]])
    assert retrieval_accuracy(targets, targets) == 1
    assert retrieval_accuracy(targets + 0.4, targets) == 1
    assert retrieval_accuracy(targets[[1, 0, 2, 3]], targets) == 0.5
    assert retrieval_accuracy(np.zeros((4, 2)), targets) == 0.25
    assert retrieval_accuracy(np.zeros((4, 2)), np.ones((4, 2))) == 0.25  # all equally near


def test_retrieval_tells_near_rows_far_from_zero_apart():
    targets = 1e7 + np.arange(30, dtype=np.float64)[:, None] * 1e-3
    assert retrieval_accuracy(targets + 1e-4, targets) == 1


@pytest.mark.parametrize("measure", [structural_similarity, peak_signal_to_noise])
def test_other_images_are_refused(measure):
    good = images(2, 3, 16, 16)
    for bad in (good[:1], good[:, :, :, :12], good.astype(np.float32), good[0]):
        with pytest.raises(ValueError, match="twice is needed"):
            measure(good, bad)
    floats = good.astype(np.float32)
    with pytest.raises(ValueError, match="twice is needed"):
        measure(floats, floats)


def test_images_below_the_window_and_features_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="window"):
        structural_similarity(images(1, 1, 10, 30), images(1, 1, 10, 30))
    with pytest.raises(ValueError, match="shapes"):
        retrieval_accuracy(np.zeros((2, 3)), np.zeros((3, 3)))
