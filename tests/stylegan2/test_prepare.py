"""What is known of a training's images before anything is written is what the training then has."""

from functools import partial

import numpy as np
import pytest
from image_files import encoded, some, write

from mindgan.data import labelled
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import prepare
from mindgan.stylegan2.config import StyleGanConfig

CLASSES = {**some(3, folder="cat/"), **some(3, first=3, folder="dog/"), "cow/broken.png": b"broken"}


@pytest.mark.parametrize(
    ("contents", "changes", "num_classes"),
    [
        (CLASSES, {}, 2),
        (CLASSES, {"subset": 3, "mirror": True}, 2),
        (CLASSES, {"cond": False}, 0),
        (some(4), {"do_validation": False}, 0),
        (None, {"resolution": 32, "image_channel": 1}, 10),
        (None, {"resolution": 32, "image_channel": 1, "cond": False}, 0),
    ],
)
def test_a_preview_is_what_is_loaded(contents, changes, num_classes, tmp_path, monkeypatch):
    url = None if contents is None else str(write(tmp_path / "images", contents))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(labelled, "load", partial(labelled.load, memory_bytes=0))  # all pixels are too many
    config = StyleGanConfig(**{"resolution": 8, "batch_size": 2, "data_url": url, **changes}).resolved()
    run = RunDirectory(tmp_path / "run")
    found = prepare.find(config, run, say=print)
    num, names = prepare.classes(config, run, found)
    assert num == num_classes
    data = prepare.preview(config, run, found, temporary)
    assert data.class_names == names
    coming = data.digest, data.names, data.num_classes
    assert isinstance(data.images, np.memmap) == (url is not None)
    assert not run.root.exists()
    run.create()
    then = prepare.load(config, run, found, say=print)
    assert coming == (then.digest, then.names, num_classes)


def test_classes_of_which_nothing_is_left_are_told(tmp_path):
    said = []
    url = write(tmp_path / "images", CLASSES)
    (url / "empty").mkdir()
    for cond, num in ((None, 1), (False, 0)):
        config = StyleGanConfig(resolution=8, batch_size=2, data_url=str(url), cond=cond).resolved()
        run = RunDirectory(tmp_path / f"run {cond}")
        run.create()
        said.clear()
        prepare.load(config, run, prepare.find(config, run, say=print), say=said.append)
        lost = [line for line in said if "has no image that can be read of the classes cow, empty" in line]
        assert len(lost) == num
        assert all(f"--data_url {url} " in line for line in lost)


def test_reals_of_every_class():
    config = StyleGanConfig(resolution=32, image_channel=1).resolved()
    data = prepare.digits(config)
    grid = prepare.grid_of_reals(data, config)
    assert len(grid) == 10 * config.grid
    of_images = {image.tobytes(): label.argmax() for image, label in zip(data.images, data.labels, strict=True)}
    assert [of_images[image.tobytes()] for image in grid] == [row for row in range(10) for _ in range(config.grid)]


@pytest.mark.parametrize("resize_filter", ["box", "lanczos"])
def test_images_are_reduced_as_was_asked_for(resize_filter, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3), np.uint8)
    url = write(tmp_path / "images", {f"{index}.png": encoded(image) for index, image in enumerate(noise)})
    config = StyleGanConfig(resolution=8, batch_size=2, data_url=str(url), resize_filter=resize_filter).resolved()
    run = RunDirectory(tmp_path / "run")
    run.create()
    data = prepare.load(config, run, prepare.find(config, run, say=print), say=print)
    means = noise.reshape(2, 8, 3, 8, 3, 3).mean((2, 4)).transpose(0, 3, 1, 2)  # what box is
    difference = np.abs(data.images - means).mean()
    assert difference < 1 if resize_filter == "box" else difference > 3
