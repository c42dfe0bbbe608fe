"""One training step: the discriminator, then the generator with the same latents."""

import mindspore as ms
from mindspore import Tensor, nn, ops

from mindgan.mlp_gan.losses import discriminator_loss, generator_loss
from mindgan.mlp_gan.networks import Discriminator, Generator
from mindgan.training.adam import Adam


class TrainStep(nn.Cell):
    """Losses, gradients and both updates in one Cell, so that graph mode compiles them together.

    Compiled, the generator's pass is computed once for both updates (the same latents and the same weights: the
    compiler finds the common expression), while its running statistics still move twice, as in the tutorial.
    """

    def __init__(self, generator: Generator, discriminator: Discriminator, optim_g: Adam, optim_d: Adam):
        super().__init__(auto_prefix=False)  # the parameters keep the names their checkpoints have
        self.generator = generator
        self.discriminator = discriminator
        self.optim_g = optim_g
        self.optim_d = optim_d

        def forward_d(real_images: Tensor, latents: Tensor) -> Tensor:
            num = real_images.shape[0]
            fake_images = ops.stop_gradient(generator(latents)).reshape(num, -1)
            # one product of 2 N rows is faster than two of N; D has no batch statistics, so the values are the same
            probs = discriminator(ops.cat((real_images.reshape(num, -1), fake_images), 0))  # [2 N, 1]
            return discriminator_loss(probs[:num], probs[num:])

        def forward_g(latents: Tensor) -> Tensor:
            return generator_loss(discriminator(generator(latents)))

        self.grad_d = ms.value_and_grad(forward_d, None, discriminator.trainable_params())
        self.grad_g = ms.value_and_grad(forward_g, None, generator.trainable_params())
        self.set_train()

    def construct(self, real_images: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        """One step.

        Args:
            real_images: float32 [N, 1, 28, 28] in [-1, 1], N the same at every call.
            latents: float32 [N, latent_size], standard normal.

        Returns:
            loss_d and loss_g before their updates, scalars.
        """
        loss_d, grads_d = self.grad_d(real_images, latents)
        loss_d = ops.depend(loss_d, self.optim_d(grads_d))
        loss_g, grads_g = self.grad_g(latents)
        return loss_d, ops.depend(loss_g, self.optim_g(grads_g))
