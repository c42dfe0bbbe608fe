"""StyleGAN2 of a few numbers: networks that were never trained, and one short training through the real command."""

import subprocess
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from image_files import encoded, pixels, write
from mindspore import Tensor, nn
from runs import mindgan

from mindgan import export
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import checkpoints, exporting
from mindgan.stylegan2.checkpoints import About
from mindgan.stylegan2.networks import Discriminator, Generator
from mindgan.stylegan2.shape import Shape

SIDE = 8
SMALL = [
    *("--resolution", str(SIDE), "--z-dim", "4", "--w_dim", "4", "--channel_base", "16", "--channel_max", "2"),
    *("--map_depth=1", "--batch", "4", "--kimg", "0.032", "--kimg_per_tick", "0.008", "--snap", "2", "--grid", "2"),
    *("--generate_num", "5"),
]
CLASSES = ("a cat", "犬")
NUM_IMAGES, STEPS_PER_TICK = 13, 2


def write_classes(folder: Path) -> None:
    """Two class folders of images of another size than the networks'."""
    for name, num, first in ((CLASSES[0], 6, 0), (CLASSES[1], 7, 100)):
        files = {f"{index} .png": encoded(pixels(first + index, 12, 10)) for index in range(num)}
        write(folder / "my images" / name, files)


def command() -> list[str]:
    """As a person in a folder beside the images types it."""
    return ["train", "stylegan", "--data", "my images", "--outdir=result", *SMALL]


def whole_run(factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess]:
    """A folder with ./my images and ./result, a training of four ticks, and what the command said; for all tests."""
    return _whole_run(factory.getbasetemp())


@cache
def _whole_run(base: Path) -> tuple[Path, subprocess.CompletedProcess]:
    folder = base / "a stylegan run"
    write_classes(folder)
    done = mindgan(*command(), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def shape(num_classes: int = 0, **others: object) -> Shape:
    """Of networks with different lengths of everything, so that none is taken for another."""
    sizes = {"height": SIDE, "width": SIDE, "z_dim": 5, "w_dim": 4, "map_depth": 1, "channel_base": 24}
    return Shape(num_classes=num_classes, **{**sizes, "channel_max": 3, **others})


def with_random_numbers(network: nn.Cell, name: str, seed: int) -> nn.Cell:
    """Every number of it counts: noise, biases and the mean style too."""
    random = np.random.default_rng(seed)
    network.update_parameters_name(f"{name}.")
    for parameter in network.get_parameters():
        parameter.set_data(Tensor(random.standard_normal(parameter.shape).astype(np.float32)))
    return network.set_train(False)


def save_network(path: Path, class_names: tuple[str, ...] = (), of: Shape | None = None, seed: int = 0) -> Generator:
    """Writes a checkpoint of random networks; its average generator."""
    of = of or shape(len(class_names))
    cells = {"G": Generator(of), "D": Discriminator(of), "G_ema": Generator(of)}
    for number, (name, cell) in enumerate(cells.items()):
        with_random_numbers(cell, name, 10 * seed + number)
    checkpoints.save(path, cells, About(of, class_names, 7))
    return cells["G_ema"]


@contextmanager
def not_reloading():
    """Within, exported files count unread: to read them takes seconds, and tests of them compare for themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_reload", lambda path, file_format, calls: calls)
        patch.setattr(export, "_difference", lambda actual, expected: 0.0)
        yield


def exported_run(factory: pytest.TempPathFactory) -> tuple[RunDirectory, Generator]:
    """A run of `CLASSES`, as far as commands look at it, with its MindIR files, and its generator; for all tests."""
    return _exported_run(factory.getbasetemp())


@cache
def _exported_run(base: Path) -> tuple[RunDirectory, Generator]:
    run = RunDirectory(base / "an exported run")
    save_network(run.snapshot(3), CLASSES, seed=1)
    generator = save_network(run.snapshot(12), CLASSES)
    with not_reloading():
        exporting.export_parts(checkpoints.read(run.snapshot(12)), run.stylegan_mindir)
    return run, generator
