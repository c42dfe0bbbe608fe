"""Images of any size to one size, against means, kernels and crops that are calculated here."""

import numpy as np
import pytest
from image_files import encoded, listed, pixels, raw_png, rotated, write
from PIL import Image

from mindgan.data.fitting import FitCounts, Fitting, centre_box
from mindgan.runtime.errors import UserError


def fitted(array: np.ndarray, size: tuple[int, int], **options: str) -> tuple[np.ndarray, FitCounts]:
    """uint8 [H, W, C] in, [H, W, C] out."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    result = Fitting(channels, size, **options).image(Image.fromarray(array))
    return result.pixels.transpose(1, 2, 0), result.counts


def lanczos_matrix(num: int, result: int) -> np.ndarray:
    """float64 [result, num]: Lanczos with three lobes, stretched where it reduces."""
    scale = num / result
    stretch = max(scale, 1.0)
    centres = (np.arange(result)[:, None] + 0.5) * scale
    x = (np.arange(num) + 0.5 - centres) / stretch
    weights = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


def lanczos(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows, columns = lanczos_matrix(array.shape[0], size[0]), lanczos_matrix(array.shape[1], size[1])
    return np.clip(np.einsum("ay,bx,yxc->abc", rows, columns, array.astype(np.float64)), 0, 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_reducing_takes_the_mean_of_an_area(channels: int) -> None:
    array = pixels(1, 24, 36, channels)
    result, counts = fitted(array, (8, 12))
    means = array.reshape(8, 3, 12, 3, channels).astype(np.float64).mean(axis=(1, 3))
    assert np.abs(result - means).max() <= 1
    assert counts == FitCounts(reduced=1)


def test_reducing_by_a_fraction_takes_the_pixels_whose_centres_are_covered() -> None:
    row = np.array([[0, 30, 60, 90, 120, 150, 180]], np.uint8)  # centres at 0.5 to 6.5; new pixels are 7/3 wide
    result, _ = fitted(np.tile(row, (7, 1)), (3, 3))
    np.testing.assert_array_equal(result[:, :, 0], np.tile([15, 90, 165], (3, 1)))


@pytest.mark.parametrize(("size", "options"), [((20, 30), {}), ((5, 7), {"resize_filter": "lanczos"})])
def test_enlarging_is_lanczos_and_reducing_where_it_is_asked_for(size: tuple[int, int], options: dict) -> None:
    array = pixels(2, 10, 14 if size[0] < 10 else 15) // 2 + 64  # so that nothing is clipped on the way
    result, counts = fitted(array, size, **options)
    assert np.abs(result - lanczos(array, size)).max() <= 2
    assert (counts.enlarged, counts.reduced) == ((1, 0) if size[0] > 10 else (0, 1))
    other, _ = fitted(array, size, **({} if options else {"resize_filter": "lanczos"}))
    assert np.array_equal(other, result) == (size[0] > 10)


@pytest.mark.parametrize(
    ("image_size", "size", "box"),
    [  # (width, height), (height, width), (left, top, right, bottom): by hand
        ((8, 4), (4, 4), (2, 0, 6, 4)),
        ((4, 8), (16, 16), (0, 2, 4, 6)),
        ((9, 4), (4, 4), (2, 0, 6, 4)),
        ((100, 100), (32, 64), (0, 25, 100, 75)),
        ((100, 100), (64, 32), (25, 0, 75, 100)),
        ((64, 32), (32, 64), (0, 0, 64, 32)),
        ((1, 1000), (8, 8), (0, 499, 1, 500)),
        ((3, 1), (8, 1024), (0, 0, 3, 1)),
    ],
)
def test_the_middle_is_kept(image_size: tuple, size: tuple, box: tuple) -> None:
    assert centre_box(image_size, size) == box


def test_nothing_is_resampled_where_the_size_is_right() -> None:
    array = pixels(3, 8, 13)
    result, counts = fitted(array, (8, 8))
    np.testing.assert_array_equal(result, array[:, 2:10])
    assert counts == FitCounts(cropped=1)


def test_colours_under_transparency_do_not_bleed() -> None:
    array = np.zeros((4, 4, 4), np.uint8)
    array[:, :2] = (200, 100, 50, 255)
    array[:, 2:] = (0, 255, 0, 0)
    result, _ = fitted(array, (1, 1))
    assert np.abs(result[0, 0].astype(int) - (200, 100, 50, 128)).max() <= 1


def test_files_of_any_kind_become_the_channels_that_are_asked_for(tmp_path) -> None:
    colour, grey, alpha = pixels(1, 8, 8), pixels(2, 8, 8, 1), pixels(3, 8, 8, 4)
    sixteen = np.arange(0, 65536, 1024, np.uint16).reshape(8, 8)
    contents = {
        "0 grey.png": encoded(grey),
        "1 colour.png": encoded(colour),
        "2 alpha.png": encoded(alpha),
        "3 turned.png": rotated(colour, 6),
        "4 palette.gif": encoded(Image.fromarray(colour).quantize(), "GIF"),
        "5 sixteen.png": raw_png(sixteen.astype(">u2").tobytes(), 8, 8, bits=16, colour_type=0),
    }
    items = listed(write(tmp_path, contents)).items
    results = {channels: list(Fitting(channels, (8, 8)).items(items)) for channels in (1, 3, 4)}
    for channels, images in results.items():
        assert {image.pixels.shape for image in images} == {(channels, 8, 8)}
    converted = {channels: [image.counts.converted for image in images] for channels, images in results.items()}
    assert converted == {1: [0, 1, 1, 1, 1, 1], 3: [1, 0, 1, 0, 1, 1], 4: [1, 1, 0, 1, 1, 1]}
    assert [image.counts.turned for image in results[3]] == [0, 0, 0, 1, 0, 0]
    np.testing.assert_array_equal(results[3][3].pixels, np.rot90(colour, -1).transpose(2, 0, 1))
    np.testing.assert_array_equal(results[4][2].pixels, alpha.transpose(2, 0, 1))
    np.testing.assert_array_equal(results[4][1].pixels, np.dstack([colour, np.full((8, 8), 255)]).transpose(2, 0, 1))
    np.testing.assert_array_equal(results[1][5].pixels[0], sixteen >> 8)


def test_what_cannot_be_decoded_is_named(tmp_path) -> None:
    bomb = raw_png(b"", 60_000, 60_000, bits=8, colour_type=2)
    items = listed(write(tmp_path, {"a.png": encoded(pixels()), "b \"'ü.png": bomb})).items
    with pytest.raises(UserError, match=r"b .'ü.png cannot be decoded: more than .* pixels; mend or remove it"):
        list(Fitting(3, (8, 8)).items(items))


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="--image_channel 2 is none; use 3"):
        Fitting(2, (8, 8))
    with pytest.raises(UserError, match="--resize_filter bicubic is none; use box or lanczos"):
        Fitting(3, (8, 8), "bicubic")
