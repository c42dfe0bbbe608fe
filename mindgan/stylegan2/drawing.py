"""A trained generator that is ready to draw: from a run, a checkpoint or a MindIR file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from mindgan.render.grids import to_uint8
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path
from mindgan.stylegan2 import checkpoints, exporting
from mindgan.stylegan2.checkpoints import About
from mindgan.stylegan2.sample import Drawer
from mindgan.stylegan2.settings import NoiseMode
from mindgan.training.checkpoint import require_file

BATCH_SIZE = 16  # images that are drawn at once, at most


class Draws(Protocol):
    """What `Drawer.draw` is."""

    def __call__(
        self,
        z: np.ndarray,
        c: np.ndarray | None = None,
        *,
        psi: float = 1.0,
        noise_mode: NoiseMode = "const",
        random: np.random.Generator | None = None,
    ) -> np.ndarray: ...


@dataclass(frozen=True)
class Network:
    """A generator that is ready to draw.

    Attributes:
        path: of the file it is from.
        about: what the file tells.
        draw: see `Drawer.draw`.
    """

    path: Path
    about: About
    draw: Draws

    @property
    def takes_vectors(self) -> bool:
        """Whether labels are vectors of numbers and no classes."""
        return self.about.shape.num_classes > 0 and not self.about.class_names


def load_network(option: str, source: str, *, batch_size: int = BATCH_SIZE, cutoff: int | None = None) -> Network:
    """The average generator of a run's folder (its newest checkpoint), a .ckpt or a .mindir.

    Args:
        option: the option that names it, for messages.
        source: the folder or file.
        batch_size: images that are drawn at once.
        cutoff: as of `TruncatedStyles`; a .mindir truncates all layers.

    Raises:
        UserError: there is none, it is damaged or of another kind, or has no such cutoff.
    """
    path = user_path(option, source)
    if path.suffix == ".pb":
        raise UserError(
            f"{option} {path} is a frozen TensorFlow graph, which cannot be read; name a run, a .ckpt or a .mindir"
        )
    if path.suffix == ".mindir":
        if cutoff is not None:
            raise UserError(f"--trunc_cutoff {cutoff}: {path} truncates all layers; name a run or a .ckpt")
        return _load_mindir(path, batch_size)
    saved = checkpoints.read_source(path)
    num_ws = saved.about.shape.num_ws
    if cutoff is not None and cutoff > num_ws:
        raise UserError(f"--trunc_cutoff {cutoff}: {saved.path} takes {num_ws} styles; use {num_ws} or fewer")
    return Network(saved.path, saved.about, Drawer(saved.generator(), batch_size=batch_size, cutoff=cutoff).draw)


def _load_mindir(path: Path, batch_size: int) -> Network:
    require_file(path)
    about = exporting.read_about(path)
    try:
        cell = nn.GraphCell(ms.load(str(path)))
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{path} is no whole MindIR file; export it again") from error
    return Network(path, about, MindirDrawer(path, cell, batch_size).draw)


class MindirDrawer:
    """Draws images of a MindIR file, whose noise is const, `batch_size` at once."""

    def __init__(self, path: Path, cell: nn.Cell, batch_size: int):
        self.path, self.cell, self.batch_size = path, cell, batch_size

    def draw(
        self,
        z: np.ndarray,
        c: np.ndarray | None = None,
        *,
        psi: float = 1.0,
        noise_mode: NoiseMode = "const",
        random: np.random.Generator | None = None,
    ) -> np.ndarray:
        """As `Drawer.draw`.

        Raises:
            UserError: another noise is wanted.
        """
        if noise_mode != "const":
            raise UserError(f"--noise-mode {noise_mode}: {self.path} has its own noise in it; name a run or a .ckpt")
        inputs = [array for array in (z, c) if array is not None]
        images = []
        for start in range(0, len(z), self.batch_size):
            num = min(self.batch_size, len(z) - start)
            at = start + np.arange(self.batch_size) % num  # as Drawer fills up
            drawn = self.cell(*(Tensor(array[at]) for array in inputs), Tensor(psi, ms.float32))
            images.append(to_uint8(drawn.asnumpy()[:num]))
        return np.concatenate(images)
