import signal
from importlib import metadata
from pathlib import Path

import pytest

from mindgan.runtime import device
from mindgan.runtime.errors import UserError


@pytest.mark.parametrize(
    ("package", "version"),
    [("numpy", "2.4.6"), ("numpy", "1.21.0"), ("opencv-python", "5.0.0.93"), ("mindspore", "2.9.0")],
)
def test_a_version_that_breaks_is_told_with_the_command_that_mends_it(monkeypatch, package, version):
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: version if name == package else real(name))
    with pytest.raises(UserError, match=f"{package} {version} does not work here") as caught:
        device.configure("CPU")
    assert "pip install 'mindspore>=2.10,<2.11' 'numpy>=1.25,<2' 'opencv-python>=4.5,<5'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_versions_that_work_are_those_that_are_installed():
    rows = (Path(__file__).parents[2] / "requirements.txt").read_text().splitlines()
    bounds = {row.split(">=")[0]: row.split(">=")[1].split()[0] for row in rows if ">=" in row}
    for package, low, high, _ in device._VERSIONS[1:]:
        assert bounds[package] == f"{'.'.join(map(str, low))},<{'.'.join(map(str, high))}"


def test_a_device_that_is_not_there_is_told():
    mindspore = pytest.importorskip("mindspore")
    if mindspore.hal.is_available("Ascend"):
        pytest.skip("this machine has an Ascend")
    with pytest.raises(UserError, match="--device_target Ascend: there is none on this machine; use --device_target"):
        device.configure("Ascend")


def test_auto_takes_a_device_that_is_there():
    assert device.configure("auto") in ("Ascend", "GPU", "CPU")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_the_framework_is_loaded(number):
    loaded, before = [], signal.signal(number, signal.default_int_handler)  # in the background SIGINT may be ignored

    def load():
        with device._signals_held():
            signal.raise_signal(number)
            loaded.append(True)

    try:
        with pytest.raises(KeyboardInterrupt):
            load()
    finally:
        signal.signal(number, before)
    assert loaded == [True]


def test_versions_name_what_the_numbers_depend_on():
    assert {"python", "mindspore", "numpy"} <= device.versions().keys()
