"""Downloads: from servers that answer, stall, lie or are not there."""

import errno
import gzip
import io
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mindgan.data import fetch, mnist, mnist_files, transfer
from mindgan.runtime.errors import UserError

NAMES = [file.name for file in mnist_files.FILES]
CLOSED = "http://127.0.0.1:9/"  # the discard port, on which nobody listens


def tutorial_archive(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Contents under the paths of the tutorial's archive."""
    return {f"MNIST_Data/{file.folder}/{file.name}": contents[file.name] for file in mnist_files.FILES}


def serve_files(server: SimpleNamespace, contents: dict[str, bytes]) -> str:
    server.routes.update({f"/mnist/{name}.gz": gzip.compress(data) for name, data in contents.items()})
    return f"{server.url}/mnist/"


def serve_archive(server: SimpleNamespace, archive: bytes) -> str:
    server.routes["/MNIST_Data.zip"] = archive
    return f"{server.url}/MNIST_Data.zip"


def assert_whole(folder: Path, contents: dict[str, bytes]) -> None:
    """The four files are there, right, and nothing else is."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {f"{file.folder}/{file.name}": contents[file.name] for file in mnist_files.FILES}


def refusal(folder: Path, *sources: str) -> str:
    """Why nothing was fetched; nothing was written either."""
    with pytest.raises(fetch.Unavailable) as error:
        fetch.fetch(folder, say=lambda line: None, sources=sources)
    assert not folder.exists()
    assert "\n" not in str(error.value)
    assert error.value.reason in str(error.value)
    return error.value.reason


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "MNIST_Data"


# --- success


def test_the_tutorials_archive(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, helpers, capfd) -> None:
    said: list[str] = []
    url = serve_archive(server, helpers.zipped(tutorial_archive(tiny.contents)))
    fetch.fetch(folder, say=said.append, sources=[url])
    assert_whole(folder, tiny.contents)
    assert said == [f"Downloading MNIST (about 11 MB) from {server.url[7:]} into {folder}"]
    assert capfd.readouterr() == ("", "")


def test_an_archive_of_gz_files(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, helpers) -> None:
    members = {f"{name}.gz": gzip.compress(data) for name, data in tiny.contents.items()}
    fetch.fetch(folder, say=str, sources=[serve_archive(server, helpers.zipped(members))])
    assert_whole(folder, tiny.contents)


def test_a_mirror_of_the_four_files(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace) -> None:
    fetch.fetch(folder, say=str, sources=[serve_files(server, tiny.contents)])
    assert_whole(folder, tiny.contents)


def test_what_is_fetched_is_found_and_loads(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace) -> None:
    fetch.fetch(folder, say=str, sources=[serve_files(server, tiny.contents)])
    assert len(mnist.load("mnist", str(folder), say=str).images) == 20


def test_nothing_is_left_in_the_folder_for_temporary_files(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "room").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "room"))
    fetch.fetch(folder, say=str, sources=[serve_files(server, tiny.contents)])
    assert list((tmp_path / "room").iterdir()) == []


# --- the next server is tried


def test_a_server_that_is_not_there_is_passed_over(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace
) -> None:
    said: list[str] = []
    fetch.fetch(folder, say=said.append, sources=[f"{CLOSED}MNIST_Data.zip", serve_files(server, tiny.contents)])
    assert_whole(folder, tiny.contents)
    assert len(said) == 1


def test_after_a_404_the_next_is_tried(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace) -> None:
    fetch.fetch(folder, say=str, sources=[f"{server.url}/gone.zip", serve_files(server, tiny.contents)])
    assert_whole(folder, tiny.contents)


@pytest.mark.parametrize("status", [403, 501])
def test_a_server_that_answers_no_head_request_is_tried_all_the_same(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, status: int
) -> None:
    server.head_status = status
    fetch.fetch(folder, say=str, sources=[serve_files(server, tiny.contents)])
    assert_whole(folder, tiny.contents)


def test_a_server_that_fails_half_way_is_passed_over_in_silence(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def fails_the_third_time(request) -> None:  # `download` asks twice before it transfers, and prints where that fails
        asked.append(request.path)
        request.send_response(500 if len(asked) > 2 else 200)
        request.send_header("Content-Length", "10")
        request.end_headers()
        request.wfile.write(bytes(10))

    server.routes["/fails.zip"] = fails_the_third_time
    assert refusal(folder, f"{server.url}/fails.zip") == f"{server.url[7:]}: HTTP Error 500: Internal Server Error"
    assert len(asked) > 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("hasty")
def test_after_a_stall_the_next_is_tried(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace) -> None:
    server.routes["/stalls.zip"] = server.stall
    fetch.fetch(folder, say=str, sources=[f"{server.url}/stalls.zip", serve_files(server, tiny.contents)])
    assert_whole(folder, tiny.contents)


def test_after_a_wrong_file_the_next_is_tried(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, helpers
) -> None:
    wrong = tutorial_archive({**tiny.contents, NAMES[2]: bytes(len(tiny.contents[NAMES[2]]))})
    sources = [serve_archive(server, helpers.zipped(wrong)), serve_files(server, tiny.contents)]
    fetch.fetch(folder, say=str, sources=sources)
    assert_whole(folder, tiny.contents)


# --- bad content: no file is written


def test_a_wrong_md5_names_the_file_and_writes_nothing(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace
) -> None:
    wrong = {**tiny.contents, NAMES[3]: tiny.contents[NAMES[3]][:-1] + b"\x0a"}
    assert f"its {NAMES[3]} is not MNIST's (MD5 " in refusal(folder, serve_files(server, wrong))


def test_a_damaged_gz_names_the_file(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace) -> None:
    url = serve_files(server, tiny.contents)
    server.routes[f"/mnist/{NAMES[1]}.gz"] = server.routes[f"/mnist/{NAMES[1]}.gz"][:-9]
    assert f"its {NAMES[1]}.gz is damaged" in refusal(folder, url)


def test_a_page_in_the_place_of_the_archive(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace) -> None:
    url = serve_archive(server, b"<html>please log in</html>")
    assert "its archive is damaged (File is not a zip file)" in refusal(folder, url)


def test_an_archive_that_lacks_a_file(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, helpers) -> None:
    members = tutorial_archive(tiny.contents)
    members.pop(f"MNIST_Data/test/{NAMES[3]}")
    assert f"its archive lacks {NAMES[3]}" in refusal(folder, serve_archive(server, helpers.zipped(members)))


def test_a_missing_page_is_told_with_its_server(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace) -> None:
    assert refusal(folder, f"{server.url}/gone.zip") == f"{server.url[7:]}: HTTP Error 404: Not Found"


def test_a_transfer_cut_short(folder: Path, tiny: SimpleNamespace, server: SimpleNamespace) -> None:
    def cut(request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        request.wfile.write(bytes(50_000))
        request.close_connection = True

    server.routes["/cut.zip"] = cut
    assert refusal(folder, f"{server.url}/cut.zip").startswith(server.url[7:])


def test_paths_in_an_archive_are_not_followed(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, helpers, tmp_path: Path
) -> None:
    members = {f"../../{name}": data for name, data in tiny.contents.items()}
    members.update({"../evil.py": b"", "/tmp/evil.py": b"", "MNIST_Data/train/evil.py": b""})
    fetch.fetch(folder, say=str, sources=[serve_archive(server, helpers.zipped(members))])
    assert_whole(folder, tiny.contents)
    assert [path.name for path in tmp_path.iterdir()] == ["MNIST_Data"]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_bomb_is_unpacked_no_further_than_the_file_is_long(tiny: SimpleNamespace, helpers, suffix: str) -> None:
    file = mnist_files.FILES[1]
    bomb = bytes(10_000_000)
    members = {file.name + suffix: gzip.compress(bomb) if suffix else bomb}
    with zipfile.ZipFile(io.BytesIO(helpers.zipped(members))) as opened:
        assert len(fetch._member(opened, file)) == file.num_bytes + 1


def test_a_server_that_sends_without_end_is_stopped(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_TRANSFER_BYTES", 1_000_000)
    server.routes["/flood.zip"] = server.flood
    assert "sends far more than MNIST" in refusal(folder, f"{server.url}/flood.zip")


def test_a_file_that_is_too_long_but_quick_is_refused(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_TRANSFER_BYTES", 1000)
    assert "sends far more than MNIST" in refusal(folder, serve_files(server, tiny.contents))


@pytest.fixture(scope="module")
def whole_archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in NAMES:
            archive.writestr(f"MNIST_Data/{name}", bytes(range(50)))
    return packed.getvalue()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_archive_however_damaged_raises_anything_else(
    tmp_path: Path, whole_archive: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(whole_archive)
    for _ in range(data.draw(st.integers(1, 4), label="changes")):
        position = data.draw(st.integers(0, len(damaged) - 1), label="position")
        damaged[position] = data.draw(st.integers(0, 255), label="value")
    (tmp_path / "damaged.zip").write_bytes(damaged[: data.draw(st.integers(1, len(damaged)), label="length")])
    with pytest.raises(fetch._SourceFailed):  # whole ones fail by their MD5
        fetch._read_archive(tmp_path / "damaged.zip")


# --- time limits


@pytest.mark.usefixtures("hasty")
def test_a_stalled_transfer_is_given_up_and_its_process_ended(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    start = fetch._start
    monkeypatch.setattr(fetch, "_start", lambda *args: started.append(start(*args)) or started[-1])
    server.routes["/stalls.zip"] = server.stall
    began = time.monotonic()
    assert "the transfer stalled for 3 seconds" in refusal(folder, f"{server.url}/stalls.zip")
    assert time.monotonic() - began < 12
    assert [process.returncode for process in started] == [-9]


@pytest.fixture
def mute() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.mark.usefixtures("hasty")
def test_all_servers_are_asked_at_the_same_time(folder: Path, mute: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    began = time.monotonic()
    reason = refusal(folder, f"{mute}a.zip", f"{mute}b/", f"{mute}c/", f"{mute}d/")
    assert time.monotonic() - began < 3.5  # of one second each
    assert reason.startswith("no server can be reached (")


def test_with_silent_servers_the_digits_are_there_within_ten_seconds(
    tmp_path: Path, mute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch, "SOURCES", (f"{mute}a.zip", f"{mute}b/", f"{mute}c/"))
    said: list[str] = []
    began = time.monotonic()
    assert mnist.load(say=said.append).name == "digits"
    assert time.monotonic() - began < 10
    assert len(said) == 1
    assert "no server can be reached" in said[0]


def test_a_name_look_up_that_hangs_holds_up_neither_the_digits_nor_the_end_of_the_process(tmp_path: Path) -> None:
    code = (
        "import socket, time; socket.getaddrinfo = lambda *a, **k: time.sleep(60)\n"
        "from mindgan.data import mnist; print(mnist.load().name)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(mnist.__file__).parents[2])}
    command = [sys.executable, "-c", code]
    began = time.monotonic()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30)
    assert time.monotonic() - began < 10
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert "no server can be reached (no answer within 4 seconds)" in first
    assert second == "digits"


# --- the disk


def test_a_folder_that_cannot_be_made_is_an_error(
    tmp_path: Path, tiny: SimpleNamespace, server: SimpleNamespace
) -> None:
    (tmp_path / "MNIST_Data").write_text("a file is in the way")
    with pytest.raises(UserError) as error:
        fetch.fetch(tmp_path / "MNIST_Data", say=str, sources=[serve_files(server, tiny.contents)])
    assert not isinstance(error.value, fetch.Unavailable)
    assert str(tmp_path / "MNIST_Data") in str(error.value)
    assert "cannot be written" in str(error.value)


def test_a_full_disk_is_an_error_and_not_a_matter_of_the_network(
    folder: Path, server: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = tmp_path / "fails.py"
    fails.write_text(f"raise SystemExit({errno.ENOSPC})")
    monkeypatch.setattr(fetch, "_TRANSFER", fails)
    with pytest.raises(UserError, match=r"TMPDIR.* the disk is full") as error:
        fetch.fetch(folder, say=str, sources=[f"{server.url}/mnist/"])
    assert not isinstance(error.value, fetch.Unavailable)


def test_the_transfer_prints_nothing(server: SimpleNamespace, tmp_path: Path) -> None:
    server.routes["/small"] = b"content"
    command = [sys.executable, transfer.__file__, f"{server.url}/small", str(tmp_path / "small")]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "small").read_bytes() == b"content"


def test_the_transfer_reports_a_full_disk_by_its_exit_code(server: SimpleNamespace, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full to play the full disk")
    server.routes["/big"] = bytes(200_000)
    (tmp_path / "big.part").symlink_to("/dev/full")
    done = subprocess.run([sys.executable, transfer.__file__, f"{server.url}/big", str(tmp_path / "big")], check=False)
    assert done.returncode == errno.ENOSPC


def test_a_module_of_the_users_folder_does_not_take_the_place_of_download(
    folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "download.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)  # a relative one would name the folder on purpose
    fetch.fetch(folder, say=str, sources=[serve_files(server, tiny.contents)])
    assert_whole(folder, tiny.contents)
