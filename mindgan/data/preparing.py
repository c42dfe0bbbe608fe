"""What stands between finding images and training on them: a run's folder apart from them, and their validation."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from mindgan.data.findings import DROPPED, Rules
from mindgan.data.image_set import ImageSet, shown
from mindgan.data.report import Report, whole_text
from mindgan.data.validation import preview, validate
from mindgan.runtime import files
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory


def require_set_apart(run: RunDirectory, images: ImageSet, named: Path | None = None) -> None:
    """Raises UserError where the run's files would come among the images, or take their places.

    `named` is what the option named, which may be a folder around that of the images.
    """
    for folder in (images.source, named or images.source):
        if folder.is_dir():
            require_outside(run, images.option, folder)
    for folder in {item.path.parent for item in images.items if item.path}:
        for made in (run.data, run.validation):
            if made.resolve() in (folder.resolve(), *folder.resolve().parents):
                raise UserError(
                    f"{images.option} {shown(images.source)} names images in {shown(made)}, "
                    "which this run would replace; name another --train_url"
                )


def require_outside(run: RunDirectory, option: str, folder: Path) -> None:
    """Raises UserError where the run's folder lies in one that an option named."""
    root = run.root.resolve()
    if folder.resolve() in (root, *root.parents):
        raise UserError(
            f"--train_url {shown(run.root)} lies in {option} {shown(folder)}, to which nothing is added; "
            "name a folder apart from it"
        )


def validated_into(
    run: RunDirectory, images: ImageSet, name: str, rules: Rules, *, least: int, say: Callable[[str], None]
) -> Report:
    """Validates a set into the run's work folder of this name; see `validate`.

    Raises:
        UserError: fewer than `least` images are left, or the folder cannot be written.
    """
    report = validate(images, run.validation / name, **asdict(rules), least=least)
    where = f"; see {shown(run.validation_report)}" if report.counts[DROPPED] else ""
    say(f"validation of {report.summary()}{where}")
    return report


def previewed_set(run: RunDirectory, images: ImageSet, name: str, rules: Rules) -> ImageSet:
    """What `validated_into` would leave of a set, made when it is read: to compare before anything is replaced."""
    return preview(images, run.validation / name, rules)


def validated_set(
    run: RunDirectory, images: ImageSet, name: str, rules: Rules, *, least: int, say: Callable[[str], None]
) -> ImageSet:
    """As `validated_into`, of the only set of a run, whose report is the run's: what is left, with its labels."""
    report = validated_into(run, images, name, rules, least=least, say=say)
    files.write_atomically(run.validation_report, whole_text(report).encode())
    return report.images or images
