"""The domains of embedded digits: sizes, no digit in both, and outlines by hand."""

import colorsys
import io

import numpy as np
import pytest
from PIL import Image

from mindgan.data.digit_domains import SIDE_PX, digit_domains, outlined
from mindgan.data.mnist import embedded_digits


@pytest.fixture(scope="module")
def domains():
    return digit_domains()


def image(item):
    with Image.open(io.BytesIO(item.read())) as opened:
        return opened.mode, np.asarray(opened)


def test_every_digit_is_in_one_domain(domains):
    digits = embedded_digits()
    source, target = ({item.name for item in images.items} for images in (domains.source, domains.target))
    assert not source & target
    assert len(source) + len(target) == len(digits.images)
    assert abs(len(source) - len(target)) <= 1
    assert domains.target_label is None


def test_the_source_is_the_digit_white_on_black(domains):
    digits = embedded_digits()
    for item in domains.source.items[::100]:
        number = int(item.name.removesuffix(".png"))
        mode, pixels = image(item)
        assert (mode, pixels.shape) == ("L", (SIDE_PX, SIDE_PX))
        np.testing.assert_array_equal(pixels[2:-2, 2:-2], digits.images[number, 0])
        assert pixels.sum() == digits.images[number].sum(dtype=int)
        assert item.label == str(digits.labels[number])
        assert item.num_bytes == len(item.read())


def test_the_target_is_coloured_on_white(domains):
    for item in domains.target.items[::100]:
        mode, pixels = image(item)
        assert (mode, pixels.shape) == ("RGB", (SIDE_PX, SIDE_PX, 3))
        assert (pixels[0] == 255).all()
        assert pixels.min() < 100


def test_tests_come_in_pairs_of_a_name(domains):
    source, target = domains.source_test, domains.target_test
    assert [item.name for item in source.items] == [item.name for item in target.items]
    assert [item.label for item in source.items] == [item.label for item in target.items]
    for one, other in zip(source.items[::50], target.items[::50], strict=True):
        np.testing.assert_array_equal(outlined(image(one)[1]), image(other)[1])


def test_an_outline_by_hand():
    """A white pixel: its eight neighbours get the colour of their height, it and the rest stay white."""
    digit = np.zeros((5, 6), np.uint8)
    digit[2, 3] = 255
    drawn = outlined(digit)
    for row in range(5):
        colour = np.rint(np.multiply(colorsys.hsv_to_rgb(0.8 * row / 4, 1, 0.85), 255))
        for column in range(6):
            is_neighbour = abs(row - 2) <= 1 and abs(column - 3) <= 1 and (row, column) != (2, 3)
            np.testing.assert_array_equal(drawn[row, column], colour if is_neighbour else 255)


def test_a_half_lit_pixel_is_outlined_half():
    digit = np.zeros((3, 3), np.uint8)
    digit[1, 1] = 102  # 0.4
    red = np.multiply(colorsys.hsv_to_rgb(0, 1, 0.85), 255)
    np.testing.assert_array_equal(outlined(digit)[0, 0], np.rint(255 - 0.4 * (255 - red)))
