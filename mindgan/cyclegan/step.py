"""One training step: both generators, then both discriminators on what the pools give back."""

from dataclasses import dataclass

import mindspore as ms
from mindspore import Tensor, nn, ops

from mindgan.cyclegan.image_pool import ImagePool
from mindgan.cyclegan.losses import ScoreLoss, discriminator_loss, distance

LOSS_NAMES = ("G_A", "cycle_A", "idt_A", "G_B", "cycle_B", "idt_B", "D_A", "D_B")


@dataclass(frozen=True)
class Weights:
    """Of the generators' losses.

    Attributes:
        cycle_A: of A to B to A.
        cycle_B: of B to A to B.
        identity: of the identity losses, as a share of the cycle weights.
    """

    cycle_A: float = 10.0
    cycle_B: float = 10.0
    identity: float = 0.5


class GeneratorLosses(nn.Cell):
    """The generators' losses and images. G_A draws B from A, G_B draws A from B; D_A judges B, D_B judges A.

    Images that go through the same network at the same time go as one batch: fewer and larger products are faster, and
    instance norm keeps images apart, so the values are the same.
    """

    def __init__(self, G_A: nn.Cell, G_B: nn.Cell, D_A: nn.Cell, D_B: nn.Cell, score_loss: ScoreLoss, weights: Weights):
        super().__init__(auto_prefix=False)
        self.G_A, self.G_B, self.D_A, self.D_B = G_A, G_B, D_A, D_B
        self.score_loss = score_loss
        self.weights = weights
        self.has_identity = weights.identity > 0

    def construct(self, real_A: Tensor, real_B: Tensor) -> tuple[Tensor, ...]:
        """Both reals float32 [N, C, H, W] in [-1, 1].

        Returns:
            The weighted sum; G_A, cycle_A, idt_A, G_B, cycle_B, idt_B, each as it goes into the sum; the images fake_B,
            rec_A, fake_A, rec_B.
        """
        num = real_A.shape[0]
        weights = self.weights
        if self.has_identity:
            both_B = self.G_A(ops.cat((real_A, real_B), 0))
            both_A = self.G_B(ops.cat((real_B, real_A), 0))
            fake_B, same_B, fake_A, same_A = both_B[:num], both_B[num:], both_A[:num], both_A[num:]
            idt_A = distance(same_B, real_B) * (weights.cycle_B * weights.identity)
            idt_B = distance(same_A, real_A) * (weights.cycle_A * weights.identity)
        else:
            fake_B, fake_A = self.G_A(real_A), self.G_B(real_B)
            idt_A = idt_B = ops.zeros((), ms.float32)
        rec_A, rec_B = self.G_B(fake_B), self.G_A(fake_A)
        gan_A, gan_B = self.score_loss(self.D_A(fake_B), 1.0), self.score_loss(self.D_B(fake_A), 1.0)
        cycle_A = distance(rec_A, real_A) * weights.cycle_A
        cycle_B = distance(rec_B, real_B) * weights.cycle_B
        total = gan_A + gan_B + cycle_A + cycle_B + idt_A + idt_B
        return total, gan_A, cycle_A, idt_A, gan_B, cycle_B, idt_B, fake_B, rec_A, fake_A, rec_B


class DiscriminatorLosses(nn.Cell):
    """The discriminators' losses: (their sum, D_A, D_B)."""

    def __init__(self, D_A: nn.Cell, D_B: nn.Cell, score_loss: ScoreLoss):
        super().__init__(auto_prefix=False)
        self.D_A, self.D_B, self.score_loss = D_A, D_B, score_loss

    def construct(self, real_A: Tensor, real_B: Tensor, fake_A: Tensor, fake_B: Tensor) -> tuple[Tensor, ...]:
        num = real_A.shape[0]
        scores_A = self.D_A(ops.cat((real_B, fake_B), 0))
        scores_B = self.D_B(ops.cat((real_A, fake_A), 0))
        loss_A = discriminator_loss(self.score_loss, scores_A[:num], scores_A[num:])
        loss_B = discriminator_loss(self.score_loss, scores_B[:num], scores_B[num:])
        return loss_A + loss_B, loss_A, loss_B


class TrainStep(nn.Cell):
    """Losses, gradients and both updates in one Cell, so that graph mode compiles them together."""

    def __init__(
        self,
        generator_losses: GeneratorLosses,
        discriminator_losses: DiscriminatorLosses,
        optim_G: nn.Cell,
        optim_D: nn.Cell,
        pool_A: ImagePool,
        pool_B: ImagePool,
    ):
        super().__init__(auto_prefix=False)
        self.generator_losses, self.discriminator_losses = generator_losses, discriminator_losses
        self.optim_G, self.optim_D = optim_G, optim_D
        self.pool_A, self.pool_B = pool_A, pool_B
        self.grad_G = ms.value_and_grad(generator_losses, None, optim_G.parameters, has_aux=True)
        self.grad_D = ms.value_and_grad(discriminator_losses, None, optim_D.parameters, has_aux=True)
        self.set_train()

    def construct(
        self, real_A: Tensor, real_B: Tensor, taken_A: Tensor, places_A: Tensor, taken_B: Tensor, places_B: Tensor
    ) -> Tensor:
        """One step.

        Args:
            real_A: float32 [N, C, H, W] in [-1, 1], N the same at every call.
            real_B: the same of domain B.
            taken_A: of the `Exchange` of the fakes of A; four tensors, as tuples would be compiled anew at every call.
            places_A: of the same.
            taken_B: of the fakes of B.
            places_B: of the same.

        Returns:
            The losses before the updates, in the order of `LOSS_NAMES`: float32 [8].
        """
        outputs, grads_G = self.grad_G(real_A, real_B)
        fake_B, fake_A = ops.stop_gradient(outputs[7]), ops.stop_gradient(outputs[9])
        updated_G = self.optim_G(grads_G)
        seen_A = self.pool_A(fake_A, taken_A, places_A)
        seen_B = self.pool_B(fake_B, taken_B, places_B)
        losses_D, grads_D = self.grad_D(real_A, real_B, seen_A, seen_B)
        updated_D = self.optim_D(grads_D)
        losses = ops.stack((*outputs[1:7], losses_D[1], losses_D[2]))
        return ops.depend(ops.depend(losses, updated_G), updated_D)
