"""Two sets of images without pairs: what a source and a target domain may be given as."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

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
    """The class of the target domain, where two classes or two manifests of one class each are the domains."""


@dataclass(frozen=True)
class ToTranslate:
    """The images of one domain, to be translated to the other."""

    images: ImageSet
    label: str | None
    """The class of the other domain, as `Domains.target_label`."""
    folder: Path
    """What the images lie in, with those of the other domain where these are classes; a file for archives."""


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
        domains = replace(_by_usage(images, target), target_label=_own_label(target, images))
    for domain in (domains.source, domains.target):
        domain.require(MIN_IMAGES)
    shared = _require_different(domains.source, domains.target)
    for name, domain in (("source", domains.source), ("target", domains.target)):
        left_out = domain.left_out()
        say(f"{name} domain: {len(domain)} images of {shown(domain.source)}{f' ({left_out})' if left_out else ''}")
    if shared:
        say(f"warning: {shared} of the source's images are in the target too; a domain should not hold the other's")
    return domains


def find_to_translate(
    data_url: str | Path,
    target_data_url: str | Path | None,
    direction: Literal["AtoB", "BtoA"],
    *,
    say: Callable[[str], None] = print,
) -> ToTranslate:
    """The images that a trained network is to translate, listed, not decoded.

    What a training takes for two domains, by the same options, is taken apart as there, and the images of the direction
    are meant; other images, all in `data_url`, are what to translate. Images whose usage is that of tests are left out,
    but where there are no others.

    Args:
        data_url: as of `find_domains`, or images of one kind.
        target_data_url: as there.
        direction: AtoB for images of the source domain, BtoA of the target domain.
        say: gets a line on what was found.

    Raises:
        UserError: a path cannot be read, or there are no images.
    """
    images = list_images(data_url, option=SOURCE_OPTION)
    labels: tuple[str | None, str | None] = None, None
    folder = None
    if target_data_url is not None:
        target = list_images(target_data_url, option=TARGET_OPTION)
        pair, labels = (images, target), (_own_label(images, target), _own_label(target, images))
    elif parts := _of_parts(inner := _unwrapped(images)):
        pair = parts[0], parts[1]
    elif _is_of_two_classes(inner):
        pair, labels, folder = _of_classes(inner), (inner.labels[0], inner.labels[1]), inner.source
    else:
        pair = images, images
    place = ("AtoB", "BtoA").index(direction)
    found = pair[place]
    found.require(1)
    chosen = found.select(lambda item: not _is_test(item)) if not all(map(_is_test, found.items)) else found
    left_out = [f"{len(found) - len(chosen)} for tests left out"] if len(chosen) < len(found) else []
    notes = "; ".join(filter(None, [*left_out, found.left_out()]))
    say(f"to translate: {len(chosen)} images of {shown(chosen.source)}{f' ({notes})' if notes else ''}")
    return ToTranslate(chosen, labels[1 - place], folder or chosen.source)


def _own_label(images: ImageSet, others: ImageSet) -> str | None:
    """The only class that a manifest says its images are of, where those of the other domain are not of it."""
    is_only = len(images.labels) == 1 and not images.folders and all(item.label for item in images.items)
    return images.labels[0] if is_only and images.labels[0] not in others.labels else None


def _unwrapped(images: ImageSet) -> ImageSet:
    """Without folders that hold nothing but the folder that is meant."""
    while len(images.folders) == 1 and images.items and _of_parts(images) is None:
        if any(item.label is None for item in images.items):
            break
        images = images.under(images.folders[0])
    return images


def _of_parts(images: ImageSet) -> list[ImageSet] | None:
    """Those of `PARTS`, some perhaps empty; None where there is neither trainA nor trainB."""
    folders = _parts(images)
    return [images.under(folders.get(name, name)) for name in PARTS] if {"trainA", "trainB"} & folders.keys() else None


def _is_of_two_classes(images: ImageSet) -> bool:
    all_labelled = all(item.label is not None for item in images.items)
    return len(images.labels) == 2 and all_labelled and not _are_splits(images)


def _are_splits(images: ImageSet) -> bool:
    return SPLITS.issuperset(label.casefold() for label in images.labels)


def _of_classes(images: ImageSet) -> tuple[ImageSet, ImageSet]:
    first, second = (_of_label(images, label) for label in images.labels)
    return first, second


def _split(images: ImageSet) -> Domains:
    images = _unwrapped(images)
    if parts := _of_parts(images):
        source, target, *tests = parts
        source_test, target_test = (test if len(test) else None for test in tests)
        return Domains(source, target, source_test, target_test)
    images.require(1)
    if len(images.labels) != 2:
        raise UserError(_not_two(images))
    if _are_splits(images):
        raise UserError(
            f"{images.option} {shown(images.source)} holds {' and '.join(map(shown, images.labels))}, which are no "
            f"domains; name the folders trainA, trainB, testA and testB, or {LAYOUTS}"
        )
    if unlabelled := [item for item in images.items if item.label is None]:
        raise UserError(
            f"{images.option} {shown(images.source)} holds {', '.join(map(shown, images.labels))}, but also images "
            f"without a class, such as {shown(unlabelled[0].name)}; move them into a class, or {LAYOUTS}"
        )
    return replace(_by_usage(*_of_classes(images)), target_label=images.labels[1])


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
