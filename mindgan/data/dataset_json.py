"""The labels of a dataset.json: ``{"labels": [[file name, number of the class or list of numbers], ...]}`` or null.

Format: StyleGAN2-ADA, dataset_tool.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np

from mindgan.data.image_set import DATASET_JSON, MAX_JSON_BYTES, ImageItem, ImageSet, shown
from mindgan.runtime.errors import UserError

MAX_SHOWN = 60  # characters of a wrong label
MAX_CLASSES = 10_000  # and numbers of a vector
FORM = '{"labels": [["file name", number or [numbers]], ...]} or {"labels": null}'
Condition = int | np.ndarray


def has_dataset_json(images: ImageSet) -> bool:
    """Whether there is such a file at the top of a set, readable or not."""
    return images.dataset_json is not None or any(problem.name == DATASET_JSON for problem in images.problems)


def with_dataset_json(images: ImageSet) -> ImageSet:
    """The set with what its dataset.json says of each image, which goes before the names of folders.

    A set without that file stays as it is.

    Raises:
        UserError: the file cannot be read or has another form; it names an image that is not there, or leaves one out.
            What the labels are is left to `check_conditions`.
    """
    named = f"{images.option} {shown(images.source)}"
    if not has_dataset_json(images):
        return images
    if images.dataset_json is None:
        raise UserError(f"{named}: {DATASET_JSON} cannot be read; mend it, or remove it to train without its labels")
    content = _read(images.dataset_json(), f"{named}: {DATASET_JSON}")
    if "labels" not in content:  # a file of that name and another purpose
        return images
    images = replace(images, passed=tuple(other for other in images.passed if other.name != DATASET_JSON))
    if content["labels"] is None:
        return replace(images, items=tuple(replace(item, label=None) for item in images.items))
    labels = dict(_rows(content["labels"], f"{named}: {DATASET_JSON}"))
    _require_match(images, labels, f"{named}: {DATASET_JSON}")
    items = (replace(item, label=None, condition=labels[item.name]) for item in images.items)
    return replace(images, items=tuple(items))


def check_conditions(images: ImageSet) -> None:
    """Raises UserError where the conditions are neither whole numbers from 0 on, nor finite vectors of one length.

    A set without any is right.
    """
    shape: tuple[int, ...] | None = None
    has_conditions = any(item.condition is not None for item in images.items)
    for item in images.items if has_conditions else ():
        found = _shape(item.condition)
        if found is None or (shape is not None and found != shape):
            raise UserError(_wrong_label(images, item, shape))
        shape = found


def _shape(condition: Condition | None) -> tuple[int, ...] | None:
    """Of a vector; empty for the number of a class; None where it is neither."""
    if isinstance(condition, np.ndarray) and condition.ndim == 1:
        return condition.shape if condition.size <= MAX_CLASSES and np.isfinite(condition).all() else None
    is_class = isinstance(condition, int | np.integer) and 0 <= condition < MAX_CLASSES
    return () if is_class else None


def _wrong_label(images: ImageSet, item: ImageItem, shape: tuple[int, ...] | None) -> str:
    if shape is None or _shape(item.condition) is None:
        wanted = f"the number of a class, 0 to {MAX_CLASSES - 1}, or a list of up to {MAX_CLASSES} finite numbers"
    else:
        wanted = f"a list of {shape[0]} numbers, as those before" if shape else "a whole number, as those before"
    text = shown(item.condition.tolist() if isinstance(item.condition, np.ndarray) else item.condition)
    label = text if len(text) < MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
    return f"{images.option} {shown(images.source)}: the label of {shown(item.name)} is {label}; it must be {wanted}"


def _read(data: bytes, named: str) -> dict:
    if len(data) > MAX_JSON_BYTES:
        raise UserError(f"{named} is larger than {MAX_JSON_BYTES >> 20} MiB; it should hold {FORM}")
    try:
        content = json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{named} is no JSON; it should hold {FORM}") from error
    if not isinstance(content, dict) or not isinstance(content.get("labels"), list | None):
        raise UserError(f"{named} has another form; it should hold {FORM}")
    return content


def _rows(rows: list, named: str) -> Iterator[tuple[str, Condition]]:
    names = set()
    for row in rows:
        if not isinstance(row, list) or len(row) != 2 or not isinstance(row[0], str):
            text = shown(json.dumps(row))[:MAX_SHOWN]
            raise UserError(f'{named} has the row {text}; a row must be ["file name", label]')
        name = row[0].replace("\\", "/")
        if name in names:
            raise UserError(f"{named} labels {shown(name)} twice; remove one of the rows")
        names.add(name)
        yield name, _condition(row[1], f"{named} has a label of {shown(name)}")


def _condition(label: object, named: str) -> Condition:
    if isinstance(label, list) and label and all(type(number) in (int, float) for number in label):
        with suppress(OverflowError), np.errstate(over="ignore"):  # too large is infinite, which is refused
            return np.array(label, np.float64).astype(np.float32)
    if isinstance(label, int) and not isinstance(label, bool):
        return label
    raise UserError(f"{named} that is neither a whole number nor a list of numbers; mend it")


def _require_match(images: ImageSet, labels: dict[str, Condition], named: str) -> None:
    there = {item.name for item in images.items}
    known = there | {problem.name for problem in images.problems}
    if missing := [name for name in labels if name not in known]:
        raise UserError(f"{named} labels {_first_of(missing)}, not among the images; remove what is not there")
    if without := sorted(there - labels.keys()):
        raise UserError(f"{named} has no label of {_first_of(without)}; add what is missing, or remove the file")


def _first_of(names: list[str]) -> str:
    return shown(names[0]) + (f" and {len(names) - 1} more" if len(names) > 1 else "")
