"""Generator and discriminator of MindSpore's tutorial *GAN for Image Generation*.

The layers have the parameters, names and initialisation of `nn.Dense`, `nn.BatchNorm1d` and `nn.LeakyReLU`, so
checkpoints are interchangeable; their arithmetic is written out in operations whose CPU kernels and gradients are
fast and right. Below the surface these differ:

- a bias is a broadcast addition: its gradient is a plain sum, three times as fast as `BiasAddGrad`;
- batch normalisation is a handful of sums and products: `BatchNormGrad` takes ten milliseconds at [128, 1024];
- LeakyReLU and Tanh are those of `mindgan.layers`.
"""

import mindspore as ms
from mindspore import Tensor, nn, ops

from mindgan.layers.activations import LeakyReLU, Tanh

IMAGE_SIZE = 28  # pixels, height and width
GENERATOR_WIDTHS = (128, 256, 512, 1024)
DISCRIMINATOR_WIDTHS = (512, 256)


class Dense(nn.Dense):
    """x [N, in] to x W^T + b [N, out]; uniform initialisation within 1/sqrt(in), as `nn.Dense`."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(in_channels=in_channels, out_channels=out_channels, has_bias=True)
        self.product = ops.MatMul(transpose_b=True)

    def construct(self, x: Tensor) -> Tensor:
        return self.product(x, self.weight) + self.bias


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of x [N, C] (Ioffe and Szegedy 2015), with the running statistics of `nn.BatchNorm1d`.

    While training, the mean and the biased variance of the batch normalise it, and the running mean and the running
    unbiased variance move by a tenth towards the batch's. In inference the running statistics normalise.
    """

    def __init__(self, num_features: int):
        super().__init__(num_features=num_features, eps=1e-5, momentum=0.9)

    def construct(self, x: Tensor) -> Tensor:
        if not self.training:
            deviation = ops.sqrt(self.moving_variance + self.eps)
            return (x - self.moving_mean) / deviation * self.gamma + self.beta
        num = x.shape[0]
        mean = x.sum(0, keepdims=True) * (1 / num)  # [1, C]
        centred = x - mean  # [N, C]
        variance = ops.square(centred).sum(0, keepdims=True) * (1 / num)  # [1, C]
        self._update_running(self.moving_mean, mean)
        self._update_running(self.moving_variance, variance * (num / (num - 1)))
        return centred * (ops.rsqrt(variance + self.eps) * self.gamma) + self.beta

    def _update_running(self, running: ms.Parameter, batch: Tensor) -> None:
        # self.momentum is MindSpore's 1 - momentum: the share of the new value
        ops.assign(running, running * (1 - self.momentum) + batch.reshape(-1) * self.momentum)


class Generator(nn.Cell):
    """Latents [N, latent_size], standard normal, to images [N, 1, 28, 28] in (-1, 1).

    Args:
        latent_size: length of a latent, 1 or more.
    """

    def __init__(self, latent_size: int = 100):
        super().__init__()
        self.latent_size = latent_size
        first, *hidden = GENERATOR_WIDTHS
        layers = [Dense(latent_size, first), nn.ReLU()]
        width = first
        for next_width in hidden:
            layers += [Dense(width, next_width), BatchNorm(next_width), nn.ReLU()]
            width = next_width
        self.model = nn.SequentialCell([*layers, Dense(width, IMAGE_SIZE**2), Tanh()])

    def construct(self, latents: Tensor) -> Tensor:
        return self.model(latents).reshape(-1, 1, IMAGE_SIZE, IMAGE_SIZE)


class Discriminator(nn.Cell):
    """Images [N, 1, 28, 28] or [N, 784] in [-1, 1] to the probability that each is real [N, 1]."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Cell] = []
        width = IMAGE_SIZE**2
        for next_width in DISCRIMINATOR_WIDTHS:
            layers += [Dense(width, next_width), LeakyReLU()]
            width = next_width
        self.model = nn.SequentialCell([*layers, Dense(width, 1), nn.Sigmoid()])

    def construct(self, images: Tensor) -> Tensor:
        return self.model(images.reshape(-1, IMAGE_SIZE**2))
