"""The losses of the first GAN (Goodfellow et al. 2014), as binary cross-entropy of probabilities.

At the equilibrium D says 1/2 to everything: the discriminator's loss is 2 log 2 and the generator's log 2.
"""

from mindspore import Tensor, ops


def discriminator_loss(real_probs: Tensor, fake_probs: Tensor) -> Tensor:
    """-mean log D(x) - mean log(1 - D(G(z))), equation 1; both [N, 1] in (0, 1), the result a scalar."""
    real_loss = ops.binary_cross_entropy(real_probs, ops.ones_like(real_probs), reduction="mean")
    fake_loss = ops.binary_cross_entropy(fake_probs, ops.zeros_like(fake_probs), reduction="mean")
    return real_loss + fake_loss


def generator_loss(fake_probs: Tensor) -> Tensor:
    """-mean log D(G(z)), the non-saturating form of section 3; [N, 1] in (0, 1) to a scalar."""
    return ops.binary_cross_entropy(fake_probs, ops.ones_like(fake_probs), reduction="mean")
