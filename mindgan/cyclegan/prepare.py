"""The images of a training: found, compared, validated; what is wrong with them is said before anything is trained."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from mindgan.cyclegan.config import CycleGanConfig
from mindgan.data.digit_domains import SOURCE_NAME, digit_domains
from mindgan.data.image_set import ImageSet, shown
from mindgan.data.report import Report, whole_text
from mindgan.data.unpaired import MIN_IMAGES, SOURCE_OPTION, Domains, find_domains
from mindgan.data.validation import validate
from mindgan.runtime import files
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path
from mindgan.runtime.run_directory import RunDirectory

Say = Callable[[str], None]


def find(config: CycleGanConfig, *, say: Say) -> Domains:
    """Both domains, not decoded yet; the embedded digits where no data are named.

    Raises:
        UserError: they cannot be read, are too few, or are the same.
    """
    if config.data_url is None:
        say(f"no --data_url: translating {SOURCE_NAME}, white on black, into coloured outlines")
        return digit_domains()
    return find_domains(config.data_url, config.target_data_url, say=say)


def require_apart(run: RunDirectory, config: CycleGanConfig, domains: Domains) -> None:
    """Raises UserError where the run's files would come among the images, or take their places."""
    if config.data_url is None:
        return
    for images in (domains.source, domains.target):
        require_set_apart(run, images)
    source = user_path(SOURCE_OPTION, config.data_url)
    has_parts = domains.target_label is None and domains.source.source.parent == source
    if source.is_dir() and not has_parts:  # beside class folders the run would be a third one
        _require_outside(run, SOURCE_OPTION, source)


def require_set_apart(run: RunDirectory, images: ImageSet) -> None:
    """As `require_apart`, of one set."""
    if images.source.is_dir():
        _require_outside(run, images.option, images.source)
    for folder in {item.path.parent for item in images.items if item.path}:
        for made in (run.data, run.validation):
            if made.resolve() in (folder.resolve(), *folder.resolve().parents):
                raise UserError(
                    f"{images.option} {shown(images.source)} names images in {shown(made)}, "
                    "which this run would replace; name another --train_url"
                )


def _require_outside(run: RunDirectory, option: str, folder: Path) -> None:
    root = run.root.resolve()
    if folder.resolve() in (root, *root.parents):
        raise UserError(
            f"--train_url {shown(run.root)} lies in {option} {shown(folder)}, to which nothing is added; "
            "name a folder apart from it"
        )


def validated(config: CycleGanConfig, run: RunDirectory, domains: Domains, *, say: Say) -> Domains:
    """The domains as validation leaves them, in the run's work folders; as they are where it is off.

    Raises:
        UserError: too few images are left, or the folder cannot be written.
    """
    if not config.do_validation or config.data_url is None:
        return domains
    sets = {"source": domains.source, "target": domains.target}
    tests = {"source_test": domains.source_test, "target_test": domains.target_test}
    reports = {name: _validate(config, run, images, name, MIN_IMAGES, say) for name, images in sets.items()}
    reports |= {name: _validate(config, run, images, name, 0, say) for name, images in tests.items() if images}
    files.write_atomically(run.validation_report, "\n".join(map(whole_text, reports.values())).encode())
    found = {name: report.images for name, report in reports.items()}
    return Domains(
        found["source"] or domains.source,
        found["target"] or domains.target,
        found.get("source_test") or None,
        found.get("target_test") or None,
        domains.target_label,
    )


def validated_source(config: CycleGanConfig, run: RunDirectory, images: ImageSet, *, say: Say) -> ImageSet:
    """Images to translate, as validation leaves them."""
    report = _validate(config, run, images, "source", 1, say)
    files.write_atomically(run.validation_report, whole_text(report).encode())
    return report.images or images


def _validate(config: CycleGanConfig, run: RunDirectory, images: ImageSet, name: str, least: int, say: Say) -> Report:
    """Validates one set into a work folder of this name; `least` images must be left."""
    report = validate(
        images,
        run.validation / name,
        image_channel=config.image_channel,
        image_max_width=config.image_max_width,
        image_max_height=config.image_max_height,
        least=least,
    )
    say(f"validation of {report.summary()}")
    return report


def digest(domains: Domains) -> str:
    """16 hexadecimal digits that change with the names or bytes of the training images."""
    sha = hashlib.sha256()
    for images in (domains.source, domains.target):
        for item in images.items:
            sha.update(f"{shown(item.name)}\n".encode())
            sha.update(hashlib.sha256(item.read()).digest())
        sha.update(b"\n\n")
    return sha.hexdigest()[:16]
