"""Labelled images for one model: files of any kind and size -> uint8 [M, C, H, W] with labels.

`list_labelled` finds them, `preparing.validated_set` mends them where that is wanted, `load` decodes them.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mindgan.data.dataset_json import check_conditions, has_dataset_json, with_dataset_json
from mindgan.data.fitting import MODES, FitCounts, Fitted, Fitting
from mindgan.data.image_set import RECORDS, ImageSet, shown
from mindgan.data.image_source import list_images
from mindgan.data.labels import find_labels
from mindgan.data.tfrecord import find_tfrecords, list_tfrecords
from mindgan.data.unpaired import MIN_IMAGES, SPLITS, without_tests
from mindgan.runtime import files, randomness
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path

Say = Callable[[str], None]
OPTION = "--data_url"
FEW_IMAGES = 70  # ModelArts asks for as many
MEMORY_BYTES = 2 << 30  # above it pixels are read from a file as they are needed
PIXELS_FILE = "images.npy"


def list_labelled(path: str | Path, *, option: str = OPTION, cond: bool | None = None, say: Say = print) -> ImageSet:
    """The images under a path and what is known of their classes; nothing is decoded and nothing written.

    Args:
        path: a folder of images, or of class folders, also where another folder is around them; a .zip of one; a
            ModelArts manifest, of which rows for tests are left out; any of the first three with StyleGAN2-ADA's
            dataset.json; or TFRecords of StyleGAN2-ADA, as a file or the folder that holds them.
        option: the option that gave the path, for messages.
        cond: as of `find_labels`; with False, labels are not looked at, so what is wrong with them does not matter.
        say: gets a line on what was found and left out.

    Raises:
        UserError: the path cannot be read, holds fewer than two images, or labels do not fit the images.
    """
    records = find_tfrecords(path, option=option)
    if records is None:
        images = _unwrapped(list_images(path, option=option))
        if not images.items and any(other.finding == RECORDS for other in images.passed):
            raise UserError(
                f"{option} {shown(path)} holds TFRecords, but none right in it with a name as set-r08.tfrecords; "
                "name their folder or file, or rename it"
            )
    else:
        images = list_tfrecords(records, option=option, with_labels=cond is not False)
        if beside := _beside(records, user_path(option, str(path)), option):
            say(f"warning: of {option} {shown(path)} only {shown(records.name)} is read, not the {beside} beside it")
    images.require(MIN_IMAGES)
    if cond is not False:
        images = with_dataset_json(images) if records is None else images
        check_conditions(images)
    images = without_tests(images)
    images.require(MIN_IMAGES)
    left_out = images.left_out()
    say(f"{len(images)} images of {shown(images.source)}{f' ({left_out})' if left_out else ''}")
    return images


def _beside(records: Path, named: Path, option: str) -> str:
    """The images in the folder that was named for its TFRecords, in words; empty where there are none."""
    others = 0 if named == records else len(list_images(named, option=option))
    return f"{others} image{'s' * (others > 1)}" if others else ""


def _unwrapped(images: ImageSet) -> ImageSet:
    """Without the folders that hold nothing but one folder; the innermost is the one class of images right in it."""
    outermost = images
    while len(images.folders) == 1 and images.items and not has_dataset_json(images):
        folder = images.folders[0]
        if any(item.label != folder for item in images.items):
            break
        is_dir = images.source.is_dir()
        images = list_images(images.source / folder, option=images.option) if is_dir else images.under(folder)
    if images is outermost or images.labels or folder.casefold() in SPLITS:
        return images
    return replace(images, items=tuple(replace(item, label=folder) for item in images.items))


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of one size with their labels, each once or, where they are mirrored, twice.

    Indices count from 0 to `len` - 1. Where they are mirrored, index i + M is image i flipped from left to right.
    """

    images: np.ndarray
    """uint8 [M, C, H, W], not to be written to; it may be in a file."""
    labels: np.ndarray | None
    """float32 [M, num_classes], one-hot or vectors; None without labels."""
    class_names: tuple[str, ...]
    """Of one-hot labels, by column; empty for vectors or without labels."""
    names: tuple[str, ...]
    """The file of each image, relative to the set: [M]."""
    counts: FitCounts
    """What was done to the images as they were loaded."""
    mirrored: bool = False

    def __len__(self) -> int:
        return len(self.images) * (1 + self.mirrored)

    @property
    def num_classes(self) -> int:
        """Numbers of a label; 0 without labels."""
        return 0 if self.labels is None else self.labels.shape[1]

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that change with pixels, labels, names of classes and mirroring."""
        sha = hashlib.sha256(repr((self.images.shape, self.class_names, self.mirrored)).encode())
        for image in self.images:
            sha.update(np.ascontiguousarray(image).data)
        if self.labels is not None:
            sha.update(np.ascontiguousarray(self.labels).data)
        return sha.hexdigest()[:16]

    def pixels(self, indices: np.ndarray) -> np.ndarray:
        """Images by index: whole [B] -> uint8 [B, C, H, W], a copy."""
        flipped = indices >= len(self.images)
        pixels = np.asarray(self.images[self._rows(indices)])
        pixels[flipped] = pixels[flipped, :, :, ::-1]
        return pixels

    def labels_of(self, indices: np.ndarray) -> np.ndarray | None:
        """Labels by index: whole [B] -> float32 [B, num_classes], or None without labels."""
        return None if self.labels is None else self.labels[self._rows(indices)]

    def _rows(self, indices: np.ndarray) -> np.ndarray:
        if len(indices) and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(f"there are images 0 to {len(self) - 1}")
        return indices % len(self.images)

    def subset(self, num: int, seed: int) -> "LabelledImages":
        """`num` images chosen at random, copied to memory, in their old order; `counts` remain those of all.

        Raises:
            UserError: there are fewer, or fewer than two are wanted.
        """
        rows = subset_rows(len(self.images), num, seed)
        labels, names = self.labels_of(rows), tuple(self.names[row] for row in rows)
        return replace(self, images=np.asarray(self.images[rows]), labels=labels, names=names)

    def mirror(self) -> "LabelledImages":
        """Every image twice, the second time flipped from left to right; the pixels are shared."""
        return replace(self, mirrored=True)


def subset_rows(num_images: int, num: int, seed: int) -> np.ndarray:
    """Which images a subset has: int64 [num], ascending, drawn by the seed.

    Raises:
        UserError: there are fewer, or fewer than two are wanted.
    """
    if not MIN_IMAGES <= num <= num_images:
        raise UserError(f"--subset {num} of {num_images} images is not possible; use {MIN_IMAGES} to {num_images}")
    return np.sort(randomness.generator(seed, "subset").permutation(num_images)[:num])


def load(
    images: ImageSet,
    *,
    channels: int,
    size: tuple[int, int],
    cond: bool | None = None,
    resize_filter: str = "box",
    subset: int | None = None,
    seed: int = 0,
    work_folder: Path | None = None,
    memory_bytes: int = MEMORY_BYTES,
    say: Say = print,
) -> LabelledImages:
    """Decodes a set: upright, the middle in the aspect ratio of `size`, reduced or enlarged to it.

    Args:
        images: of `list_labelled`, perhaps validated.
        channels: 1 for grey, 3 for RGB, 4 for RGBA.
        size: (height, width), px.
        cond: whether labels are wanted; None takes them where there are at least two classes.
        resize_filter: how images are reduced, ``box`` (area) or ``lanczos``; they are enlarged with Lanczos.
        subset: so many images chosen at random by the seed, those of `LabelledImages.subset`; the others are not read.
            The classes are those of all images.
        seed: of the subset.
        work_folder: gets the file of pixels where they are too many for memory; None keeps them in memory.
        memory_bytes: how many bytes of pixels are kept in memory.
        say: gets a line on what was done, and warnings.

    Raises:
        UserError: an option is out of range, a file cannot be read or decoded (the message names it), all images are
            the same, or the work folder cannot be written.
    """
    fitting = Fitting(channels, size, resize_filter)
    images.require(MIN_IMAGES)
    rows = None if subset is None else subset_rows(len(images), subset, seed)
    labels = find_labels(images, cond=cond, say=say, rows=rows)
    items = images.items if rows is None else tuple(images.items[row] for row in rows)
    is_large = work_folder is not None and len(items) * fitting.num_bytes > memory_bytes
    store = _to_file if is_large else _to_memory
    with tqdm(fitting.items(items), "images", len(items), unit="image", dynamic_ncols=True, disable=None) as fitted:
        pixels, counts = store(iter(fitted), (len(items), channels, *size), (work_folder or Path()) / PIXELS_FILE)
    _require_different(images, pixels)
    say(f"{len(items)} images of {shown(images.source)} as {MODES[channels]}, {size[0]}x{size[1]} px: {counts}")
    if counts.enlarged:
        say(_enlarged_warning(len(items), counts, size))
    names = tuple(item.name for item in items)
    if labels is None:
        return LabelledImages(pixels, None, (), names, counts)
    return LabelledImages(pixels, labels.values, labels.class_names, names, counts)


def _to_memory(fitted: Iterator[Fitted], shape: tuple[int, ...], _: Path) -> tuple[np.ndarray, FitCounts]:
    pixels, counts = np.empty(shape, np.uint8), FitCounts()
    for row, one in enumerate(fitted):
        pixels[row] = one.pixels
        counts += one.counts
    return pixels, counts


def _to_file(fitted: Iterator[Fitted], shape: tuple[int, ...], path: Path) -> tuple[np.ndarray, FitCounts]:
    """As `_to_memory`; written one after the other, since a mapped file on a full disk would end the process."""
    counts = FitCounts()

    def write(temporary: Path) -> None:
        nonlocal counts
        with open(temporary, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for one in fitted:
                file.write(one.pixels.data)
                counts += one.counts

    files.make_atomically(path, write)
    return np.load(path, mmap_mode="r", allow_pickle=False), counts


def _require_different(images: ImageSet, pixels: np.ndarray) -> None:
    if all(np.array_equal(image, pixels[0]) for image in pixels[1:]):
        raise UserError(f"{images.option} {shown(images.source)} holds the same image {len(pixels)} times; add others")


def _enlarged_warning(num: int, counts: FitCounts, size: tuple[int, int]) -> str:
    return (
        f"warning: {counts.enlarged} of {num} images are smaller than {size[0]}x{size[1]} px and were enlarged, "
        "which adds no detail; use larger images or a smaller resolution"
    )


def require_enough(
    num_images: int, batch_size: int, *, option: str = OPTION, batch_option: str = "--batch-size"
) -> None:
    """Raises UserError where there are fewer than two images, or fewer than a batch; mirrored ones do not count."""
    if num_images < MIN_IMAGES:
        raise UserError(f"{option} holds {num_images} image{'s' * (num_images != 1)}; give {MIN_IMAGES} or more")
    if num_images < batch_size:
        raise UserError(f"{batch_option} {batch_size} is more than the {num_images} images there are; use fewer")


def few_images_warning(num_images: int) -> str | None:
    """What to expect of fewer than 70 images, and what helps; None where there are more."""
    if num_images >= FEW_IMAGES:
        return None
    return (
        f"{num_images} images are fewer than {FEW_IMAGES}: expect copies of them and little variety; more "
        "images help most, then a trained network to start from (--resume, perhaps with --freezed), and --mirror "
        "where left and right do not matter"
    )
