"""MindSpore's tutorial *GAN for Image Generation*, step for step, to measure against and to exchange checkpoints with.

https://gitee.com/mindspore/docs/blob/r2.6.0rc1/tutorials/source_en/generative/gan.md (retold, not copied). What is
kept on purpose: PyNative mode, layers and optimisers off the shelf, one Python call an image in the data pipeline, the
generator run anew for each of the two updates, and parameter names renamed twice.

The caller sets the mode (`mindgan.runtime.device.configure("CPU", "pynative")`) before anything here is made.
"""

from collections.abc import Iterator
from pathlib import Path

import mindspore as ms
import mindspore.dataset as ds
import numpy as np
from mindspore import Tensor, nn, ops

IMAGE_SIZE = 28  # pixels, height and width
LATENT_SIZE = 100
BATCH_SIZE = 128


class Generator(nn.Cell):
    """Latents [N, latent_size] to images [N, 1, 28, 28] in (-1, 1)."""

    def __init__(self, latent_size: int):
        super().__init__()
        layers = [nn.Dense(latent_size, 128), nn.ReLU()]
        for width, next_width in ((128, 256), (256, 512), (512, 1024)):
            layers += [nn.Dense(width, next_width), nn.BatchNorm1d(next_width), nn.ReLU()]
        self.model = nn.SequentialCell([*layers, nn.Dense(1024, IMAGE_SIZE**2), nn.Tanh()])

    def construct(self, latents: Tensor) -> Tensor:
        return ops.reshape(self.model(latents), (-1, 1, IMAGE_SIZE, IMAGE_SIZE))


class Discriminator(nn.Cell):
    """Images [N, 1, 28, 28] in [-1, 1] to the probability that each is real [N, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.SequentialCell(
            nn.Dense(IMAGE_SIZE**2, 512),
            nn.LeakyReLU(),  # MindSpore's default slope is 0.2
            nn.Dense(512, 256),
            nn.LeakyReLU(),
            nn.Dense(256, 1),
            nn.Sigmoid(),
        )

    def construct(self, images: Tensor) -> Tensor:
        return self.model(ops.reshape(images, (-1, IMAGE_SIZE**2)))


def make_networks(latent_size: int = LATENT_SIZE) -> tuple[Generator, Discriminator, nn.Adam, nn.Adam]:
    """(net_g, net_d, optimizer_g, optimizer_d) under the names the tutorial gives them.

    `update_parameters_name` of an optimiser renames what it trains too, so a weight of the generator ends as
    ``optim_ggeneratormodel.0.weight``, while a running mean stays ``generatormodel.3.moving_mean``.
    """
    net_g = Generator(latent_size)
    net_g.update_parameters_name("generator")
    net_d = Discriminator()
    net_d.update_parameters_name("discriminator")
    adam = {"learning_rate": 0.0002, "beta1": 0.5, "beta2": 0.999}
    optimizer_d = nn.Adam(net_d.trainable_params(), **adam)
    optimizer_g = nn.Adam(net_g.trainable_params(), **adam)
    optimizer_g.update_parameters_name("optim_g")
    optimizer_d.update_parameters_name("optim_d")
    return net_g, net_d, optimizer_g, optimizer_d


def make_dataset(folder: Path) -> ds.Dataset:
    """Shuffled batches of float32 images [128, 28, 28, 1] in [0, 255] and latents [128, 100]; the rest is dropped.

    Args:
        folder: holds ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, unpacked.
    """

    def with_latent(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return image.astype("float32"), np.random.normal(size=LATENT_SIZE).astype("float32")

    digits = ds.MnistDataset(dataset_dir=str(folder))
    dataset = ds.GeneratorDataset(digits, ["image", "label"], shuffle=True, python_multiprocessing=False)
    dataset = dataset.map(operations=with_latent, output_columns=["image", "latent_code"])
    return dataset.project(["image", "latent_code"]).batch(BATCH_SIZE, drop_remainder=True)


class TutorialLoop:
    """The tutorial's training: networks, losses, optimisers and data.

    Args:
        folder: of the data, see `make_dataset`; None where batches come from elsewhere.
    """

    def __init__(self, folder: Path | None = None):
        self.generator, self.discriminator, self.optimizer_g, self.optimizer_d = make_networks()
        self.dataset = None if folder is None else make_dataset(folder)
        self.adversarial_loss = nn.BCELoss(reduction="mean")
        self.grad_g = ms.value_and_grad(self.generator_forward, None, self.generator.trainable_params())
        self.grad_d = ms.value_and_grad(self.discriminator_forward, None, self.discriminator.trainable_params())
        self.generator.set_train()
        self.discriminator.set_train()

    def generator_forward(self, latents: Tensor) -> Tensor:
        fake_probs = self.discriminator(self.generator(latents))
        return self.adversarial_loss(fake_probs, ops.ones_like(fake_probs))

    def discriminator_forward(self, real_images: Tensor, latents: Tensor) -> Tensor:
        fake_probs = self.discriminator(self.generator(latents))
        real_probs = self.discriminator(real_images)
        real_loss = self.adversarial_loss(real_probs, ops.ones_like(real_probs))
        fake_loss = self.adversarial_loss(fake_probs, ops.zeros_like(fake_probs))
        return real_loss + fake_loss

    def step(self, real: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Updates D, then G with the same latents.

        Args:
            real: float32 [N, 1, 28, 28] in [-1, 1].
            latents: float32 [N, 100].

        Returns:
            loss_d and loss_g, scalars, which PyNative may still be computing.
        """
        loss_d, grads_d = self.grad_d(real, latents)
        self.optimizer_d(grads_d)
        loss_g, grads_g = self.grad_g(latents)
        self.optimizer_g(grads_g)
        return loss_d, loss_g

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of what `step` takes, made as the tutorial's loop makes it.

        Raises:
            ValueError: the loop was made without a folder.
        """
        if self.dataset is None:
            raise ValueError("this loop has no data; make it with a folder")
        for image, latent_code in self.dataset:
            image = (image - 127.5) / 127.5  # [0, 255] -> [-1, 1]
            yield image.reshape(image.shape[0], 1, image.shape[1], image.shape[2]), latent_code

    def save(self, folder: Path, epoch: int) -> None:
        """``Generator{epoch}.ckpt`` and ``Discriminator{epoch}.ckpt``, as the tutorial saves them after each epoch."""
        folder.mkdir(parents=True, exist_ok=True)
        ms.save_checkpoint(self.generator, str(folder / f"Generator{epoch}.ckpt"))
        ms.save_checkpoint(self.discriminator, str(folder / f"Discriminator{epoch}.ckpt"))
