"""The losses of StyleGAN2: non-saturating logistic, R1 and path length."""

from mindspore import Tensor, ops


def generator_loss(fake_scores: Tensor) -> Tensor:
    """Of each image: -log sigmoid D(G(z)) (Goodfellow et al. 2014, section 3)."""
    return ops.softplus(-fake_scores)


def discriminator_loss(fake_scores: Tensor, real_scores: Tensor) -> Tensor:
    """Of each pair of images: -log(1 - sigmoid D(G(z))) - log sigmoid D(x)."""
    return ops.softplus(fake_scores) + ops.softplus(-real_scores)


def r1_penalty(gradients: Tensor) -> Tensor:
    """Of each image: |dD/dx|^2 of gradients [N, C, H, W] (Mescheder et al. 2018, equation 9)."""
    return ops.square(gradients).sum((1, 2, 3))


def path_lengths(gradients: Tensor) -> Tensor:
    """Of each image: |J^T y| of gradients [N, num_ws, D], layers averaged (Karras et al. 2020, section 3.2)."""
    return ops.sqrt(ops.square(gradients).sum(2).mean(1))
