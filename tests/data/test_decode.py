"""Pixels of image files of all kinds, against formulas in NumPy; damaged and hostile ones are refused."""

import io
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import encoded, pixels, raw_png, rotated
from PIL import Image

from mindgan.data.decode import MAX_PIXELS, Undecodable, decode, decode_item, open_image
from mindgan.data.image_set import ImageItem
from mindgan.runtime.errors import UserError


def as_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera held that way stores an image, from the table of Exif 2.32: where row 0 and column 0 are."""
    height, width = upright.shape[:2]
    turned = orientation >= 5
    stored = np.empty((width, height, 3) if turned else (height, width, 3), np.uint8)
    bottom_or_right = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}
    row_end, column_end = bottom_or_right[orientation]
    for row in range(stored.shape[0]):
        for column in range(stored.shape[1]):
            along_rows = stored.shape[0] - 1 - row if row_end else row
            along_columns = stored.shape[1] - 1 - column if column_end else column
            y, x = (along_columns, along_rows) if turned else (along_rows, along_columns)
            stored[row, column] = upright[y, x]
    return stored


def over_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None].astype(np.float64) / 255
    return (rgb * share + 255 * (1 - share)).transpose(2, 0, 1)


def test_colours_come_as_they_are_in_channels_rows_columns() -> None:
    image = pixels()
    got = decode(encoded(image), channels=3)
    assert (got.dtype, got.shape, got.flags.c_contiguous) == (np.uint8, (3, 6, 8), True)
    np.testing.assert_array_equal(got, image.transpose(2, 0, 1))


def test_grey_comes_as_it_is_and_repeats_as_rgb() -> None:
    image = pixels(channels=1)
    np.testing.assert_array_equal(decode(encoded(image), channels=1), image[None])
    np.testing.assert_array_equal(decode(encoded(image), channels=3), np.stack([image] * 3))


def test_colours_become_the_luma_of_itu_r_601() -> None:
    image = pixels()
    luma = image @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(decode(encoded(image), channels=1)[0], luma, atol=0.51)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_exif_orientation_is_applied_once(kind: str, options: dict, orientation: int) -> None:
    upright = pixels(height=5, width=9)
    data = rotated(as_stored(upright, orientation), orientation, kind, **options)
    np.testing.assert_array_equal(decode(data, channels=3), upright.transpose(2, 0, 1))
    assert open_image(data).orientation == orientation


def test_exif_orientation_of_a_jpeg() -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :8] = 255  # the upper left corner
    got = decode(rotated(as_stored(upright, 6), 6, "JPEG"), channels=1)[0]
    assert got.shape == (16, 32)
    assert (got[:8, :8] > 200).all()
    assert got[8:].max() < 60


def test_an_orientation_that_is_none_and_damaged_exif_leave_the_image() -> None:
    image = pixels()
    for data in (rotated(image, 9), encoded(image, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")):
        np.testing.assert_array_equal(decode(data, channels=3), image.transpose(2, 0, 1))


def test_of_16_bits_the_higher_byte_is_kept() -> None:
    grey = np.random.default_rng(0).integers(0, 1 << 16, (6, 8), np.uint16)
    colour = np.random.default_rng(1).integers(0, 1 << 16, (6, 8, 3), np.uint16)
    files = [
        (encoded(Image.fromarray(grey)), grey),
        (encoded(Image.fromarray(grey), "TIFF"), grey),
        (raw_png(grey.astype(">u2").tobytes(), 8, 6, bits=16, colour_type=0), grey),
        (raw_png(colour.astype(">u2").tobytes(), 8, 6, bits=16, colour_type=2), colour),
    ]
    for data, sixteen in files:
        expected = (sixteen // 256).reshape(6, 8, -1).transpose(2, 0, 1)
        np.testing.assert_array_equal(decode(data, channels=3), np.broadcast_to(expected, (3, 6, 8)))
        assert open_image(data).bits == 16


def test_what_is_transparent_lies_over_white() -> None:
    rgba = pixels(channels=4)
    rgba[0, 0] = (0, 0, 0, 0)
    got = decode(encoded(rgba), channels=3)
    assert got[:, 0, 0].tolist() == [255, 255, 255]
    np.testing.assert_allclose(got, over_white(rgba[..., :3], rgba[..., 3]), atol=1)
    grey = rgba[..., [0, 0, 0]]
    la = Image.merge("LA", [Image.fromarray(grey[..., 0]), Image.fromarray(rgba[..., 3])])
    np.testing.assert_allclose(decode(encoded(la), channels=3), over_white(grey, rgba[..., 3]), atol=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_is_white(channels: int) -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[0, 0] = (10, 20, 30)
    palette = Image.fromarray(image).quantize(4)
    files = [encoded(image, transparency=(10, 20, 30)), encoded(image[..., 0], transparency=10)]
    files.append(encoded(palette, transparency=palette.getpixel((0, 0))))
    for data in files:
        got = decode(data, channels=channels)
        assert (got[:, 0, 0] == 255).all()
        assert (got[:, 1, 1] == 0).all()


def test_a_palette_gives_its_colours() -> None:
    image = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 8, 7]]], np.uint8)
    for kind in ("PNG", "GIF"):
        data = encoded(Image.fromarray(image).quantize(8), kind)
        np.testing.assert_array_equal(decode(data, channels=3), image.transpose(2, 0, 1))


def test_black_and_white() -> None:
    image = np.eye(4) > 0
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(image)), channels=1)[0], image * 255)


@pytest.mark.parametrize(("kind", "atol"), [("TIFF", 1), ("JPEG", 12)])
def test_cmyk_is_ink_on_white(kind: str, atol: int) -> None:
    cyan, magenta, yellow, black = (np.full((16, 16), ink, np.uint8) for ink in (255, 51, 0, 0))
    image = Image.merge("CMYK", [Image.fromarray(ink) for ink in (cyan, magenta, yellow, black)])
    got = decode(encoded(image, kind), channels=3)
    np.testing.assert_allclose(got.mean((1, 2)), [0, 204, 255], atol=atol)


@pytest.mark.parametrize("image", [np.ones((4, 4), np.float32), np.full((4, 4), 70_000, np.int32)], ids=["F", "I"])
def test_numbers_of_unknown_range_are_refused(image: np.ndarray) -> None:
    with pytest.raises(Undecodable, match="without a known range"):
        decode(encoded(Image.fromarray(image), "TIFF"), channels=3)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_of_several_frames_the_first_is_taken(kind: str) -> None:
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(first, kind, save_all=True, append_images=[second], **options)
    assert decode(data, channels=3)[:, 4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"])
def test_truncated_files_are_refused(kind: str) -> None:
    data = encoded(pixels(height=64, width=64), kind)
    assert decode(data, channels=3).shape == (3, 64, 64)
    for length in (0, 1, 12, len(data) // 2, len(data) * 9 // 10):
        with pytest.raises(Undecodable):
            decode(data[:length], channels=3)


@given(st.binary(max_size=200))
@settings(max_examples=50)
def test_any_bytes_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(Undecodable) as error:
        decode(data, channels=3)
    assert "\n" not in str(error.value)
    assert "0x" not in str(error.value)  # no address: the same file gets the same report


@given(st.sampled_from(["PNG", "GIF", "TIFF", "BMP", "JPEG", "WEBP"]), st.data())
@settings(max_examples=150, deadline=None)
def test_files_with_changed_bytes_decode_or_are_refused(kind: str, data: st.DataObject) -> None:
    file = bytearray(encoded(pixels(height=4, width=4), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        got = decode(bytes(file), channels=3)
    except Undecodable:
        return
    assert (got.dtype, got.shape[0]) == (np.uint8, 3)


@pytest.mark.parametrize("side", [9_460, 12_000, 60_000])
@pytest.mark.parametrize("action", ["error", "ignore"])
def test_decompression_bombs_are_refused_before_they_go_off(side: int, action: str) -> None:
    bomb = raw_png(b"", side, side, bits=8, colour_type=2)
    with warnings.catch_warnings():
        warnings.simplefilter(action)  # type: ignore[arg-type]
        with pytest.raises(Undecodable, match=f"more than {MAX_PIXELS} pixels"):
            decode(bomb, channels=3)


def test_a_bomb_is_refused_without_a_word_of_pillow() -> None:
    code = (
        "import sys; from mindgan.data.decode import Undecodable, decode\n"
        "try: decode(sys.stdin.buffer.read(), channels=3)\n"
        "except Undecodable as error: print(error)"
    )
    bomb = raw_png(b"", 9_460, 9_460, bits=8, colour_type=2)
    process = subprocess.run([sys.executable, "-c", code], input=bomb, capture_output=True, check=True)
    assert (process.stdout, process.stderr) == (f"more than {MAX_PIXELS} pixels\n".encode(), b"")


def test_formats_that_run_programs_are_not_read() -> None:
    eps = io.BytesIO()
    Image.new("RGB", (4, 4)).save(eps, format="EPS")
    with pytest.raises(Undecodable, match="no image of a known format"):
        decode(eps.getvalue(), channels=3)


def test_resizing_is_bicubic_to_height_and_width() -> None:
    image = Image.fromarray(pixels(height=20, width=30))
    expected = np.asarray(image.resize((10, 7), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    np.testing.assert_array_equal(decode(encoded(image), channels=3, size=(7, 10)), expected)
    assert decode(encoded(image), channels=1, size=(7, 10)).shape == (1, 7, 10)


def test_a_bad_image_of_a_set_is_named() -> None:
    item = ImageItem("cat/1.png", "cat", "/data/cat/1.png", 3, lambda: b"bad")
    with pytest.raises(UserError, match=r"^/data/cat/1\.png cannot be decoded: no image of a known format; "):
        decode_item(item, channels=3)


@pytest.mark.parametrize(
    ("tag", "offset", "value", "said"),
    [(278, 4, 2, b"Warning"), (277, 8, 2048, b"More samples per pixel")],  # a wrong count, a wrong value
)
def test_odd_tags_are_not_told_on_the_console(tag: int, offset: int, value: int, said: bytes) -> None:
    tiff = encoded(pixels(), "TIFF")
    at = tiff.index(tag.to_bytes(2, "little")) + offset
    odd = tiff[:at] + value.to_bytes(4, "little") + tiff[at + 4 :]

    def console(code: str) -> bytes:
        code = f"import contextlib, io, sys\nwith contextlib.suppress(Exception): {code}"
        return subprocess.run([sys.executable, "-c", code], input=odd, capture_output=True, check=True).stderr

    assert said in console("from PIL import Image; Image.open(io.BytesIO(sys.stdin.buffer.read())).load()")
    assert console("from mindgan.data.decode import open_image; open_image(sys.stdin.buffer.read())") == b""
