"""MNIST-FID and class balance of generated digits."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mindgan.data.mnist import DigitSet
from mindgan.metrics.digit_features import NUM_CLASSES, Say, evaluate, load_or_train
from mindgan.metrics.frechet import frechet_distance, statistics
from mindgan.runtime.errors import UserError


@dataclass(frozen=True)
class DigitScores:
    """What `score` finds."""

    fid: float
    """Frechet distance to the test set in the classifier's 128 features; 0 is best, and fewer samples score higher."""
    class_entropy_bits: float
    """Entropy over the ten digits as the classifier sees them: log2(10) = 3.32 bits when balanced, 0 if all alike."""
    class_counts: tuple[int, ...]
    """How many samples the classifier takes for each digit, 0 to 9."""
    num_samples: int
    """Images that were measured."""
    num_reference: int
    """Test images they were compared with."""
    classifier_accuracy: float
    """Share of the test images that the classifier names right, 0 to 1: how far the other numbers can be trusted."""


def score(images: np.ndarray, digit_set: DigitSet, *, cache: Path | None = None, say: Say) -> DigitScores:
    """Compares images with the test images of a digit set, in the features of a classifier of its training images.

    Distances are comparable between equal numbers of samples and the same digit set only.

    Args:
        images: uint8 [N, 1, 28, 28], N at least 2; 10,000 is usual.
        digit_set: the classifier learns from its `images`, the comparison is with its `test_images`.
        cache: folder of the trained classifier, see `mindgan.metrics.digit_features.load_or_train`.
        say: told about the training of the classifier, where it is trained.

    Raises:
        UserError: the images are of another shape or type, or fewer than two, or the digit set cannot be used.
    """
    _check(images, digit_set)
    network = load_or_train(digit_set, cache=cache, say=say)
    real_features, real_logits = evaluate(network, digit_set.test_images)
    fake_features, fake_logits = evaluate(network, images)
    counts = np.bincount(fake_logits.argmax(axis=1), minlength=NUM_CLASSES)
    return DigitScores(
        fid=frechet_distance(*statistics(real_features), *statistics(fake_features)),
        class_entropy_bits=entropy_bits(counts),
        class_counts=tuple(counts.tolist()),
        num_samples=len(images),
        num_reference=len(real_features),
        classifier_accuracy=float((real_logits.argmax(axis=1) == digit_set.test_labels).mean()),
    )


def entropy_bits(counts: np.ndarray) -> float:
    """Entropy in bits of the distribution that `counts` (integers [K], not all 0) are drawn from, plugged in."""
    shares = counts[counts > 0] / counts.sum()
    return float(shares @ np.log2(1 / shares))


def _check(images: np.ndarray, digit_set: DigitSet) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (1, 28, 28):
        raise UserError(
            f"the images to measure are {images.dtype} {list(images.shape)}; uint8 [N, 1, 28, 28] is needed"
        )
    if len(images) < 2:
        raise UserError(f"{len(images)} images are too few to measure; generate at least 2, better 10000")
    if len(digit_set.test_images) < 2:
        raise UserError(f"{digit_set.source}: one test image is too few to compare with; at least 2 are needed")
