"""Files of one JSON object a line, which survive a kill in the middle of a write."""

import json
from pathlib import Path

from mindgan.runtime import files
from mindgan.runtime.errors import UserError


def read_lines(path: Path) -> list[dict]:
    """The whole lines of a .jsonl file; a line that is none, as a kill can leave, ends it. An absent file has none."""
    lines: list[dict] = []
    if not path.exists():
        return lines
    for line in path.read_bytes().splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            break
        if not isinstance(value, dict):
            break
        lines.append(value)
    return lines


def append_line(path: Path, value: dict) -> None:
    """Adds one line to a .jsonl file in one write.

    Raises:
        UserError: the disk is full or the file cannot be written.
    """
    try:
        with open(path, "ab") as file:
            file.write((json.dumps(value) + "\n").encode())
    except OSError as error:
        raise UserError(files.explain(error, path)) from error


def keep_lines(path: Path, lines: list[dict]) -> None:
    """Replaces a .jsonl file by `lines`, atomically."""
    files.write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
