"""Grids against a loop over every pixel; the way back to uint8 against the way there."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mindgan.data.batches import normalise
from mindgan.render.grids import image_grid, row, save_jpeg, save_png, to_uint8
from mindgan.runtime.errors import UserError


def slow_grid(images: np.ndarray, columns: int, padding: int, scale: int) -> np.ndarray:
    num, channels, height, width = images.shape
    columns = min(columns, num)
    rows = (num + columns - 1) // columns
    sheet_height = padding + rows * (height * scale + padding)
    sheet_width = padding + columns * (width * scale + padding)
    sheet = np.zeros((sheet_height, sheet_width, channels), np.uint8)
    for n in range(num):
        top = padding + (n // columns) * (height * scale + padding)
        left = padding + (n % columns) * (width * scale + padding)
        for y in range(height * scale):
            for x in range(width * scale):
                sheet[top + y, left + x] = images[n, :, y // scale, x // scale]
    return sheet[:, :, 0] if channels == 1 else sheet


@settings(max_examples=60, deadline=None)
@given(
    num=st.integers(1, 7),
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    columns=st.integers(1, 5),
    padding=st.integers(0, 3),
    scale=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_grid_equals_a_loop_over_pixels(num, channels, height, width, columns, padding, scale, seed):
    images = np.random.default_rng(seed).integers(0, 256, (num, channels, height, width), np.uint8)
    grid = image_grid(images, columns=columns, padding=padding, scale=scale)
    assert grid.dtype == np.uint8
    np.testing.assert_array_equal(grid, slow_grid(images, columns, padding, scale))


def test_sheet_of_the_tutorial():
    """25 digits by default: 5 x 5, with 2 black pixels around and between."""
    grid = image_grid(np.full((25, 1, 28, 28), 255, np.uint8))
    assert grid.shape == (5 * 30 + 2, 5 * 30 + 2)
    assert grid.sum(dtype=np.int64) == 25 * 28 * 28 * 255


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((0, 1, 2, 2), np.uint8),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros((2, 4, 2, 2), np.uint8),
        np.zeros((2, 1, 2, 2), np.float32),
    ],
)
def test_grid_refuses_what_is_no_images(images):
    with pytest.raises(ValueError, match="images must be uint8"):
        image_grid(images)


@pytest.mark.parametrize("wrong", [{"columns": 0}, {"padding": -1}, {"scale": 0}])
def test_grid_refuses_impossible_numbers(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        image_grid(np.zeros((1, 1, 2, 2), np.uint8), **wrong)


def test_every_pixel_value_comes_back():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    np.testing.assert_array_equal(to_uint8(normalise(pixels)), pixels)


def test_to_uint8_rounds_and_clips():
    values = np.array([-9, -1, -0.9999, 0.003, 0.9999, 1, 9, np.inf, -np.inf, np.nan], np.float32)
    assert to_uint8(values).tolist() == [0, 0, 0, 128, 255, 255, 255, 255, 0, 128]


def test_to_uint8_leaves_its_input_alone():
    values = np.array([0.5, np.nan], np.float32)
    to_uint8(values)
    np.testing.assert_array_equal(values, np.array([0.5, np.nan], np.float32))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_png_keeps_every_pixel_and_its_bytes(tmp_path: Path, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    save_png(tmp_path / "a.png", image)
    save_png(tmp_path / "deep" / "b.png", image.copy())
    with Image.open(tmp_path / "a.png") as back:
        np.testing.assert_array_equal(np.asarray(back), image)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "deep" / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "deep"]


def test_png_where_nothing_can_be_written(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"file/a\.png"):
        save_png(tmp_path / "file" / "a.png", np.zeros((2, 2), np.uint8))


def test_a_row_by_hand():
    red = np.array([[[255, 254]], [[0, 1]], [[2, 3]]], np.uint8)  # [3, 1, 2]
    grey = np.array([[[7]]], np.uint8)  # [1, 1, 1]
    assert row([red, grey], gap=1).tolist() == [[[255, 0, 2], [254, 1, 3], [0, 0, 0], [7, 7, 7]]]
    assert row([grey], gap=9).tolist() == [[[7, 7, 7]]]


def test_a_row_of_three_has_its_images_in_order():
    images = list(np.random.default_rng(0).integers(0, 256, (3, 3, 5, 6), np.uint8))
    sheet = row(images)
    assert sheet.shape == (5, 3 * 6 + 2 * 4, 3)
    for place, image in enumerate(images):
        np.testing.assert_array_equal(sheet[:, place * 10 : place * 10 + 6], image.transpose(1, 2, 0))
    assert not sheet[:, [6, 7, 8, 9, 16, 17, 18, 19]].any()


@pytest.mark.parametrize(
    "images",
    [
        [],
        [np.zeros((2, 2), np.uint8)],
        [np.zeros((4, 2, 2), np.uint8)],
        [np.zeros((3, 2, 2), np.float32)],
        [np.zeros((3, 2, 2), np.uint8), np.zeros((3, 3, 2), np.uint8)],
    ],
)
def test_row_refuses_what_is_no_images(images):
    with pytest.raises(ValueError, match="row"):
        row(images)


def test_row_refuses_a_negative_gap():
    with pytest.raises(ValueError, match="gap"):
        row([np.zeros((1, 2, 2), np.uint8)], gap=-1)


@pytest.mark.parametrize("shape", [(32, 48), (32, 48, 3)])
def test_jpeg_is_close_and_its_bytes_are_the_same(tmp_path: Path, shape):
    """Colours that change from pixel to pixel stay near, which they do not at half their resolution."""
    image = np.full(shape, 90, np.uint8)
    image[:, ::2] = 160 if len(shape) == 2 else (200, 40, 90)
    save_jpeg(tmp_path / "deep" / "a.jpg", image)
    save_jpeg(tmp_path / "b.jpg", image.copy())
    with Image.open(tmp_path / "b.jpg") as back:
        assert back.format == "JPEG"
        assert np.abs(np.asarray(back).astype(int) - image).max() <= 12
    assert (tmp_path / "deep" / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.jpg", "deep"]


def test_jpeg_where_nothing_can_be_written(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"file/a\.jpg"):
        save_jpeg(tmp_path / "file" / "a.jpg", np.zeros((2, 2), np.uint8))
