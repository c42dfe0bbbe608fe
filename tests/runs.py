"""Small trainings through the real command."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

TINY = ["--dataset", "digits", "--batch_size", "256", "--latent_size", "8", "--log_frequency", "2"]
STEPS_PER_EPOCH = 5  # of the 1,497 embedded digits


def mindgan(*arguments: str, cwd: Path | None = None, most_bytes: int | None = None) -> subprocess.CompletedProcess:
    """`python -m mindgan` in a process of its own, as from a shell; no file may get more than `most_bytes`."""

    def limit() -> None:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.run(
        [sys.executable, "-m", "mindgan", *arguments],
        capture_output=True, text=True, cwd=cwd, preexec_fn=limit, timeout=300,
    )  # fmt: skip


def stop_when(line: str, number: signal.Signals, *arguments: str, cwd: Path) -> int:
    """Starts the command and sends it a signal as soon as it prints `line`; the exit code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mindgan", *arguments], stdout=subprocess.PIPE, text=True, cwd=cwd
    )
    assert process.stdout is not None
    for told in process.stdout:
        if line in told:
            process.send_signal(number)
            break
    process.stdout.read()
    process.stdout.close()
    return process.wait(timeout=120)


def pixels(path: Path) -> np.ndarray:
    """A picture's pixels as int16, so that differences have a sign."""
    with Image.open(path) as image:
        return np.asarray(image, np.int16)
