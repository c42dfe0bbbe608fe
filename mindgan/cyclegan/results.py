"""The pictures, the curves and the report of a run, made from what the run wrote."""

import math
from pathlib import Path

import numpy as np

from mindgan.cyclegan.measure import warnings
from mindgan.render.curves import save_loss_curve
from mindgan.render.gif import save_progress
from mindgan.render.grids import image_grid, read_picture, row, save_jpeg, save_png
from mindgan.render.report import duration_text, save_report
from mindgan.render.series import Group
from mindgan.runtime import jsonl
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training.run_config import epoch_seconds, read_run

GAP = 4  # px between the three images of a row
MIN_GIF_WIDTH = 480  # screen pixels; smaller rows are enlarged
BALANCE = {"lsgan": 0.25, "vanilla": math.log(2)}  # of D's loss where it cannot tell
GROUPS = (
    Group(
        "Cycle",
        ("cycle_A", "cycle_B"),
        labels={"cycle_A": "A to B to A", "cycle_B": "B to A to B"},
        colours=("green", "purple"),  # blue and orange are G's and D's
    ),
    Group(
        "Identity",
        ("idt_A", "idt_B"),
        labels={"idt_A": "G_A on B", "idt_B": "G_B on A"},
        colours=("green", "purple"),
    ),
    Group("Learning rate", ("lr_g", "lr_d"), labels={"lr_g": "generators", "lr_d": "discriminators"}, unit="Rate"),
)


def save_row(path: Path, source: np.ndarray, fake: np.ndarray, again: np.ndarray) -> None:
    """Source, translated and reconstructed image, each uint8 [C, H, W], side by side as .jpg.

    Raises:
        UserError: the file cannot be written.
    """
    save_jpeg(path, row([source, fake, again], gap=GAP))


def save_sheet(path: Path, rows: list[list[np.ndarray]]) -> None:
    """Rows of images uint8 [C, H, W], of which some may be shorter, as .png.

    Raises:
        UserError: the file cannot be written.
    """
    columns = max(map(len, rows))
    blank = np.zeros_like(rows[0][0])
    filled = [image for images in rows for image in images + [blank] * (columns - len(images))]
    save_png(path, image_grid(np.stack(filled), columns=columns, padding=GAP))


def render(root: str | Path) -> list[Path]:
    """loss.png, train_test.gif and report.html of a run, again; the report warns of failures that the curves show.

    Returns:
        The files written.

    Raises:
        UserError: `root` is no run, or nothing was recorded in it yet.
    """
    run, config, stats = read_run(root)
    panels = (*_adversarial(config["settings"].get("gan_mode")), *GROUPS)
    groups = [group for group in panels if any(name in line for line in stats for name in group.names)]
    save_loss_curve(run.loss, stats, groups=groups, nimg_per_epoch=config["run"]["nimg_per_epoch"])
    written = [run.loss]
    if rows := run.sample_rows_of(0):
        save_progress(run.gif, rows, mode="RGB", least_width=MIN_GIF_WIDTH)
        written.append(run.gif)
    _save_report(run, config, stats, groups)
    return [*written, run.report]


def _adversarial(gan_mode: object) -> list[Group]:
    """A panel for each direction, with the level at which its discriminator cannot tell real from fake."""
    level = BALANCE.get(str(gan_mode), BALANCE["lsgan"])
    return [
        Group(f"Adversarial, {title}", (f"G_{name}", f"D_{name}"), levels={f"D_{name}": (level, "balance")})
        for title, name in (("A to B", "A"), ("B to A", "B"))
    ]


def _before_after(run: RunDirectory) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Title, source and translation of the newest samples."""
    pairs = []
    index = 0
    while rows := run.sample_rows_of(index):
        epochs, path = rows[-1]
        pixels = read_picture(path, "RGB")
        width = (pixels.shape[1] - 2 * GAP) // 3
        title = f"source image {index + 1} after epoch {epochs}"
        pairs.append((title, pixels[:, :width], pixels[:, width + GAP : 2 * width + GAP]))
        index += 1
    return pairs


def _save_report(run: RunDirectory, config: dict, stats: list[dict], groups: list[Group]) -> None:
    seconds = epoch_seconds(jsonl.read_timing(run.timing))
    about = config["run"]
    facts = {
        "data": about["data"],
        "source and target images": f"{about.get('num_source')} and {about.get('num_target')}",
        "device": about["device"],
        "epochs trained": str(len(seconds)),
        "training time": duration_text(sum(seconds)),
        **config["versions"],
    }
    save_report(
        run.report,
        title="CycleGAN",
        settings=config["settings"],
        stats=stats,
        groups=groups,
        nimg_per_epoch=about["nimg_per_epoch"],
        epoch_seconds=seconds,
        facts=facts,
        samples=run.sample_rows_of(0),
        pictures={
            "three rows from source to target, three from target to source": run.samples,
            "source, translated, reconstructed, by epoch": run.gif,
        },
        before_after=_before_after(run),
        warnings=warnings(stats),
    )
