"""New images as files: a class at a time into Data/, or of seeds, from a run, a checkpoint or a MindIR file."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mindgan.render.grids import image_grid, opaque, picture, save_jpeg, save_png
from mindgan.runtime import randomness
from mindgan.runtime.errors import UserError
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2.checkpoints import About
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.drawing import BATCH_SIZE, Network, load_network
from mindgan.stylegan2.settings import NoiseMode

MAX_CLASS_BYTES = 100  # of a class in a file's name
MOST_NAMED = 10
MOST_SHOWN = 1024  # images in grid.png
WITH_ALPHA = 4  # channels


@dataclass(frozen=True)
class NewImage:
    """One image of Data/.

    Attributes:
        path: of the file.
        column: its class, None without.
        index: of the image in its class.
    """

    path: Path
    column: int | None
    index: int


def draw_data(
    run: RunDirectory, network: Network, config: StyleGanConfig, labels: np.ndarray | None, console: Console
) -> list[tuple[Path, str | None]]:
    """``config.generate_num`` images of each class into Data/; what an interrupted call has drawn is not drawn again.

    Args:
        run: where.
        network: what draws.
        config: settings; an image depends on their seed and trunc, its class and its number alone.
        labels: float32 [M, K], of which each image gets one, where the network takes vectors; else None.
        console: is told.

    Returns:
        The files and the names of their classes, None without, in order.

    Raises:
        UserError: a file cannot be written.
    """
    names = network.about.class_names
    images = _wanted(run, network.about, config)
    run.begin_data(run.all_generated(), _mark(network, config, labels), console.say)
    console.say(f"drawing {len(images)} images into {run.data}")
    size = draw_batch_size(config)
    batches = [images[start : start + size] for start in range(0, len(images), size)]
    console.start_bar(len(batches), 0)
    for batch in batches:
        if not all(image.path.is_file() for image in batch):
            _draw_batch(network, config, labels, batch)
        console.advance()
    console.stop_bar()
    return [(image.path, None if image.column is None else names[image.column]) for image in images]


def draw_batch_size(config: StyleGanConfig) -> int:
    """As many as a training's step or part of it had room for."""
    resolved = config.resolved()
    return min(resolved.batch_gpu or resolved.batch_size, BATCH_SIZE)


def _wanted(run: RunDirectory, about: About, config: StyleGanConfig) -> list[NewImage]:
    suffix = ".png" if about.shape.image_channels == WITH_ALPHA else f".{config.image_format}"  # JPG has no alpha
    parts: Sequence[str | None] = file_name_parts(about.class_names) or [None]
    return [
        NewImage(run.generated(part, index, suffix), None if part is None else column, index)
        for column, part in enumerate(parts)
        for index in range(config.generate_num)
    ]


def _draw_batch(network: Network, config: StyleGanConfig, labels: np.ndarray | None, batch: list[NewImage]) -> None:
    z = np.stack([_latent(config.seed, image, network.about.shape.z_dim) for image in batch])
    c = None
    if labels is not None:
        c = np.stack([labels[_random(config.seed, "label", image).integers(len(labels))] for image in batch])
    elif network.about.class_names:
        c = np.eye(len(network.about.class_names), dtype=np.float32)[[image.column or 0 for image in batch]]
    for image, pixels in zip(batch, network.draw(z, c, psi=config.trunc), strict=True):
        save = save_jpeg if image.path.suffix == ".jpg" else save_png
        save(image.path, picture(pixels))


def _latent(seed: int, image: NewImage, z_dim: int) -> np.ndarray:
    return _random(seed, "latents", image).standard_normal(z_dim, dtype=np.float32)


def _random(seed: int, purpose: str, image: NewImage) -> np.random.Generator:
    return randomness.generator(seed, f"Data {purpose} of class {image.column}", nimg=image.index)


