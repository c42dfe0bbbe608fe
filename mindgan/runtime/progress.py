"""What a run tells while it runs: lines on the screen and in log.txt, and a progress bar where there is a terminal."""

import sys
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from mindgan.runtime import files
from mindgan.runtime.errors import UserError


class Console:
    """Lines for the person and for log.txt, above a progress bar. A context manager: it closes the log."""

    def __init__(self) -> None:
        self._log: Path | None = None
        self._lock: TextIO | None = None
        self._unlogged: list[str] = []
        self._bar: tqdm | None = None

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_bar()
        if self._lock is not None:
            self._lock.close()

    def log_to(self, path: Path) -> None:
        """From now on every line is added to a file too, and at once those that were said so far.

        The file also says that the run is taken: it stays locked until it is closed.

        Raises:
            UserError: the disk is full, the log cannot be written, or another process logs to it.
        """
        try:
            self._lock = open(path, "a", encoding="utf-8")  # noqa: SIM115 (closed on exit)
        except OSError as error:
            raise UserError(files.explain(error, path)) from error
        if not _try_lock(self._lock):
            raise UserError(f"another training is writing to {path.parent}; wait for it or name another --train_url")
        self._log = path
        for line in self._unlogged:
            self._write(path, line)
        self._unlogged.clear()

    def say(self, line: str) -> None:
        """Prints a line above the bar and adds it to the log.

        Raises:
            UserError: the disk is full or the log cannot be written.
        """
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()
        if self._log is None:
            self._unlogged.append(line)
        else:
            self._write(self._log, line)

    @staticmethod
    def _write(path: Path, line: str) -> None:
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise UserError(files.explain(error, path)) from error

    def start_bar(self, total: int, done: int) -> None:
        """Shows a bar of `total` steps of which `done` are done; only on a terminal."""
        self._bar = tqdm(total=total, initial=done, unit="step", dynamic_ncols=True, disable=None)

    def advance(self, **numbers: float) -> None:
        """One more step is done; `numbers` stand beside the bar."""
        if self._bar is not None:
            self._bar.set_postfix({name: f"{value:.4f}" for name, value in numbers.items()}, refresh=False)
            self._bar.update()

    def stop_bar(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _try_lock(file: TextIO) -> bool:
    """Locks an open file for this process, without waiting; always True where there are no such locks."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # Windows, or a file system without locks
        pass
    return True
