"""The scores of sets of images whose quality is known."""

import dataclasses

import numpy as np
import pytest

from mindgan.metrics.digits import DigitScores, entropy_bits, score
from mindgan.runtime.errors import UserError


@pytest.mark.parametrize(
    ("counts", "bits"),
    [
        ([5, 5, 0, 0], 1.0),
        ([8, 4, 2, 2], 1.75),
        ([3] * 10, np.log2(10)),
        ([0, 7, 0], 0.0),
        ([1, 3], 2 - 0.75 * np.log2(3)),
    ],
)
def test_entropy_by_hand(counts, bits):
    assert entropy_bits(np.array(counts)) == pytest.approx(bits, abs=1e-12)


@pytest.fixture
def measure(digit_set, trainings, tmp_path):
    def run(images: np.ndarray) -> DigitScores:
        return score(images, digit_set, cache=tmp_path, say=lambda line: None)

    return run


def test_the_test_images_themselves(measure, digit_set):
    scores = measure(digit_set.test_images)
    assert scores.fid < 1e-6
    assert scores.num_samples == scores.num_reference == sum(scores.class_counts) == 300
    assert 0.8 < scores.classifier_accuracy < 1
    assert scores.class_entropy_bits == entropy_bits(np.array(scores.class_counts))
    assert 3.25 < scores.class_entropy_bits <= np.log2(10)
    true_counts = np.bincount(digit_set.test_labels, minlength=10)
    num_wrong = round((1 - scores.classifier_accuracy) * 300)
    assert np.abs(true_counts - scores.class_counts).sum() <= 2 * num_wrong


def test_worse_images_score_worse(measure, digit_set):
    real = digit_set.images[-300:]
    noise = np.random.default_rng(0).normal(0, 60, real.shape)
    noisy = np.clip(real + noise, 0, 255).astype(np.uint8)
    distances = [measure(images).fid for images in (real, noisy, 255 - real)]
    assert 0 < distances[0] * 1.5 < distances[1]
    assert distances[1] * 1.5 < distances[2]


def test_one_digit_only_has_no_entropy_and_a_large_distance(measure, digit_set):
    zeros = digit_set.test_images[digit_set.test_labels == 0]
    images = np.repeat(zeros[:1], 50, axis=0)
    scores = measure(images)
    assert scores.class_counts == (50, *[0] * 9)
    assert scores.class_entropy_bits == 0
    assert scores.fid > 10 * measure(digit_set.images[:300]).fid


def test_the_same_images_give_the_same_scores(measure, digit_set):
    assert measure(digit_set.images[:100]) == measure(digit_set.images[:100])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((5, 28, 28), np.uint8), r"uint8 \[5, 28, 28\]; uint8 \[N, 1, 28, 28\] is needed"),
        (np.zeros((5, 1, 28, 28), np.float32), r"float32 \[5, 1, 28, 28\]"),
        (np.zeros((5, 1, 32, 32), np.uint8), r"32, 32\]"),
        (np.zeros((1, 1, 28, 28), np.uint8), "1 images are too few"),
    ],
)
def test_other_images_are_refused_before_training(measure, trainings, images, message):
    with pytest.raises(UserError, match=message) as error:
        measure(images)
    assert "\n" not in str(error.value)
    assert trainings == []


def test_a_digit_set_without_a_test_set_is_refused(digit_set, trainings, tmp_path):
    small = dataclasses.replace(digit_set, test_images=digit_set.test_images[:1], test_labels=digit_set.test_labels[:1])
    with pytest.raises(UserError, match="one test image is too few"):
        score(digit_set.images[:10], small, cache=tmp_path, say=lambda line: None)
