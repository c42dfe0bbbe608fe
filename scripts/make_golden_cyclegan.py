"""Makes golden vectors of one CycleGAN step with PyTorch: its layers, its gradients, in float64.

    python scripts/make_golden_cyclegan.py tests/golden/cyclegan

PyTorch is not among mindgan's requirements: see scripts/bench/requirements.txt. The settings are those of the folder's
config.json; `check_golden.py` compares the package with what is written here.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch_cyclegan import Discriminator, Generator

WEIGHT_CYCLE, WEIGHT_IDENTITY = 10.0, 5.0


def make_networks(config: dict) -> nn.ModuleDict:
    """G_A, G_B, D_A and D_B in float64, with weights that make every layer's gradient large; they round to float32."""
    generators = {name: Generator(3, config["ngf"], config["blocks"]) for name in ("G_A", "G_B")}
    discriminators = {name: Discriminator(3, config["ndf"], config["nl"]) for name in ("D_A", "D_B")}
    networks = nn.ModuleDict(generators | discriminators)
    random = np.random.default_rng(config["seed"])
    for parameter in networks.parameters():
        deviation = 0.2 if parameter.ndim == 4 else 0.1
        parameter.data = torch.from_numpy(deviation * random.standard_normal(parameter.shape)).float().double()
    return networks


def images(config: dict, domain: int) -> torch.Tensor:
    """Uniform in [-1, 1], as float32."""
    shape = (config["B"], 3, config["size"], config["size"])
    random = np.random.default_rng([config["seed"], domain])
    return torch.from_numpy(random.uniform(-1, 1, shape)).float().double()


def score_loss(scores: torch.Tensor, target: float) -> torch.Tensor:
    return ((scores - target) ** 2).mean()


def distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one - other).abs().mean()


def step_numbers(networks: nn.ModuleDict, real_A: torch.Tensor, real_B: torch.Tensor) -> dict[str, torch.Tensor]:
    """Outputs, losses and gradients by their names in the file; the discriminators see the fresh fakes."""
    G_A, G_B, D_A, D_B = networks.values()
    fake_B, fake_A = G_A(real_A), G_B(real_B)
    rec_A = G_B(fake_B)
    losses = {
        "G_A": score_loss(D_A(fake_B), 1.0),
        "G_B": score_loss(D_B(fake_A), 1.0),
        "cycle_A": distance(rec_A, real_A) * WEIGHT_CYCLE,
        "cycle_B": distance(G_A(fake_A), real_B) * WEIGHT_CYCLE,
        "idt_A": distance(G_A(real_B), real_B) * WEIGHT_IDENTITY,
        "idt_B": distance(G_B(real_A), real_A) * WEIGHT_IDENTITY,
    }
    total = sum(losses.values())
    for name, critic, real, fake in (("D_A", D_A, real_B, fake_B), ("D_B", D_B, real_A, fake_A)):
        losses[name] = (score_loss(critic(real), 1.0) + score_loss(critic(fake.detach()), 0.0)) / 2
    grads = {}
    for loss, names in ((total, ("G_A", "G_B")), (losses["D_A"], ("D_A",)), (losses["D_B"], ("D_B",))):
        named = [(f"{name}.{key}", value) for name in names for key, value in networks[name].named_parameters()]
        values = torch.autograd.grad(loss, [value for _, value in named], retain_graph=True)
        grads |= {f"grad.{key}": value for (key, _), value in zip(named, values, strict=True)}
    outputs = {"out.fake_B": fake_B, "out.rec_A": rec_A, "out.fake_A": fake_A, "out.D_A(real_B)": D_A(real_B)}
    return grads | outputs | {f"loss.{name}": value for name, value in losses.items()} | {"loss.G": total}


def all_numbers(config: dict) -> dict[str, np.ndarray]:
    """What the file holds: weights, images, outputs, losses and gradients, float32."""
    networks, real_A, real_B = make_networks(config), images(config, 0), images(config, 1)
    numbers = networks.state_dict() | {"in.real_A": real_A, "in.real_B": real_B}
    numbers |= step_numbers(networks, real_A, real_B)
    return {name: value.detach().numpy().astype(np.float32) for name, value in numbers.items()}


def main() -> None:
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    np.savez_compressed(folder / "cyclegan_step.npz", **all_numbers(config))


if __name__ == "__main__":
    main()
