"""TensorBoard events, written when asked to and by nobody else.

tensorboardX's own writer hands them to a thread, which keeps up to two minutes of them in memory (a kill loses these)
and on a full disk dies with a traceback. Its record format is used, its thread is not.
"""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.record_writer import RecordWriter
from tensorboardX.summary import scalar

from mindgan.runtime import files
from mindgan.runtime.errors import UserError


class Events:
    """An event file of one process. Every method raises UserError where the disk is full or cannot be written."""

    def __init__(self, folder: Path, *, purge_step: int):
        """
        Args:
            folder: of the event files.
            purge_step: TensorBoard forgets what earlier files hold from this step on: it comes again.
        """
        self.path = folder / f"events.out.tfevents.{time.time_ns():020d}.{os.getpid()}"
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = RecordWriter(str(self.path))
        self._add(Event(file_version="brain.Event:2"))
        self._add(Event(step=purge_step, session_log=SessionLog(status=SessionLog.START)))
        self.flush()

    def add(self, numbers: dict[str, float], step: int) -> None:
        """Adds numbers by name; those that are not finite have no place on a curve."""
        for name, value in numbers.items():
            if math.isfinite(value):
                self._add(Event(step=step, summary=scalar(name, value)))

    def _add(self, event: Event) -> None:
        event.wall_time = time.time()
        with self._told():
            self._writer.write(event.SerializeToString())

    def flush(self) -> None:
        """Brings to the disk what was added."""
        with self._told():
            self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        with self._told():
            self._writer.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Makes a line for a person of an error of the disk."""
        try:
            yield
        except OSError as error:
            raise UserError(files.explain(error, self.path)) from error
