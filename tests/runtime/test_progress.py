import multiprocessing

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
