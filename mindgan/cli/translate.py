"""`mindgan translate`: images of one domain to the other."""

from dataclasses import dataclass
from typing import Literal

from mindgan.runtime.device import DeviceOptions
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path

DESCRIPTION = (
    "Translate images of any size with a trained CycleGAN: a file, a folder or a .zip. Names and sizes stay; "
    "larger images go in tiles, without a seam."
)
MIN_TILE = 64


@dataclass(frozen=True, kw_only=True)
class Options(DeviceOptions):
    """Translate images."""

    input: str
    """An image, a folder, a .zip or a ModelArts manifest."""

    network: str = "./result_cyclegan"
    """A run's folder (its newest checkpoint is taken), a .ckpt or a .mindir file."""

    output: str = "./translated"
    """Folder for the translations, which keep the names of the images."""

    direction: Literal["AtoB", "BtoA"] = "AtoB"
    """AtoB translates images of the source domain, BtoA of the target domain."""

    tile: int = 512
    """Images larger than so many pixels a side go in tiles of that size; memory grows with it."""

    def __post_init__(self) -> None:
        for name in ("input", "network", "output"):
            user_path(f"--{name}", getattr(self, name))
        if self.tile < MIN_TILE:
            raise UserError(f"--tile {self.tile} is too small; use {MIN_TILE} or more")


def run(options: Options) -> int:
    """Writes the translations and says where."""
    from mindgan.runtime import device

    device.configure(options.device_target, "pynative")  # images of many sizes would each be compiled for
    from mindgan.cyclegan.translate_files import translate_files

    translate_files(
        options.network, options.input, user_path("--output", options.output), options.direction, tile=options.tile
    )
    return 0
