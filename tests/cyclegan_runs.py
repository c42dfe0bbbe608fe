"""CycleGAN trainings in a second, in this process: the real step and files, with networks of a few numbers."""

from contextlib import contextmanager
from functools import cache
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from image_files import encoded, pixels, write
from mindspore import nn, ops

from mindgan import export
from mindgan.cli.main import main
from mindgan.cyclegan import checkpoints, results, state
from mindgan.cyclegan.config import CycleGanConfig
from mindgan.runtime import device

HEIGHT, WIDTH = 16, 32
SMALL = [
    *("--image_height", str(HEIGHT), "--image_width", str(WIDTH), "--batch_size", "2", "--num_layers", "1"),
    *("--ngf", "2", "--ndf", "2", "--num_blocks", "1", "--log_frequency", "1", "--pool_size", "3"),
]
THREE_EPOCHS = ["--max_epoch", "3", "--save_frequency", "2", "--g_learning_rate", "1e-2", "--num_samples", "2"]
NUM_SOURCE, NUM_TARGET = 5, 4
STEPS_PER_EPOCH = 2  # of two of the five images


def small_config(**others: object) -> CycleGanConfig:
    """The settings that `SMALL` are, and others."""
    settings = {name.removeprefix("--"): int(value) for name, value in zip(SMALL[::2], SMALL[1::2], strict=True)}
    return CycleGanConfig(**settings | others)


def write_domains(folder: Path) -> list[str]:
    """Two folders of images of other sizes than the networks', and the options that name them."""
    for name, num, first in (("A", NUM_SOURCE, 0), ("B", NUM_TARGET, 100)):
        files = {f"{name} {index}.png": encoded(pixels(first + index, 20, 24)) for index in range(num)}
        write(folder / f"domain {name}", files)
    return ["--data_url", str(folder / "domain A"), "--target_data_url", str(folder / "domain B")]


def parameter(*shape: int) -> ms.Parameter:
    return ms.Parameter(ms.common.initializer.initializer(ms.common.initializer.Normal(0.5), shape))


class TinyGenerator(nn.Cell):
    """A linear function of each channel, then tanh."""

    def __init__(self, image_channels: int = 3, *, ngf: int = 64, num_blocks: int = 9):
        super().__init__()
        self.scale, self.shift = parameter(image_channels, 1, 1), parameter(image_channels, 1, 1)
        self.gain = parameter(ngf)

    def construct(self, x):
        return ops.tanh(x * self.scale * (1 + self.gain.mean()) + self.shift)


class TinyDiscriminator(nn.Cell):
    """A linear function of each pixel."""

    def __init__(self, image_channels: int = 3, *, ndf: int = 64, num_layers: int = 3):
        super().__init__()
        self.scale, self.shift = parameter(image_channels, 1, 1), parameter(1, 1, 1)

    def construct(self, x):
        return (x * self.scale).mean(1, keep_dims=True) + self.shift


def reload_here(path, file_format, calls):
    """In place of a fresh process, which takes seconds."""
    cell = nn.GraphCell(ms.load(str(path)))
    return {name: cell(*map(ms.Tensor, call)).asnumpy() for name, call in calls.items()}


@contextmanager
def without_pictures():
    """Within, no curves, GIF and report are drawn, which takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "render", lambda root: [])
        yield


@contextmanager
def tiny_networks():
    """Within, `mindgan` in this process trains tiny networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "ResnetGenerator", TinyGenerator)
        patch.setattr(state, "PatchDiscriminator", TinyDiscriminator)
        patch.setattr(export, "_reload", reload_here)
        yield


def run_here(*arguments: object) -> int:
    """The exit code of a command in this process, which is in graph mode again afterwards."""
    try:
        return main([str(argument) for argument in arguments])
    finally:
        device.configure("CPU", "graph")


def train_tiny(*arguments: object) -> int:
    """The exit code of a training of tiny networks, operation by operation."""
    with tiny_networks():
        return run_here("train", "cyclegan", *SMALL, "--mode", "pynative", *arguments)


def contents(folder: Path) -> dict[str, bytes]:
    """The files below a folder by their names there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def failing(code: int, capsys: pytest.CaptureFixture) -> str:
    """The one line that a command with this exit code ended with."""
    said = capsys.readouterr().err
    assert code == 2
    assert said.startswith("mindgan: "), said
    assert said.count("\n") == 1, said
    return said


def same_arrays(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


def whole_run(factory: pytest.TempPathFactory) -> Path:
    """The folder with the two domains and ``result``, a training of three epochs; one for all tests."""
    return _whole_run(factory.getbasetemp())


@cache
def _whole_run(base: Path) -> Path:
    folder = base / "a folder with spaces"
    assert train_tiny(*write_domains(folder), *THREE_EPOCHS, "--train_url", folder / "result") == 0
    return folder
