"""The report of a validation: every file, what was found of it and what was done, for a person and for a program."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from mindgan.data.findings import CONVERTED, DROPPED, KEPT, RENAMED, Rules
from mindgan.data.image_set import ImageSet, Problem, shown

ACTIONS = (KEPT, CONVERTED, RENAMED, DROPPED)
MOST_SHOWN = 40  # files with findings that fit on a screen
MOST_FINDINGS = 4  # of one file in a line of it; an XML may have thousands


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
    xml: "Row | None" = None
    """The same of its PASCAL VOC annotation, where it has one."""


@dataclass(frozen=True)
class Report:
    """Every file of a set in the order of names, and what was passed over."""

    source: str
    rules: Rules
    rows: tuple[Row, ...]
    passed: tuple[Problem, ...]
    """Files that are no images."""
    images: ImageSet | None = field(repr=False, compare=False)
    """The valid images, in the work folder; None after `check`."""

    @property
    def counts(self) -> dict[str, int]:
        """How many images were kept, converted, renamed and dropped."""
        return _counts(self.rows)

    def summary(self) -> str:
        """One line."""
        xmls = [row.xml for row in self.rows if row.xml is not None]
        parts = [f"{_images(len(self.rows))}: {_listed(_counts(self.rows))}"]
        if xmls:
            parts.append(f"{len(xmls)} XML: {_listed(_counts(xmls))}")
        if self.passed:
            parts.append(f"passed over {_listed(dict(sorted(Counter(one.finding for one in self.passed).items())))}")
        return f"{self.source}: {'; '.join(parts)}"

    def as_json(self) -> dict:
        """The report as objects of JSON."""
        return {
            "source": self.source,
            **asdict(self.rules),
            "counts": self.counts,
            "passed_over": [asdict(one) for one in self.passed],
            "files": [asdict(row) for row in self.rows],
        }


def text(report: Report, most: int = MOST_SHOWN, whole: str | None = None) -> str:
    """The report for a screen: the summary, how often there is what, and the files with findings.

    Args:
        report: the report.
        most: how many files are shown at most.
        whole: the file that has all of them, for the last line.
    """
    found = [row for row in _with_xml(report) if row.findings]
    lines = [report.summary()]
    if found and report.images is None:
        lines.append("nothing was written: this is what validation would do")
    lines += _counted(found)
    lines += ["", *(_line(row, MOST_FINDINGS) for row in found[:most])] if found else []
    if len(found) > most:
        files = f"{len(found) - most} more file{'s' * (len(found) - most > 1)} with findings"
        lines.append(f"... and {files}{f', all of them in {shown(whole)}' if whole else ''}")
    return "\n".join(lines) + "\n"


def whole_text(report: Report) -> str:
    """The report with every file, also those that were kept and passed over, a line each."""
    found = [row for row in _with_xml(report) if row.findings]
    passed = [shown(f"{one.name}: passed over ({one.finding})") for one in report.passed]
    return "\n".join([report.summary(), *_counted(found), "", *map(_line, _with_xml(report)), *passed]) + "\n"


def json_lines(report: Report) -> bytes:
    """The report for a program: JSON Lines, an object for every file, also for those that were passed over.

    Every object has ``name``, ``findings`` (a list), ``action`` and ``output`` (None where there is none).
    """
    rows = [(row.name, row.findings, row.action, row.output) for row in _with_xml(report)]
    rows += [(one.name, (one.finding,), "passed over", None) for one in report.passed]
    keys = ("name", "findings", "action", "output")
    return b"".join(json.dumps(dict(zip(keys, row, strict=True))).encode() + b"\n" for row in rows)


def _with_xml(report: Report) -> Iterator[Row]:
    for row in report.rows:
        yield row
        if row.xml is not None:
            yield row.xml


def _counted(found: list[Row]) -> list[str]:
    """How often there is each kind of finding, the most frequent first."""
    kinds = Counter(finding.partition(":")[0] for row in found for finding in row.findings)
    rows = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    return ["", *(f"{number:7}  {shown(kind)}" for kind, number in rows)] if rows else []


def _line(row: Row, most: int | None = None) -> str:
    findings = "; ".join(row.findings[:most])
    if most is not None and len(row.findings) > most:
        findings += f"; and {len(row.findings) - most} more"
    changed = f", now {shown(row.output)}" if row.output is not None and row.action != KEPT else ""
    return shown(f"{row.name}: {row.action}{f' ({findings})' if findings else ''}") + changed


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    found = Counter(row.action for row in rows)
    return {action: found[action] for action in ACTIONS}


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number} images"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counts.items())
