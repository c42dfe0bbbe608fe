"""ModelArts manifests: JSON Lines, one sample a line, with a source and, where they are known, usage and labels.

Format: ModelArts, "Specifications for Importing a Manifest File".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mindgan.data.image_set import shown
from mindgan.runtime.errors import UserError

MAX_ROW_BYTES = 1 << 20
CLASSIFICATION = "modelarts/image_classification"
DETECTION = "modelarts/object_detection"
UTF16 = (b"\xff\xfe", b"\xfe\xff")  # the marks it begins with
USAGES = ("train", "eval", "test", "inference")


@dataclass(frozen=True)
class ManifestRow:
    """One sample."""

    line: int
    """Line in the file, counted from 1."""
    source: str
    """Path or URL of the file, as written."""
    usage: str | None
    """One of `USAGES`, or None where it is undecided."""
    label: str | None
    """The first class it is labelled with, or None."""
    xml: str | None = None
    """Path or URL of the first file of boxes or outlines (``annotation-loc``), or None."""
    has_one_label: bool = True
    """False where there are further classes."""


def read_rows(path: Path, option: str) -> list[ManifestRow]:
    """The samples of a manifest; empty lines are passed over.

    Args:
        path: the manifest.
        option: the option that named it, for messages.

    Raises:
        UserError: the file cannot be read, or a line is none of a manifest (the message has its number).
    """
    try:
        with open(path, "rb") as file:
            return list(_rows(file, f"{option} {shown(path)}"))
    except OSError as error:
        raise UserError(f"{option} {shown(path)} cannot be read: {error.strerror or error}") from error


def _rows(file: IO[bytes], named: str) -> Iterator[ManifestRow]:
    line = 0
    while text := file.readline(MAX_ROW_BYTES + 1):
        line += 1
        place = f"{named}, line {line}"
        if len(text) > MAX_ROW_BYTES:
            raise UserError(f"{place} is longer than {MAX_ROW_BYTES} bytes; a manifest has one sample a line")
        if line == 1 and text.startswith(UTF16):
            raise UserError(f"{named} is UTF-16; save it as UTF-8")
        if line == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")  # the byte order mark some editors write
        if text.strip():
            yield _row(text, line, place)


def _row(text: bytes, line: int, place: str) -> ManifestRow:
    try:
        sample = json.loads(text.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place} is no JSON; a manifest has one whole object a line: {{...}}") from error
    source = sample.get("source") if isinstance(sample, dict) else None
    if not isinstance(source, str) or not source.strip() or "\0" in source:
        raise UserError(f'{place} names no file; every line needs a "source"')
    annotations = _annotations(sample, place)
    labels, xml = _labels(annotations, place), _xml(annotations, place)
    label = labels[0] if labels else None
    return ManifestRow(line, source, _usage(sample, place), label, xml, has_one_label=len(labels) < 2)


def _usage(sample: dict, place: str) -> str | None:
    usage = sample.get("usage")
    if usage is None or usage == "":
        return None
    if not isinstance(usage, str) or usage.lower() not in USAGES:
        raise UserError(f"{place} has the usage {shown(usage)!r}; use one of {', '.join(USAGES)}, or leave it out")
    return usage.lower()


def _annotations(sample: dict, place: str) -> list[dict]:
    annotations = sample.get("annotation") or []
    if not isinstance(annotations, list) or not all(isinstance(annotation, dict) for annotation in annotations):
        raise UserError(f'{place}: "annotation" must be a list of objects')
    return annotations


def _labels(annotations: list[dict], place: str) -> list[str]:
    names: list = [a.get("name") for a in annotations if a.get("type", CLASSIFICATION) == CLASSIFICATION]
    if not all(isinstance(name, str) and name for name in names):
        raise UserError(f'{place}: an annotation of {CLASSIFICATION} needs a "name"')
    return names


def _xml(annotations: list[dict], place: str) -> str | None:
    locations = [a.get("annotation-loc", a.get("annotation_loc")) for a in annotations]  # both spellings are in use
    named = [location for location in locations if location]
    if not all(isinstance(location, str) and "\0" not in location for location in named):
        raise UserError(f'{place}: "annotation-loc" must be a path')
    return named[0] if named else None
