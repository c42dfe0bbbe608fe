import errno
import os
import subprocess
import sys

import pytest

from mindgan.runtime import files, jsonl
from mindgan.runtime.errors import UserError


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "new" / "a.bin"
    files.write_atomically(path, b"one")
    files.write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["a.bin"]


def test_a_failed_writer_leaves_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(temporary):
        temporary.write_bytes(b"half")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        files.make_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"file.a\.bin cannot be written.*choose another folder"):
        files.write_atomically(tmp_path / "file" / "a.bin", b"one")


def test_a_scratch_folder_tells_of_its_disk_and_goes_away():
    folders = []

    def fill():
        with files.scratch_folder() as folder:
            folders.append(folder)
            (folder / "a.bin").write_bytes(b"one")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match=r"temporary files.*TMPDIR.*the disk is full"):
        fill()
    assert [folder.exists() for folder in folders] == [False]


def test_scratch_folders_of_killed_processes_go_with_the_next_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = "import os\nfrom mindgan.runtime import files\nwith files.scratch_folder(): os.kill(os.getpid(), 9)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    (tmp_path / "mindgan-1000").mkdir()  # no scratch folder
    assert len(list(tmp_path.iterdir())) == 3  # just made: somebody may be about to use them
    with files.scratch_folder() as in_use:
        for folder in tmp_path.glob("mindgan-*/*"):
            os.utime(folder, (1, 1))
        with files.scratch_folder() as folder:
            assert {path.name for path in tmp_path.iterdir()} == {"mindgan-1000", in_use.name, folder.name}


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path(sys.argv[1]), bytes(2000))
except UserError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_old_file_and_is_told(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True)
    assert "a.bin cannot be written: the disk is full" in done.stdout
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_torn_last_line_is_dropped(tmp_path):
    path = tmp_path / "stats.jsonl"
    jsonl.append_line(path, {"nimg": 1})
    jsonl.append_line(path, {"nimg": 2})
    with open(path, "ab") as file:
        file.write(b'{"nimg": 3, "lo')
    assert jsonl.read_lines(path, ("nimg",)) == [{"nimg": 1}, {"nimg": 2}]
    jsonl.keep_lines(path, [{"nimg": 1}])
    assert path.read_bytes() == b'{"nimg": 1}\n'
    assert jsonl.read_lines(tmp_path / "absent.jsonl", ("nimg",)) == []


@pytest.mark.parametrize("row", [b"7", b"{}", b'{"nimg": "3"}', b"\xff\x00", b'{"nimg": 1'])
def test_another_damaged_line_is_told_and_nothing_is_dropped(tmp_path, row):
    path = tmp_path / "stats.jsonl"
    path.write_bytes(b'{"nimg": 1}\n' + row + b'\n{"nimg": 2}\n')
    with pytest.raises(UserError, match=r"stats\.jsonl: line 2 is damaged"):
        jsonl.read_lines(path, ("nimg",))


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "ä" * 120 + ".jpeg"])
def test_the_longest_names_are_written_too(name, tmp_path):
    files.write_atomically(tmp_path / name, b"whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"whole"
