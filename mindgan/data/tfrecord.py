"""Images in TFRecords, as StyleGAN2-ADA's first version keeps them: read one by one, no TensorFlow needed.

``<name>-rNN.tfrecords`` (or ``.tfrecord``) holds the images at 2^NN px, one file for each NN; the largest is read. A
record is a tf.train.Example of ``shape`` (C, H, W) and ``data`` (uint8). ``<name>-rxx.labels`` is a .npy file of their
labels. Records are counted from 1.
"""

import io
import os
import re
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mindgan.data.crc32c import masked_crc32c
from mindgan.data.decode import MAX_PIXELS
from mindgan.data.image_set import MAX_FILE_BYTES, ImageItem, ImageSet, shown
from mindgan.data.image_source import read_file
from mindgan.data.protobuf import Malformed, example_features
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path

SUFFIXES = (".tfrecords", ".tfrecord")
IN_FOLDERS = r"\.tfrecords$|-r\d\d\.tfrecord$"  # .tfrecord alone is what other programs call theirs
HEAD = struct.Struct("<QI")  # length of the data and its checksum
CHECKSUM = struct.Struct("<I")  # of the data, after them
PNG_SIGNATURE, PNG_COLOURS = b"\x89PNG\r\n\x1a\n", {1: 0, 3: 2, 4: 6}  # colour types by channels: PNG, 11.2.1
VALIDATION = "validation-"  # begins the names of files that are not for training


def find_tfrecords(path: str | Path, *, option: str) -> Path | None:
    """The file of TFRecords that a path means, or None where it means other images.

    Args:
        path: the file itself, or a folder, of whose files that of the largest images is taken.
        option: the option that gave the path, for messages.

    Raises:
        UserError: the folder holds several sets of TFRecords.
    """
    root = user_path(option, str(path))
    if not os.path.isdir(root):
        return root if root.name.lower().endswith(SUFFIXES) and root.is_file() else None
    try:
        found = [root / name for name in sorted(os.listdir(root)) if re.search(IN_FOLDERS, name.lower())]
        found = [file for file in found if file.is_file()]
    except OSError:  # whoever lists its images says so
        return None
    training = [file for file in found if not file.name.startswith(VALIDATION)] or found
    if len({_set_name(file) for file in training}) > 1:
        names = ", ".join(shown(file.name) for file in training[:3])
        raise UserError(f"{option} {shown(root)} holds several sets of TFRecords ({names}, ...); name one of the files")
    return max(training, key=_log2_side, default=None)


def list_tfrecords(path: Path, *, option: str, with_labels: bool = True) -> ImageSet:
    """The images of a file of TFRecords, each with its row of the .labels file where there is one.

    Lengths are checked here, with their checksums; the data of a record when it is read.

    Args:
        path: the file.
        option: the option that gave it, for messages.
        with_labels: whether the .labels file is looked at.

    Raises:
        UserError: a record is damaged or cut short, or the labels are not those of the records.
    """
    try:
        with open(path, "rb") as file:
            places = list(_places(file, f"{option} {shown(path)}"))
    except OSError as error:
        raise UserError(f"{option} {shown(path)} cannot be read: {error.strerror or error}") from error
    labels_file = path.with_name(f"{_set_name(path)}-rxx.labels")
    labels = _read_labels(labels_file, len(places), option) if with_labels else None
    items = []
    for number, (place, length) in enumerate(places, 1):
        where, condition = f"{shown(path)}, record {number}", None if labels is None else labels[number - 1]
        read = partial(_read_png, path, place, length, where)
        items.append(ImageItem(f"{number:08d}.png", None, where, length, read, condition=condition))
    return ImageSet(option, path, tuple(items))


def _set_name(file: Path) -> str:
    return re.sub(r"-r\d\d$", "", file.stem)


def _log2_side(file: Path) -> int:
    found = re.search(r"-r(\d\d)$", file.stem)
    return int(found[1]) if found else -1


