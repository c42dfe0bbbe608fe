"""Runs of StyleGAN2 as far as they are looked at when they are scored, their images, and features that cost nothing."""

import json

import numpy as np
from image_files import encoded, pixels, write
from stylegan_runs import SIDE, save_network

from mindgan.metrics.feature_network import FeatureNetwork
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2.config import StyleGanConfig

NUM = 11
CLASSES = {"a": 4, "b": 3, "c": 4}


def reals(num: int = NUM, first: int = 0) -> np.ndarray:
    """uint8 [num, 3, 8, 8]: as the networks see them, in the order of their names."""
    return np.stack([pixels(first + index, SIDE, SIDE).transpose(2, 0, 1) for index in range(num)])


def write_images(folder, images, names=None):
    names = names or [f"{index:03d}.png" for index in range(len(images))]
    write(folder, {name: encoded(one.transpose(1, 2, 0)) for name, one in zip(names, images, strict=True)})


def in_classes() -> list[str]:
    return [f"{name}/{index:03d}.png" for name, num in CLASSES.items() for index in range(num)]


def make_run(root, data, class_names=(), snapshots=(3, 12), of=None, **settings) -> RunDirectory:
    """A run as far as it is looked at: settings and random networks."""
    run = RunDirectory(root)
    run.create()
    config = StyleGanConfig(**{"data_url": data and str(data), "resolution": SIDE, "batch_size": 4, **settings})
    about = {"family": "stylegan2", "data": "x", "device": "CPU", "nimg_per_epoch": 1}
    kept = {**config.settings(), "cfg": None}
    run.config.write_text(json.dumps({"settings": kept, "run": about, "versions": {}}))
    for seed, kimg in enumerate(snapshots):
        save_network(run.snapshot(kimg), tuple(class_names), of=of, seed=seed)
    return run


def some_pixels(images: np.ndarray) -> np.ndarray:
    """Features that a mirrored or turned image has not: float32 [N, 7]."""
    assert images.shape[1] in (1, 3)
    return images.reshape(len(images), -1)[:, [0, 3, 8, 17, 30, 41, 60]].astype(np.float32) / 100


SOME_PIXELS = FeatureNetwork("some pixels", False, some_pixels, None)
