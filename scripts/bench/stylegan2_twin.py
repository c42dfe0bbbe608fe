"""The PyTorch twin of StyleGAN2-ADA's training, eager, in float32 on CPU: Karras et al. 2020 (both), unconditional.

The same networks, losses, phases, optimisers, moving average and augmentation, in plain operators or tuned for speed.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from math import sqrt

import numpy as np
import torch
import torch.nn.functional as F
from stylegan2_twin_augment import Pipe
from stylegan2_twin_convolution import differentiable_twice
from stylegan2_twin_networks import Discriminator, Generator
from torch import Tensor, nn

CYCLE = 16  # iterations after which the phases come again
PL_INTERVAL, R1_INTERVAL = 4, CYCLE  # iterations
PL_WEIGHT, PL_DECAY, PL_SHRINK = 2.0, 0.01, 2
STYLE_MIXING = 0.9
LEARNING_RATE = 0.0025
EMA_RAMP = 0.05
LARGEST_GRADIENT = 1e5  # in place of infinity


class Twin:
    """Both networks, the moving average, both optimisers and the augmentation, set as for `--cfg auto`.

    Args:
        z_dim: of the latents, and of w.
        p: of each augmentation; None for none at all, not even the resampling that p = 0 makes.
        architecture: of the discriminator: resnet, skip or orig.
        is_tuned: features are channels_last, and the regularisers differentiate convolutions as
            stylegan2_twin_convolution.py does; else both are as PyTorch has them by itself.
    """

    def __init__(
        self,
        resolution: int,
        channel_base: int,
        channel_max: int,
        batch: int,
        num_mapping_layers: int = 2,
        z_dim: int = 512,
        p: float | None = 0.2,
        architecture: str = "resnet",
        is_tuned: bool = True,
    ):
        channels = {2**n: min(channel_base // 2**n, channel_max) for n in range(2, resolution.bit_length())}
        self.batch, self.z_dim = batch, z_dim
        self.r1_gamma = 0.0002 * resolution**2 / batch
        self.style_mixing = STYLE_MIXING
        self.G = Generator(channels, z_dim, num_mapping_layers)
        self.D = Discriminator(channels, min(4, batch), 3, architecture)
        self.is_tuned = is_tuned
        if is_tuned:
            self.G.to(memory_format=torch.channels_last)
            self.D.to(memory_format=torch.channels_last)
        self.G_ema = deepcopy(self.G).requires_grad_(False)
        self.optim_G, self.optim_D = lazy_adam(self.G, PL_INTERVAL), lazy_adam(self.D, R1_INTERVAL)
        self.augment: Callable[[Tensor], Tensor] = nn.Identity() if p is None else Pipe(resolution, p)
        self.pl_mean = torch.zeros(())
        self.nimg = 0

    def step(self, index: int, real_images: np.ndarray) -> dict[str, float]:
        """Iteration `index`, on float32 [N, 3, H, W] in [-1, 1]: the loss of each phase that took place."""
        real = torch.from_numpy(real_images)
        losses = {"Gmain": self.update_G(self.loss_G, 1)}
        if index % PL_INTERVAL == 0:
            losses["Greg"] = self.update_G(self.loss_path_length, PL_INTERVAL)
        losses["Dmain"] = self.update_D(lambda: self.loss_D(real), 1)
        if index % R1_INTERVAL == 0:
            losses["Dreg"] = self.update_D(lambda: self.loss_r1(real), R1_INTERVAL)
        self.update_ema()
        return losses

    def loss_G(self) -> Tensor:
        return F.softplus(-self.D(self.augment(self.generate()))).mean()

    def loss_path_length(self) -> Tensor:
        ws = self.mix(self.batch // PL_SHRINK)
        with self.twice():
            images = self.G.synthesis(ws)
        noise = self.draw(*images.shape) / sqrt(images.shape[2] * images.shape[3])
        (slopes,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
        lengths = slopes.square().sum(2).mean(1).sqrt()
        pl_mean = self.pl_mean.lerp(lengths.mean(), PL_DECAY)  # its gradient counts, by the share of this batch
        self.pl_mean = pl_mean.detach()
        return (lengths - pl_mean).square().mean() * PL_WEIGHT

    def loss_D(self, real: Tensor) -> Tensor:
        with torch.no_grad():
            fake = self.generate()
        return F.softplus(self.D(self.augment(fake))).mean() + F.softplus(-self.D(self.augment(real))).mean()

    def loss_r1(self, real: Tensor) -> Tensor:
        real = real.detach().requires_grad_()
        with self.twice():
            scores = self.D(self.augment(real))
        (slopes,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
        return slopes.square().sum((1, 2, 3)).mean() * (self.r1_gamma / 2)

    def twice(self) -> AbstractContextManager[None]:
        return differentiable_twice() if self.is_tuned else nullcontext()

    def generate(self) -> Tensor:
        return self.G.synthesis(self.mix(self.batch))

    def mix(self, num: int) -> Tensor:
        """The w of new latents; mostly, from some layer on, those of others."""
        ws = self.G.mapping(self.draw(num, self.z_dim))
        if torch.rand(()) >= self.style_mixing:
            return ws
        cutoff = int(torch.randint(1, self.G.num_ws, ()))
        others = self.G.mapping(self.draw(num, self.z_dim), update_w_avg=False)
        return torch.cat([ws[:, :cutoff], others[:, cutoff:]], 1)

    def draw(self, *shape: int) -> Tensor:
        return torch.randn(shape)

    def update_G(self, make_loss: Callable[[], Tensor], interval: int) -> float:
        self.D.requires_grad_(False)
        return update(self.G, self.optim_G, make_loss, interval)

    def update_D(self, make_loss: Callable[[], Tensor], interval: int) -> float:
        self.G.requires_grad_(False)
        return update(self.D, self.optim_D, make_loss, interval)

    @torch.no_grad()
    def update_ema(self) -> None:
        """With a half-life of 10 kimg for a batch of 32, and at most a share of what was seen: G itself at first."""
        half_life = min(self.batch * 10_000 / 32, self.nimg * EMA_RAMP)
        beta = 0.5 ** (self.batch / max(half_life, 1e-8))
        torch._foreach_lerp_(list(self.G_ema.parameters()), list(self.G.parameters()), 1 - beta)
        for kept, buffer in zip(self.G_ema.buffers(), self.G.buffers(), strict=True):
            kept.copy_(buffer)
        self.nimg += self.batch


def lazy_adam(network: nn.Module, interval: int) -> torch.optim.Adam:
    """Adam (0, 0.99), corrected for one more update in `interval` iterations."""
    share = interval / (interval + 1)
    return torch.optim.Adam(network.parameters(), LEARNING_RATE * share, (0.0, 0.99**share), 1e-8, fused=True)


def update(network: nn.Module, optim: torch.optim.Adam, make_loss: Callable[[], Tensor], interval: int) -> float:
    """The loss; a regulariser that comes every `interval` iterations counts as often. Parameters that it does not
    depend on are updated too, by a gradient of zero."""
    network.requires_grad_(True)
    optim.zero_grad()
    loss = make_loss()
    (loss * interval).backward()
    for parameter in network.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        torch.nan_to_num(parameter.grad, 0.0, LARGEST_GRADIENT, -LARGEST_GRADIENT, out=parameter.grad)
    optim.step()
    return loss.item()
