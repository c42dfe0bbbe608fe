"""The losses of CycleGAN (Zhu et al. 2017, section 3); every score is a raw number, without a sigmoid."""

from collections.abc import Callable

from mindspore import Tensor, ops

ScoreLoss = Callable[[Tensor, float], Tensor]


def least_squares(scores: Tensor, target: float) -> Tensor:
    """mean (D(x) - target)^2, Mao et al. (2017): `target` is 1 for real and 0 for fake; a scalar."""
    return ops.square(scores - target).mean()


def vanilla(scores: Tensor, target: float) -> Tensor:
    """Binary cross-entropy of sigmoid(scores), as of the first GAN: `target` is 1 for real and 0 for fake; a scalar."""
    return (ops.softplus(scores) - target * scores).mean()


def discriminator_loss(score_loss: ScoreLoss, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Half the sum for real and fake: D learns at half the pace of G (section 7.1)."""
    return (score_loss(real_scores, 1.0) + score_loss(fake_scores, 0.0)) * 0.5


def distance(images: Tensor, others: Tensor) -> Tensor:
    """mean |x - y|, the norm of the cycle and identity losses (equation 2 and section 5.2); a scalar."""
    return ops.abs(images - others).mean()
