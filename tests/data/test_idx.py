"""The IDX format: round trips, and files that are damaged or hostile."""

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mindgan.data import idx
from mindgan.runtime.errors import UserError

Result = TypeVar("Result")

PATH = Path("some/images.gz")
arrays = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6))


def plain(array: np.ndarray) -> bytes:
    return gzip.decompress(idx.encode(array))


def message(error: pytest.ExceptionInfo[UserError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def outcome(read: Callable[[], Result]) -> tuple[Result | None, str]:
    """What `read` returns, or None and the text of its UserError; any other error passes."""
    try:
        return read(), ""
    except UserError as error:
        return None, str(error)


@given(arrays)
def test_what_is_encoded_parses_to_the_same_array(array: np.ndarray) -> None:
    parsed = idx.parse(plain(array), PATH, ndim=array.ndim)
    assert parsed.dtype == np.uint8
    np.testing.assert_array_equal(parsed, array)


@given(arrays)
def test_the_same_array_gives_the_same_bytes_whatever_its_memory_order(array: np.ndarray) -> None:
    assert idx.encode(array) == idx.encode(np.asfortranarray(array))


def test_the_header_is_the_published_one() -> None:
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert plain(images) == bytes.fromhex("00000803 00000002 00000003 00000004") + bytes(range(24))
    assert plain(np.array([7, 9], np.uint8)) == bytes.fromhex("00000801 00000002 0709")


def test_encode_writes_neither_a_time_nor_a_name() -> None:
    packed = idx.encode(np.zeros(3, np.uint8))
    flags, time = packed[3], packed[4:8]
    assert (flags, time) == (0, bytes(4))


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_plain_and_packed_files_read_the_same(tmp_path: Path, name: str) -> None:
    content = plain(np.arange(8, dtype=np.uint8).reshape(2, 2, 2))
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert idx.read_bytes(tmp_path / name) == content


@given(st.binary(max_size=64), st.integers(1, 3))
def test_any_bytes_parse_or_are_refused_in_one_line(data: bytes, ndim: int) -> None:
    array, refusal = outcome(lambda: idx.parse(data, PATH, ndim=ndim))
    if array is None:
        assert str(PATH) in refusal
        assert "\n" not in refusal
    else:
        assert plain(array) == data


@given(st.data())
def test_every_proper_prefix_is_refused_as_truncated(data: st.DataObject) -> None:
    whole = plain(np.zeros((2, 3, 4), np.uint8))
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(UserError, match="truncated"):
        idx.parse(whole[:length], PATH, ndim=3)


def test_bytes_after_the_data_are_refused() -> None:
    with pytest.raises(UserError) as error:
        idx.parse(plain(np.zeros((2, 3, 4), np.uint8)) + b"x", PATH, ndim=3)
    assert "too long" in message(error)
    assert "24 bytes" in message(error)
    assert "25" in message(error)


def test_labels_in_the_place_of_images_are_refused() -> None:
    with pytest.raises(UserError) as error:
        idx.parse(plain(np.zeros(100, np.uint8)), PATH, ndim=3)
    assert "no IDX file of images" in message(error)
    assert "0x00000801" in message(error)


def test_other_element_types_are_refused() -> None:
    floats = struct.pack(">III", 0x0D01, 1, 0)  # type code 0x0D: float32
    with pytest.raises(UserError, match="0x00000d01"):
        idx.parse(floats, PATH, ndim=1)


def test_a_header_that_announces_more_than_any_memory_is_refused() -> None:
    with pytest.raises(UserError) as error:
        idx.parse(struct.pack(">IIII", 0x0803, *[0xFFFFFFFF] * 3) + bytes(8), PATH, ndim=3)
    assert "truncated" in message(error)
    assert str(0xFFFFFFFF**3) in message(error)


@given(st.data())
def test_a_damaged_gzip_file_is_refused_or_reads_right(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    whole = idx.encode(np.arange(240, dtype=np.uint8).reshape(10, 4, 6))
    damaged = bytearray(whole[: data.draw(st.integers(1, len(whole)), label="length")])
    damaged[data.draw(st.integers(0, len(damaged) - 1), label="position")] ^= data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.gz"
    path.write_bytes(damaged)
    content, refusal = outcome(lambda: idx.read_bytes(path))
    if content is None:
        assert str(path) in refusal
        assert "\n" not in refusal
    else:
        assert content == gzip.decompress(whole)  # the flipped bits were in a field without meaning, such as the time


def test_a_gzip_file_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "MAX_BYTES", 1000)
    for size, refused in ((1000, False), (1001, True)):
        path = tmp_path / f"{size}.gz"
        path.write_bytes(gzip.compress(bytes(size)))
        if refused:
            with pytest.raises(UserError, match=f"{size}.gz unpacks to more"):
                idx.read_bytes(path)
        else:
            assert len(idx.read_bytes(path)) == size


def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "MAX_BYTES", 1000)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(20_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="unpacks to more"):
            idx.read_bytes(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["absent", "absent.gz"])
def test_an_unreadable_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as error:
        idx.read_bytes(tmp_path / name)
    assert message(error) == f"{tmp_path / name} cannot be read: No such file or directory"


def test_a_file_named_gz_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plain.gz"
    path.write_bytes(plain(np.zeros((2, 3, 4), np.uint8)))
    with pytest.raises(UserError) as error:
        idx.read_bytes(path)
    assert f"{path} is not a whole gzip file" in message(error)
