"""The PyTorch twin of the CycleGAN step, eager: the same networks, losses and optimisers, without pools."""

import numpy as np
import torch
from torch import nn
from torch_cyclegan import Discriminator, Generator

WEIGHT_CYCLE, WEIGHT_IDENTITY = 10.0, 5.0


class Twin:
    """Networks of `ngf` channels and `num_blocks` blocks, and both optimisers; D sees fresh fakes."""

    def __init__(self, ngf: int, num_blocks: int):
        self.G_A, self.G_B = Generator(3, ngf, num_blocks), Generator(3, ngf, num_blocks)
        self.D_A, self.D_B = Discriminator(3, ngf, 3), Discriminator(3, ngf, 3)
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

    def translate(self, images: np.ndarray) -> np.ndarray:
        """Images of A, float32 [N, 3, H, W] in [-1, 1], to B."""
        with torch.no_grad():
            return self.G_A(torch.from_numpy(images)).numpy()

    def _freeze(self, frozen: bool) -> None:
        for network in (self.D_A, self.D_B):
            network.requires_grad_(not frozen)

    @staticmethod
    def _score(scores: torch.Tensor, target: float) -> torch.Tensor:
        return ((scores - target) ** 2).mean()