def _places(file: BinaryIO, named: str) -> Iterator[tuple[int, int]]:
    """(offset, length) of the data of every record."""
    end = file.seek(0, os.SEEK_END)
    place = number = 0
    while place < end:
        number += 1
        file.seek(place)
        head = file.read(HEAD.size)
        if len(head) < HEAD.size:
            raise UserError(f"{named}, record {number} is cut short; copy the file again")
        length, checksum = HEAD.unpack(head)
        if masked_crc32c(head[:8]) != checksum:
            raise UserError(f"{named}, record {number} is damaged: the checksum of its length; copy the file again")
        if length > min(MAX_FILE_BYTES, end - place - HEAD.size - CHECKSUM.size):
            what = "cut short" if length <= MAX_FILE_BYTES else f"larger than {MAX_FILE_BYTES >> 20} MiB"
            raise UserError(f"{named}, record {number} is {what}; copy the file again")
        yield place + HEAD.size, length
        place += HEAD.size + length + CHECKSUM.size


def _read_png(path: Path, place: int, length: int, where: str) -> bytes:
    """One record as a PNG that is not compressed.

    Raises:
        UserError: it cannot be read, or holds no image.
    """
    try:
        with open(path, "rb") as file:
            file.seek(place)
            data = file.read(length + CHECKSUM.size)
    except OSError as error:
        raise UserError(f"{where} cannot be read: {error.strerror or error}") from error
    try:
        pixels = _pixels(data, length)
    except Malformed as error:
        raise UserError(f"{where} is damaged: {error}; copy the file again") from error
    return _png(pixels)


def _png(pixels: np.ndarray) -> bytes:
    """uint8 [H, W, C] as a PNG without filters and compression, ten times as fast as Pillow makes one."""
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # a row begins with the number of its filter, 0 for none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, PNG_COLOURS[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.data, 0)), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _pixels(data: bytes, length: int) -> np.ndarray:
    """uint8 [H, W, C] of a record and its checksum; what they announce is compared before it is believed."""
    if len(data) < length + CHECKSUM.size:
        raise Malformed("it is cut short")
    if CHECKSUM.unpack_from(data, length) != (masked_crc32c(memoryview(data)[:length]),):
        raise Malformed("its data have another checksum")
    features = example_features(memoryview(data)[:length])
    shape, octets = features.get("shape"), features.get("data")
    if not isinstance(shape, list) or not isinstance(octets, memoryview):
        raise Malformed("it has not the shape and data that StyleGAN2-ADA's dataset_tool writes")
    if len(shape) != 3 or shape[0] not in PNG_COLOURS or min(shape) < 1:
        raise Malformed(f"its shape is {shape[:4]}, not channels (1, 3 or 4), height and width")
    channels, height, width = shape
    if height * width > MAX_PIXELS or channels * height * width != len(octets):
        raise Malformed(f"its shape is {shape}, but it has {len(octets)} bytes of pixels")
    return np.frombuffer(octets, np.uint8).reshape(channels, height, width).transpose(1, 2, 0)


def _read_labels(path: Path, num_records: int, option: str) -> np.ndarray | None:
    """float32 [records, c], or whole numbers [records]; None where there is no such file, or it labels nothing."""
    if not os.path.lexists(path):
        return None
    named = f"{option} {shown(path)}"
    try:
        labels = np.load(io.BytesIO(read_file(path)), allow_pickle=False)
    except (UserError, OSError, ValueError, EOFError, MemoryError, OverflowError) as error:
        raise UserError(f"{named} cannot be read as .npy: {shown(error)}; mend or remove it") from error
    if not isinstance(labels, np.ndarray) or labels.ndim not in (1, 2) or labels.dtype.kind not in "iuf":
        raise UserError(f"{named} holds no table of numbers; mend or remove it")
    if len(labels) != num_records:
        raise UserError(f"{named} labels {len(labels)} images, but there are {num_records} records; mend or remove it")
    if labels.ndim == 2 and labels.shape[1] == 0:
        return None
    return labels
