"""The compiled phases of a training, with or without augmentation, put together from its networks."""

import mindspore as ms
from mindspore import nn

from mindgan.stylegan2.augment import Augment
from mindgan.stylegan2.augment_cells import AugmentImages
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.objectives import (
    DiscriminatorMain,
    DiscriminatorRegularisation,
    GeneratorMain,
    GeneratorRegularisation,
    Regularisation,
    Styles,
)
from mindgan.stylegan2.step import ApplySums, DmainPhase, DregPhase, GmainPhase, GregPhase, Sums

NETWORK_OF = {"Gmain": "G", "Greg": "G", "Dmain": "D", "Dreg": "D"}


def make_augment(config: StyleGanConfig) -> Augment | None:
    """The augmentation of a training; None where it has none."""
    if config.aug == "noaug" or (config.aug == "fixed" and not config.p):
        return None
    height, width = config.size
    return Augment(
        config.augpipe,
        channels=config.image_channel,
        height=height,
        width=width,
        allows_rotations=not config.no_rotate,
        allows_flips=not config.no_flip,
    )


def regularisation(config: StyleGanConfig) -> Regularisation:
    """Of resolved settings."""
    assert config.gamma is not None, "settings are to be resolved"
    return Regularisation(
        r1_gamma=config.gamma,
        pl_weight=config.pl_weight,
        G_interval=config.G_interval,
        D_interval=config.D_interval,
    )


class Phases:
    """Cells by the name of their phase; and, of batches in several parts, what applies the sums of each network."""

    def __init__(
        self,
        cells: dict[str, nn.Cell],
        config: StyleGanConfig,
        augment: Augment | None,
        sums: dict[str, Sums],
        lengths: GregPhase | None = None,
    ):
        """
        Args:
            cells: of the state.
            config: resolved settings.
            augment: what images go through before the discriminator sees them; nothing of it is compiled if None.
            sums: by the name of the network, of batches in several parts; else empty.
            lengths: of `make_lengths`, which the phases of another augmentation may share: the discriminator has no
                part in it.
        """
        generator, discriminator = cells["G"], cells["D"]
        pipe = None if augment is None else AugmentImages(augment)
        styles = Styles(generator, mixes=config.style_mixing > 0)
        options = regularisation(config)
        w_avg: ms.Parameter = generator.mapping.w_avg
        for_G, for_D = (cells["optim_G"], sums.get("G")), (cells["optim_D"], sums.get("D"))
        main = GeneratorMain(generator, discriminator, styles, pipe)
        self.cells = {
            "Gmain": GmainPhase(main, for_G[0], w_avg, for_G[1]),
            "Greg": lengths or make_lengths(cells, config, sums),
            "Dmain": DmainPhase(DiscriminatorMain(discriminator, pipe), for_D[0], generator, styles, for_D[1]),
            "Dreg": DregPhase(DiscriminatorRegularisation(discriminator, pipe, options), *for_D),
        }
        self.apply = {name: ApplySums(cells[f"optim_{name}"], these) for name, these in sums.items()}


def make_lengths(cells: dict[str, nn.Cell], config: StyleGanConfig, sums: dict[str, Sums]) -> GregPhase:
    """Greg; arguments as of `Phases`."""
    generator, pl_mean = cells["G"], cells["path_length"].mean
    styles = Styles(generator, mixes=config.style_mixing > 0)
    loss = GeneratorRegularisation(generator, styles, regularisation(config), pl_mean)
    return GregPhase(loss, cells["optim_G"], generator.mapping.w_avg, pl_mean, sums.get("G"))


def make_sums(cells: dict[str, nn.Cell], num_parts: int) -> dict[str, Sums]:
    """Of each network, where a batch comes in several parts."""
    return {} if num_parts == 1 else {name: Sums(cells[f"optim_{name}"], num_parts) for name in ("G", "D")}
