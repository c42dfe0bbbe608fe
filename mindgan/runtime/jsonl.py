"""Files of one JSON object a line, which survive a kill in the middle of a write."""

import json
from collections.abc import Callable
from pathlib import Path

from mindgan.runtime import files
from mindgan.runtime.errors import UserError

PLACE = ("nimg", "epoch", "step")  # where in the run a line of stats.jsonl stands; whole numbers


def read_stats(path: Path) -> list[dict]:
    """The lines of stats.jsonl: `PLACE`, and beside it any numbers, NaN and infinity among them; see `read_lines`.

    Lines of one file may hold different numbers. What is told as ``{"num", "mean", "std"}`` is read as its mean. A line
    with anything else that is no number is a damaged one.
    """
    return [{name: _mean(value) for name, value in line.items()} for line in _whole_lines(path, _is_stats)]


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
    return _whole_lines(path, lambda line: all(isinstance(line.get(name), (int, float)) for name in numbers))


def _whole_lines(path: Path, is_whole: Callable[[dict], bool]) -> list[dict]:
    try:
        rows = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; mend its permissions") from error
    lines = [_parse(row, is_whole) for row in rows]
    if lines and lines[-1] is None:
        del lines[-1]
    if None in lines:
        raise UserError(f"{path}: line {lines.index(None) + 1} is damaged; mend or remove that line")
    return [line for line in lines if line is not None]


def _parse(row: bytes, is_whole: Callable[[dict], bool]) -> dict | None:
    try:
        line = json.loads(row)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) and is_whole(line) else None


def _is_stats(line: dict) -> bool:
    is_placed = all(type(line.get(name)) is int for name in PLACE)
    return is_placed and all(type(_mean(value)) in (int, float) for value in line.values())


def _mean(value: object) -> object:
    return value.get("mean") if isinstance(value, dict) else value


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
