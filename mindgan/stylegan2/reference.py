"""What the fakes of a run are compared with: all images of its data, and a network that was trained on them."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mindgan.data import labelled
from mindgan.data.decode import decode_item
from mindgan.data.image_set import ImageItem, ImageSet, shown
from mindgan.data.labelled import LabelledImages, list_labelled, subset_rows
from mindgan.metrics.domain_features import NAME_OF_CLASSES, domain_network, resized
from mindgan.metrics.feature_network import FeatureNetwork
from mindgan.render.grids import opaque
from mindgan.runtime import randomness
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import prepare
from mindgan.stylegan2.checkpoints import FAMILY
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.training.checkpoint import require_same_run
from mindgan.training.run_config import read_config

Say = Callable[[str], None]

MAX_TRAINING, MAX_TRAINING_IN_ALL = 2000, 10_000  # images of a class, and of all, the small network is trained on
CHUNK = 200  # images that are drawn or read, and measured, at once; the small network takes 50


def settings_of(run: RunDirectory, source: str) -> StyleGanConfig:
    """The settings that the run was trained with.

    Raises:
        UserError: it is no run of StyleGAN2, or its config.json is damaged.
    """
    config = read_config(run)
    if config["run"].get("family") != FAMILY:
        raise UserError(f"--source {source} is no run of StyleGAN2; name one, or measure it as what it is")
    known = {field.name for field in fields(StyleGanConfig)}
    try:
        settings = {
            **config["settings"],
            **{name: config["run"][name] for name in ("data_url",) if name in config["run"]},
        }
        return StyleGanConfig(**{name: value for name, value in settings.items() if name in known})
    except (UserError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{run.config} is damaged ({error}); remove it and run the training command again") from error


def load_reals(
    run: RunDirectory, config: StyleGanConfig, data_url: str | None, folder: Path, say: Say
) -> tuple[LabelledImages, np.ndarray]:
    """All images, in the size that the networks saw, and the rows of all; a --subset and mirroring count for nothing.

    Args:
        run: for messages.
        config: its settings.
        data_url: of the images; None for those of the run.
        folder: gets those that are too many for memory.
        say: gets a line on what was found and passed over.

    Raises:
        UserError: they cannot be read, or fewer than two can be decoded.
    """
    images = _listed(run, config, data_url, say)
    data = prepare.digits(replace(config, subset=0)) if images is None else _loaded(images, config, folder, say)
    if config.subset and data_url is None:
        say(f"the run was trained on {config.subset} of the {len(data.images)} images and is measured on all of them")
    return data, np.arange(len(data.images))


def load_whole(run: RunDirectory, config: StyleGanConfig, folder: Path, say: Say) -> tuple[LabelledImages, np.ndarray]:
    """All images, as a training on them would have them, and the rows of those that the run was not trained on.

    Args:
        run: of a training on a --subset.
        config: its settings.
        folder: gets images that are too many for memory.
        say: gets a line on what was found.

    Raises:
        UserError: it was trained on all, the images cannot be read, are others than then, or fewer than two are left.
    """
    if not config.subset:
        raise UserError(f"--held_out True: {run.root} was trained on all of its images, without --subset")
    images = _listed(run, config, None, say)
    data = prepare.preview(replace(config, subset=0), run, images, folder)
    trained = subset_rows(len(data.images), config.subset, config.seed)
    others = np.setdiff1d(np.arange(len(data.images)), trained)
    if len(others) < labelled.MIN_IMAGES:
        raise UserError(f"--held_out True: {run.root} was trained on {len(trained)} of {len(data.images)} images")
    try:
        require_same_run(run, prepare.identity(data.subset(config.subset, config.seed)))
    except UserError as error:
        raise UserError(
            f"--held_out True: the images of {run.root} are not those it was trained on any more, so which were left "
            "out cannot be told; measure it without"
        ) from error
    return data, others


def _listed(run: RunDirectory, config: StyleGanConfig, data_url: str | None, say: Say) -> ImageSet | None:
    """None for the embedded digits."""
    where = data_url or config.data_url
    if where is None:
        return None
    try:
        return list_labelled(where, cond=config.cond, say=say)
    except UserError as error:
        if data_url is not None:
            raise
        message = f"{run.config} names the images of the run: {error}; if they were moved name them with --data_url"
        raise UserError(message) from error


def _loaded(images: ImageSet, config: StyleGanConfig, folder: Path, say: Say) -> LabelledImages:
    """Validation may have mended or left out what cannot be decoded: that is passed over."""

    def load(some: ImageSet) -> LabelledImages:
        size, channels = config.size, config.image_channel
        how = {"cond": config.cond, "resize_filter": config.resize_filter, "work_folder": folder}
        return labelled.load(some, channels=channels, size=size, say=lambda line: None, **how)  # type: ignore[arg-type]

    try:
        return load(images)
    except UserError:
        whole, failed = _whole(images, config.image_channel)
        if not failed:
            raise
        if len(whole) < labelled.MIN_IMAGES:
            raise UserError(f"{images.option} {shown(images.source)}: {len(whole)} of its images are whole; the first "
                            f"of the others: {failed[0]}") from None  # fmt: skip
        say(f"{len(failed)} of {shown(images.source)} passed over; the first: {failed[0]}")
        return load(whole)


def _whole(images: ImageSet, channels: int) -> tuple[ImageSet, list[str]]:
    """The images that can be decoded, and what is wrong with the others."""
    failed: list[str] = []

    def is_whole(item: ImageItem) -> bool:
        try:
            decode_item(item, channels=channels)
        except UserError as error:
            failed.append(str(error))
            return False
        return True

    return images.select(is_whole), failed


def small_network(data: LabelledImages, seed: int, say: Say) -> FeatureNetwork:
    """The network of `domain_network`, of the classes where there are any; without the mirror images, since it mirrors
    at random.

    It is trained on at most 2,000 images of a class and 10,000 in all, drawn at random.
    """
    rows = np.arange(len(data.images))
    classes = [rows]
    if data.labels is not None and data.class_names:
        of_class = data.labels.argmax(1)
        classes = [rows[of_class == column] for column in np.unique(of_class)]
    most = max(1, min(MAX_TRAINING, MAX_TRAINING_IN_ALL // len(classes)))
    random = randomness.generator(seed, "images of the small network")
    chosen = [np.sort(random.permutation(each)[:most]) for each in classes]
    network = domain_network([_small(data.images, each) for each in chosen], seed=seed, say=say)
    return network if len(classes) == 1 else replace(network, name=NAME_OF_CLASSES)


def network_of_others(data_url: str, config: StyleGanConfig, folder: Path, seed: int, say: Say) -> FeatureNetwork:
    """The small network of other images, of the classes that their folders tell.

    Args:
        data_url: where they are.
        config: of the run, whose size and channels they get.
        folder: gets those that are too many for memory, in a folder of their own.
        seed: of the network.
        say: gets a line on what was found and passed over.

    Raises:
        UserError: they cannot be read, or fewer than two can be decoded.
    """
    apart = folder / "others"
    apart.mkdir()
    images = list_labelled(data_url, option="--feature_data_url", say=say)
    network = small_network(_loaded(images, replace(config, cond=None), apart, say), seed, say)
    return replace(network, name=f"{network.name}; those of {data_url}")


def _small(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Some images as the small network takes them: of large ones thousands are too many for memory."""
    return np.concatenate([resized(opaque(images[rows[at : at + CHUNK]])) for at in range(0, len(rows), CHUNK)])


def chunks_of(data: LabelledImages, indices: np.ndarray) -> Iterator[np.ndarray]:
    """These images: uint8 [at most 200, C, H, W] each."""
    return (data.pixels(indices[at : at + CHUNK]) for at in range(0, len(indices), CHUNK))


def features_of(chunks: Iterator[np.ndarray], network: FeatureNetwork, num: int, what: str) -> np.ndarray:
    """Of images uint8 [N, C, H, W], transparent ones on white: float32 [num, D]."""
    with tqdm(total=num, desc=what, unit="image", dynamic_ncols=True, disable=None, leave=False) as bar:
        parts = []
        for images in chunks:
            parts.append(network.features(opaque(images)))
            bar.update(len(images))
    return np.concatenate(parts)
