import multiprocessing
import os
import struct
import subprocess
import sys

import pytest

from mindgan.runtime.errors import UserError
from mindgan.runtime.progress import Console


def test_lines_said_before_there_is_a_log_are_in_it(tmp_path, capsys):
    with Console() as console:
        console.say("first")
        console.log_to(tmp_path / "log.txt")
        console.say("second")
    assert (tmp_path / "log.txt").read_text() == capsys.readouterr().out == "first\nsecond\n"


def hold(path, taken, finished):
    with Console() as console:
        console.log_to(path)
        taken.set()
        finished.wait(60)


def test_a_run_that_another_process_writes_to_is_refused(tmp_path):
    pytest.importorskip("fcntl", reason="this system has no file locks")
    context = multiprocessing.get_context("spawn")
    taken, finished = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / "log.txt", taken, finished))
    other.start()
    assert taken.wait(60)
    with Console() as console, pytest.raises(UserError, match="another training is writing to"):
        console.log_to(tmp_path / "log.txt")
    finished.set()
    other.join()
    with Console() as console:
        console.log_to(tmp_path / "log.txt")


BAR = """
from mindgan.runtime.progress import Console
with Console() as console:
    console.start_bar(total=8, done=2)
    for _ in range(6):
        console.advance(loss_d=1.25, loss_g=0.75)
    console.say("a line above")
"""


def shown_on_a_terminal(source: str) -> str:
    """What a program writes to a terminal of 40 rows and 110 columns."""
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 110, 0, 0))
    try:
        subprocess.run([sys.executable, "-c", source], stdout=theirs, stderr=theirs, check=True, timeout=120)
        return os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_terminal_shows_a_bar_with_losses_and_time_left():
    shown = shown_on_a_terminal(BAR)
    assert "2/8 [" in shown
    assert "8/8 [" in shown
    assert "loss_d=1.2500, loss_g=0.7500" in shown
    assert "a line above" in shown


def test_a_file_shows_no_bar():
    done = subprocess.run([sys.executable, "-c", BAR], capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    assert done.stdout == "a line above\n"
