"""The curves, the pictures and the report of a run, made from what the run wrote."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mindgan.data.labelled import few_images_warning
from mindgan.render.axis import KIMG, Axis
from mindgan.render.curves import save_loss_curve
from mindgan.render.gif import save_progress
from mindgan.render.report import duration_text, save_report
from mindgan.render.series import Group
from mindgan.runtime import jsonl
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import doctor
from mindgan.training.run_config import epoch_seconds, read_run, warnings_in

MIN_GIF_WIDTH, MAX_GIF_WIDTH = 480, 800  # screen pixels; smaller grids are enlarged, larger ones reduced
REAL_FAKE = ("green", "purple")  # blue and orange are G's and D's
NUMBERS = ("gamma", "lr", "ada_kimg", "total_kimg", "target", "p_max", "resolution", "image_height", "image_width")
LOSSES = Group(  # where D cannot tell: log 2 of each of its terms
    "Losses",
    doctor.LOSSES,
    labels={"Loss/G/loss": "G", "Loss/D/loss": "D"},
    levels={"Loss/G/loss": (math.log(2), "log 2"), "Loss/D/loss": (2 * math.log(2), "2 log 2")},
)
SCORES = Group(
    "What the discriminator says",
    ("Loss/scores/real", "Loss/scores/fake"),
    labels={"Loss/scores/real": "of reals", "Loss/scores/fake": "of fakes"},
    colours=REAL_FAKE,
    unit="Score",
)
SIGNS = Group(
    "Signs of what it says",
    (doctor.SIGNS, "Loss/signs/fake"),
    labels={doctor.SIGNS: "of reals, r_t", "Loss/signs/fake": "of fakes"},
    colours=REAL_FAKE,
    unit="Mean sign",
)
PENALTIES = (
    Group("R1 penalty", ("Loss/r1_penalty",), labels={"Loss/r1_penalty": "R1"}, colours=("orange",), unit="Penalty"),
    Group(
        "Path-length penalty",
        ("Loss/pl_penalty",),
        labels={"Loss/pl_penalty": "path length"},
        colours=("blue",),
        unit="Penalty",
    ),
)
VARIETY = Group(
    "Variety of fakes, of that of reals",
    (doctor.VARIANCE, doctor.SPACING),
    labels={doctor.VARIANCE: "variance", doctor.SPACING: "distance to the next"},
    colours=("purple", "gold"),
    levels={doctor.VARIANCE: (doctor.MIN_VARIANCE, "collapsed")},
    unit="Ratio",
)
COPIES = Group(
    "Distance to the nearest real, of that between reals",
    (doctor.NEAREST,),
    labels={doctor.NEAREST: "nearest real"},
    colours=("purple",),
    levels={doctor.NEAREST: (doctor.MIN_NEAREST, "copies")},
    unit="Ratio",
)


def render(root: str | Path) -> list[Path]:
    """loss.png, train_test.gif and report.html of a run, again; all three tell what the doctor found.

    Returns:
        The files written.

    Raises:
        UserError: `root` is no run, or nothing was recorded in it yet.
    """
    run, config, stats = read_run(root)
    settings = config["run"].get("resolved", config["settings"])
    for name in NUMBERS:
        if not isinstance(settings.get(name), int | float | None):
            raise UserError(f"{run.config} is damaged: {name} is no number; remove it and run the training again")
    groups, found = panels(stats, settings), doctor.findings(stats, settings)
    save_loss_curve(run.loss, stats, groups=groups, nimg_per_epoch=None, warnings=found)
    written = [run.loss]
    if samples := run.fakes_of_run():
        mode = "L" if settings.get("image_channel") == 1 else "RGB"
        sizes = {"least_width": MIN_GIF_WIDTH, "most_width": MAX_GIF_WIDTH}
        save_progress(run.gif, samples, mode=mode, words=Axis(None).words, **sizes)
        written.append(run.gif)
    _save_report(run, config, stats, groups, found)
    return [*written, run.report]


def panels(stats: list[dict], settings: doctor.Settings) -> list[Group]:
    """What is drawn of the lines of stats.jsonl: the panels that have something to show."""
    held = {doctor.SIGNS: (doctor.target_of(settings), "target")} if settings.get("aug") == "ada" else {}
    augmentation = Group(
        "Augmentation",
        (doctor.P, doctor.SIGNS),
        labels={doctor.P: "p", doctor.SIGNS: "r_t"},
        colours=("gold", "green"),
        levels=held,
        unit="Probability p, mean sign r_t",
    )
    found = (LOSSES, SCORES, SIGNS, augmentation, *PENALTIES, VARIETY, COPIES)
    return [group for group in found if any(name in line for line in stats for name in group.names)] or [LOSSES]


def _save_report(
    run: RunDirectory, config: dict, stats: list[dict], groups: Sequence[Group], found: Sequence[str]
) -> None:
    seconds = epoch_seconds(jsonl.read_timing(run.timing))
    samples, about = run.fakes_of_run(), config["run"]
    newest = {f"fakes after {samples[-1][0]} kimg": samples[-1][1]} if samples else {}
    save_report(
        run.report,
        title="StyleGAN2-ADA",
        settings={
            name: _setting(value, about.get("resolved", {}).get(name, value))
            for name, value in config["settings"].items()
        },
        stats=stats,
        groups=groups,
        nimg_per_epoch=None,
        epoch_seconds=seconds,
        facts=_facts(run, config, stats, seconds),
        samples=samples,
        pictures={"real images": run.reals, **newest, "fakes of the same latents, by kimg": run.gif},
        warnings=[*(warnings_in(about) or _of_few_images(about)), *found],
    )


def _of_few_images(about: Mapping[str, Any]) -> list[str]:
    """What to expect of few images, of runs from before warnings were kept."""
    num = about.get("num_images")
    warning = few_images_warning(num) if isinstance(num, int) else None
    return [warning] if warning else []


def _setting(asked: object, resolved: object) -> object:
    """What was asked, and what it came to where that was left open."""
    return asked if asked == resolved else f"{asked}: {resolved}"


def _facts(run: RunDirectory, config: dict, stats: list[dict], seconds: list[float]) -> dict[str, str]:
    about, nimg = config["run"], stats[-1]["nimg"]
    names = about.get("class_names")
    return {
        "data": about["data"],
        "images": str(about.get("num_images")),
        **({"of these brought to size": about["fitted"]} if "fitted" in about else {}),
        **({"classes": ", ".join(map(str, names))} if names else {}),
        "device": about["device"],
        "images shown to the discriminator": f"{nimg / KIMG:g} kimg",
        "training time": duration_text(sum(seconds)),
        **({"time for a kimg": duration_text(sum(seconds) * KIMG / nimg)} if nimg else {}),
        **_measured(run),
        **config["versions"],
    }


def _measured(run: RunDirectory) -> dict[str, str]:
    """The last snapshot that `mindgan metrics` measured; nothing where its file is missing, damaged or of others."""
    try:
        scores = json.loads(run.metrics.read_bytes())
        last = scores["snapshots"][-1]
        numbers = f"FID {last['fid']:.4g}, KID {last['kid']:.4g} at {last['kimg']:g} kimg"
        reals = " against held-out images" if scores.get("held_out") else ""
        return {"measured": f"{numbers}, {scores['num_fakes']} fakes{reals}, by {scores['feature_network']}"}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}
