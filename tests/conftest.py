"""Prepares the process once: the device, compiled mode, no litter in the working folder."""

import os

import pytest

from mindgan.runtime import device


def _keep_to_one_processor() -> None:
    """MindSpore's threads spin as they wait: of several processes of tests, each has a processor of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None and hasattr(os, "sched_setaffinity"):  # not on macOS
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors[int(worker.removeprefix("gw")) % len(processors)]})


_keep_to_one_processor()  # before MindSpore is imported


@pytest.fixture(scope="session", autouse=True)
def _configured_device() -> None:
    device.configure("CPU", "graph")


@pytest.fixture
def pynative():
    """PyNative mode for one test."""
    device.configure("CPU", "pynative")
    yield
    device.configure("CPU", "graph")
