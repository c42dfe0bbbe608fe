"""Downloads MNIST: which server answers, a transfer that cannot hang, files that are checked before they count."""

import errno
import gzip
import http.client
import lzma
import os
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Sequence
from concurrent import futures
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from mindgan.data import mnist_files
from mindgan.data.mnist_files import MnistFile
from mindgan.runtime import files
from mindgan.runtime.errors import UserError

SOURCES = (  # an archive of the four files, or (ending in /) the folder of the four .gz files
    "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/MNIST_Data.zip",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
PROBE_SECONDS = 4.0  # all servers together; with the embedded digits read after it, well within ten
STALL_SECONDS = 8.0  # a transfer that gains less than STALL_BYTES in this time is given up
STALL_BYTES = 8192
MAX_TRANSFER_BYTES = 64 << 20  # the archive and the largest file have about 10 MB each
POLL_SECONDS = 0.1

_TRANSFER = Path(__file__).with_name("transfer.py")
_DAMAGED = (  # what reading a damaged or hostile archive raises
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, RuntimeError, ValueError, OverflowError),
)


class Unavailable(UserError):
    """MNIST cannot be downloaded; `reason` says why in half a line."""

    def __init__(self, reason: str):
        super().__init__(
            f"MNIST cannot be downloaded: {reason}; give a folder with its files by --data_url or use --dataset digits"
        )
        self.reason = reason


class _SourceFailed(Exception):
    """One server did not give the files; the next may."""


def fetch(folder: Path, *, say: Callable[[str], None], sources: Sequence[str] | None = None) -> None:
    """Downloads MNIST's four files, unpacked, into the ``train`` and ``test`` of `folder`, as the tutorial keeps them.

    All servers are asked at once whether they are there, then tried in order. A file is written only when all four
    arrived and have their MD5, each under a temporary name that is renamed when whole.

    Args:
        folder: made where it does not exist.
        say: gets one line before each server that is tried.
        sources: URLs of archives (``.zip``) or of folders of the four ``.gz`` files (ending in ``/``); by default
            `SOURCES`.

    Raises:
        Unavailable: no server answers within `PROBE_SECONDS`, or none that does gives the right files.
        UserError: the disk is full, or `folder` cannot be written.
    """
    deadline = time.monotonic() + PROBE_SECONDS
    probes = [(url, _probe(url)) for url in (SOURCES if sources is None else sources)]
    unreached, failed = [], []
    for url, probe in probes:
        host = urlsplit(url).netloc
        try:
            _await(probe, deadline)
        except _SourceFailed as failure:
            unreached.append(str(failure))
            continue
        say(f"Downloading MNIST (about 11 MB) from {host} into {folder}")
        try:
            contents = _download(url)
        except _SourceFailed as failure:
            failed.append(f"{host}: {failure}")
            continue
        return _store(contents, folder)
    raise Unavailable("; ".join(failed) or f"no server can be reached ({', '.join(dict.fromkeys(unreached))})")


def _store(contents: Sequence[bytes], folder: Path) -> None:
    for file, data in zip(mnist_files.FILES, contents, strict=True):
        files.write_atomically(folder / file.folder / file.name, data)


def _probe(url: str) -> futures.Future[None]:
    """Whether the server of `url` answers anything at all.

    A daemon thread, because a look-up of a name cannot be interrupted and must not keep the process from ending.
    """
    answer: futures.Future[None] = futures.Future()
    threading.Thread(target=_knock, args=(url, answer), daemon=True).start()
    return answer


def _knock(url: str, answer: futures.Future[None]) -> None:
    target = url if url.endswith(".zip") else _member_url(url, mnist_files.FILES[0])
    request = urllib.request.Request(target, method="HEAD", headers={"User-Agent": "mindgan"})
    try:
        urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()  # by urllib, which knows the user's proxy
    except urllib.error.HTTPError as error:  # an answer all the same; the transfer tells what is wrong
        error.close()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        answer.set_exception(_SourceFailed(_one_line(getattr(reason, "strerror", None) or reason)))
        return
    answer.set_result(None)


