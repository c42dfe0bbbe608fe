"""The PyTorch twin of the MNIST GAN: the same networks, losses, optimisers, batches and latents.

For measuring only (`pip install -r scripts/bench/requirements.txt`). As a program it trains the twin, goes on where
it was stopped, and writes 10,000 samples for `mindgan metrics`:

    python scripts/bench/torch_twin.py --images train-images-idx3-ubyte.gz --out twin --epochs 200
    mindgan metrics --source twin/samples.npy
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mindgan.data import idx
from mindgan.data.batches import Batches
from mindgan.runtime import randomness

LATENT_SIZE = 100


class Twin:
    """Generator, discriminator and both optimisers of the tutorial, with PyTorch's own default initialisation
    (which is MindSpore's: uniform within 1/sqrt(fan_in))."""

    def __init__(self, seed: int = 1):
        torch.manual_seed(seed)
        self.generator = nn.Sequential(
            nn.Linear(LATENT_SIZE, 128), nn.ReLU(),
            nn.Linear(128, 256), nn.BatchNorm1d(256), nn.ReLU(),
            nn.Linear(256, 512), nn.BatchNorm1d(512), nn.ReLU(),
            nn.Linear(512, 1024), nn.BatchNorm1d(1024), nn.ReLU(),
            nn.Linear(1024, 784), nn.Tanh(),
        )  # fmt: skip
        self.discriminator = nn.Sequential(
            nn.Linear(784, 512), nn.LeakyReLU(0.2),
            nn.Linear(512, 256), nn.LeakyReLU(0.2),
            nn.Linear(256, 1), nn.Sigmoid(),
        )  # fmt: skip
        self.optim_g = torch.optim.Adam(self.generator.parameters(), 2e-4, (0.5, 0.999))
        self.optim_d = torch.optim.Adam(self.discriminator.parameters(), 2e-4, (0.5, 0.999))
        self.loss = nn.BCELoss()

    def step(self, real: np.ndarray, latents: np.ndarray) -> tuple[float, float]:
        """D, then G with the same latents; `real` float32 [N, 784] in [-1, 1], `latents` float32 [N, 100]."""
        real_images, noise = torch.from_numpy(real), torch.from_numpy(latents)
        self.optim_d.zero_grad()
        fake_probs = self.discriminator(self.generator(noise).detach())
        real_probs = self.discriminator(real_images)
        loss_d = self.loss(real_probs, torch.ones_like(real_probs)) + self.loss(
            fake_probs, torch.zeros_like(fake_probs)
        )
        loss_d.backward()
        self.optim_d.step()
        self.optim_g.zero_grad()
        fake_probs = self.discriminator(self.generator(noise))
        loss_g = self.loss(fake_probs, torch.ones_like(fake_probs))
        loss_g.backward()
        self.optim_g.step()
        return loss_d.item(), loss_g.item()

    @torch.no_grad()
    def sample(self, latents: np.ndarray) -> np.ndarray:
        """Images in inference mode: uint8 [N, 1, 28, 28]."""
        self.generator.eval()
        images = self.generator(torch.from_numpy(latents)).numpy().reshape(-1, 1, 28, 28)
        self.generator.train()
        return np.clip(np.rint(images * 127.5 + 127.5), 0, 255).astype(np.uint8)

    def modules(self) -> dict:
        return {name: getattr(self, name) for name in ("generator", "discriminator", "optim_g", "optim_d")}


def save(twin: Twin, epoch: int, seconds: float, path: Path) -> None:
    state = {name: module.state_dict() for name, module in twin.modules().items()}
    temporary = path.with_suffix(".tmp")
    torch.save({"epoch": epoch, "seconds": seconds, **state}, temporary)
    os.replace(temporary, path)


def train(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    images = idx.parse(idx.read_bytes(options.images), options.images, ndim=3)
    batches = Batches(images.reshape(-1, 784), batch_size=128, seed=options.seed)
    twin, state_path, first, seconds = Twin(options.seed), options.out / "twin.pt", 0, 0.0
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        first, seconds = state["epoch"], state["seconds"]
        for name, module in twin.modules().items():
            module.load_state_dict(state[name])
    for epoch in range(first, options.epochs):
        start, losses = time.perf_counter(), []
        for step in range(batches.steps_per_epoch):
            nimg = epoch * batches.nimg_per_epoch + step * 128
            losses.append(twin.step(batches.batch(nimg), randomness.latents(options.seed, nimg, 128, LATENT_SIZE)))
        seconds += time.perf_counter() - start
        loss_d, loss_g = np.mean(losses, axis=0)
        print(f"epoch {epoch + 1}/{options.epochs} loss_d {loss_d:.4f} loss_g {loss_g:.4f} {seconds:.0f}s", flush=True)
        save(twin, epoch + 1, seconds, state_path)
    noise = randomness.generator(options.seed, "metrics").standard_normal((10_000, LATENT_SIZE), dtype=np.float32)
    np.save(options.out / "samples.npy", twin.sample(noise))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="the training images, IDX, plain or .gz")
    parser.add_argument("--out", type=Path, required=True, help="where the state and samples.npy go")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    train(parser.parse_args())
