"""MNIST from the user's folder or the network, or the handwritten digits that ship with the package."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from mindgan.data import mnist_files
from mindgan.data.fetch import Unavailable, fetch
from mindgan.data.mnist_files import FilesMissing, find
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path

Dataset = Literal["auto", "mnist", "digits"]

DEFAULT_FOLDER = Path("MNIST_Data")  # in the working folder; the tutorial's name
_EMBEDDED = Path(__file__).with_name("digits")


@dataclass(frozen=True)
class DigitOptions:
    """Which digits: the options of every command that reads them."""

    data_url: str | None = None
    """Folder with the MNIST files, plain or .gz, or with train/ and test/; without it ./MNIST_Data or a download."""

    dataset: Dataset = "auto"
    """mnist insists on MNIST; digits is the small set in the package; auto takes it where MNIST cannot be had."""

    verify: bool = True
    """Whether the files must be MNIST's own, by MD5. False allows other sets of 28x28 images."""

    def __post_init__(self) -> None:
        if self.data_url is not None:
            user_path("--data_url", self.data_url)


@dataclass(frozen=True, eq=False)
class DigitSet:
    """Handwritten digits, white on black; training and test set share no image. The arrays are read-only."""

    name: str
    """``'mnist'`` or ``'digits'``."""
    source: str
    """Where the images came from, for a person."""
    images: np.ndarray
    """Training images: uint8 [N, 1, 28, 28]."""
    labels: np.ndarray
    """Training labels: uint8 [N]."""
    test_images: np.ndarray
    """Test images: uint8 [M, 1, 28, 28]."""
    test_labels: np.ndarray
    """Test labels: uint8 [M]."""


def load(
    dataset: Dataset = "auto",
    data_url: str | None = None,
    *,
    verify: bool = True,
    say: Callable[[str], None] = print,
) -> DigitSet:
    """The digits to train on.

    Args:
        dataset: ``'mnist'`` is MNIST or an error, ``'digits'`` the embedded set; ``'auto'`` is MNIST, or the embedded
            set where no folder is given, ``./MNIST_Data`` lacks the files and they cannot be downloaded.
        data_url: a folder with MNIST's four files, see `find`; by default ``./MNIST_Data``, filled by `fetch`.
        verify: whether the files must be MNIST's, by their MD5. Without it any IDX files of 28x28 images will do.
        say: gets a line before a download, and a line where the embedded set takes MNIST's place.

    Raises:
        UserError: the files given are missing, damaged or (with `verify`) not MNIST's; with ``'mnist'`` also where
            they cannot be downloaded; the disk is full.
    """
    if dataset not in get_args(Dataset):
        raise UserError(f"--dataset {dataset}: there is no such dataset; use {', '.join(get_args(Dataset))}")
    if dataset == "digits":
        if data_url is not None:
            say(f"--data_url {data_url} is not used: --dataset digits are the digits that ship with mindgan")
        return embedded_digits()
    if data_url is not None:
        return _from_folder(Path(data_url).expanduser(), verify)
    try:
        _ensure(DEFAULT_FOLDER, say)
    except Unavailable as error:
        if dataset == "mnist":
            raise
        say(
            f"MNIST is not in ./{DEFAULT_FOLDER} and cannot be downloaded: {error.reason}; "
            f"using the UCI handwritten digits that ship with mindgan instead (for MNIST give its folder by --data_url)"
        )
        return embedded_digits()
    return _from_folder(DEFAULT_FOLDER, verify)


def _ensure(folder: Path, say: Callable[[str], None]) -> None:
    try:
        find(folder)
    except FilesMissing:
        fetch(folder, say=say)


def _from_folder(folder: Path, verify: bool) -> DigitSet:
    source = f"MNIST, from {folder}" if verify else f"IDX files in {folder}, not checked to be MNIST's"
    return DigitSet("mnist", source, *mnist_files.read(folder, verify=verify))


def embedded_digits() -> DigitSet:
    """The 1,797 digits that ship with the package: the first 1,497 to train on, the last 300 as the test set.

    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    https://doi.org/10.24432/C50P49, CC BY 4.0; resized as ``digits/SOURCE.txt`` says.
    """
    arrays = mnist_files.read(_EMBEDDED, verify=False)
    return DigitSet("digits", "UCI handwritten digits, shipped with mindgan, CC BY 4.0", *arrays)
