"""Images that a training can rely on: ModelArts' MetaValidation, into a work folder, with a report on every file."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain, count
from pathlib import Path, PurePosixPath

from mindgan.data.findings import CONVERTED, DROPPED, KEPT, MAX_NAME_BYTES, RENAMED, Rules, judge
from mindgan.data.image_set import ImageItem, ImageSet, Listing, shown
from mindgan.data.image_source import read_file
from mindgan.runtime import files, jsonl
from mindgan.runtime.errors import UserError

DATA, JOURNAL, REPORT, REPORT_TEXT = "Data", "validation_journal.jsonl", "validation.json", "validation.txt"


@dataclass(frozen=True)
class Row:
    """What was found of one file, and what was done."""

    name: str
    """The file, relative to its set."""
    findings: tuple[str, ...]
    """What is not as it should be."""
    action: str
    """``kept``, ``converted``, ``renamed`` or ``dropped``."""
    output: str | None
    """The result, relative to the work folder; None for a dropped file."""
    sha256: str = ""
    """Of the file, where it could be read."""
    output_bytes: int = 0
    """Size of the result."""


@dataclass(frozen=True)
class Report:
    """Every file of a set in the order of names, and what was passed over."""

    source: str
    rules: Rules
    rows: tuple[Row, ...]
    passed_over: tuple[tuple[str, int], ...]
    images: ImageSet | None = field(repr=False, compare=False)
    """The valid images, in the work folder; None after `check`."""

    @property
    def counts(self) -> dict[str, int]:
        """How many files were kept, converted, renamed and dropped."""
        found = Counter(row.action for row in self.rows)
        return {action: found[action] for action in (KEPT, CONVERTED, RENAMED, DROPPED)}

    def summary(self) -> str:
        """One line."""
        counts = ", ".join(f"{count} {action}" for action, count in self.counts.items())
        passed = "".join(f", {count} {reason}" for reason, count in self.passed_over)
        return f"{self.source}: {len(self.rows)} images: {counts}{'; passed over' + passed[1:] if passed else ''}"

    def text(self) -> str:
        """The summary, then a line for every file."""
        return "\n".join([self.summary(), "", *map(_line, self.rows)]) + "\n"

    def as_json(self) -> dict:
        """The report as objects of JSON."""
        return {
            "source": self.source,
            **asdict(self.rules),
            "counts": self.counts,
            "passed_over": dict(self.passed_over),
            "files": [asdict(row) for row in self.rows],
        }


def _line(row: Row) -> str:
    findings = f" ({'; '.join(row.findings)})" if row.findings else ""
    changed = row.output is not None and row.action != KEPT
    return shown(f"{row.name}: {row.action}{findings}") + (f", now {shown(row.output)}" if changed else "")


def check(images: ImageSet, *, image_channel: int = 3, image_max_width: int = -1, image_max_height: int = -1) -> Report:
    """The report that `validate` would write; nothing is written."""
    rules = Rules(image_channel, image_max_width, image_max_height)
    return _report(images, rules, [row for row, _ in _judged(images, rules, {}, None)], None)


def validate(
    images: ImageSet,
    out_folder: Path,
    *,
    image_channel: int,
    image_max_width: int = -1,
    image_max_height: int = -1,
) -> Report:
    """Copies what is valid to ``Data/`` in the work folder, mends what can be mended, and reports on every file.

    Originals are never touched. Untouched files keep name and bytes, changed ones end in ``_checked``, folders stay.
    The same call again does only what is not done yet, and ends in the same bytes.

    Args:
        images: what to validate.
        out_folder: the work folder; it gets ``Data/``, ``validation.json``, ``validation.txt`` and a journal.
        image_channel: 3 makes everything RGB, 1 everything grey.
        image_max_width: wider images are reduced proportionally, px; -1 is off.
        image_max_height: higher images alike.

    Raises:
        UserError: an option is out of range, the work folder overlaps the originals or cannot be written, or nothing
            is left (the reports are written before that).
    """
    rules = Rules(image_channel, image_max_width, image_max_height)
    _require_apart(images, out_folder)
    journal = out_folder / JOURNAL
    before = _read_journal(journal)
    jsonl.keep_lines(journal, [_entry(row, its_rules) for its_rules, row in before])  # without a line that was torn
    known = {row.name: row for its_rules, row in before if its_rules == asdict(rules)}
    rows = []
    for row, data in _judged(images, rules, known, out_folder):
        if data is not None and row.output is not None:
            files.write_atomically(out_folder / row.output, data)
        if known.get(row.name) != row:
            jsonl.append_line(journal, _entry(row, asdict(rules)))
        rows.append(row)
    _remove_stale(out_folder, [row for _, row in before], rows)
    report = _report(images, rules, rows, out_folder)
    jsonl.keep_lines(journal, [_entry(row, asdict(rules)) for row in report.rows])
    files.write_json(out_folder / REPORT, report.as_json())
    files.write_atomically(out_folder / REPORT_TEXT, report.text().encode())
    if not report.images:
        raise UserError(f"{images.option} {report.summary()}; nothing is left, see {out_folder / REPORT_TEXT}")
    return report


def _require_apart(images: ImageSet, out_folder: Path) -> None:
    data, source = (out_folder / DATA).resolve(), images.source.resolve()
    if source.is_dir() and (source in (data, *data.parents) or data in source.parents):
        raise UserError(
            f"{shown(out_folder)} is no place for validated images: it overlaps {images.option} "
            f"{shown(images.source)}, which stays untouched; name an output folder apart from it"
        )


def _entry(row: Row, rules: dict) -> dict:
    return {**rules, **asdict(row)}


def _read_journal(journal: Path) -> list[tuple[dict, Row]]:
    """What former calls have done: rules and row."""
    entries = []
    for rules in jsonl.read_lines(journal, ("output_bytes",)):
        values = {name: rules.pop(name, None) for name in Row.__dataclass_fields__}
        typed = isinstance(values["name"], str) and isinstance(values["output"], str | None)
        if typed and isinstance(values["findings"], list):
            entries.append((rules, Row(**{**values, "findings": tuple(values["findings"])})))
    return entries


def _remove_stale(out_folder: Path, before: list[Row], rows: list[Row]) -> None:
    """Removes results of former calls that are none any more; nothing but what the journal lists under ``Data/``."""
    current = {row.output for row in rows}
    for row in before:
        output = PurePosixPath(row.output or "")
        if row.output not in current and output.parts[:1] == (DATA,) and ".." not in output.parts:
            with suppress(OSError):
                (out_folder / output).unlink()


def _report(images: ImageSet, rules: Rules, rows: list[Row], out_folder: Path | None) -> Report:
    rows = sorted(rows, key=lambda row: row.name)
    items = {item.name: item for item in images.items}
    valid = None
    if out_folder is not None:
        listing = Listing()
        listing.items += [_output_item(items[row.name], row, out_folder) for row in rows if row.output]
        valid = listing.finish(images.option, out_folder / DATA)
    return Report(shown(images.source), rules, tuple(rows), images.passed_over, valid)


def _output_item(item: ImageItem, row: Row, out_folder: Path) -> ImageItem:
    path = out_folder / str(row.output)
    return ImageItem(
        _without_data(row.output), item.label, shown(path), row.output_bytes, partial(read_file, path), item.usage
    )


def _judged(
    images: ImageSet, rules: Rules, known: dict[str, Row], out_folder: Path | None
) -> Iterator[tuple[Row, bytes | None]]:
    """A row for every file, with the bytes of its result unless they are in `out_folder` already."""
    for problem in images.problems:
        yield Row(problem.name, (problem.finding,), DROPPED, None), None
    taken = {item.name.casefold() for item in images.items}
    for item in images.items:
        try:
            data = item.read()
        except UserError as error:
            yield Row(item.name, (str(error),), DROPPED, None), None
            continue
        row, result = _judged_item(item, data, rules, known.get(item.name), taken, out_folder)
        taken.add(_without_data(row.output).casefold())
        yield row, result


def _judged_item(
    item: ImageItem, data: bytes, rules: Rules, before: Row | None, taken: set[str], out_folder: Path | None
) -> tuple[Row, bytes | None]:
    digest = hashlib.sha256(data).hexdigest()
    if before is not None and before.sha256 == digest and out_folder is not None and _is_there(before, out_folder):
        output = _output(item.name, before.action, PurePosixPath(before.output or "").suffix, taken)
        if output == before.output:
            return before, None
    judgement = judge(data, item.name, rules)
    output = _output(item.name, judgement.action, judgement.suffix, taken)
    row = Row(item.name, judgement.findings, judgement.action, output, digest, len(judgement.data))
    return row, judgement.data


def _is_there(row: Row, out_folder: Path) -> bool:
    if row.output is None:
        return True
    path = out_folder / row.output
    return path.is_file() and path.stat().st_size == row.output_bytes


def _output(name: str, action: str, suffix: str, taken: set[str]) -> str | None:
    """The name of a result in the work folder; a changed file takes none of `taken`, names in lower case."""
    if action in (KEPT, DROPPED):
        return f"{DATA}/{name}" if action == KEPT else None
    path = PurePosixPath(name)
    stem = os.fsencode(path.stem)[:MAX_NAME_BYTES].decode("utf-8", "ignore")
    numbers = chain([""], (f"_{number}" for number in count(2)))
    candidates = (str(path.with_name(f"{stem}_checked{number}{suffix}")) for number in numbers)
    return f"{DATA}/{next(candidate for candidate in candidates if candidate.casefold() not in taken)}"


def _without_data(output: str | None) -> str:
    return (output or "").removeprefix(f"{DATA}/")
