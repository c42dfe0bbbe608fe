"""What the images of a set are conditioned on: classes or vectors, and why there are none."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mindgan.data.image_set import ImageSet, shown
from mindgan.data.unpaired import SPLITS
from mindgan.runtime.errors import UserError

OPTION = "--cond"
MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Labels:
    """A row for each image."""

    values: np.ndarray
    """float32 [M, num_classes]: one-hot, or vectors."""
    class_names: tuple[str, ...]
    """Of the columns of one-hot rows; none for vectors."""


def find_labels(
    images: ImageSet, *, cond: bool | None, say: Callable[[str], None], rows: np.ndarray | None = None
) -> Labels | None:
    """The labels of a set: those of a dataset.json or .labels file, else the classes by alphabetical order.

    Args:
        images: the set.
        cond: whether labels are wanted; None takes them where there are at least two classes.
        say: gets a warning where labels are of little use.
        rows: which images are used of the set: whole [N]; None for all. Classes are those of all, also where fewer
            have an image among these.

    Returns:
        Those of the images that are used; None where labels are not wanted, or there is only one class in all.

    Raises:
        UserError: labels are wanted and there are none, or every class has one image only.
    """
    if cond is False or not images.items:
        return None
    labels = _conditions(images)
    if labels is None:
        if reason := _why_without_classes(images):
            _refuse_or_warn(images, reason, cond, say)
            return None
        labels = _classes(images)
    if (labels.values == labels.values[0]).all():
        if cond:
            say(f"warning: {OPTION} is of no use: {images.option} {shown(images.source)} holds one class")
        return None
    named = f"{images.option} {shown(images.source)}"
    _refuse_single_images(labels, named)
    if rows is not None:
        labels, named = replace(labels, values=labels.values[rows]), f"{len(rows)} images of {named}"
    _warn_of_few_images(labels, named, "add images" if rows is None else "use more of them (--subset)", say)
    return labels


def one_hot(numbers: np.ndarray, num_classes: int) -> np.ndarray:
    """Numbers of classes, whole [M], as float32 [M, num_classes]."""
    values = np.zeros((len(numbers), num_classes), np.float32)
    values[np.arange(len(numbers)), numbers] = 1
    return values


def _conditions(images: ImageSet) -> Labels | None:
    """What a file says of every image; rows that all are one-hot are classes."""
    conditions = [item.condition for item in images.items if item.condition is not None]
    if not conditions:
        return None
    if isinstance(conditions[0], np.ndarray):
        values = np.stack(conditions).astype(np.float32)
    else:
        numbers = np.array(conditions, np.int64)
        values = one_hot(numbers, int(numbers.max()) + 1)
    is_one_hot = ((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all()
    return Labels(values, tuple(map(str, range(values.shape[1]))) if is_one_hot else ())


def _classes(images: ImageSet) -> Labels:
    number_of = {label: number for number, label in enumerate(images.labels)}
    numbers = np.array([number_of[str(item.label)] for item in images.items])
    return Labels(one_hot(numbers, len(number_of)), images.labels)


def _why_without_classes(images: ImageSet) -> str:
    """Why the names of the classes are no labels; empty where they are."""
    if not images.labels:
        return "holds no class folders or labels"
    if SPLITS.issuperset(label.casefold() for label in images.labels):
        return f"holds {_listed(images.labels)}, which are no classes"
    if without := [item for item in images.items if item.label is None]:
        return f"holds {_listed(images.labels)}, but also images without a class, such as {shown(without[0].name)}"
    if several := [item for item in images.items if not item.has_one_label]:
        return f"has images of several classes, such as {shown(several[0].name)}"
    return ""


def _refuse_or_warn(images: ImageSet, reason: str, cond: bool | None, say: Callable[[str], None]) -> None:
    named = f"{images.option} {shown(images.source)} {reason}"
    if cond:
        raise UserError(f"{OPTION}: {named}; give each class a folder of its own, or leave {OPTION} out")
    if images.labels:
        say(f"warning: {named}; the images are used without classes")


def _classes_with(labels: Labels, num: int) -> tuple[str, ...]:
    """The classes that have so many images; none of vectors."""
    counts = labels.values.sum(axis=0)
    return tuple(name for name, count in zip(labels.class_names, counts, strict=False) if count == num)


def _refuse_single_images(labels: Labels, named: str) -> None:
    single = _classes_with(labels, 1)
    if single and len(single) + len(_classes_with(labels, 0)) == len(labels.class_names):
        raise UserError(f"{named}: every class has only one image ({_listed(single)}); add some, or use {OPTION} False")


def _warn_of_few_images(labels: Labels, named: str, help_: str, say: Callable[[str], None]) -> None:
    if single := _classes_with(labels, 1):
        say(f"warning: {named}: only one image of {_listed(single)}, which will be copied, not learned; {help_}")
    if empty := _classes_with(labels, 0):
        say(f"warning: {named}: no images of the classes {_listed(empty)}, which cannot be learned")


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(shown, names[:MOST_NAMED])) + more