def file_name_parts(names: Sequence[str]) -> list[str]:
    """Names of classes as parts of file names: without what some system refuses, and no two alike."""
    parts: list[str] = []
    taken: set[str] = set()
    for column, name in enumerate(names):
        part = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", name).strip(" .") or "_"
        if len(os.fsencode(part)) > MAX_CLASS_BYTES:
            part = os.fsencode(part)[:MAX_CLASS_BYTES].decode(errors="ignore")
        while part.casefold() in taken:  # some systems do not tell A from a
            part = f"{part}_{column}"
        taken.add(part.casefold())
        parts.append(part)
    return parts


def _mark(network: Network, config: StyleGanConfig, labels: np.ndarray | None) -> dict[str, object]:
    """What the images and their names depend on."""
    return {
        "network": hashlib.sha256(network.path.read_bytes()).hexdigest(),
        "labels": None if labels is None else hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest(),
        **{name: getattr(config, name) for name in ("generate_num", "image_format", "trunc", "seed")},
    }


def generate(
    source: str,
    out: Path,
    *,
    seeds: Sequence[int],
    psi: float = 1.0,
    of_class: str | None = None,
    cutoff: int | None = None,
    noise_mode: NoiseMode = "const",
) -> list[Path]:
    """Draws an image of each seed: ``seed0003.png``, and ``grid.png`` of all, of the first 1,024 where there are more.

    The latents of a seed are NumPy's ``RandomState(seed).randn(1, z_dim)``, as the field has it.

    Args:
        source: a run's folder, a .ckpt or a .mindir file.
        out: folder of the images.
        seeds: from 0 to 2**32 - 1.
        psi: of the truncation.
        of_class: name or number of the class; without one, classes take turns.
        cutoff: only the styles of so many first layers are truncated; None for all.
        noise_mode: random is another noise for each seed.

    Returns:
        The grid, the first and the last image: what to look at.

    Raises:
        UserError: there is no such generator or class, or `out` cannot be written.
    """
    size = 1 if noise_mode == "random" else min(len(seeds), BATCH_SIZE)  # random noise is of a seed
    network = load_network("--source", source, batch_size=size, cutoff=cutoff)
    c = _labels_of_seeds(network, len(seeds), of_class)
    paths = [out / f"seed{seed:04d}.png" for seed in seeds]
    shown: list[np.ndarray] = []
    for start in range(0, len(seeds), size):
        some = seeds[start : start + size]
        z = np.concatenate([np.random.RandomState(seed).randn(1, network.about.shape.z_dim) for seed in some])
        labels = None if c is None else c[start : start + size]
        random = randomness.generator(some[0], "noise of an image")
        pixels = network.draw(z.astype(np.float32), labels, psi=psi, noise_mode=noise_mode, random=random)
        for path, image in zip(paths[start : start + size], pixels, strict=True):
            save_png(path, picture(image))
        shown.extend(opaque(pixels[: max(MOST_SHOWN - start, 0)]))
    grid = out / "grid.png"
    save_png(grid, image_grid(np.stack(shown), columns=max(5, round(len(shown) ** 0.5))))
    return [grid, *dict.fromkeys([paths[0], paths[-1]])]


def _labels_of_seeds(network: Network, num: int, of_class: str | None) -> np.ndarray | None:
    names, num_classes = network.about.class_names, network.about.shape.num_classes
    if network.takes_vectors:
        raise UserError(
            f"{network.path} takes vectors of {num_classes} numbers and no classes; draw with those of its images: "
            "mindgan stylegan --predict True --resume ... --data_url ..."
        )
    if not num_classes:
        if of_class is not None:
            raise UserError(f"--class {of_class}: {network.path} has no classes; leave it out")
        return None
    columns = np.arange(num) % num_classes if of_class is None else np.full(num, _column(network, of_class))
    return np.eye(len(names), dtype=np.float32)[columns]


def _column(network: Network, of_class: str) -> int:
    names = network.about.class_names
    if of_class in names:
        return names.index(of_class)
    if of_class.isdecimal() and int(of_class) < len(names):
        return int(of_class)
    listed = ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
    raise UserError(f"--class {of_class} is none of {network.path}; use 0 to {len(names) - 1} or one of {listed}")
