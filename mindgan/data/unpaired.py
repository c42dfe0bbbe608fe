"""Two sets of images without pairs: what a source and a target domain may be given as."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mindgan.data.image_set import ImageItem, ImageSet, shown
from mindgan.data.image_source import list_images
from mindgan.runtime.errors import UserError

SOURCE_OPTION, TARGET_OPTION = "--data_url", "--target_data_url"
MIN_IMAGES = 2  # one image is memorised and nothing is learned
PARTS = ("trainA", "trainB", "testA", "testB")
SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "eval"}  # folders that are no classes
TEST_USAGES = ("eval", "test", "inference")
LAYOUTS = (
    f"give two folders by {SOURCE_OPTION} and {TARGET_OPTION}, or one with trainA and trainB or with two class folders"
)


@dataclass(frozen=True)
class Domains:
    """The images of both domains; those for tests are None where there are none."""

    source: ImageSet
    target: ImageSet
    source_test: ImageSet | None = None
    target_test: ImageSet | None = None
    target_label: str | None = None
    """The class of the target domain where two classes are the domains."""


def find_domains(
    data_url: str | Path, target_data_url: str | Path | None = None, *, say: Callable[[str], None] = print
) -> Domains:
    """The two domains of an unpaired training, listed and compared, not decoded.

    Args:
        data_url: a folder, .zip or ModelArts manifest of the source domain. Without `target_data_url` it holds both:
            as the folders trainA and trainB, with testA and testB where there are tests, or as exactly two class
            folders or labels, of which the first in alphabetical order is the source. Rows of a manifest whose usage
            is EVAL, TEST or INFERENCE are tests.
        target_data_url: the same for the target domain.
        say: gets a line for each domain, and one where they share images.

    Raises:
        UserError: a path cannot be read, a domain has fewer than two images, there are more or fewer than two
            classes, or both domains are the same images.
    """
    images = list_images(data_url, option=SOURCE_OPTION)
    if target_data_url is None:
        domains = _split(images)
    else:
        target = list_images(target_data_url, option=TARGET_OPTION)
        _require_apart(images, target)
        for domain in (images, target):
            _require_one_domain(domain)
        domains = _by_usage(images, target)
    for domain in (domains.source, domains.target):
        domain.require(MIN_IMAGES)
    shared = _require_different(domains.source, domains.target)
    for name, domain in (("source", domains.source), ("target", domains.target)):
        left_out = domain.left_out()
        say(f"{name} domain: {len(domain)} images of {shown(domain.source)}{f' ({left_out})' if left_out else ''}")
    if shared:
        say(f"warning: {shared} of the source's images are in the target too; a domain should not hold the other's")
    return domains


def _split(images: ImageSet) -> Domains:
    folders = _parts(images)
    if {"trainA", "trainB"} & folders.keys():
        source, target, *tests = (images.under(folders.get(name, name)) for name in PARTS)
        source_test, target_test = (test if len(test) else None for test in tests)
        return Domains(source, target, source_test, target_test)
    images.require(1)
    if len(images.folders) == 1 and all(item.label is not None for item in images.items):
        return _split(images.under(images.folders[0]))  # a folder that holds nothing but the folder that is meant
    if len(images.labels) != 2:
        raise UserError(_not_two(images))
    if SPLITS.issuperset(label.casefold() for label in images.labels):
        raise UserError(
            f"{images.option} {shown(images.source)} holds {' and '.join(map(shown, images.labels))}, which are no "
            f"domains; name the folders trainA, trainB, testA and testB, or {LAYOUTS}"
        )
    if unlabelled := [item for item in images.items if item.label is None]:
        raise UserError(
            f"{images.option} {shown(images.source)} holds {', '.join(map(shown, images.labels))}, but also images "
            f"without a class, such as {shown(unlabelled[0].name)}; move them into a class, or {LAYOUTS}"
        )
    first, second = (_of_label(images, label) for label in images.labels)
    return replace(_by_usage(first, second), target_label=images.labels[1])


def _parts(images: ImageSet) -> dict[str, str]:
    """The folders of `PARTS` that there are, in capitals or not, by their names there."""
    by_name = {part.casefold(): part for part in PARTS}
    return {by_name[folder.casefold()]: folder for folder in reversed(images.folders) if folder.casefold() in by_name}


def _not_two(images: ImageSet) -> str:
    named = f"{images.option} {shown(images.source)}"
    names = images.labels
    empty = [folder for folder in images.folders if folder not in names]
    if not names:
        return f"{named} holds images of one kind and no {TARGET_OPTION} is given; {LAYOUTS}"
    listed = ", ".join(map(shown, names[:5])) + (", ..." if len(names) > 5 else "")
    without = f", and no images in {', '.join(map(shown, empty[:3]))}" if empty else ""
    return f"{named} holds {len(names)} class{'es' * (len(names) > 1)} ({listed}){without}, not two; {LAYOUTS}"


def _of_label(images: ImageSet, label: str) -> ImageSet:
    """One class; of a folder without its name, of a manifest with the names as they are."""
    if label in images.folders:
        return images.under(label)
    return replace(images.select(lambda item: item.label == label), source=images.source / label)


def _by_usage(source: ImageSet, target: ImageSet) -> Domains:
    source_test, target_test = (
        test if len(test) else None for test in (source.select(_is_test), target.select(_is_test))
    )
    return Domains(without_tests(source), without_tests(target), source_test, target_test)


def without_tests(images: ImageSet) -> ImageSet:
    """The images that are for the training, where a manifest says what they are for.

    Raises:
        UserError: all are for tests.
    """
    kept = images.select(lambda item: not _is_test(item))
    if len(images) and not len(kept):
        raise UserError(
            f"{images.option} {shown(images.source)}: the usage of all {len(images)} images is that of tests; "
            f"set it to TRAIN where they are for the training"
        )
    return kept


def _is_test(item: ImageItem) -> bool:
    return item.usage in TEST_USAGES


def _require_one_domain(images: ImageSet) -> None:
    folders = _parts(images)
    if {"trainA", "trainB"} <= folders.keys():
        raise UserError(
            f"{images.option} {shown(images.source)} holds both domains, {folders['trainA']} and {folders['trainB']}; "
            f"name one of them, or leave {TARGET_OPTION} out"
        )


def _require_apart(source: ImageSet, target: ImageSet) -> None:
    first, second = source.source.resolve(), target.source.resolve()
    if first == second:
        raise UserError(
            f"{SOURCE_OPTION} and {TARGET_OPTION} are the same: {shown(first)}; name another for the target"
        )
    for inner, outer in ((source, target), (target, source)):
        if inner.source.is_dir() and outer.source.resolve() in inner.source.resolve().parents:
            raise UserError(
                f"{inner.option} {shown(inner.source)} lies in {outer.option} {shown(outer.source)}, "
                f"which holds its images too; name two folders apart"
            )


def _require_different(source: ImageSet, target: ImageSet) -> int:
    """How many images of the source are in the target too; UserError where one domain is the other or one image."""
    sizes = [{item.num_bytes for item in images.items} for images in (source, target)]
    for images, its_sizes in zip((source, target), sizes, strict=True):
        if len(its_sizes) == 1 and len(set(_digests(images, its_sizes))) == 1:
            raise UserError(
                f"{images.option} {shown(images.source)} holds the same image {len(images)} times; add others"
            )
    first, second = (_digests(images, sizes[0] & sizes[1]) for images in (source, target))
    others = set(second)
    if set(first) == others and (len(first), len(second)) == (len(source), len(target)):
        raise UserError(
            f"{shown(source.source)} and {shown(target.source)} hold the same images; "
            f"give the images of another domain as the target ({LAYOUTS})"
        )
    return len([digest for digest in first if digest in others])


def _digests(images: ImageSet, sizes: set[int]) -> list[str]:
    """Of the images that have one of these sizes, since others need no look; a file that cannot be read has its own."""
    return [_digest(item) for item in images.items if item.num_bytes in sizes]


def _digest(item: ImageItem) -> str:
    try:
        return hashlib.sha256(item.read()).hexdigest()
    except UserError:  # validation reports it
        return item.where
