"""Weights of the paper's PyTorch implementation, ``latest_net_G_A.pth``, to a checkpoint of this package."""

import re
from pathlib import Path

import numpy as np
from mindspore import nn

from mindgan.cyclegan import checkpoints
from mindgan.cyclegan.checkpoints import Architecture
from mindgan.cyclegan.config import UNET_LEVELS, CycleGanConfig
from mindgan.cyclegan.networks import PatchDiscriminator, PixelDiscriminator
from mindgan.cyclegan.state import NETWORKS
from mindgan.layers.torch_layout import load_torch
from mindgan.runtime.errors import UserError
from mindgan.runtime.torch_file import read_state_dict

PUBLISHED_PX = 256  # what the published networks were trained on; a state dict does not tell
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # old PyTorch's instance norm left them, unused
SUFFIXES = (".pth", ".pt")


def find(source: Path, epoch: str) -> dict[str, Path]:
    """The files to import, by the network they are of: G_A, G_B, D_A, D_B.

    Args:
        source: a file, whose name says which network it is (G_A where it does not), or a folder of them.
        epoch: of a folder's files, such as ``latest`` or ``200``.

    Raises:
        UserError: there are none.
    """
    if source.is_file():
        named = re.search(r"(?<![A-Za-z])([GD]_[AB])(?![A-Za-z])", source.stem)
        return {named[1] if named else "G_A": source}
    if not source.is_dir():
        raise UserError(f"--source {source} does not exist; name a .pth file or the folder of latest_net_G_A.pth")
    paths = [(name, source / f"{epoch}_net_{name}{suffix}") for name in NETWORKS for suffix in SUFFIXES]
    found = {name: path for name, path in paths if path.is_file()}
    if not {"G_A", "G_B"} & set(found):
        raise UserError(f"--source {source} holds no {epoch}_net_G_A.pth; name another folder, file or --epoch")
    return found


def import_networks(files: dict[str, Path], out: Path) -> Architecture:
    """Reads state dicts, without executing anything in them, and writes them as one checkpoint.

    Args:
        files: by the network they are of.
        out: a .ckpt.

    Returns:
        The architecture of the generators.

    Raises:
        UserError: a file holds other weights than a ResNet or UNet generator's or a discriminator's, with instance
            norm, or numbers that are not finite, or the generators are of different architectures.
    """
    arrays = {name: _cleaned(read_state_dict(path)) for name, path in files.items()}
    for name, path in files.items():
        _require_numbers(arrays[name], path)
    kinds = {name: architecture(arrays[name], files[name]) for name in files if name.startswith("G")}
    if not kinds:
        raise UserError(f"{next(iter(files.values()))} is a discriminator's by its name; name a generator's file")
    if len(set(kinds.values())) > 1:
        raise UserError(f"{' and '.join(str(files[name]) for name in kinds)} are of different architectures")
    kind = next(iter(kinds.values()))
    cells = {
        name: kind.make_generator() if name.startswith("G") else _discriminator(arrays[name], files[name])
        for name in files
    }
    for name, cell in cells.items():
        _fill(cell, arrays[name], files[name])
        cell.update_parameters_name(f"{name}.")
    checkpoints.save(out, cells, kind)
    return kind


def _cleaned(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array for name, array in arrays.items() if name.rsplit(".", 1)[-1] not in STATISTICS}


def _require_numbers(arrays: dict[str, np.ndarray], path: Path) -> None:
    for name, array in arrays.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise UserError(
                f"{path} holds NaN or infinite numbers, first in {name}; import the weights of another epoch"
            )


def _fill(cell: nn.Cell, arrays: dict[str, np.ndarray], path: Path) -> None:
    names = {parameter.name for parameter in cell.get_parameters()}
    if different := sorted(names ^ arrays.keys()):
        where = "missing" if different[0] in names else "too many"
        raise UserError(f"{path} holds other layers: {different[0]} is {where}; import networks with instance norm")
    try:
        load_torch(cell, arrays)
    except ValueError as error:
        raise UserError(f"{path} holds other layers: {error}") from error


def architecture(arrays: dict[str, np.ndarray], path: Path) -> Architecture:
    """What a generator's state dict is of, read from names and shapes.

    Raises:
        UserError: it is no generator's.
    """
    if "model.1.weight" in arrays and arrays["model.1.weight"].ndim == 4:
        blocks = {name for name in arrays if re.fullmatch(r"model\.\d+\.conv_block\.1\.weight", name)}
        ngf, channels = arrays["model.1.weight"].shape[:2]
        return Architecture("resnet", channels, ngf, len(blocks), PUBLISHED_PX, PUBLISHED_PX)
    first = arrays.get("model.model.0.weight")
    depth = sum(1 for name in arrays if re.fullmatch(r"model\.(model\.\d+\.)+weight", name)) // 2
    for name, levels in UNET_LEVELS.items():
        if first is not None and first.ndim == 4 and levels == depth:
            return Architecture(name, first.shape[1], first.shape[0], CycleGanConfig.num_blocks, 2**levels, 2**levels)
    raise UserError(f"{path} holds no generator of CycleGAN: neither model.1.weight nor a UNet's layers are in it")


def _discriminator(arrays: dict[str, np.ndarray], path: Path) -> nn.Cell:
    first = arrays.get("model.0.weight", arrays.get("net.0.weight"))
    if first is None or first.ndim != 4:
        raise UserError(f"{path} holds no discriminator of CycleGAN: model.0.weight is not in it")
    ndf, channels = first.shape[:2]
    if "net.0.weight" in arrays:
        return PixelDiscriminator(channels, ndf=ndf)
    num_weights = sum(name.endswith(".weight") for name in arrays)
    return PatchDiscriminator(channels, ndf=ndf, num_layers=max(num_weights - 2, 1))
