"""The images of a training: found, compared, validated; what is wrong with them is said before anything is trained."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from mindgan.cyclegan.config import CycleGanConfig
from mindgan.data.digit_domains import SOURCE_NAME, digit_domains
from mindgan.data.image_set import ImageSet, shown
from mindgan.data.unpaired import MIN_IMAGES, Domains, find_domains
from mindgan.data.validation import validate
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


def validated(config: CycleGanConfig, run: RunDirectory, domains: Domains, *, say: Say) -> Domains:
    """The domains as validation leaves them, in the run's work folders; as they are where it is off.

    Raises:
        UserError: too few images are left, or the folder cannot be written.
    """
    if not config.do_validation or config.data_url is None:
        return domains
    names = ("source", "target", "source_test", "target_test")
    found = {name: getattr(domains, name) for name in names}
    valid = {
        name: validated_set(config, run, images, name, least=1 if name.endswith("test") else MIN_IMAGES, say=say)
        for name, images in found.items()
        if images
    }
    return replace(domains, **valid)


def validated_set(
    config: CycleGanConfig, run: RunDirectory, images: ImageSet, name: str, *, least: int = 1, say: Say
) -> ImageSet:
    """One set, validated into a work folder of this name, of which `least` images must be left."""
    report = validate(
        images,
        run.validation / name,
        image_channel=config.image_channel,
        image_max_width=config.image_max_width,
        image_max_height=config.image_max_height,
        least=least,
    )
    say(f"validation of {report.summary()}")
    assert report.images is not None  # of `check` only
    return report.images


def digest(domains: Domains) -> str:
    """16 hexadecimal digits that change with the names or bytes of the training images."""
    sha = hashlib.sha256()
    for images in (domains.source, domains.target):
        for item in images.items:
            sha.update(f"{shown(item.name)}\n".encode())
            sha.update(hashlib.sha256(item.read()).digest())
        sha.update(b"\n\n")
    return sha.hexdigest()[:16]
