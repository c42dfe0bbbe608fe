"""What a run tells while it runs: lines on the screen and in log.txt, and a progress bar where there is a terminal."""

import sys
from pathlib import Path

from tqdm import tqdm

from mindgan.runtime import files
from mindgan.runtime.errors import UserError


class Console:
    """Lines for the person and for log.txt, above a progress bar."""

    def __init__(self) -> None:
        self._log: Path | None = None
        self._unlogged: list[str] = []
        self._bar: tqdm | None = None

    def log_to(self, path: Path) -> None:
        """From now on every line is added to a file too, and at once those that were said so far.

        Raises:
            UserError: the disk is full or the log cannot be written.
        """
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
