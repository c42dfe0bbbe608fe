"""Images of one domain to the other with a trained generator: from a run, a checkpoint or a MindIR file."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from mindgan.cyclegan import checkpoints
from mindgan.cyclegan.checkpoints import Direction, mindir_generator
from mindgan.cyclegan.config import RESNET_MIN_SIZE
from mindgan.cyclegan.resume import refuse_frozen
from mindgan.cyclegan.streaming import Stream
from mindgan.cyclegan.tiles import draw_tiled
from mindgan.data.batches import normalise
from mindgan.export import mindir_about, mindir_input_shape
from mindgan.render.grids import to_uint8
from mindgan.runtime import device
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import scratch_folder, user_path
from mindgan.training.checkpoint import require_file

COMPILE_FROM = 5  # images of one size; a count and not seconds, so that the same call gives the same bytes
BATCH_PX = (
    16 * 64 * 64
)  # so many pixels at once: small images each take the starts of their operations, else half the time
MULTIPLE = 4  # px, of the ResNet generator, where a MindIR file does not tell


@dataclass(frozen=True)
class Translator:
    """A generator that is ready to draw.

    Attributes:
        source: where it came from, for messages.
        image_channel: 3 for RGB, 1 for grey.
        size: (height, width) of the images it was trained on, px, or of the only ones that it takes.
        multiple: what height and width of an image must be multiples of, px.
        is_free: whether it takes images of other sizes than `size`.
        cell: float32 [N, C, H, W] to float32 [N, C, H, W], both in [-1, 1].
        seen: how many images of each (height, width) came.
    """

    source: str
    image_channel: int
    size: tuple[int, int]
    multiple: int
    is_free: bool
    cell: nn.Cell
    seen: Counter[tuple[int, int]] = field(default_factory=Counter)

    def batch(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, C, H, W] to uint8 of the same shape; H and W are multiples of `multiple`, or `size`."""
        batches = [normalise(images)] if self.is_free else [normalise(image[None]) for image in images]
        return to_uint8(np.concatenate([self.cell(Tensor(batch)).asnumpy() for batch in batches]))

    def draw(self, image: np.ndarray, tile: int) -> np.ndarray:
        """As `draw_all`, one image [C, H, W]."""
        return self.draw_all(image[None], tile)[0]

    def draw_all(self, images: np.ndarray, tile: int) -> np.ndarray:
        """Images of any one size, in tiles where they are larger than `tile` px a side.

        Compiled, the network draws small images many times as fast; compiling takes seconds for each size, and happens
        with the fifth image of that size.

        Args:
            images: uint8 [N, C, H, W].
            tile: at least `multiple`.

        Returns:
            uint8 [N, C, H, W].
        """
        height, width = images.shape[2:]
        inputs = normalise(self._filled_up(images))
        if self.is_free and not isinstance(self.cell, nn.GraphCell):
            results = self._draw_free(inputs, tile)
        else:
            size = (max(tile // self.multiple, 2) * self.multiple,) * 2 if self.is_free else self.size
            parts = [draw_tiled(self._draw_at_once, image[None], size, self.multiple) for image in inputs]
            results = np.concatenate(parts)
        return to_uint8(results)[:, :, :height, :width]

    def num_at_once(self, size: tuple[int, int], tile: int) -> int:
        """How many images of (height, width) `size` `draw_all` likes to get: few where each takes much memory."""
        return max(_batch_size(size), COMPILE_FROM) if self.is_free and max(size) <= tile else 1

    def warning(self, size: tuple[int, int], tile: int) -> str | None:
        """What is to be said of the tiles of images of (height, width) `size`; None where they are exact or none."""
        limit = (tile, tile) if self.is_free else self.size
        if not isinstance(self.cell, nn.GraphCell) or (size[0] <= limit[0] and size[1] <= limit[1]):
            return None
        or_larger = ", or raise --tile as far as memory goes" if self.is_free else ""
        return (
            f"warning: {self.source} does not tell its layers, so tiles of images above {limit[0]}x{limit[1]} px may "
            f"differ in colour and contrast; name the run or its .ckpt instead{or_larger}"
        )

    def _draw_at_once(self, images: np.ndarray) -> np.ndarray:
        return self.cell(Tensor(images)).asnumpy()

    def _draw_free(self, images: np.ndarray, tile: int) -> np.ndarray:
        size = (images.shape[2], images.shape[3])
        self.seen[size] += len(images)
        if max(size) <= tile and self.seen[size] >= COMPILE_FROM:
            with device.in_mode("graph"):
                return _in_batches(self._draw_at_once, images, _batch_size(size))
        with scratch_folder() as folder, device.in_mode("pynative"):
            stream = Stream(self.cell, tile, folder)
            return np.stack([stream.draw(image) for image in images])

    def _filled_up(self, images: np.ndarray) -> np.ndarray:
        """Mirrored at the lower and right edge to a size that the network takes."""
        least = (RESNET_MIN_SIZE, RESNET_MIN_SIZE) if self.is_free else self.size
        more = [
            max(-(-side // self.multiple) * self.multiple, low) - side
            for side, low in zip(images.shape[2:], least, strict=True)
        ]
        return np.pad(images, ((0, 0), (0, 0), (0, more[0]), (0, more[1])), "symmetric")

    def require_size(self, size: tuple[int, int]) -> None:
        """Raises UserError where images of (height, width) `size` are not what the network takes."""
        if any(side % self.multiple for side in size):
            raise UserError(
                f"{self.source} takes heights and widths that are multiples of {self.multiple}, not {size[0]}x{size[1]}"
            )


def _batch_size(size: tuple[int, int]) -> int:
    return max(BATCH_PX // (size[0] * size[1]), 1)


def _in_batches(draw: Callable[[np.ndarray], np.ndarray], images: np.ndarray, size: int) -> np.ndarray:
    """`draw` of `size` images at a time, as it compiles for one number of them; the last are repeated to be as many."""
    filled = np.resize(images, (-(-len(images) // size) * size, *images.shape[1:]))
    return np.concatenate([draw(filled[start : start + size]) for start in range(0, len(filled), size)])[: len(images)]


def load_translator(option: str, source: str, direction: Direction) -> Translator:
    """The generator of a run's folder (its newest checkpoint), a .ckpt or a .mindir.

    Args:
        option: the option that names it, for messages.
        source: the folder or file.
        direction: which of the two generators.

    Raises:
        UserError: there is none, it is damaged or of another kind.
    """
    path = user_path(option, source)
    refuse_frozen(option, source)
    if path.suffix.lower() == ".mindir":
        return _load_mindir(path, direction)
    saved = checkpoints.read(checkpoints.newest(path) if path.is_dir() else path)
    architecture = saved.architecture
    size = architecture.image_height, architecture.image_width
    cell = saved.generator(direction)
    return Translator(str(saved.path), architecture.image_channel, size, architecture.multiple, True, cell)


def _load_mindir(path: Path, direction: Direction) -> Translator:
    """With the layers of the generator where the file tells them, so that it draws as the checkpoint does."""
    require_file(path)
    try:
        shape, texts, cell = mindir_input_shape(path), mindir_about(path), _graph(path)
    except Exception as error:  # MindSpore raises bare RuntimeErrors and protobuf its own kind
        raise UserError(f"{path} is no whole MindIR file; export it again") from error
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise UserError(f"{path} takes an input of shape {shape}, not images [N, C, H, W]")
    known = mindir_generator(cell, texts)
    held = known[2] if known else "BtoA" if "BtoA" in path.stem else "AtoB"  # as `mindgan export` names them
    if direction != held:
        raise UserError(f"{path} holds the generator of --direction {held}; for {direction} name a .ckpt or the run")
    if known:
        generator, kind, _ = known
        size = kind.image_height, kind.image_width
        return Translator(str(path), kind.image_channel, size, kind.multiple, True, generator)
    if shape[0] > 1:
        raise UserError(f"{path} takes {shape[0]} images at once; export it for one")
    return Translator(str(path), shape[1], (shape[2], shape[3]), MULTIPLE, shape[2] < 0, cell)


def _graph(path: Path) -> nn.Cell:
    """What MindSpore makes of a file; it reads none whose name ends in capitals."""
    if path.suffix == ".mindir":
        return nn.GraphCell(ms.load(str(path)))
    with scratch_folder() as folder:
        copy = folder / "model.mindir"
        copy.write_bytes(path.read_bytes())
        return nn.GraphCell(ms.load(str(copy)))
