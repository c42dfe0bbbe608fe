"""The package's numbers of one CycleGAN step, by the names that golden vectors give them; see check_golden.py."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from mindgan.cyclegan.losses import least_squares
from mindgan.cyclegan.networks import PatchDiscriminator, ResnetGenerator
from mindgan.cyclegan.step import DiscriminatorLosses, GeneratorLosses, Weights
from mindgan.layers.torch_layout import load_torch, to_torch

NETWORKS = ("G_A", "G_B", "D_A", "D_B")
# in the order in which GeneratorLosses gives them
OUTPUTS = (
    *(f"loss.{name}" for name in ("G", "G_A", "cycle_A", "idt_A", "G_B", "cycle_B", "idt_B")),
    *(f"out.{name}" for name in ("fake_B", "rec_A", "fake_A", "rec_B")),
)


class WithGradients(nn.Cell):
    """What a Cell returns, and the gradients of its first output for `parameters`."""

    def __init__(self, cell: nn.Cell, parameters: list[ms.Parameter]):
        super().__init__(auto_prefix=False)
        self.cell = cell
        self.compute = ms.value_and_grad(cell, None, ms.ParameterTuple(parameters), has_aux=True)

    def construct(self, *inputs: Tensor) -> tuple:
        return self.compute(*inputs)


def make_networks(config: dict, golden: dict[str, np.ndarray]) -> dict[str, nn.Cell]:
    """The four networks with the golden weights; a KeyError where the names are not theirs."""
    networks: dict[str, nn.Cell] = {}
    channels = golden["in.real_A"].shape[1]
    for name in NETWORKS:
        if name.startswith("G"):
            networks[name] = ResnetGenerator(channels, ngf=config["ngf"], num_blocks=config["blocks"])
        else:
            networks[name] = PatchDiscriminator(channels, ndf=config["ndf"], num_layers=config["nl"])
        networks[name].update_parameters_name(f"{name}.")
        names = [parameter.name for parameter in networks[name].get_parameters()]
        load_torch(networks[name], {name: golden[name] for name in names})
    return networks


def step_numbers(config: dict, golden: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs, losses and gradients from the weights and images of `golden`; the discriminators see the fresh fakes."""
    networks = make_networks(config, golden)
    G_A, G_B, D_A, D_B = networks.values()
    real_A, real_B = Tensor(golden["in.real_A"]), Tensor(golden["in.real_B"])
    losses_G = GeneratorLosses(G_A, G_B, D_A, D_B, least_squares, Weights())
    parameters_G = [*G_A.trainable_params(), *G_B.trainable_params()]
    outputs, grads_G = WithGradients(losses_G, parameters_G)(real_A, real_B)
    numbers = dict(zip(OUTPUTS, outputs, strict=True))
    losses_D = DiscriminatorLosses(D_A, D_B, least_squares)
    parameters_D = [*D_A.trainable_params(), *D_B.trainable_params()]
    compute_D = WithGradients(losses_D, parameters_D)
    (_, *both), grads_D = compute_D(real_A, real_B, numbers["out.fake_A"], numbers["out.fake_B"])
    numbers |= {"loss.D_A": both[0], "loss.D_B": both[1], "out.D_A(real_B)": D_A(real_B)}
    found = {name: number.asnumpy() for name, number in numbers.items()}
    grads = {
        parameter.name: grad.asnumpy()
        for parameter, grad in zip((*parameters_G, *parameters_D), (*grads_G, *grads_D), strict=True)
    }
    for name, network in networks.items():
        own = {key: grad for key, grad in grads.items() if key.startswith(f"{name}.")}
        found |= {f"grad.{key}": grad for key, grad in to_torch(network, own).items()}
    return found
