"""The networks, optimisers and pools of a training, made from its settings and named as checkpoints have them."""

from mindspore import nn

from mindgan.cyclegan.checkpoints import Architecture
from mindgan.cyclegan.config import CycleGanConfig
from mindgan.cyclegan.image_pool import ImagePool
from mindgan.cyclegan.networks import PatchDiscriminator, PixelDiscriminator
from mindgan.runtime import device
from mindgan.training.adam import named_adam
from mindgan.training.state import TrainState

NETWORKS = ("G_A", "G_B", "D_A", "D_B")


def make_discriminator(config: CycleGanConfig) -> nn.Cell:
    """One discriminator."""
    if config.discriminator == "pixel":
        return PixelDiscriminator(config.image_channel, ndf=config.ndf)
    return PatchDiscriminator(config.image_channel, ndf=config.ndf, num_layers=config.num_layers)


def make_state(config: CycleGanConfig) -> TrainState:
    """Networks and optimisers initialised from ``config.seed``, and empty pools."""
    device.seed_initialisation(config.seed)
    architecture = Architecture.of(config)
    cells = {
        name: architecture.make_generator() if name.startswith("G") else make_discriminator(config) for name in NETWORKS
    }
    image_shape = (config.image_channel, *config.size)
    cells |= {name: ImagePool(config.pool_size, image_shape) for name in ("pool_A", "pool_B")}
    for name, cell in cells.items():
        cell.update_parameters_name(f"{name}.")
    for kind, lr in (("G", config.g_learning_rate), ("D", config.d_learning_rate)):
        parameters = [value for name in NETWORKS if name.startswith(kind) for value in cells[name].trainable_params()]
        cells[f"optim_{kind}"] = named_adam(parameters, f"optim_{kind}.", lr=lr, beta1=config.beta1, beta2=config.beta2)
    return TrainState(cells)
