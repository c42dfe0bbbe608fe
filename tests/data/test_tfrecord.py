"""Images in TFRecords that other programs wrote; what is damaged or hostile is one line with file and record."""

import struct
from pathlib import Path

import numpy as np
import pytest
from image_files import pixels, write
from record_files import example, image_example, write_records

from mindgan.data.decode import decode_item
from mindgan.data.protobuf import Malformed, example_features
from mindgan.data.tfrecord import find_tfrecords, list_tfrecords
from mindgan.runtime.errors import UserError


def planes(seed: int, channels: int = 3, height: int = 8, width: int = 8) -> np.ndarray:
    image = pixels(seed, height, width, channels)
    return image[None] if channels == 1 else image.transpose(2, 0, 1)


def read(path: Path, channels: int = 3) -> list[np.ndarray]:
    return [decode_item(item, channels=channels) for item in list_tfrecords(path, option="--data_url").items]


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as error:
        read(path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_are_those_that_were_written(tmp_path: Path, channels: int) -> None:
    written = [planes(seed, channels, 8, 16) for seed in range(3)]
    path = write_records(tmp_path / "set-r04.tfrecords", list(map(image_example, written)))
    for image, expected in zip(read(path, channels), written, strict=True):
        np.testing.assert_array_equal(image, expected)
    images = list_tfrecords(path, option="--data_url")
    assert [item.name for item in images.items] == ["00000001.png", "00000002.png", "00000003.png"]
    assert images.items[1].where == f"{path}, record 2"


@pytest.mark.parametrize("packed", [False, True])
def test_whole_numbers_are_read_packed_or_not(packed: bool) -> None:
    message = example([3, -1, 2**62, -(2**63)], b"abc", packed=packed)
    assert example_features(memoryview(message)) == {"data": b"abc", "shape": [3, -1, 2**62, -(2**63)]}


def test_the_largest_images_of_a_folder_are_taken(tmp_path: Path) -> None:
    for log2_side in (2, 3, 10):
        write_records(tmp_path / f"set-r{log2_side:02d}.tfrecords", [image_example(planes(0))])
    write_records(tmp_path / "validation-set-r11.tfrecords", [])
    assert find_tfrecords(tmp_path, option="--data_url") == tmp_path / "set-r10.tfrecords"
    assert find_tfrecords(tmp_path / "set-r03.tfrecords", option="--data_url") == tmp_path / "set-r03.tfrecords"
    assert find_tfrecords(write(tmp_path / "png", {"a.png": b""}), option="--data_url") is None
    assert find_tfrecords(tmp_path / "gone.tfrecords", option="--data_url") is None
    single = write_records(tmp_path / "single" / "set-r03.tfrecord", [])
    assert find_tfrecords(single.parent, option="--data_url") == find_tfrecords(single, option="--data_url") == single
    write_records(tmp_path / "other-r03.tfrecords", [])
    with pytest.raises(UserError, match=r"holds several sets of TFRecords \(other-r03.tfrecords, .*name one of"):
        find_tfrecords(tmp_path, option="--data_url")


def test_labels_are_rows_of_the_file_beside_them(tmp_path: Path) -> None:
    path = write_records(tmp_path / "set-r03.tfrecords", [image_example(planes(i)) for i in range(2)])
    np.save(tmp_path / "set-rxx", np.array([[0, 1], [1, 0]], np.float32))
    labels = (tmp_path / "set-rxx.npy").rename(tmp_path / "set-rxx.labels")
    found = [item.condition for item in list_tfrecords(path, option="--data_url").items]
    np.testing.assert_array_equal(found, [[0, 1], [1, 0]])
    images = list_tfrecords(path, option="--data_url", with_labels=False)
    assert images.items[0].condition is None
    np.save(tmp_path / "none", np.zeros((2, 0), np.float32))
    (tmp_path / "none.npy").rename(labels)
    assert list_tfrecords(path, option="--data_url").items[0].condition is None


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((3, 2), np.float32), "labels 3 images, but there are 2 records"),
        (np.zeros((2, 2, 2), np.float32), "holds no table of numbers"),
        (np.array(["a", "b"]), "holds no table of numbers"),
        (
            b"\x93NUMPY\x01\x00:\x00{'descr': '|O', 'fortran_order': False, 'shape': (2,)}   \n\x80\x04N.",
            "Object arrays",
        ),
        (b"\x80\x04N.", "cannot be read as .npy"),
        (
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999, 9), }",
            "cannot be",
        ),
        (b"", "cannot be read as .npy"),
    ],
)
def test_wrong_labels_are_refused(tmp_path: Path, labels: np.ndarray | bytes, message: str) -> None:
    path = write_records(tmp_path / "set-r03.tfrecords", [image_example(planes(i)) for i in range(2)])
    with open(tmp_path / "set-rxx.labels", "wb") as file:
        file.write(labels) if isinstance(labels, bytes) else np.save(file, labels)
    assert message in refusal(path)
    assert f"--data_url {tmp_path}/set-rxx.labels " in refusal(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "record 2 is cut short"),
        (lambda data: data[:-220], "record 2 is cut short"),
        (lambda data: data + b"\0" * 5, "record 3 is cut short"),
        (lambda data: data + b"\0" * 12, "record 3 is damaged: the checksum of its length"),
        (lambda data: b"\1" + data[1:], "record 1 is damaged: the checksum of its length"),
        (lambda data: data[:-10] + bytes([data[-10] ^ 1]) + data[-9:], "record 2 is damaged: its data have another"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "record 2 is damaged: its data have another checksum"),
    ],
)
def test_damaged_files_are_told_by_record(tmp_path: Path, damage, message: str) -> None:
    path = write_records(tmp_path / "set-r03.tfrecords", [image_example(planes(i)) for i in range(2)])
    path.write_bytes(damage(path.read_bytes()))
    assert f"{path}, {message}" in refusal(path)


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**40, (256 << 20) + 1])
def test_huge_lengths_claim_no_memory(tmp_path: Path, length: int) -> None:
    path = write_records(tmp_path / "set-r03.tfrecords", [image_example(planes(0))])
    writer = write_records(tmp_path / "header", [struct.pack("<Q", length)])  # the checksum of these bytes as data
    checksum = writer.read_bytes()[-4:]
    path.write_bytes(path.read_bytes() + struct.pack("<Q", length) + checksum)
    assert f"{path}, record 2 is larger than 256 MiB" in refusal(path)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"", "it has not the shape and data"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a field longer than its message"),
        (b"\xff" * 12, "a number that does not end"),
        (b"\x0b", "wire type 3"),
        (b"\x0d\0\0\0", "a field longer than its message"),
        (b"\x08\0" * 65, "too many fields"),
        (example(None, b"a" * 192), "not the shape and data"),
        (example([3, 8, 8], None), "not the shape and data"),
        (example([1] * 641, b"a"), "a list of too many numbers"),
        (example([3, 8], b"a" * 24), r"its shape is [3, 8], not channels"),
        (example([-3, -8, 8], b"a" * 192), r"its shape is [-3, -8, 8], not"),
        (example([3, -8, -8], b"a" * 192), r"its shape is [3, -8, -8], not"),
        (example([2, 8, 8], b"a" * 128), r"its shape is [2, 8, 8], not channels (1, 3 or 4)"),
        (example([3, 0, 8], b""), r"its shape is [3, 0, 8], not"),
        (example([3, 8, 8], b"a" * 191), r"its shape is [3, 8, 8], but it has 191 bytes"),
        (example([3, 2**62, 2**62], b"a"), "but it has 1 bytes"),
    ],
)
def test_hostile_records_are_told(tmp_path: Path, record: bytes, message: str) -> None:
    path = write_records(tmp_path / "set-r03.tfrecords", [image_example(planes(0)), record])
    assert refusal(path).startswith(f"{path}, record 2 is damaged: ")
    assert message in refusal(path)


def test_random_bytes_are_malformed_or_an_example() -> None:
    rng = np.random.default_rng(0)
    whole = image_example(planes(0, height=2, width=2))
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=3):
            data[place] = rng.integers(256)
        try:
            found = example_features(memoryview(bytes(data)))
        except Malformed:
            continue
        assert all(isinstance(value, memoryview | list) for value in found.values())
