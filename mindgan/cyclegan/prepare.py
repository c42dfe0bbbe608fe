"""The images of a training: found, compared, validated; what is wrong with them is said before anything is trained."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from mindgan.cyclegan.config import CycleGanConfig
from mindgan.data.decode import decode_item
from mindgan.data.digit_domains import SOURCE_NAME, digit_domains
from mindgan.data.findings import Rules
from mindgan.data.image_set import ImageSet, shown
from mindgan.data.preparing import (
    previewed_set,
    require_outside,
    require_set_apart,
    validated_into,
    validated_set,
)
from mindgan.data.report import whole_text
from mindgan.data.unpaired import MIN_IMAGES, SOURCE_OPTION, Domains, find_domains
from mindgan.runtime import files
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path
from mindgan.runtime.run_directory import RunDirectory

Say = Callable[[str], None]


def find(config: CycleGanConfig, *, say: Say) -> Domains:
    """Both domains, not decoded yet; the embedded digits where no data are named.

    Raises:
        UserError: they cannot be read, are too few, or are the same; or there will be no validation, and not one of a
            domain can be decoded.
    """
    if config.data_url is None:
        say(f"no --data_url: translating {SOURCE_NAME}, white on black, into coloured outlines")
        return digit_domains()
    domains = find_domains(config.data_url, config.target_data_url, say=say)
    if not config.do_validation:
        for images in (domains.source, domains.target):
            _require_decodable(images, config.image_channel)
    return domains


def _require_decodable(images: ImageSet, channels: int) -> None:
    first = None
    for item in images.items:
        try:
            decode_item(item, channels=channels)
            return
        except UserError as error:
            first = first or error
    raise UserError(f"{images.option} {shown(images.source)}: not one of its images is whole; the first: {first}")


def require_apart(run: RunDirectory, config: CycleGanConfig, domains: Domains) -> None:
    """Raises UserError where the run's files would come among the images, or take their places."""
    if config.data_url is None:
        return
    for images in (domains.source, domains.target):
        require_set_apart(run, images)
    source = user_path(SOURCE_OPTION, config.data_url)
    has_parts = domains.target_label is None and domains.source.source.parent == source
    if source.is_dir() and not has_parts:  # beside class folders the run would be a third one
        require_outside(run, SOURCE_OPTION, source)


def validated(config: CycleGanConfig, run: RunDirectory, domains: Domains, *, say: Say) -> Domains:
    """The domains as validation leaves them, in the run's work folders; as they are where it is off.

    Raises:
        UserError: too few images are left, or the folder cannot be written.
    """
    if not _is_validated(config):
        return domains
    sets = {"source": (domains.source, MIN_IMAGES), "target": (domains.target, MIN_IMAGES)}
    tests = {"source_test": (domains.source_test, 0), "target_test": (domains.target_test, 0)}
    reports = {
        name: validated_into(run, images, name, _rules(config), least=least, say=say)
        for name, (images, least) in {**sets, **tests}.items()
        if images
    }
    files.write_atomically(run.validation_report, "\n".join(map(whole_text, reports.values())).encode())
    found = {name: report.images for name, report in reports.items()}
    return replace(
        domains,
        source=found["source"] or domains.source,
        target=found["target"] or domains.target,
        source_test=found.get("source_test") or None,
        target_test=found.get("target_test") or None,
    )


def previewed(config: CycleGanConfig, run: RunDirectory, domains: Domains) -> Domains:
    """The domains of a training as `validated` would leave them; nothing is written."""
    if not _is_validated(config):
        return domains
    rules = _rules(config)
    source, target = (
        previewed_set(run, images, name, rules)
        for name, images in (("source", domains.source), ("target", domains.target))
    )
    return replace(domains, source=source, target=target)


def _is_validated(config: CycleGanConfig) -> bool:
    return config.do_validation and config.data_url is not None


def validated_source(config: CycleGanConfig, run: RunDirectory, images: ImageSet, *, say: Say) -> ImageSet:
    """Images to translate, as validation leaves them."""
    return validated_set(run, images, "source", _rules(config), least=1, say=say)


def _rules(config: CycleGanConfig) -> Rules:
    return Rules(config.image_channel, config.image_max_width, config.image_max_height)


def digest(domains: Domains) -> str:
    """16 hexadecimal digits that change with the names or bytes of the training images."""
    sha = hashlib.sha256()
    for images in (domains.source, domains.target):
        for item in images.items:
            sha.update(f"{shown(item.name)}\n".encode())
            sha.update(hashlib.sha256(item.read()).digest())
        sha.update(b"\n\n")
    return sha.hexdigest()[:16]
