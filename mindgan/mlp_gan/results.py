"""The pictures, the curves and the report of a run, made from what the run wrote."""

import math
from pathlib import Path

import numpy as np

from mindgan.render.curves import save_loss_curve
from mindgan.render.gif import save_progress
from mindgan.render.grids import image_grid, save_png
from mindgan.render.report import duration_text, save_report
from mindgan.render.series import GAN_LOSSES
from mindgan.runtime import jsonl
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training.run_config import epoch_seconds, read_run

GRID_SCALE = 2  # screen pixels a pixel


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
    run, config, stats = read_run(root)
    written = [run.loss]
    save_loss_curve(run.loss, stats, groups=[GAN_LOSSES], nimg_per_epoch=config["run"]["nimg_per_epoch"])
    samples = run.sample_images()
    if samples:
        save_progress(run.gif, samples, mode="L")
        written.append(run.gif)
    _save_report(run, config, stats)
    return [*written, run.report]


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
