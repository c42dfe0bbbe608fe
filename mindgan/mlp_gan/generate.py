"""Digits to files: single images, a grid, a latent walk."""

import math
from pathlib import Path

import numpy as np

from mindgan.mlp_gan import results, sample
from mindgan.render.gif import save_gif
from mindgan.render.grids import image_grid, save_png

WALK_SCALE = 6  # screen pixels a pixel
WALK_FRAME_MS = 60


def generate(source: str | Path, out: Path, *, num: int = 25, seed: int = 0, walk_frames: int = 0) -> list[Path]:
    """Draws digits and writes them under `out`.

    Args:
        source: a run's folder, a Generator .ckpt or a .mindir file.
        out: digit_0000.png and so on, grid.png, and walk.gif go here.
        num: how many digits.
        seed: of the latents.
        walk_frames: frames of a closed latent walk; 0 for none.

    Returns:
        The grid, the first and the last digit, the walk: what to look at.

    Raises:
        UserError: there is no such generator, or `out` cannot be written.
    """
    sampler = sample.load_sampler(source)
    images = sampler.images(sample.random_latents(seed, num, sampler.latent_size))
    width = max(4, len(str(num - 1)))
    paths = [out / f"digit_{index:0{width}d}.png" for index in range(num)]
    for path, image in zip(paths, images, strict=True):
        save_png(path, image[0])
    grid = out / "grid.png"
    columns = max(5, math.isqrt(num))
    save_png(grid, image_grid(images, columns=min(columns, num), scale=results.GRID_SCALE))
    written = [grid, *dict.fromkeys([paths[0], paths[-1]])]
    if walk_frames:
        written.append(out / "walk.gif")
        _save_walk(written[-1], sampler, seed, walk_frames)
    return written


def _save_walk(path: Path, sampler: sample.Sampler, seed: int, num_frames: int) -> None:
    images = sampler.images(sample.walk_latents(seed, num_frames, sampler.latent_size))
    frames = [np.kron(image[0], np.ones((WALK_SCALE, WALK_SCALE), np.uint8)) for image in images]
    save_gif(path, frames, milliseconds=WALK_FRAME_MS, hold_last_ms=WALK_FRAME_MS)
