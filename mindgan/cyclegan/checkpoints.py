"""The networks on disk: one .ckpt holds all four, or an imported one, with the architecture they are of.

Names and layouts of the weights are those of the paper's PyTorch implementation, with the network's name before them:
``G_A.model.1.weight`` is OIHW.
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
from mindspore import Tensor, nn

from mindgan.cyclegan.config import MAX_SIZE, UNET_LEVELS, CycleGanConfig
from mindgan.cyclegan.networks import ResnetGenerator, UnetGenerator
from mindgan.layers.torch_layout import load_torch, to_torch
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint

Direction = Literal["AtoB", "BtoA"]
FAMILY = "cyclegan"
GENERATOR_OF: dict[Direction, str] = {"AtoB": "G_A", "BtoA": "G_B"}


@dataclass(frozen=True)
class Architecture:
    """What a generator is built of; see `CycleGanConfig`."""

    generator: str
    image_channel: int
    ngf: int
    num_blocks: int
    image_height: int
    """Of the images it was trained on, px."""
    image_width: int
    """As image_height."""

    @classmethod
    def of(cls, config: CycleGanConfig) -> "Architecture":
        """That of a training."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})

    @property
    def multiple(self) -> int:
        """What height and width of an image must be multiples of, px."""
        return 2 ** UNET_LEVELS.get(self.generator, 2)

    @property
    def free_multiple(self) -> int | None:
        """What an exported file's image sizes are multiples of; None for UNets, whose files have one size.

        A file does not tell its multiple, so 4 is what everybody may rely on.
        """
        return None if self.generator in UNET_LEVELS else self.multiple

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images it was trained on."""
        return self.image_channel, self.image_height, self.image_width

    def make_generator(self) -> nn.Cell:
        """A generator of its kind."""
        if self.generator in UNET_LEVELS:
            return UnetGenerator(self.image_channel, ngf=self.ngf, num_down=UNET_LEVELS[self.generator])
        return ResnetGenerator(self.image_channel, ngf=self.ngf, num_blocks=self.num_blocks)


def save(
    path: Path,
    cells: dict[str, nn.Cell],
    architecture: Architecture,
    *,
    nimg: int = 0,
    about: dict[str, str] | None = None,
) -> None:
    """Writes networks as one MindSpore checkpoint, atomically.

    Args:
        path: where to.
        cells: by the name that begins their parameters', such as ``G_A``.
        architecture: of the generators.
        nimg: images seen.
        about: what the run is of, see `TrainState`.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    arrays = {name: array for cell in cells.values() for name, array in to_torch(cell).items()}
    texts = {
        "family": FAMILY,
        "nimg": str(nimg),
        "architecture": json.dumps(asdict(architecture)),
        "about": json.dumps(about or {}),
    }
    checkpoint.save_network(path, arrays, texts)


def mindir_texts(architecture: Architecture, direction: Direction) -> dict[str, str]:
    """What a generator's MindIR file says of itself; `mindir_generator` reads it."""
    return {"family": FAMILY, "direction": direction, "architecture": json.dumps(asdict(architecture))}


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read.

    Attributes:
        path: of the file.
        arrays: by parameter name, in PyTorch's layouts.
        architecture: of the generators.
        nimg: images seen.
        about: what the run was of.
    """

    path: Path
    arrays: dict[str, np.ndarray]
    architecture: Architecture
    nimg: int
    about: dict[str, str]

    def fill(self, cells: dict[str, nn.Cell]) -> None:
        """Sets the parameters of `cells`, whose parameters have the names they have here.

        Raises:
            UserError: one is missing or has another shape; the message names it.
        """
        for cell in cells.values():
            names = [parameter.name for parameter in cell.get_parameters()]
            for name in names:
                if name not in self.arrays:
                    raise UserError(f"{self.path} does not hold {name}; name a checkpoint that does")
            try:
                load_torch(cell, {name: self.arrays[name] for name in names})
            except ValueError as error:
                raise UserError(f"{self.path} is of other sizes: {error}") from error

    def generator(self, direction: Direction) -> nn.Cell:
        """The generator of one direction, with its weights.

        Raises:
            UserError: the file does not hold it.
        """
        name = GENERATOR_OF[direction]
        if not any(key.startswith(f"{name}.") for key in self.arrays):
            raise UserError(f"{self.path} holds no {name}, the generator of --direction {direction}")
        cell = self.architecture.make_generator()
        cell.update_parameters_name(f"{name}.")
        self.fill({name: cell})
        cell.set_train(False)
        return cell


def read(path: Path) -> Saved:
    """A checkpoint of CycleGAN.

    Raises:
        UserError: the file is missing, damaged, or of another network.
    """
    arrays, texts = checkpoint.read_network(path)
    try:
        if texts["family"] != FAMILY:
            raise KeyError("family")
        architecture = _architecture(json.loads(texts["architecture"]))
        nimg, about = int(texts["nimg"]), json.loads(texts["about"])
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} is no checkpoint of CycleGAN; name one of a run's model/ or an imported one"
        ) from error
    return Saved(path, arrays, architecture, nimg, about)


def mindir_generator(cell: nn.Cell, texts: dict[str, str]) -> tuple[nn.Cell, Architecture, Direction] | None:
    """The generator, of layers that can be taken apart, of a MindIR file from a training or `mindgan export`.

    Args:
        cell: what MindSpore made of the file; its parameters have the names they had.
        texts: what the file says of itself, see `mindir_texts`.

    Returns:
        With its architecture and direction; None where the file does not tell, or holds other parameters.
    """
    try:
        direction = next(name for name in GENERATOR_OF if name == texts["direction"])
        architecture = _architecture(json.loads(texts["architecture"]))
    except (KeyError, ValueError, TypeError, StopIteration):
        return None
    generator = architecture.make_generator()
    generator.update_parameters_name(f"{GENERATOR_OF[direction]}.")
    theirs = {name: parameter.asnumpy() for name, parameter in cell.parameters_dict().items()}
    for parameter in generator.get_parameters():
        if parameter.name.endswith(".bias"):  # those that instance norm takes away again are not in the file
            theirs.setdefault(parameter.name, np.zeros(parameter.shape, np.float32))
        if parameter.name not in theirs or theirs[parameter.name].shape != parameter.shape:
            return None
        parameter.set_data(Tensor(theirs[parameter.name]))
    return generator.set_train(False), architecture, direction


def _architecture(values: dict) -> Architecture:
    """Raises ValueError or TypeError where the values are none."""
    architecture = Architecture(**values)
    sizes = [getattr(architecture, field.name) for field in fields(Architecture) if field.name != "generator"]
    known = architecture.generator == "resnet" or architecture.generator in UNET_LEVELS
    if not known or not all(isinstance(size, int) and 0 < size <= MAX_SIZE for size in sizes):
        raise ValueError(values)
    return architecture


def newest(root: Path) -> Path:
    """The newest checkpoint of a run.

    Raises:
        UserError: it has none.
    """
    found = RunDirectory(root).operator_models(".ckpt")
    if not found:
        raise UserError(f"{root} holds no model/CYcleGan_epoch_*.ckpt; name a run, a .ckpt or a .mindir file")
    return found[-1][1]
