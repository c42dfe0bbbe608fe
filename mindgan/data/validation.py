"""Images that a training can rely on: ModelArts' MetaValidation, into a work folder, with a report on every file."""

import os
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path, PurePosixPath

from mindgan.data.findings import Rules, judge
from mindgan.data.image_set import ImageItem, ImageSet, Listing, XmlFile, shown
from mindgan.data.image_source import read_file
from mindgan.data.judging import DATA, Result, judged
from mindgan.data.prefetch import map_ahead
from mindgan.data.report import Report, Row, whole_text
from mindgan.runtime import files, jsonl
from mindgan.runtime.errors import UserError

JOURNAL, REPORT, REPORT_TEXT = "validation_journal.jsonl", "validation.json", "validation.txt"
NUM_WRITERS = 4  # every file is synced, which is waiting for the disk


def check(images: ImageSet, *, image_channel: int = 3, image_max_width: int = -1, image_max_height: int = -1) -> Report:
    """The report that `validate` would write; nothing is written."""
    rules = Rules(image_channel, image_max_width, image_max_height)
    return _report(images, rules, [result.row for result in judged(images, rules, {}, None)], None)


def validate(
    images: ImageSet,
    out_folder: Path,
    *,
    image_channel: int,
    image_max_width: int = -1,
    image_max_height: int = -1,
    least: int = 1,
) -> Report:
    """Copies what is valid to ``Data/`` in the work folder, mends what can be mended, and reports on every file.

    Originals are never touched. Untouched files keep name and bytes, changed ones end in ``_checked``, folders stay.
    An annotation gets the name of its image. The same call again does only what is not done yet, and ends in the same
    bytes.

    Args:
        images: what to validate.
        out_folder: the work folder; it gets ``Data/``, ``validation.json``, ``validation.txt`` and a journal.
        image_channel: 3 makes everything RGB, 1 everything grey, 4 leaves RGB and RGBA as they are.
        image_max_width: wider images are reduced proportionally, px; -1 is off.
        image_max_height: higher images alike.
        least: how many valid images are needed.

    Raises:
        UserError: an option is out of range, the work folder overlaps the originals or cannot be written, or fewer
            than `least` are left (the reports are written before that).
    """
    rules = Rules(image_channel, image_max_width, image_max_height)
    _require_apart(images, out_folder)
    journal = out_folder / JOURNAL
    before = _read_journal(journal)
    jsonl.keep_lines(journal, [_entry(row, its_rules) for its_rules, row in before])  # without a line that was torn
    known = _known(before, rules)
    rows = []
    results = judged(images, rules, known, out_folder)
    for row in map_ahead(partial(_write, out_folder), results, num_threads=NUM_WRITERS):
        if known.get(row.name) != row:
            jsonl.append_line(journal, _entry(row, asdict(rules)))
        rows.append(row)
    _remove_stale(out_folder, [row for _, row in before], rows)
    report = _report(images, rules, rows, out_folder)
    jsonl.keep_lines(journal, [_entry(row, asdict(rules)) for row in report.rows])
    files.write_json(out_folder / REPORT, report.as_json())
    files.write_atomically(out_folder / REPORT_TEXT, whole_text(report).encode())
    _require_left(images, report, least, out_folder)
    return report


def preview(images: ImageSet, out_folder: Path, rules: Rules) -> ImageSet:
    """The images that `validate` would leave in the work folder, by the same names; nothing is written.

    What is not there from a former call is made again whenever it is read.

    Raises:
        UserError: the work folder cannot be read.
    """
    originals = {item.name: item for item in images.items}
    listing = Listing()
    for row, made in judged(images, rules, _known(_read_journal(out_folder / JOURNAL), rules), out_folder):
        if row.output is None:
            continue
        original = originals[row.name]
        item = _output_item(original, row, out_folder)
        if made:
            item = replace(item, where=original.where, path=original.path, reader=partial(_made, original, rules))
        listing.items.append(item)
    return listing.finish(images.option, out_folder / DATA)


def _made(item: ImageItem, rules: Rules) -> bytes:
    return judge(item.read(), item.name, rules).data


def _known(before: list[tuple[dict, Row]], rules: Rules) -> dict[str, Row]:
    """What former calls with the same rules have done, by the names of the originals."""
    return {row.name: row for its_rules, row in before if its_rules == asdict(rules)}


def _write(out_folder: Path, result: Result) -> Row:
    for output, data in result.files.items():
        _require_within(out_folder, output)
        files.write_atomically(out_folder / output, data)
    return result.row


