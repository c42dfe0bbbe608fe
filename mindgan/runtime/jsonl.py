"""Files of one JSON object a line, which survive a kill in the middle of a write."""

import json
from pathlib import Path

from mindgan.runtime import files
from mindgan.runtime.errors import UserError


def read_stats(path: Path) -> list[dict]:
    """The lines of stats.jsonl; see `read_lines`."""
    return read_lines(path, ("nimg", "epoch", "step", "loss_d", "loss_g", "lr"))


def read_timing(path: Path) -> list[dict]:
    """The lines of timing.jsonl; see `read_lines`."""
    return read_lines(path, ("nimg", "epoch", "seconds"))


def read_lines(path: Path, numbers: tuple[str, ...]) -> list[dict]:
    """The lines of a file; an absent one has none, and a last line that a kill has torn is left out.

    Args:
        path: the file.
        numbers: what every line holds.

    Raises:
        UserError: the file cannot be read, or another line is damaged.
    """
    try:
        rows = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; mend its permissions") from error
    lines = [_parse(row, numbers) for row in rows]
    if lines and lines[-1] is None:
        del lines[-1]
    if None in lines:
        raise UserError(f"{path}: line {lines.index(None) + 1} is damaged; mend or remove that line")
    return [line for line in lines if line is not None]


def _parse(row: bytes, numbers: tuple[str, ...]) -> dict | None:
    try:
        line = json.loads(row)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or not all(isinstance(line.get(name), (int, float)) for name in numbers):
        return None
    return line


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


def sync(path: Path) -> None:
    """Brings the lines of a .jsonl file through the system's caches to the disk.

    Raises:
        UserError: the disk is full or the file cannot be written.
    """
    try:
        files.sync(path)
    except OSError as error:
        raise UserError(files.explain(error, path)) from error


def keep_lines(path: Path, lines: list[dict]) -> None:
    """Replaces a .jsonl file by `lines`, atomically."""
    files.write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
