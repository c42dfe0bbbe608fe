"""What the four phases of a training iteration minimise, as Cells: the mean loss, and what is reported of each image.

Reports are float32 [values, N], in the order of `REPORTS`.
"""

from dataclasses import dataclass

import mindspore as ms
from mindspore import Tensor, nn, ops

from mindgan.stylegan2.losses import discriminator_loss, generator_loss, path_lengths, r1_penalty
from mindgan.stylegan2.networks import Discriminator, Generator

REPORTS = {  # the names that the field knows
    "Gmain": ("Loss/scores/fake", "Loss/G/loss"),
    "Greg": ("Loss/pl_penalty", "Loss/G/reg"),
    "Dmain": ("Loss/scores/fake", "Loss/scores/real", "Loss/D/loss"),
    "Dreg": ("Loss/scores/real", "Loss/r1_penalty", "Loss/D/reg"),
}


@dataclass(frozen=True)
class Regularisation:
    """How the networks are kept smooth.

    Attributes:
        r1_gamma: weight of R1, gamma / 2 of the penalty.
        pl_weight: of the path-length penalty.
        pl_decay: how fast the mean path length follows.
        G_interval: Greg runs in every so many-th iteration; its loss counts as often.
        D_interval: the same of Dreg.
    """

    r1_gamma: float = 10.0
    pl_weight: float = 2.0
    pl_decay: float = 0.01
    G_interval: int = 4
    D_interval: int = 16


class Styles(nn.Cell):
    """Latents to the styles of all layers, those from a layer on from second latents; and the mean style."""

    def __init__(self, generator: Generator, *, mixes: bool):
        super().__init__(auto_prefix=False)
        self.mapping, self.mixes = generator.mapping, mixes

    def construct(self, z: Tensor, c: Tensor, mixed: Tensor) -> tuple[Tensor, Tensor]:
        """`z` is [N, Z], or [2 N, Z] where styles are mixed; `mixed` [num_ws] is 1 for layers of the second latents."""
        if not self.mixes:
            w = self.mapping(z, c)
            return w.expand_dims(1) * ops.ones_like(mixed).reshape(1, -1, 1), w.mean(0)
        both = self.mapping(z, ops.cat((c, c), 0))
        num = both.shape[0] // 2
        first, second = both[:num].expand_dims(1), both[num:].expand_dims(1)
        layers = mixed.reshape(1, -1, 1)
        return first * (1 - layers) + second * layers, both[:num].mean(0)


class GeneratorMain(nn.Cell):
    """Gmain: latents to the mean loss, what is reported and the mean style."""

    def __init__(self, generator: Generator, discriminator: Discriminator, styles: Styles, augment: nn.Cell | None):
        super().__init__(auto_prefix=False)
        self.synthesis, self.discriminator = generator.synthesis, discriminator
        self.styles, self.augment = styles, augment

    def construct(
        self, z: Tensor, c: Tensor, mixed: Tensor, noise: Tensor, draws: Tensor, aug_noise: Tensor
    ) -> tuple[Tensor, ...]:
        """`draws` and `aug_noise` are those of the augmentation; without it they are not read."""
        ws, mean = self.styles(z, c, mixed)
        images = self.synthesis(ws, noise)
        if self.augment is not None:
            images = self.augment(images, draws, aug_noise)
        scores = self.discriminator(images, c)
        losses = generator_loss(scores)
        return losses.mean(), ops.cat((scores, losses), 1).transpose(1, 0), mean


class GeneratorRegularisation(nn.Cell):
    """Greg: latents and images of noise of variance 1 to the mean loss, what is reported, the mean style and length."""

    def __init__(self, generator: Generator, styles: Styles, options: Regularisation, pl_mean: ms.Parameter):
        super().__init__(auto_prefix=False)
        self.styles, self.options, self.pl_mean = styles, options, pl_mean
        self.gradient = ms.grad(ImagesTimesNoise(generator), 0)

    def construct(self, z: Tensor, c: Tensor, mixed: Tensor, noise: Tensor, pl_noise: Tensor) -> tuple[Tensor, ...]:
        ws, mean = self.styles(z, c, mixed)
        pixels = pl_noise.shape[2] * pl_noise.shape[3]
        lengths = path_lengths(self.gradient(ws, noise, pl_noise * (1 / pixels**0.5)))
        pl_mean = self.pl_mean + (lengths.mean() - self.pl_mean) * self.options.pl_decay  # it has a gradient too
        penalties = ops.square(lengths - pl_mean)
        losses = penalties * self.options.pl_weight
        return losses.mean() * self.options.G_interval, ops.stack((penalties, losses)), mean, pl_mean


class ImagesTimesNoise(nn.Cell):
    """The sum that the path-length penalty differentiates: of G(w) times noise."""

    def __init__(self, generator: Generator):
        super().__init__(auto_prefix=False)
        self.synthesis = generator.synthesis

    def construct(self, ws: Tensor, noise: Tensor, pl_noise: Tensor) -> Tensor:
        return (self.synthesis(ws, noise) * pl_noise).sum()


class DiscriminatorMain(nn.Cell):
    """Dmain: fakes and reals to the mean loss and what is reported."""

    def __init__(self, discriminator: Discriminator, augment: nn.Cell | None):
        super().__init__(auto_prefix=False)
        self.discriminator, self.augment = discriminator, augment

    def construct(
        self, fakes: Tensor, reals: Tensor, fake_c: Tensor, real_c: Tensor, draws: Tensor, aug_noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """`draws` and `aug_noise` are of both, fakes first."""
        images = ops.cat((fakes, reals), 0)
        if self.augment is not None:
            images = self.augment(images, draws, aug_noise)
        scores = self.discriminator(images, ops.cat((fake_c, real_c), 0), 2)
        num = fakes.shape[0]
        losses = discriminator_loss(scores[:num], scores[num:])
        return losses.mean(), ops.cat((scores[:num], scores[num:], losses), 1).transpose(1, 0)


class DiscriminatorRegularisation(nn.Cell):
    """Dreg: reals to the mean loss and what is reported. The gradient is that of the images before augmentation."""

    def __init__(self, discriminator: Discriminator, augment: nn.Cell | None, options: Regularisation):
        super().__init__(auto_prefix=False)
        self.options = options
        self.gradient = ms.value_and_grad(SumOfScores(discriminator, augment), 0, has_aux=True)

    def construct(self, reals: Tensor, real_c: Tensor, draws: Tensor, aug_noise: Tensor) -> tuple[Tensor, Tensor]:
        (_, scores), gradients = self.gradient(reals, real_c, draws, aug_noise)
        penalties = r1_penalty(gradients)
        losses = penalties * (self.options.r1_gamma / 2)
        reports = ops.stack((ops.stop_gradient(scores).reshape(-1), penalties, losses))
        return losses.mean() * self.options.D_interval, reports


class SumOfScores(nn.Cell):
    """The sum that R1 differentiates, and the scores."""

    def __init__(self, discriminator: Discriminator, augment: nn.Cell | None):
        super().__init__(auto_prefix=False)
        self.discriminator, self.augment = discriminator, augment

    def construct(self, images: Tensor, c: Tensor, draws: Tensor, aug_noise: Tensor) -> tuple[Tensor, Tensor]:
        if self.augment is not None:
            images = self.augment(images, draws, aug_noise)
        scores = self.discriminator(images, c)
        return scores.sum(), scores