def _require_left(images: ImageSet, report: Report, least: int, out_folder: Path) -> None:
    left = len(report.images or ())
    if left < least:
        remains = f"{left} of {least} needed images" if left else "nothing"
        verb = "are" if left else "is"
        findings = Counter(row.findings[0] for row in report.rows if row.action == "dropped" and row.findings)
        most = f" (most often: {findings.most_common(1)[0][0]})" if findings else ""
        raise UserError(
            f"{images.option} {report.summary()}; {remains} {verb} left, see {shown(out_folder / REPORT_TEXT)}{most}"
        )


def _require_apart(images: ImageSet, out_folder: Path) -> None:
    """Raises UserError where results could take the place of originals."""
    data, source = Path(os.path.realpath(out_folder / DATA)), Path(os.path.realpath(images.source))
    folders = {os.path.realpath(folder) for folder in {item.path.parent for item in images.items if item.path}}
    apart = all(data not in (folder, *folder.parents) for folder in map(Path, folders))
    if not apart or (source.is_dir() and source in (data, *data.parents)):
        raise UserError(
            f"{shown(out_folder)} is no place for validated images: it overlaps {images.option} "
            f"{shown(images.source)}, which stays untouched; name an output folder apart from it"
        )


def _require_within(out_folder: Path, output: str) -> None:
    """Raises UserError where a link among the results leads out of them, perhaps to the originals."""
    folder, data = (os.path.realpath(path) for path in ((out_folder / output).parent, out_folder / DATA))
    if os.path.commonpath([folder, data]) != data:
        raise UserError(
            f"{shown((out_folder / output).parent)} leads out of {shown(out_folder / DATA)}; remove that link"
        )


def _entry(row: Row, rules: dict) -> dict:
    return {**rules, **asdict(row)}


def _read_journal(journal: Path) -> list[tuple[dict, Row]]:
    """What former calls have done: rules and row."""
    entries = []
    for rules in jsonl.read_lines(journal, ("output_bytes",)):
        values = {name: rules.pop(name, None) for name in Row.__dataclass_fields__}
        if row := _read_row(values):
            entries.append((rules, row))
    return entries


def _read_row(values: dict) -> Row | None:
    """A row of the journal; None where it is of another program."""
    xml = values.get("xml")
    if isinstance(xml, dict):
        xml = _read_row(xml)
    typed = isinstance(values.get("name"), str) and isinstance(values.get("output"), str | None)
    if not typed or not isinstance(values.get("findings"), list) or not isinstance(xml, Row | None):
        return None
    try:
        return Row(**{**values, "findings": tuple(values["findings"]), "xml": xml})
    except TypeError:
        return None


def _outputs(row: Row) -> list[str]:
    """The results of a file and its annotation."""
    return [one.output for one in (row, row.xml) if one is not None and one.output is not None]


def _remove_stale(out_folder: Path, before: list[Row], rows: list[Row]) -> None:
    """Removes results of former calls that are none any more; nothing but what the journal lists under ``Data/``."""
    current = {output for row in rows for output in _outputs(row)}
    for output in [PurePosixPath(output) for row in before for output in _outputs(row)]:
        if str(output) not in current and output.parts[:1] == (DATA,) and ".." not in output.parts:
            with suppress(OSError, UserError):
                _require_within(out_folder, str(output))
                (out_folder / output).unlink()


def _report(images: ImageSet, rules: Rules, rows: list[Row], out_folder: Path | None) -> Report:
    rows = sorted(rows, key=lambda row: row.name)
    items = {item.name: item for item in images.items}
    valid = None
    if out_folder is not None:
        listing = Listing()
        listing.items += [_output_item(items[row.name], row, out_folder) for row in rows if row.output]
        valid = listing.finish(images.option, out_folder / DATA)
    return Report(shown(images.source), rules, tuple(rows), images.passed, valid)


def _output_item(item: ImageItem, row: Row, out_folder: Path) -> ImageItem:
    name, path = _without_data(row.output), out_folder / str(row.output)
    xml = None
    if row.xml is not None and row.xml.output is not None:
        where = out_folder / row.xml.output
        xml = XmlFile(_without_data(row.xml.output), shown(where), partial(read_file, where))
    read = partial(read_file, path)
    return replace(item, name=name, where=shown(path), num_bytes=row.output_bytes, reader=read, path=path, xml=xml)


def _without_data(output: str | None) -> str:
    return (output or "").removeprefix(f"{DATA}/")
