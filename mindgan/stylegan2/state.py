"""The networks, optimisers and running numbers of a training, made from its settings."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from mindgan.runtime import device
from mindgan.runtime.errors import UserError
from mindgan.stylegan2.ada import Ada
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.networks import Discriminator, Generator
from mindgan.stylegan2.reporting import Moments
from mindgan.stylegan2.shape import Shape
from mindgan.training.adam import Adam, named_adam
from mindgan.training.state import TrainState

NETWORKS = ("G", "D", "G_ema")
BETA2 = 0.99  # beta1 is 0


class PathLength(nn.Cell):
    """The running mean of path lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = ms.Parameter(np.array(0, np.float32), requires_grad=False, name="pl_mean")


def make_shape(config: StyleGanConfig, num_classes: int) -> Shape:
    """What the networks of resolved settings look like."""
    height, width = config.size
    return Shape(
        height=height,
        width=width,
        image_channels=config.image_channel,
        num_classes=num_classes,
        z_dim=config.z_dim,
        w_dim=config.w_dim,
        map_depth=_number(config.map_depth),
        channel_base=_number(config.channel_base),
        channel_max=config.channel_max,
        conv_clamp=config.conv_clamp,
    )


def make_state(config: StyleGanConfig, num_classes: int) -> TrainState:
    """Networks and optimisers initialised from ``config.seed``, of resolved settings."""
    device.seed_initialisation(config.seed)
    shape = make_shape(config, num_classes)
    cells: dict[str, nn.Cell] = {
        "G": Generator(shape),
        "D": Discriminator(shape, architecture=config.architecture, mbstd_group=_number(config.mbstd_group)),
        "G_ema": Generator(shape),
    }
    copy_parameters(cells["G"], cells["G_ema"])
    freeze(cells["D"], config.freezed)
    for name, cell in cells.items():
        cell.update_parameters_name(f"{name}.")
    for name, interval in (("G", config.G_interval), ("D", config.D_interval)):
        cells[f"optim_{name}"] = lazy_adam(cells[name], f"optim_{name}.", lr=config.lr or 0.0, interval=interval)
    cells |= {"ada": Ada(config.p or 0.0), "path_length": PathLength(), "moments": Moments()}
    return TrainState(cells)


def lazy_adam(network: nn.Cell, prefix: str, *, lr: float, interval: int) -> Adam:
    """Adam for a network that is regularised every `interval` steps (Karras et al. 2020, appendix B)."""
    share = interval / (interval + 1)
    return named_adam(network.trainable_params(), prefix, lr=lr * share, beta1=0.0, beta2=BETA2**share)


def copy_parameters(source: nn.Cell, target: nn.Cell) -> None:
    """Parameters of one network to another of the same kind."""
    for parameter, copy in zip(source.get_parameters(), target.get_parameters(), strict=True):
        copy.set_data(Tensor(parameter.asnumpy().copy()))


def freeze(discriminator: Discriminator, num: int) -> None:
    """Takes the first layers, from the image on, out of training (Mo et al. 2020, Freeze-D).

    Raises:
        UserError: there are fewer.
    """
    layers = [layer for block in discriminator.blocks for layer in block.layers()]
    if num > len(layers):
        raise UserError(f"--freezed {num}: the discriminator has {len(layers)} layers before its last block; use fewer")
    for layer in layers[:num]:
        for parameter in layer.trainable_params():
            parameter.requires_grad = False


def _number(value: int | None) -> int:
    assert value is not None, "settings are to be resolved"
    return value
