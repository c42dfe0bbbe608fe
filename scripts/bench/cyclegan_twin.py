"""The PyTorch twin of the CycleGAN step: the same networks, losses, optimisers and pools, eager, for measuring only."""

import numpy as np
import torch
from torch import nn

WEIGHT_CYCLE, WEIGHT_IDENTITY = 10.0, 5.0


def norm(channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels)


def block(channels: int) -> nn.Module:
    def half() -> list[nn.Module]:
        return [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), norm(channels)]

    return nn.Sequential(*half(), nn.ReLU(), *half())


class Generator(nn.Module):
    def __init__(self, ngf: int, num_blocks: int):
        super().__init__()
        self.head = nn.Sequential(
            *[nn.ReflectionPad2d(3), nn.Conv2d(3, ngf, 7), norm(ngf), nn.ReLU()],
            *[nn.Conv2d(ngf, 2 * ngf, 3, stride=2, padding=1), norm(2 * ngf), nn.ReLU()],
            *[nn.Conv2d(2 * ngf, 4 * ngf, 3, stride=2, padding=1), norm(4 * ngf), nn.ReLU()],
        )
        self.blocks = nn.ModuleList([block(4 * ngf) for _ in range(num_blocks)])
        self.tail = nn.Sequential(
            *[nn.ConvTranspose2d(4 * ngf, 2 * ngf, 3, stride=2, padding=1, output_padding=1), norm(2 * ngf), nn.ReLU()],
            *[nn.ConvTranspose2d(2 * ngf, ngf, 3, stride=2, padding=1, output_padding=1), norm(ngf), nn.ReLU()],
            *[nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh()],
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.head(images)
        for residual in self.blocks:
            x = x + residual(x)
        return self.tail(x)


def discriminator(ndf: int) -> nn.Module:
    return nn.Sequential(
        *[nn.Conv2d(3, ndf, 4, stride=2, padding=1), nn.LeakyReLU(0.2)],
        *[nn.Conv2d(ndf, 2 * ndf, 4, stride=2, padding=1), norm(2 * ndf), nn.LeakyReLU(0.2)],
        *[nn.Conv2d(2 * ndf, 4 * ndf, 4, stride=2, padding=1), norm(4 * ndf), nn.LeakyReLU(0.2)],
        *[nn.Conv2d(4 * ndf, 8 * ndf, 4, padding=1), norm(8 * ndf), nn.LeakyReLU(0.2)],
        nn.Conv2d(8 * ndf, 1, 4, padding=1),
    )


class Twin:
    """Networks of `ngf` channels and `num_blocks` blocks, and both optimisers; the pools are always passed through."""

    def __init__(self, ngf: int, num_blocks: int):
        self.G_A, self.G_B = Generator(ngf, num_blocks), Generator(ngf, num_blocks)
        self.D_A, self.D_B = discriminator(ngf), discriminator(ngf)
        for network in (self.G_A, self.G_B, self.D_A, self.D_B):
            for parameter in network.parameters():
                nn.init.normal_(parameter, 0, 0.02)
        self.optim_G = torch.optim.Adam([*self.G_A.parameters(), *self.G_B.parameters()], 2e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam([*self.D_A.parameters(), *self.D_B.parameters()], 2e-4, (0.5, 0.999))

    def step(self, real_A: np.ndarray, real_B: np.ndarray) -> list[float]:
        """Both float32 [N, 3, H, W] in [-1, 1]; the eight losses."""
        A, B = torch.from_numpy(real_A), torch.from_numpy(real_B)
        self._freeze(True)
        fake_B, fake_A = self.G_A(A), self.G_B(B)
        losses = [
            self._score(self.D_A(fake_B), 1.0),
            (self.G_B(fake_B) - A).abs().mean() * WEIGHT_CYCLE,
            (self.G_A(B) - B).abs().mean() * WEIGHT_IDENTITY,
            self._score(self.D_B(fake_A), 1.0),
            (self.G_A(fake_A) - B).abs().mean() * WEIGHT_CYCLE,
            (self.G_B(A) - A).abs().mean() * WEIGHT_IDENTITY,
        ]
        self.optim_G.zero_grad()
        sum(losses).backward()
        self.optim_G.step()
        self._freeze(False)
        self.optim_D.zero_grad()
        for critic, real, fake in ((self.D_A, B, fake_B.detach()), (self.D_B, A, fake_A.detach())):
            losses.append((self._score(critic(real), 1.0) + self._score(critic(fake), 0.0)) * 0.5)
            losses[-1].backward()
        self.optim_D.step()
        return [loss.item() for loss in losses]

    def _freeze(self, frozen: bool) -> None:
        for network in (self.D_A, self.D_B):
            network.requires_grad_(not frozen)

    @staticmethod
    def _score(scores: torch.Tensor, target: float) -> torch.Tensor:
        return ((scores - target) ** 2).mean()
