"""Prepares the process once: the device, compiled mode, no litter in the working folder."""

import pytest

from mindgan.runtime import device


@pytest.fixture(scope="session", autouse=True)
def _configured_device() -> None:
    device.configure("CPU", "graph")


@pytest.fixture
def pynative():
    """PyNative mode for one test."""
    device.configure("CPU", "pynative")
    yield
    device.configure("CPU", "graph")
