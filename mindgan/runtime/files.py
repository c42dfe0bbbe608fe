"""Whole files or none: writes go to a temporary name, are synced, then renamed."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from mindgan.runtime.errors import UserError

MAX_NAME_BYTES = 200  # 255 is what most systems allow
SCRATCH_PREFIX, IN_USE = "mindgan-", ".in-use"
ABANDONED_SECONDS = 60
PART_PREFIX = ".mindgan-part-"  # begins the name of every file that is not whole yet


def user_path(option: str, text: str) -> Path:
    """The path a person gave for an option, with ``~`` replaced.

    Raises:
        UserError: it is empty, or ``~name`` is of nobody.
    """
    if not text.strip():
        raise UserError(f"{option} is empty; name a folder or file")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UserError(f"{option} {text}: there is no such user; write the folder out") from error


def require_writable(option: str, folder: Path) -> None:
    """Makes nothing, and raises UserError where the folder that an option names could not be made or written."""
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise UserError(f"{option} {folder} cannot be written: {there} is no folder; name another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{option} {folder} cannot be written: permission denied; name another folder")


def write_atomically(path: Path, data: bytes) -> None:
    """Writes `data` to `path`; whoever reads `path` sees the old file or the new one, never a part.

    Raises:
        UserError: the disk is full or the place cannot be written.
    """
    make_atomically(path, lambda temporary: temporary.write_bytes(data))


def make_atomically(path: Path, make: Callable[[Path], object]) -> None:
    """Has `make(temporary)` write a file beside `path`, syncs it and renames it to `path`.

    The temporary name keeps the suffix of `path`, for writers that look at it, and is removed on any failure.

    Raises:
        UserError: the disk is full or the place cannot be written.
    """
    if not path.name:
        raise UserError(f"'{path}' names no file; name one")
    temporary = path.with_name(f"{PART_PREFIX}{os.getpid()}-{_short(path)}")  # two processes may write the same file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        make(temporary)
        sync(temporary)
        os.replace(temporary, path)
        with suppress(OSError):  # not every system can open a folder
            sync(path.parent)
    except OSError as error:
        raise UserError(explain(error, path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _short(path: Path) -> str:
    """The name of a file or, where the longest name that systems allow would have no room for more, another for it."""
    name = os.fsencode(path.name)
    return path.name if len(name) < MAX_NAME_BYTES else hashlib.sha256(name).hexdigest() + path.suffix[:8]


def sync(path: Path) -> None:
    """Brings what was written of a file, or the names in a folder, through the system's caches to the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder, removed at the end of the block; of a process that was killed, by the next call.

    Raises:
        UserError: an OSError left the block, which is about no other files than those in the folder.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    try:
        with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX) as folder, open(Path(folder) / IN_USE, "w") as lock:
            _lock(lock)
            yield Path(folder)
    except OSError as error:
        raise UserError(explain(error, Path("the folder of temporary files (TMPDIR)"))) from error


def _remove_abandoned(folder: Path) -> None:
    """Removes scratch folders whose process was killed, which therefore nobody holds a lock in any more."""
    for held in folder.glob(f"{SCRATCH_PREFIX}*/{IN_USE}"):
        with suppress(OSError):  # such as of another user
            is_new = time.time() - held.stat().st_mtime < ABANDONED_SECONDS  # whoever made it may be about to lock it
            with open(held, "r+") as lock:
                if not is_new and _lock(lock):
                    shutil.rmtree(held.parent, ignore_errors=True)


def _lock(file: TextIO) -> bool:
    """Whether it was locked for this process: not where another holds it, or where there are no such locks."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):  # Windows, or a file system without locks
        return False
    return True


def write_json(path: Path, value: object) -> None:
    """`value` as indented JSON, written atomically."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def explain(error: OSError, path: Path) -> str:
    """One line for a person: what went wrong with writing `path`, and the way out."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{path} cannot be written: the disk is full; free some room, then run the same command again"
    return f"{path} cannot be written: {error.strerror or error}; choose another folder"