def _await(probe: futures.Future[None], deadline: float) -> None:
    try:
        probe.result(timeout=max(0.0, deadline - time.monotonic()))
    except futures.TimeoutError:
        raise _SourceFailed(f"no answer within {PROBE_SECONDS:g} seconds") from None


def _member_url(folder_url: str, file: MnistFile) -> str:
    return f"{folder_url}{file.name}.gz"


def _download(url: str) -> list[bytes]:
    """The contents of the four files, unpacked and checked, in their order."""
    with files.scratch_folder() as room:
        if url.endswith(".zip"):
            return _read_archive(_transfer(url, room / "mnist.zip"))
        return [_read_packed(_transfer(_member_url(url, f), room / f"{f.name}.gz"), f) for f in mnist_files.FILES]


def _read_archive(archive: Path) -> list[bytes]:
    try:
        with zipfile.ZipFile(archive) as opened:
            contents = [_member(opened, file) for file in mnist_files.FILES]
    except _DAMAGED as error:
        raise _SourceFailed(f"its archive is damaged ({_one_line(error)})") from error
    return [_checked(file, data) for file, data in zip(mnist_files.FILES, contents, strict=True)]


def _member(opened: zipfile.ZipFile, file: MnistFile) -> bytes:
    """The content of `file` wherever it lies in the archive; the paths in there are used for nothing else."""
    found = {PurePosixPath(path).name: path for path in opened.namelist()}
    for name in (file.name, f"{file.name}.gz"):
        if name in found:
            with opened.open(found[name]) as member:
                return _unpacked(member, name, file)
    raise _SourceFailed(f"its archive lacks {file.name}")


def _read_packed(packed: Path, file: MnistFile) -> bytes:
    try:
        with packed.open("rb") as stream:
            data = _unpacked(stream, packed.name, file)
    except _DAMAGED as error:
        raise _SourceFailed(f"its {packed.name} is damaged ({_one_line(error)})") from error
    return _checked(file, data)


def _unpacked(stream: IO[bytes], name: str, file: MnistFile) -> bytes:
    """At most one byte more than the file should have, whatever it claims to unpack to."""
    if not name.endswith(".gz"):
        return stream.read(file.num_bytes + 1)
    with gzip.GzipFile(fileobj=stream) as unzipped:
        return unzipped.read(file.num_bytes + 1)


def _checked(file: MnistFile, data: bytes) -> bytes:
    found = mnist_files.md5(data)
    if found != file.md5:
        raise _SourceFailed(f"its {file.name} is not MNIST's (MD5 {found}, not {file.md5})")
    return data


def _transfer(url: str, path: Path) -> Path:
    """Has a process of its own download `url` to `path`, and ends it where it stalls or sends too much."""
    with _start(url, path) as process:
        try:
            _watch(process, path.with_name(path.name + ".part"))  # the name `download` writes to
            _, complaint = process.communicate()
        finally:
            process.kill()
    if process.returncode == errno.ENOSPC:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if process.returncode != 0:
        raise _SourceFailed(_one_line(complaint.strip().rpartition("\n")[2] or "the transfer was ended"))
    if path.stat().st_size > MAX_TRANSFER_BYTES:
        raise _SourceFailed("it sends far more than MNIST")
    return path


def _start(url: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(_TRANSFER), url, str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def _watch(process: subprocess.Popen[str], part: Path) -> None:
    """Returns when `process` has ended."""
    size, since = 0, time.monotonic()
    while not _ended(process):
        now = _size(part)
        if now > MAX_TRANSFER_BYTES:
            raise _SourceFailed("it sends far more than MNIST")
        if now - size >= STALL_BYTES:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > STALL_SECONDS:
            raise _SourceFailed(f"the transfer stalled for {STALL_SECONDS:g} seconds")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # not begun, or renamed just now
        return 0


def _ended(process: subprocess.Popen[str]) -> bool:
    try:
        process.wait(timeout=POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _one_line(reason: object) -> str:
    return " ".join(str(reason).split()) or type(reason).__name__
