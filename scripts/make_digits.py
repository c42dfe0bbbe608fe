"""Makes the digits that ship with the package from scikit-learn's copy of the UCI handwritten digits.

Needs scikit-learn and SciPy, which the package does not:

    python -m pip install scikit-learn
    python scripts/make_digits.py [FOLDER]     by default mindgan/data/digits

mindgan/data/digits/SOURCE.txt says where the images come from and describes what is done here.
"""

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.datasets import load_digits

from mindgan.data import idx
from mindgan.data.mnist_files import SIDE_PX
from mindgan.runtime.files import write_atomically

NUM_TRAIN = 1497  # of 1,797
SOURCE_SIDE_PX, SOURCE_MAX = 8, 16
DIGIT_SIDE_PX = 20  # MNIST's digits fit a 20x20 box, centred in the 28x28 image
CONTRAST = 1.6  # sharpens the edges towards MNIST's, as far as the loops of 6 and 8 stay open


def resized(image: np.ndarray) -> np.ndarray:
    """One digit, [8, 8] in 0..16, as uint8 [28, 28]."""
    scale = DIGIT_SIDE_PX / SOURCE_SIDE_PX
    to_source = (SOURCE_SIDE_PX - 1) / 2 - (SIDE_PX - 1) / 2 / scale  # the two centres coincide
    smooth = ndimage.affine_transform(
        image / SOURCE_MAX,
        [1 / scale, 1 / scale],
        offset=to_source,
        output_shape=(SIDE_PX, SIDE_PX),
        order=3,
        mode="grid-constant",
    )
    return np.rint(255 * np.clip((smooth - 0.5) * CONTRAST + 0.5, 0, 1)).astype(np.uint8)


def main(folder: Path) -> None:
    digits = load_digits()
    images = np.stack([resized(image) for image in digits.images])  # [1797, 28, 28]
    labels = digits.target.astype(np.uint8)
    for name, part in (("train", slice(None, NUM_TRAIN)), ("t10k", slice(NUM_TRAIN, None))):
        write_atomically(folder / f"{name}-images-idx3-ubyte.gz", idx.encode(images[part]))
        write_atomically(folder / f"{name}-labels-idx1-ubyte.gz", idx.encode(labels[part]))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "mindgan/data/digits")
