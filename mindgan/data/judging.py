"""What becomes of each file of a set in a validation: images are judged in threads, results are named in order."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from mindgan.data.findings import CONVERTED, DROPPED, KEPT, MAX_NAME_BYTES, RENAMED, Judgement, Rules, judge
from mindgan.data.image_set import XML_SUFFIX, ImageItem, ImageSet, XmlFile
from mindgan.data.prefetch import map_ahead
from mindgan.data.report import Row
from mindgan.data.voc import Picture, Unusable, judge_xml
from mindgan.runtime.errors import UserError

DATA = "Data"
MAX_THREADS = 4  # each holds an image as file, as pixels and as result
NAME_TAKEN = "XML of an image with the name of another that has one"


class Result(NamedTuple):
    """What became of a file."""

    row: Row
    files: dict[str, bytes]
    """What is to be written to the work folder, by name; empty where it is there already."""


class _Look(NamedTuple):
    """What a thread has found of an item."""

    judgement: Judgement | None
    """None where a former call has made its results."""
    sha256: str
    xml: bytes | UserError | None
    """The annotation, or why it cannot be read."""


def judged(images: ImageSet, rules: Rules, known: dict[str, Row], out_folder: Path | None) -> Iterator[Result]:
    """The results of a set in the order of names, after those files that cannot be read.

    Args:
        images: what to judge.
        rules: what a valid image is.
        known: what a former call found, by name; where the files are the same, they are not judged again.
        out_folder: where the results of the former call are.
    """
    for problem in images.problems:
        yield Result(Row(problem.name, (problem.finding,), DROPPED, None), {})
    names = _Names(images)
    num_threads = min(MAX_THREADS, os.cpu_count() or 1)
    looks = map_ahead(
        lambda item: _look(item, rules, known.get(item.name), out_folder), images.items, num_threads=num_threads
    )
    for item, look in zip(images.items, looks, strict=True):
        before = known.get(item.name)
        if look.judgement is None and before is not None and names.are_those_of(before):
            result = Result(before, {})
        else:
            result = _result(item, look.judgement or judge(item.read(), item.name, rules), look, rules, names)
        names.take(result.row)
        yield result


def _look(item: ImageItem, rules: Rules, before: Row | None, out_folder: Path | None) -> _Look:
    try:
        data = item.read()
    except UserError as error:
        return _Look(Judgement((f"cannot be read: {error}",), DROPPED, "", b""), "", None)
    digest, xml = hashlib.sha256(data).hexdigest(), _read_xml(item.xml)
    if before is not None and out_folder is not None and _is_done(before, digest, xml, out_folder):
        return _Look(None, digest, xml)
    return _Look(judge(data, item.name, rules), digest, xml)


def _read_xml(xml: XmlFile | None) -> bytes | UserError | None:
    try:
        return xml.reader() if xml else None
    except UserError as error:
        return error


def _is_done(before: Row, digest: str, xml: bytes | UserError | None, out_folder: Path) -> bool:
    """Whether file and annotation are those of a former call, and their results are there."""
    rows = [row for row in (before, before.xml) if row is not None]
    digests = [digest] if xml is None else [digest, _digest(xml)]
    return [row.sha256 for row in rows] == digests and all(_is_there(row, out_folder) for row in rows)


def _digest(xml: bytes | UserError) -> str:
    return hashlib.sha256(xml).hexdigest() if isinstance(xml, bytes) else ""


def _is_there(row: Row, out_folder: Path) -> bool:
    if row.output is None:
        return True
    path = out_folder / row.output
    return path.is_file() and path.stat().st_size == row.output_bytes


def _result(item: ImageItem, judgement: Judgement, look: _Look, rules: Rules, names: "_Names") -> Result:
    output = names.of_image(item.name, judgement.action, judgement.suffix)
    row = Row(item.name, judgement.findings, judgement.action, output, look.sha256, len(judgement.data))
    results = {} if output is None else {output: judgement.data}
    if item.xml is not None and look.xml is not None:
        xml_row, data = _xml_result(item.xml.name, look.xml, judgement, row, rules, names)
        row = replace(row, xml=xml_row)
        results |= {} if xml_row.output is None else {xml_row.output: data}
    return Result(row, results)


def _xml_result(
    name: str, xml: bytes | UserError, judgement: Judgement, image: Row, rules: Rules, names: "_Names"
) -> tuple[Row, bytes]:
    output = names.of_xml(name, image.output)
    try:
        if isinstance(xml, UserError):
            raise Unusable(f"XML cannot be read: {xml}")
        if output is None:
            raise Unusable(NAME_TAKEN if image.output else "XML of a dropped image")
        last, result_last = (PurePosixPath(path or "").name for path in (image.name, image.output))
        renamed = result_last if result_last != last else None
        picture = Picture(judgement.size, judgement.result_size, rules.image_channel, judgement.turned, renamed)
        findings, data = judge_xml(xml, picture)
    except Unusable as error:
        return Row(name, (str(error),), DROPPED, None, _digest(xml)), b""
    action = CONVERTED if findings else KEPT if image.action == KEPT else RENAMED
    return Row(name, findings, action, output, _digest(xml), len(data)), data


class _Names:
    """The names of results in the work folder, each given once, on file systems that ignore case too."""

    def __init__(self, images: ImageSet):
        names = [item.name for item in images.items]
        folders = {str(parent) for name in names if "/" in name for parent in PurePosixPath(name).parents}
        self._taken = {name.casefold() for name in chain(names, folders)}

    def of_image(self, name: str, action: str, suffix: str) -> str | None:
        """The name of an image's result; None where it is dropped."""
        if action in (KEPT, DROPPED):
            return f"{DATA}/{name}" if action == KEPT else None
        path = PurePosixPath(name)
        stem = os.fsencode(path.stem)[:MAX_NAME_BYTES].decode("utf-8", "ignore")
        numbers = chain([""], (f"_{number}" for number in count(2)))
        candidates = (str(path.with_name(f"{stem}_checked{number}{suffix}")) for number in numbers)
        return f"{DATA}/{next(candidate for candidate in candidates if candidate.casefold() not in self._taken)}"

    def of_xml(self, name: str, image_output: str | None) -> str | None:
        """The name of an annotation's result, that of its image; None where there is none or it is taken."""
        if image_output is None:
            return None
        suffix = PurePosixPath(name).suffix
        output = str(PurePosixPath(image_output).with_suffix(suffix if suffix.lower() == XML_SUFFIX else XML_SUFFIX))
        return None if _in_set(output).casefold() in self._taken else output

    def are_those_of(self, row: Row) -> bool:
        """Whether the results of a former call would have the same names again."""
        if row.output != self.of_image(row.name, row.action, PurePosixPath(row.output or "").suffix):
            return False
        xml = row.xml
        return xml is None or (
            xml.findings != (NAME_TAKEN,) and xml.output in (None, self.of_xml(xml.name, row.output))
        )

    def take(self, row: Row) -> None:
        """Notes the names of results."""
        for one in (row, row.xml):
            if one is not None and one.output is not None:
                self._taken.add(_in_set(one.output).casefold())


def _in_set(output: str) -> str:
    return output.removeprefix(f"{DATA}/")
