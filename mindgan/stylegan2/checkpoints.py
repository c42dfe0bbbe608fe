"""The networks on disk: one .ckpt holds G, D and G_ema with the shape they have.

Names and layouts of the weights are those of StyleGAN2-ADA's PyTorch implementation, with the network's name before
them: ``G_ema.synthesis.b8.conv0.weight`` is OIHW.
"""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import get_args

import numpy as np
from mindspore import nn

from mindgan.layers.torch_layout import load_torch, to_torch
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2.networks import Architecture, Generator
from mindgan.stylegan2.shape import Shape
from mindgan.training import checkpoint

FAMILY = "stylegan2"


@dataclass(frozen=True)
class About:
    """What else a checkpoint tells.

    Attributes:
        shape: of the networks.
        class_names: of one-hot labels, by column.
        nimg: images seen.
        architecture: of the discriminator.
        mbstd_group: of the discriminator.
        p: probability of augmentation.
    """

    shape: Shape
    class_names: tuple[str, ...] = ()
    nimg: int = 0
    architecture: str = "resnet"
    mbstd_group: int = 4
    p: float = 0.0


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read.

    Attributes:
        path: of the file.
        arrays: by parameter name, in PyTorch's layouts.
        about: the rest.
    """

    path: Path
    arrays: dict[str, np.ndarray]
    about: About

    def generator(self) -> Generator:
        """The average generator, with its weights.

        Raises:
            UserError: the file does not hold it whole.
        """
        cell = Generator(self.about.shape)
        cell.update_parameters_name("G_ema.")
        names = [parameter.name for parameter in cell.get_parameters()]
        for name in names:
            if name not in self.arrays:
                raise UserError(f"{self.path} does not hold {name}; name a checkpoint that does")
        try:
            load_torch(cell, {name: self.arrays[name] for name in names})
        except ValueError as error:
            raise UserError(f"{self.path} is damaged: {error}") from error
        return cell.set_train(False)


def save(path: Path, cells: dict[str, nn.Cell], about: About) -> None:
    """Writes networks, by the name that begins their parameters', as one MindSpore checkpoint, atomically.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    arrays = {name: array for cell in cells.values() for name, array in to_torch(cell).items()}
    checkpoint.save_network(path, arrays, {"family": FAMILY, "about": json.dumps(asdict(about))})


def read(path: Path) -> Saved:
    """A checkpoint of StyleGAN2.

    Raises:
        UserError: the file is missing, damaged, or of another network.
    """
    arrays, texts = checkpoint.read_network(path)
    try:
        if texts["family"] != FAMILY:
            raise KeyError("family")
        about = parse_about(json.loads(texts["about"]))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is no checkpoint of StyleGAN2; name one of a run's model/") from error
    return Saved(path, arrays, about)


def parse_about(values: object) -> About:
    """What a file tells of its networks.

    Raises:
        ValueError, KeyError, TypeError: it tells something else.
    """
    if not isinstance(values, dict):
        raise TypeError(values)
    rest = dict(values)
    shape, names = Shape(**rest.pop("shape")), tuple(map(str, rest.pop("class_names")))
    about = About(shape, names, **rest)
    sizes = [getattr(shape, field.name) for field in fields(Shape) if field.name != "conv_clamp"]
    _require_whole(1 << 20, *sizes, about.mbstd_group)
    _require_whole(1 << 53, about.nimg)
    numbers = (about.p, *(() if shape.conv_clamp is None else (shape.conv_clamp,)))
    if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
        raise ValueError(numbers)
    least = (shape.height, shape.width, shape.image_channels, shape.z_dim, shape.w_dim, shape.map_depth)
    if min(*least, about.mbstd_group, *map(shape.channels, shape.levels)) < 1:
        raise ValueError(shape)
    if len(names) not in (0, shape.num_classes) or about.architecture not in get_args(Architecture):
        raise ValueError(about)
    return about


def _require_whole(most: int, *numbers: object) -> None:
    if not all(type(number) is int and 0 <= number <= most for number in numbers):
        raise ValueError(numbers)


def classes_text(names: tuple[str, ...], num: int) -> str:
    """What a network or images know of `num` classes, for a message."""
    if not num:
        return "no classes"
    return f"the classes {', '.join(names[:5])}{', ...' * (len(names) > 5)}" if names else f"labels of {num} numbers"


def newest(root: Path) -> Path:
    """The newest checkpoint of a run.

    Raises:
        UserError: it has none.
    """
    found = RunDirectory(root).snapshots()
    if not found:
        raise UserError(f"{root} holds no model/network-snapshot-*.ckpt; name a run, a .ckpt or a .mindir file")
    return found[-1][1]


def read_source(source: Path) -> Saved:
    """The newest checkpoint of a run's folder, or a .ckpt."""
    return read(newest(source) if source.is_dir() else source)
