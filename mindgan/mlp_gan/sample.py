"""Digits from a trained generator: from a run, a checkpoint or a MindIR file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from mindgan.export import mindir_input_shape
from mindgan.mlp_gan.networks import DISCRIMINATOR_WIDTHS, IMAGE_SIZE, Generator
from mindgan.render.grids import to_uint8
from mindgan.runtime import randomness
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint

CHUNK = 500  # latents a call: graph mode compiles once for each size
FIXED_LATENTS_SEED = 2323  # the tutorial's


@dataclass(frozen=True)
class Sampler:
    """A generator in inference mode.

    Attributes:
        latent_size: length of a latent.
        source: where it came from, for messages.
        generate: float32 latents [N, latent_size] to float32 images [N, 1, 28, 28] in [-1, 1].
    """

    latent_size: int
    source: str
    generate: Callable[[np.ndarray], np.ndarray]

    def images(self, latents: np.ndarray) -> np.ndarray:
        """float32 latents [N, latent_size] to uint8 images [N, 1, 28, 28]."""
        return to_uint8(self.generate(latents))


def fixed_latents(latent_size: int) -> np.ndarray:
    """The 25 latents whose samples show the progress of a training: float32 [25, latent_size]."""
    return np.random.RandomState(FIXED_LATENTS_SEED).normal(size=(25, latent_size)).astype(np.float32)


def random_latents(seed: int, num: int, latent_size: int) -> np.ndarray:
    """Standard normal latents for new digits: float32 [num, latent_size]; the first ones do not depend on `num`."""
    return randomness.generator(seed, "samples").standard_normal((num, latent_size), dtype=np.float32)


def walk_latents(seed: int, num_frames: int, latent_size: int, *, num_points: int = 8) -> np.ndarray:
    """A closed walk through `num_points` random latents: float32 [num_frames, latent_size].

    Between two points the path is a spherical interpolation (Shoemake 1985), which keeps the length that a standard
    normal latent has; the last frame leads back to the first.
    """
    points = randomness.generator(seed, "walk").standard_normal((num_points, latent_size))
    walk = []
    for position in np.arange(num_frames) * num_points / num_frames:
        start, end = points[int(position)], points[(int(position) + 1) % num_points]
        walk.append(_slerp(start, end, position - int(position)))
    return np.array(walk, np.float32)


def _slerp(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    cosine = start @ end / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-6:  # nearly parallel: the straight line is the arc
        return (1 - share) * start + share * end
    return (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / np.sin(angle)


def sample_with(generator: Generator, latents: np.ndarray) -> np.ndarray:
    """float32 latents [N, latent_size] to float32 images [N, 1, 28, 28], in inference mode.

    The generator's own mode is what it was afterwards, and nothing of it changes.
    """
    was_training = generator.training
    generator.set_train(False)
    try:
        return _in_chunks(lambda chunk: generator(Tensor(chunk)).asnumpy(), latents)
    finally:
        generator.set_train(was_training)


def _in_chunks(generate: Callable[[np.ndarray], np.ndarray], latents: np.ndarray) -> np.ndarray:
    if len(latents) <= CHUNK:
        return generate(latents)
    num = -len(latents) % CHUNK
    padded = np.concatenate([latents, np.zeros((num, latents.shape[1]), np.float32)])
    chunks = [generate(padded[start : start + CHUNK]) for start in range(0, len(padded), CHUNK)]
    return np.concatenate(chunks)[: len(latents)]


def load_sampler(source: str | Path) -> Sampler:
    """A sampler from a run's folder (its newest whole checkpoint), a Generator .ckpt or a Generator .mindir.

    Raises:
        UserError: there is none, or it is damaged or no generator of this family.
    """
    path = user_path("--source", str(source))
    if path.suffix == ".mindir":
        return _load_mindir(path)
    if path.is_dir():
        path = newest_checkpoint(path)
    generator = load_generator(path)
    return Sampler(generator.latent_size, str(path), lambda latents: sample_with(generator, latents))


def newest_checkpoint(root: Path) -> Path:
    """The newest Generator checkpoint of a run.

    Raises:
        UserError: it has none.
    """
    checkpoints = RunDirectory(root).networks("Generator")
    if not checkpoints:
        raise UserError(f"{root} holds no checkpoints/Generator*.ckpt; name a run, a .ckpt or a .mindir file")
    return checkpoints[-1][1]


def load_generator(path: str | Path) -> Generator:
    """A generator with the weights of a MindSpore checkpoint, of this package or of the tutorial.

    Raises:
        UserError: the file is missing, damaged, or of another network.
    """
    arrays = read_network(Path(path))
    first = arrays.get("model.0.weight")
    if first is None or first.ndim != 2:
        raise UserError(f"{path} is no checkpoint of this generator: model.0.weight is not in it")
    if first.shape == (DISCRIMINATOR_WIDTHS[0], IMAGE_SIZE**2):
        raise UserError(f"{path} is a discriminator; name the Generator checkpoint")
    generator = Generator(first.shape[1])
    load_network(generator, arrays, Path(path))
    return generator


def read_network(path: Path) -> dict[str, np.ndarray]:
    """The parameters of a checkpoint by their names in the network, without the tutorial's prefixes.

    Raises:
        UserError: the file is missing or damaged.
    """
    arrays, _ = checkpoint.read_network(path)
    return {plain_name(name): array for name, array in arrays.items()}


def plain_name(name: str) -> str:
    """``optim_ggeneratormodel.0.weight``, as the tutorial leaves it, to ``model.0.weight``."""
    for prefix in ("optim_g", "optim_d", "generator", "discriminator"):
        name = name.removeprefix(prefix)
    return name


def load_network(network: nn.Cell, arrays: dict[str, np.ndarray], path: Path) -> None:
    """Sets every parameter of `network`; `path` is for the messages.

    Raises:
        UserError: a parameter is missing or has another shape.
    """
    for parameter in network.get_parameters():
        name = plain_name(parameter.name)
        if name not in arrays:
            raise UserError(f"{path} is no checkpoint of this network: {name} is not in it")
        if arrays[name].shape != parameter.shape:
            raise UserError(f"{path} is of other sizes: {name} is {arrays[name].shape}, here it is {parameter.shape}")
        parameter.set_data(Tensor(arrays[name]))


def _load_mindir(path: Path) -> Sampler:
    checkpoint.require_file(path)
    try:
        shape = mindir_input_shape(path)
        cell = nn.GraphCell(ms.load(str(path)))
    except Exception as error:  # MindSpore raises bare RuntimeErrors and protobuf its own kind
        raise UserError(f"{path} is no whole MindIR file; export it again") from error
    if len(shape) != 2:
        raise UserError(f"{path} takes an input of shape {shape}, not latents [N, latent_size]")
    return Sampler(shape[1], str(path), lambda latents: _in_chunks(lambda z: cell(Tensor(z)).asnumpy(), latents))
