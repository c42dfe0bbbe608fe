"""The images of a training: found, validated, loaded; what is wrong with them is said before anything is trained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from mindgan.data import labelled
from mindgan.data.digit_domains import SIDE_PX, SOURCE_NAME
from mindgan.data.findings import Rules
from mindgan.data.fitting import FitCounts
from mindgan.data.image_set import ImageSet, shown
from mindgan.data.labelled import LabelledImages, few_images_warning, list_labelled, require_enough, subset_rows
from mindgan.data.labels import find_labels, one_hot
from mindgan.data.mnist import embedded_digits
from mindgan.data.preparing import previewed_set, require_set_apart, validated_set
from mindgan.data.unpaired import MIN_IMAGES
from mindgan.runtime import randomness
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.sample import grid_rows

Say = Callable[[str], None]
WORK_FOLDER = "source"  # of the validated images


def find(config: StyleGanConfig, run: RunDirectory, *, say: Say) -> ImageSet | None:
    """The images, not decoded yet; None for the embedded digits.

    Raises:
        UserError: they cannot be read, are fewer than a batch, or the run's files would come among them.
    """
    if config.data_url is None:
        _require_digits_settings(config)
        say(f"no --data_url: drawing {SOURCE_NAME}")
        return None
    images = list_labelled(config.data_url, cond=config.cond, say=say)
    require_set_apart(run, images, user_path(labelled.OPTION, config.data_url))
    if config.subset:
        subset_rows(len(images), config.subset, config.seed)
    find_labels(images, cond=config.cond, say=_silently)  # what is wrong with them is said before anything is written
    require_enough(config.subset or len(images), config.batch_size)
    return images


def _silently(line: str) -> None:
    """What is found is told as the images are loaded, when validation has left some out."""


def load(config: StyleGanConfig, run: RunDirectory, images: ImageSet | None, *, say: Say) -> LabelledImages:
    """The images as the networks see them, validated first where that is wanted.

    Raises:
        UserError: an image cannot be read, too few are left, or the folder cannot be written.
    """
    if images is not None and config.do_validation:
        left = validated_set(run, images, WORK_FOLDER, _rules(config), least=MIN_IMAGES, say=say)
        if config.cond is not False and (warning := _lost_classes_warning(images, left)):
            say(warning)
        images = replace(left, source=images.source)  # for messages: what can be mended is there
    data = _read(config, images, run.validation, say)
    require_enough(len(data.images), config.batch_size)
    if warning := few_images_warning(len(data.images)):
        say(f"warning: {warning}")
    return data


def _lost_classes_warning(images: ImageSet, left: ImageSet) -> str | None:
    """None where validation has left images of every class, or there are none."""
    lost = sorted({*images.labels, *images.folders} - set(left.labels)) if images.labels else []
    if not lost:
        return None
    return (
        f"warning: {images.option} {shown(images.source)} has no image that can be read of the classes "
        f"{', '.join(map(shown, lost))}, which count for nothing then; mend them, or remove their folders"
    )


def preview(config: StyleGanConfig, run: RunDirectory, images: ImageSet | None, folder: Path) -> LabelledImages:
    """What `load` would give, without a word and with nothing written but pixels that are too many for memory.

    Args:
        config: the settings.
        run: of the training; nothing is written there.
        images: of `find`.
        folder: gets those pixels.

    Raises:
        UserError: an image cannot be read, or too few are left.
    """
    return _read(config, _left(config, run, images), folder, _silently)


def classes(config: StyleGanConfig, run: RunDirectory, images: ImageSet | None) -> tuple[int, tuple[str, ...]]:
    """`num_classes` and `class_names` of what `load` would give.

    Nothing is written, and nothing decoded but to validate it.

    Raises:
        UserError: labels are wanted and there are none, or the folder of a former validation cannot be read.
    """
    left = _left(config, run, images)
    if left is None:
        data = digits(config)
        return data.num_classes, data.class_names
    labels = find_labels(left, cond=config.cond, say=_silently)
    return (0, ()) if labels is None else (labels.values.shape[1], labels.class_names)


def _left(config: StyleGanConfig, run: RunDirectory, images: ImageSet | None) -> ImageSet | None:
    """What validation would leave."""
    if images is None or not config.do_validation:
        return images
    return previewed_set(run, images, WORK_FOLDER, _rules(config))


def _rules(config: StyleGanConfig) -> Rules:
    return Rules(config.image_channel, config.image_max_width, config.image_max_height)


def _read(config: StyleGanConfig, images: ImageSet | None, work_folder: Path | None, say: Say) -> LabelledImages:
    if images is None:
        data = digits(config)
    else:
        data = labelled.load(
            images,
            channels=config.image_channel,
            size=config.size,
            cond=config.cond,
            resize_filter=config.resize_filter,
            subset=config.subset or None,
            seed=config.seed,
            work_folder=work_folder,
            say=say,
        )
    return data.mirror() if config.mirror else data


def digits(config: StyleGanConfig) -> LabelledImages:
    """The embedded digits with their classes, grey, with a margin.

    Raises:
        UserError: the settings are not for them.
    """
    _require_digits_settings(config)
    found = embedded_digits()
    margin = (SIDE_PX - found.images.shape[2]) // 2
    images = np.pad(found.images, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
    names, labels = tuple(map(str, range(10))), one_hot(found.labels.astype(np.int64), 10)
    files = tuple(f"{number:04d}.png" for number in range(len(images)))
    has_labels = config.cond is not False
    data = LabelledImages(images, labels if has_labels else None, names if has_labels else (), files, FitCounts())
    return data.subset(config.subset, config.seed) if config.subset else data


def _require_digits_settings(config: StyleGanConfig) -> None:
    if config.size != (SIDE_PX, SIDE_PX) or config.image_channel != 1:
        raise UserError(
            f"without --data_url there are {SOURCE_NAME}, of --resolution {SIDE_PX} and --image_channel 1; "
            "name your images with --data_url or leave these two out"
        )


def identity(data: LabelledImages) -> dict[str, str]:
    """What tells these images from others, as states of a training keep it."""
    return {"data of SHA-256": data.digest}


def name_of(config: StyleGanConfig) -> str:
    """What the data are called."""
    return SOURCE_NAME if config.data_url is None else str(Path(config.data_url))


def grid_of_reals(data: LabelledImages, config: StyleGanConfig) -> np.ndarray:
    """Images for a grid of `config.grid` columns and `grid_rows`, of one class a row: uint8 [N, C, H, W].

    A class with fewer images than a row has repeats them.
    """
    order = randomness.generator(config.seed, "grid of reals").permutation(len(data.images))
    side = config.grid
    if data.labels is None:
        return data.pixels(np.resize(order, side * side))
    kinds = np.flip(np.unique(data.labels, axis=0), 0)
    num_rows = range(grid_rows(side, data.labels))
    rows = [order[(data.labels[order] == kinds[row % len(kinds)]).all(1)] for row in num_rows]
    return data.pixels(np.concatenate([np.resize(_next(row, rows, kinds, side), side) for row in num_rows]))


def _next(row: int, rows: list[np.ndarray], kinds: np.ndarray, side: int) -> np.ndarray:
    """The images of a row, which a later row of the same class goes on from."""
    return np.roll(rows[row], -side * (row // len(kinds)))
