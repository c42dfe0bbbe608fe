"""A small stand-in for MNIST, and web servers on this machine that behave well or badly."""

import gzip
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mindgan.data import fetch, idx, mnist_files
from mindgan.data.mnist_files import FILES, MnistFile


def small_arrays(num_train: int = 20, num_test: int = 10) -> list[np.ndarray]:
    """Random training images and labels, test images and labels, in the order of FILES."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (num, 28, 28), np.uint8) for num in (num_train, num_test)]
    labels = [rng.integers(0, 10, num, np.uint8) for num in (num_train, num_test)]
    return [images[0], labels[0], images[1], labels[1]]


def plain_contents(arrays: list[np.ndarray]) -> dict[str, bytes]:
    """The unpacked content of each of the four files."""
    return {file.name: gzip.decompress(idx.encode(array)) for file, array in zip(FILES, arrays, strict=True)}


def write_set(folder: Path, contents: dict[str, bytes], *, packed: bool = False, split: bool = False) -> None:
    """Writes a data set into `folder` in one of its four layouts."""
    for file in FILES:
        if file.name in contents:
            place = folder / file.folder if split else folder
            place.mkdir(parents=True, exist_ok=True)
            data = contents[file.name]
            (place / (file.name + ".gz" * packed)).write_bytes(gzip.compress(data) if packed else data)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A data set of 20 + 10 images that passes for MNIST: `arrays`, `contents` by file name, `write(folder, ...)`."""
    arrays = small_arrays()
    contents = plain_contents(arrays)
    passes = tuple(
        MnistFile(file.name, file.folder, file.ndim, len(contents[file.name]), mnist_files.md5(contents[file.name]))
        for file in FILES
    )
    monkeypatch.setattr(mnist_files, "FILES", passes)

    def write(folder: Path, *, packed: bool = False, split: bool = False, **replaced: bytes | None) -> None:
        changed = {name.replace("_", "-"): data for name, data in replaced.items()}
        whole = {**contents, **changed}
        write_set(folder, {n: d for n, d in whole.items() if d is not None}, packed=packed, split=split)

    return SimpleNamespace(arrays=arrays, contents=contents, write=write)


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive with these members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return packed.getvalue()


@pytest.fixture
def helpers() -> SimpleNamespace:
    """The functions of this file, for tests that make data of their own."""
    return SimpleNamespace(zipped=zipped, small_arrays=small_arrays, plain_contents=plain_contents, write_set=write_set)


class Server:
    """A web server on this machine: `routes` maps paths to a content or to a function that answers by itself."""

    def __init__(self) -> None:
        self.routes: dict[str, bytes | Callable[[BaseHTTPRequestHandler], None]] = {}
        self.head_status = 200
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(outer.head_status)
                self.end_headers()

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # a client that is killed is what some tests are about
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        content = self.routes.get(request.path)
        if content is None:
            request.send_error(404)
        elif callable(content):
            content(request)
        else:
            request.send_response(200)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content)

    def stall(self, request: BaseHTTPRequestHandler) -> None:
        """Announces 100,000 bytes, sends 10,000 and then nothing."""
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        request.wfile.write(bytes(10_000))
        request.wfile.flush()
        self.closing.wait(60)

    def flood(self, request: BaseHTTPRequestHandler) -> None:
        """Announces no length, sends 32 MB (no more, for the sake of the disk where nobody stops it) and never ends."""
        request.send_response(200)
        request.end_headers()
        for _ in range(32):
            request.wfile.write(bytes(1 << 20))
        self.closing.wait(60)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A well-behaved server without content; no proxy is asked for it."""
    monkeypatch.setenv("no_proxy", "*")
    running = Server()
    yield running
    running.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter time limits, for tests in which a limit is reached."""
    monkeypatch.setattr(fetch, "PROBE_SECONDS", 1.0)
    monkeypatch.setattr(fetch, "STALL_SECONDS", 3.0)
