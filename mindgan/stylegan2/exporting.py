"""The average generator as MindIR: whole, and its mapping and synthesis apart."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from mindgan.export import COMPARED_BATCHES, Calls, Shape, export_network, mindir_about, mindir_input_shapes
from mindgan.runtime import device, randomness
from mindgan.runtime.errors import UserError
from mindgan.stylegan2.checkpoints import FAMILY, About, Saved, parse_about
from mindgan.stylegan2.networks import Generator
from mindgan.stylegan2.sample import TruncatedStyles
from mindgan.stylegan2.shape import Shape as NetworkShape

COMPARED_PSI = 0.7
PARTS = ("generator", "mapping", "synthesis")


class OwnNoise(nn.Cell):
    """Styles ws [N, num_ws, D] to images [N, C, H, W], with the noise that belongs to the network."""

    def __init__(self, generator: Generator):
        super().__init__(auto_prefix=False)
        self.synthesis = generator.synthesis
        self.noise = ms.ParameterTuple(generator.synthesis.noise_parameters())

    def construct(self, ws: Tensor) -> Tensor:
        rows: tuple[Tensor, ...] = ()
        for noise in self.noise:
            rows += (noise.reshape(1, -1),)
        return self.synthesis(ws, ops.cat(rows, 1) * ops.ones((ws.shape[0], 1), ms.float32))


class Whole(nn.Cell):
    """Latents z [N, Z], labels c [N, K] and psi [] to images [N, C, H, W]."""

    def __init__(self, generator: Generator):
        super().__init__(auto_prefix=False)
        self.styles, self.synthesis = TruncatedStyles(generator), OwnNoise(generator)

    def construct(self, z: Tensor, c: Tensor, psi: Tensor) -> Tensor:
        return self.synthesis(self.styles(z, c, psi))


class WithoutLabels(nn.Cell):
    """A cell of z, c and psi that reads no c, as one of z and psi."""

    def __init__(self, cell: nn.Cell):
        super().__init__(auto_prefix=False)
        self.cell = cell

    def construct(self, z: Tensor, psi: Tensor) -> Tensor:
        return self.cell(z, z, psi)


def export_parts(saved: Saved, out: Path, *, say: Callable[[str], None] = print) -> list[Path]:
    """Writes ``x.mindir``, ``x_mapping.mindir`` and ``x_synthesis.mindir``, each compared before it counts.

    The first takes z [N, Z], labels c [N, K] where the network has any, and psi []; the second the same to styles
    [N, num_ws, D]; the third those to images [N, C, H, W]. N is free. Files that are of this checkpoint already stay.

    Args:
        saved: a checkpoint, of which G_ema is exported.
        out: ``x.mindir``.
        say: is told the largest differences.

    Returns:
        The three files.

    Raises:
        UserError: the checkpoint does not hold G_ema, or a file cannot be written or does not agree.
    """
    digest = hashlib.sha256(saved.path.read_bytes()).hexdigest()
    paths = {part: _path(out, part) for part in PARTS}
    missing = [part for part, path in paths.items() if _about_of(path).get("checkpoint") != digest]
    if missing:
        generator = saved.generator()
        with device.in_mode("pynative"):  # for the few images to compare with, compiling takes longer than drawing
            for part in missing:
                cell, shapes, calls = _parts_of(generator, saved.about)[part]
                about = {"family": FAMILY, "part": part, "about": json.dumps(asdict(saved.about)), "checkpoint": digest}
                export_network(cell, paths[part], shapes, calls, about=about, say=say)
    return list(paths.values())


def read_about(path: Path) -> About:
    """What a MindIR file of a generator tells of it, which its inputs agree with.

    Raises:
        UserError: it is no such file.
    """
    texts = _about_of(path)
    if texts.get("family") == FAMILY and texts.get("part") != PARTS[0]:
        raise UserError(f"{path} holds the {texts.get('part')} alone; name the .mindir of the whole generator")
    try:
        if texts["family"] != FAMILY:
            raise KeyError("family")
        about = parse_about(json.loads(texts["about"]))
        if [shape[-1:] for shape in mindir_input_shapes(path)] != [shape[-1:] for shape in _inputs_of(about.shape)]:
            raise ValueError(about)
        return about
    except (LookupError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is no MindIR file of StyleGAN2; export it with mindgan export") from error


def _inputs_of(shape: NetworkShape) -> tuple[Shape, ...]:
    """Of z, c where there are labels, and psi."""
    labels = ((None, shape.num_classes),) if shape.num_classes else ()
    return ((None, shape.z_dim), *labels, ())


def _about_of(path: Path) -> dict[str, str]:
    try:
        return mindir_about(path)
    except Exception:  # what is no MindIR file makes protobuf raise its own kind
        return {}


def _path(out: Path, part: str) -> Path:
    return out if part == PARTS[0] else out.with_name(f"{out.stem}_{part}{out.suffix}")


def _parts_of(generator: Generator, about: About) -> dict[str, tuple[nn.Cell, tuple[Shape, ...], Calls]]:
    """Of each part the cell, the shapes of its inputs, and what it is compared with."""
    shape, draw = about.shape, randomness.generator(0, "export")
    latents = {num: draw.standard_normal((num, shape.z_dim), dtype=np.float32) for num in COMPARED_BATCHES}
    labels = {num: np.resize(np.eye(shape.num_classes, dtype=np.float32), (num, shape.num_classes)) for num in latents}
    psi = np.array(COMPARED_PSI, np.float32)
    whole, mapping = Whole(generator), TruncatedStyles(generator)
    if shape.num_classes:
        calls: Calls = {f"batch{num}": (z, labels[num], psi) for num, z in latents.items()}
    else:
        whole, mapping = WithoutLabels(whole), WithoutLabels(mapping)
        calls = {f"batch{num}": (z, psi) for num, z in latents.items()}
    shapes = _inputs_of(shape)
    last = COMPARED_BATCHES[-1]  # the whole has told of other numbers of images
    of_synthesis: Calls = {f"batch{last}": (draw.standard_normal((last, shape.num_ws, shape.w_dim), dtype=np.float32),)}
    return {
        "generator": (whole, shapes, calls),
        "mapping": (mapping, shapes, calls),
        "synthesis": (OwnNoise(generator), ((None, shape.num_ws, shape.w_dim),), of_synthesis),
    }
