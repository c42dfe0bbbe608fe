"""The pictures, the curves and the report of a run, made from what the run wrote."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from mindgan.render.curves import save_loss_curve
from mindgan.render.gif import save_gif
from mindgan.render.grids import image_grid, save_png
from mindgan.render.report import duration_text, save_report
from mindgan.render.report_pictures import choose_evenly
from mindgan.render.series import GAN_LOSSES
from mindgan.runtime import jsonl
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training.run_config import epoch_seconds, read_config

GRID_SCALE = 2  # screen pixels a pixel
MAX_GIF_FRAMES = 60


def save_grid(path: Path, images: np.ndarray) -> None:
    """uint8 images [N, 1, 28, 28] as a grid of five columns."""
    save_png(path, image_grid(images, columns=5, scale=GRID_SCALE))


def render(root: str | Path) -> list[Path]:
    """loss.png, train_test.gif and report.html of a run, again.

    Returns:
        The files written.

    Raises:
        UserError: `root` is no run, or nothing was recorded in it yet.
    """
    run = RunDirectory(root)
    config = read_config(run)
    stats = jsonl.read_stats(run.stats)
    if not stats:
        raise UserError(f"{run.stats} holds no losses yet; train first")
    written = [run.loss]
    save_loss_curve(run.loss, stats, groups=[GAN_LOSSES], nimg_per_epoch=config["run"]["nimg_per_epoch"])
    samples = run.sample_images()
    if samples:
        _save_progress_gif(run.gif, samples)
        written.append(run.gif)
    _save_report(run, config, stats)
    return [*written, run.report]


def _save_progress_gif(path: Path, samples: list[tuple[int, Path]]) -> None:
    chosen = choose_evenly(samples, MAX_GIF_FRAMES)
    frames = [_pixels(image) for _, image in chosen]
    save_gif(path, frames, captions=[f"epoch {epoch}" for epoch, _ in chosen])


def _pixels(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except OSError as error:  # Pillow's own errors are OSErrors too
        raise UserError(f"{path} cannot be read as a picture; remove it") from error


def _save_report(run: RunDirectory, config: dict, stats: list[dict]) -> None:
    seconds = epoch_seconds(jsonl.read_timing(run.timing))
    facts = {
        "data": config["run"]["data"],
        "device": config["run"]["device"],
        "epochs trained": str(len(run.sample_images())),
        "training time": duration_text(sum(seconds)),
        "last logged step, loss_d and loss_g": ", ".join(
            f"{stats[-1].get(name, math.nan):.4f}" for name in ("loss_d", "loss_g")
        ),
        **config["versions"],
    }
    pictures = {"real digits": run.real, "generated digits": run.samples, "samples by epoch": run.gif}
    save_report(
        run.report,
        title="MLP GAN on handwritten digits",
        settings=config["settings"],
        stats=stats,
        groups=[GAN_LOSSES],
        nimg_per_epoch=config["run"]["nimg_per_epoch"],
        epoch_seconds=seconds,
        facts=facts,
        samples=run.sample_images(),
        pictures=pictures,
    )
