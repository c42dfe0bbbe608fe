"""The four files of MNIST: their names, where they lie in a folder, and whether they are what they should be."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mindgan.data import idx
from mindgan.runtime.errors import UserError

SIDE_PX = 28


@dataclass(frozen=True)
class MnistFile:
    """One of the four files, unpacked."""

    name: str
    """The name it was published under, without ``.gz``."""
    folder: str
    """The sub-folder it lies in where training and test files are kept apart."""
    ndim: int
    """3 for images, 1 for labels."""
    num_bytes: int
    """Length of the unpacked file."""
    md5: str
    """MD5 of the unpacked file, so the way it was compressed does not matter."""


FILES = (
    MnistFile("train-images-idx3-ubyte", "train", 3, 47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
    MnistFile("train-labels-idx1-ubyte", "train", 1, 60_008, "a25bea736e30d166cdddb491f175f624"),
    MnistFile("t10k-images-idx3-ubyte", "test", 3, 7_840_016, "2646ac647ad5339dbf082846283269ea"),
    MnistFile("t10k-labels-idx1-ubyte", "test", 1, 10_008, "27ae3e4e09519cfbb04c329615203637"),
)


class FilesMissing(UserError):
    """A folder does not hold the four files."""


def find(folder: Path) -> list[Path]:
    """The four files in `folder`, or in its ``train`` and ``test``; the plain file where it lies beside its ``.gz``.

    Returns:
        The paths, in the order of `FILES`.

    Raises:
        FilesMissing: there is no such folder, or files are missing in it (the message lists them).
        UserError: the folder cannot be read.
    """
    try:
        return _find(folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror or error}; give another folder") from error


def _find(folder: Path) -> list[Path]:
    if not folder.exists():
        raise FilesMissing(f"{folder} does not exist; give the folder with MNIST's four files by --data_url")
    if not folder.is_dir():
        raise FilesMissing(f"{folder} is a file; unpack it and give the folder with MNIST's four files by --data_url")
    layouts = [{file.name: _present(folder / sub / file.name) for file, sub in layout} for layout in _layouts()]
    fullest = max(layouts, key=lambda layout: sum(path is not None for path in layout.values()))
    missing = [name for name, path in fullest.items() if path is None]
    if missing:
        raise FilesMissing(
            f"{folder} lacks {', '.join(missing)} (looked for each, plain or .gz, in {folder} "
            f"and in its train and test); add what is missing or give another folder by --data_url"
        )
    return [path for path in fullest.values() if path is not None]


def _layouts() -> list[list[tuple[MnistFile, str]]]:
    """Each file with its sub-folder; files of two layouts are never mixed, they may be of different data sets."""
    return [[(file, "") for file in FILES], [(file, file.folder) for file in FILES]]


def _present(plain: Path) -> Path | None:
    packed = plain.with_name(plain.name + ".gz")
    return plain if plain.is_file() else packed if packed.is_file() else None


def read(folder: Path, *, verify: bool) -> list[np.ndarray]:
    """Reads the four files and checks them: the format first, then the sizes, then the counts, the MD5 last.

    Args:
        folder: where `find` looks.
        verify: whether each file must be MNIST's, by its MD5.

    Returns:
        Training images [N, 1, 28, 28] and labels [N], test images [M, 1, 28, 28] and labels [M]; uint8, read-only.

    Raises:
        UserError: a file is missing, truncated, of another format or size, or not MNIST's.
    """
    paths = find(folder)
    contents = [idx.read_bytes(path) for path in paths]
    arrays = [idx.parse(data, path, ndim=file.ndim) for file, path, data in zip(FILES, paths, contents, strict=True)]
    for first in (0, 2):
        _check_sizes(arrays[first : first + 2], paths[first : first + 2])
    if verify:
        for file, path, data in zip(FILES, paths, contents, strict=True):
            _check_md5(file, path, data)
    return [array[:, None] if array.ndim == 3 else array for array in arrays]


def _check_sizes(arrays: Sequence[np.ndarray], paths: Sequence[Path]) -> None:
    (images, labels), (images_path, labels_path) = arrays, paths
    num, height, width = images.shape
    if (height, width) != (SIDE_PX, SIDE_PX):
        raise UserError(f"{images_path} holds images of {height}x{width} pixels; they must be {SIDE_PX}x{SIDE_PX}")
    if num != len(labels):
        raise UserError(f"{labels_path} holds {len(labels)} labels, but {images_path} {num} images; fetch both again")
    if num == 0:
        raise UserError(f"{images_path} holds no images; fetch it again")


def md5(data: bytes) -> str:
    """The MD5 of `data` in hexadecimal digits; against damage, not against forgery."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _check_md5(file: MnistFile, path: Path, data: bytes) -> None:
    found = md5(data)
    if found != file.md5:
        raise UserError(
            f"{path} is not MNIST's {file.name}: the MD5 of its content is {found}, not {file.md5}; "
            f"fetch it again, or pass --verify False to use files of your own"
        )
