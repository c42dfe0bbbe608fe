"""Losses against numbers by hand."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from mindgan.cyclegan.losses import discriminator_loss, distance, least_squares, vanilla

SCORES = np.array([0.5, -1.0, 2.0, 0.0], np.float32)


def scores(*values):
    return Tensor(np.array(values, np.float32).reshape(1, 1, 1, -1))


def value(loss):
    assert loss.shape == ()
    return float(loss.asnumpy())


def test_least_squares_by_hand():
    assert value(least_squares(scores(0.5, -1, 2, 0), 1.0)) == pytest.approx((0.25 + 4 + 1 + 1) / 4)
    assert value(least_squares(scores(0.5, -1, 2, 0), 0.0)) == pytest.approx((0.25 + 1 + 4 + 0) / 4)
    assert value(least_squares(scores(1, 1), 1.0)) == 0


def test_vanilla_is_the_logarithmic_loss_of_the_sigmoid():
    probabilities = 1 / (1 + np.exp(-SCORES.astype(np.float64)))
    assert value(vanilla(scores(*SCORES), 1.0)) == pytest.approx(-np.log(probabilities).mean(), rel=1e-6)
    assert value(vanilla(scores(*SCORES), 0.0)) == pytest.approx(-np.log(1 - probabilities).mean(), rel=1e-6)
    assert value(vanilla(scores(0, 0), 1.0)) == pytest.approx(np.log(2), rel=1e-6)


@pytest.mark.parametrize("size", [80.0, 1000.0, 1e6])
def test_vanilla_of_large_scores_is_finite_and_so_is_its_gradient(size):
    """Right and sure costs nothing, wrong and sure as much as the score; there the slope is 1 for each score."""
    for target, wrong in ((1.0, -size), (0.0, size)):
        assert value(vanilla(scores(-wrong), target)) == pytest.approx(0, abs=1e-6)
        assert value(vanilla(scores(wrong), target)) == pytest.approx(size, rel=1e-6)
        slopes = ms.grad(vanilla)(scores(wrong, -wrong), target).asnumpy().ravel()
        np.testing.assert_allclose(slopes, [np.sign(wrong) / 2, 0], atol=1e-6)


@pytest.mark.parametrize("score_loss", [least_squares, vanilla])
def test_the_discriminators_loss_is_half_the_sum(score_loss):
    """Real scores are drawn to 1 and fake ones to 0, never the other way round."""
    real, fake = scores(0.9, 0.4), scores(-0.3, 0.2, 0.6)
    expected = (value(score_loss(real, 1.0)) + value(score_loss(fake, 0.0))) / 2
    assert value(discriminator_loss(score_loss, real, fake)) == pytest.approx(expected, rel=1e-6)


def test_the_discriminators_loss_by_hand():
    loss = discriminator_loss(least_squares, scores(0.8, 1.0), scores(0.5, -0.5))
    assert value(loss) == pytest.approx((0.02 + 0.25) / 2)


def test_distance_is_the_mean_of_absolute_differences():
    images = Tensor(np.array([[[[-1, 0.5], [0, 1]]]], np.float32))
    others = Tensor(np.array([[[[1, 0.25], [0, -0.5]]]], np.float32))
    for one, other in ((images, others), (others, images)):
        assert value(distance(one, other)) == pytest.approx((2 + 0.25 + 0 + 1.5) / 4)
    assert value(distance(images, images)) == 0
