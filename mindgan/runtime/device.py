"""The one place that sets device, mode and threads, and knows MindSpore's versions and noises.

Call `configure` once, before the first network is made. MindSpore is imported inside it, after the environment is
prepared, so import the modules that need MindSpore after this one.
"""

import importlib
import logging
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from mindgan.runtime.errors import UserError

DeviceTarget = Literal["auto", "CPU", "GPU", "Ascend"]
Mode = Literal["graph", "pynative"]


@dataclass(frozen=True)
class DeviceOptions:
    """Where to compute: the option of every command that does."""

    device_target: DeviceTarget = "auto"
    """Where to compute; auto takes Ascend, GPU or CPU, the first that is there."""


# (package, first good version, first bad version, why)
_VERSIONS = (
    ("mindspore", (2, 10), (2, 11), "the version mindgan is tested with"),
    ("numpy", (1, 25), (2,), "MindSpore 2.10 is compiled against NumPy 1"),
    ("opencv-python", (4, 5), (5,), "opencv-python 5 needs NumPy 2, which MindSpore 2.10 cannot use"),
)


_ERRORS_ONLY = "4"


def _prepare_environment() -> None:
    """Keeps MindSpore's warnings off the screen and its litter out of the user's folder; the user's settings win."""
    litter = os.path.join(tempfile.gettempdir(), f"mindgan-{os.getuid() if hasattr(os, 'getuid') else 'user'}")
    os.environ.setdefault("GLOG_v", _ERRORS_ONLY)  # errors still arrive, as Python exceptions
    os.environ.setdefault("MS_OM_PATH", litter)  # otherwise rank_0/om appears where a graph fails to compile
    os.environ.setdefault("MS_COMPILER_CACHE_PATH", litter)  # kernel_meta of GPU and Ascend


_prepare_environment()


def check_packages() -> None:
    """Raises UserError, with the pip command that mends it, where a package has a version that MindSpore breaks with.

    MindSpore imports with NumPy 2 and fails at its first operation; so this comes before the import.
    """
    for package, first_good, first_bad, why in _VERSIONS:
        try:
            installed = metadata.version(package)
        except metadata.PackageNotFoundError:
            if package == "opencv-python":
                continue  # the headless variant provides the same module
            installed = "none"
        parts = tuple(int(part) for part in installed.split(".")[:2] if part.isdigit())
        if not first_good <= parts < first_bad:
            raise UserError(f"{package} {installed} does not work here ({why}); run: {_pip_command()}")


def _pip_command() -> str:
    pins = [f"'{name}>={_dotted(low)},<{_dotted(high)}'" for name, low, high, _ in _VERSIONS]
    return f"{sys.executable} -m pip install " + " ".join(pins)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def configure(device_target: DeviceTarget = "auto", mode: Mode = "graph") -> str:
    """Chooses the device and the mode for this process.

    Args:
        device_target: ``'auto'`` takes Ascend, GPU or CPU, the first that is there.
        mode: ``'graph'`` compiles each top Cell, ``'pynative'`` runs operation by operation.

    Returns:
        The device in use: ``'CPU'``, ``'GPU'`` or ``'Ascend'``.

    Raises:
        UserError: a package has a version that breaks, or there is no such device.
    """
    load_framework()
    import mindspore as ms

    target = _choose(device_target)
    _set_mode(mode)
    ms.set_device(target)
    if target != "CPU":  # the CPU kernels are deterministic as they are
        ms.set_deterministic(True)
    return target


@contextmanager
def in_mode(mode: Mode) -> Iterator[None]:
    """Another mode within the block; ``'graph'`` compiles a Cell for each size of its inputs, and keeps the result."""
    import mindspore as ms

    before: Mode = "graph" if ms.get_context("mode") == ms.GRAPH_MODE else "pynative"
    _set_mode(mode)
    try:
        yield
    finally:
        _set_mode(before)


def _set_mode(mode: Mode) -> None:
    import mindspore as ms

    ms.set_context(mode=ms.GRAPH_MODE if mode == "graph" else ms.PYNATIVE_MODE)


def load_framework() -> None:
    """Imports MindSpore, which takes seconds, quietly and so that Ctrl-C meanwhile ends like at any other time.

    Raises:
        UserError: a package has a version that breaks.
    """
    check_packages()
    with _signals_held():
        importlib.import_module("mindspore")
    _silence_python_side()


def _silence_python_side() -> None:
    """MindSpore prints critical errors above the exceptions that tell of them; a user who set GLOG_v wants that."""
    if os.environ.get("GLOG_v") == _ERRORS_ONLY:  # noqa: SIM112 (its name has a small v)
        from mindspore import log

        log._get_logger().setLevel(logging.CRITICAL + 1)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the end of the block: MindSpore aborts the process where one arrives in its import.

    Handlers that only note them, not a mask: a signal to the process takes any thread that does not block it, and the
    libraries loaded before have threads of their own.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    arrived: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for held in before:
        signal.signal(held, lambda number, frame: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if arrived:
        signal.raise_signal(arrived[0])


def _choose(device_target: DeviceTarget) -> str:
    import mindspore as ms

    there = [target for target in ("Ascend", "GPU", "CPU") if ms.hal.is_available(target)]
    if device_target == "auto":
        return there[0]
    if device_target not in there:
        raise UserError(
            f"--device_target {device_target}: there is none on this machine; use --device_target {there[0]}"
        )
    return device_target


def peak_accelerator_memory() -> int:
    """Bytes that this process has needed of a GPU or Ascend at most; 0 on a CPU."""
    import mindspore as ms

    return 0 if ms.get_context("device_target") == "CPU" else int(ms.runtime.max_memory_allocated())


def seed_initialisation(seed: int) -> None:
    """Seeds MindSpore's initialisers; networks made next get weights that depend on `seed` alone."""
    import mindspore as ms

    ms.set_seed(seed)


def versions() -> dict[str, str]:
    """Versions of what a run depends on, for its config.json; with the commit where mindgan runs from a checkout."""
    names = ("mindspore", "numpy", "mindgan")
    found = {package: metadata.version(package) for package in names if _is_installed(package)}
    return {"python": platform.python_version(), **found, **_commit()}


def _commit() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return {}
    command = ["git", "--no-optional-locks", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):  # no git, or one that hangs
        return {}
    return {"commit": done.stdout.strip()} if done.returncode == 0 else {}


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
