"""Two domains made of the embedded digits, to try a translation without data: white on black, and coloured outlines.

The colour of an outline depends on its height in the image, so that a translation can be judged: the right outline of
a digit follows from the digit. No digit is in both training domains; the test images come in pairs of one name.
"""

import colorsys
import io
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from mindgan.data.image_set import ImageItem, ImageSet
from mindgan.data.mnist import embedded_digits
from mindgan.data.unpaired import SOURCE_OPTION, TARGET_OPTION, Domains

SIDE_PX = 32
SOURCE_NAME = "the embedded digits"


def digit_domains() -> Domains:
    """White digits and coloured outlines of 32x32 px, for training and, in pairs, for tests."""
    digits = embedded_digits()
    numbers = np.arange(len(digits.images))
    training = [
        _image_set(digits.images, digits.labels, numbers[numbers % 2 == 0], is_outline=False),
        _image_set(digits.images, digits.labels, numbers[numbers % 2 == 1], is_outline=True),
    ]
    tests = [
        _image_set(digits.test_images, digits.test_labels, np.arange(len(digits.test_images)), is_outline=is_outline)
        for is_outline in (False, True)
    ]
    return Domains(training[0], training[1], tests[0], tests[1])


def outlined(digit: np.ndarray) -> np.ndarray:
    """The coloured outline, on white, of one digit, white on black.

    Args:
        digit: uint8 [H, W].

    Returns:
        uint8 [H, W, 3]. Colours go from red at the top to violet at the bottom.
    """
    height, width = digit.shape
    padded = np.pad(digit, 1)
    around = [padded[top : top + height, left : left + width] for top in range(3) for left in range(3)]
    strength = (np.max(around, axis=0) - digit)[:, :, None] / 255  # of the outline: the grown digit without the digit
    hues = [colorsys.hsv_to_rgb(0.8 * row / (height - 1), 1.0, 0.85) for row in range(height)]
    colours = np.array(hues)[:, None] * 255  # [H, 1, 3]
    return np.rint(255 + strength * (colours - 255)).astype(np.uint8)


def _image_set(digits: np.ndarray, labels: np.ndarray, numbers: np.ndarray, *, is_outline: bool) -> ImageSet:
    """The digits of these numbers: uint8 [N, 1, 28, 28] and labels [N] of which some are taken."""
    margin = (SIDE_PX - digits.shape[2]) // 2
    items = []
    for number in numbers:
        digit = np.pad(digits[number, 0], margin)
        pixels = outlined(digit) if is_outline else digit
        data = _png(pixels)
        name = f"{number:04d}.png"
        items.append(ImageItem(name, str(labels[number]), f"{SOURCE_NAME}/{name}", len(data), partial(bytes, data)))
    option = TARGET_OPTION if is_outline else SOURCE_OPTION
    return ImageSet(option, Path(f"{SOURCE_NAME} as {'outlines' if is_outline else 'white on black'}"), tuple(items))


def _png(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, format="PNG")
    return data.getvalue()
