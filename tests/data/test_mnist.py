"""Which data set is loaded, from where, and what is said where it cannot be."""

import gzip
import hashlib
import os
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mindgan.data import fetch, idx, mnist, mnist_files
from mindgan.runtime.errors import UserError

TEST_DATA = Path(os.environ.get("MINDGAN_TEST_DATA", "../shared/data"))
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = (file.name for file in mnist_files.FILES)


def silent(line: str) -> None:
    raise AssertionError(f"nothing should be said, but: {line}")


def refusal(folder: Path, **options: object) -> str:
    """The one line with which `load` refuses `folder`."""
    with pytest.raises(UserError) as error:
        mnist.load("auto", str(folder), say=silent, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def assert_equal(digits: mnist.DigitSet, arrays: list[np.ndarray]) -> None:
    np.testing.assert_array_equal(digits.images, arrays[0][:, None])
    np.testing.assert_array_equal(digits.labels, arrays[1])
    np.testing.assert_array_equal(digits.test_images, arrays[2][:, None])
    np.testing.assert_array_equal(digits.test_labels, arrays[3])


# --- layouts


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("dataset", ["auto", "mnist"])
def test_every_layout_loads(tmp_path: Path, tiny: SimpleNamespace, dataset: str, split: bool, packed: bool) -> None:
    tiny.write(tmp_path, packed=packed, split=split)
    digits = mnist.load(dataset, str(tmp_path), say=silent)
    assert_equal(digits, tiny.arrays)
    assert digits.name == "mnist"
    assert str(tmp_path) in digits.source
    assert all(a.dtype == np.uint8 for a in (digits.images, digits.labels, digits.test_images, digits.test_labels))


def test_a_file_may_be_packed_and_its_neighbour_plain(tmp_path: Path, tiny: SimpleNamespace) -> None:
    tiny.write(tmp_path, train_images_idx3_ubyte=None)
    (tmp_path / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress(tiny.contents[TRAIN_IMAGES]))
    assert_equal(mnist.load("auto", str(tmp_path), say=silent), tiny.arrays)


def test_the_plain_file_is_preferred_to_its_gz(tmp_path: Path, tiny: SimpleNamespace) -> None:
    tiny.write(tmp_path)
    (tmp_path / f"{TRAIN_IMAGES}.gz").write_bytes(b"never read")
    assert mnist.find(tmp_path)[0] == tmp_path / TRAIN_IMAGES
    assert_equal(mnist.load("auto", str(tmp_path), say=silent), tiny.arrays)


def test_two_layouts_are_not_mixed(tmp_path: Path, tiny: SimpleNamespace) -> None:
    tiny.write(tmp_path, train_labels_idx1_ubyte=None)
    tiny.write(tmp_path, split=True, t10k_images_idx3_ubyte=None)
    assert f"{tmp_path} lacks {TRAIN_LABELS} (" in refusal(tmp_path)


def test_a_compression_other_than_the_original_passes(tmp_path: Path, tiny: SimpleNamespace) -> None:
    for name, content in tiny.contents.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1, mtime=7))
    assert_equal(mnist.load("mnist", str(tmp_path), say=silent), tiny.arrays)


def test_a_home_folder_is_expanded(tmp_path: Path, tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    tiny.write(tmp_path / "my digits")
    assert len(mnist.load("auto", "~/my digits", say=silent).images) == 20


# --- bad input


def test_a_missing_folder_is_named_and_nothing_is_downloaded(tmp_path: Path) -> None:
    line = refusal(tmp_path / "nowhere")
    assert line.startswith(f"{tmp_path / 'nowhere'} does not exist")
    assert "--data_url" in line


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "MNIST_Data.zip").write_bytes(b"PK")
    line = refusal(tmp_path / "MNIST_Data.zip")
    assert line.startswith(f"{tmp_path / 'MNIST_Data.zip'} is a file; unpack it")
    assert "--data_url" in line


def test_an_empty_folder_lists_all_four_and_where_was_looked(tmp_path: Path) -> None:
    line = refusal(tmp_path)
    assert all(file.name in line for file in mnist_files.FILES)
    assert f"in {tmp_path} and in its train and test" in line


@pytest.mark.parametrize("split", [False, True])
def test_missing_test_files_are_listed_and_no_others(tmp_path: Path, tiny: SimpleNamespace, split: bool) -> None:
    tiny.write(tmp_path, split=split, t10k_images_idx3_ubyte=None, t10k_labels_idx1_ubyte=None)
    line = refusal(tmp_path)
    assert f"{tmp_path} lacks {TEST_IMAGES}, {TEST_LABELS} (" in line
    assert "train-" not in line


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", denied)
    assert refusal(tmp_path) == f"{tmp_path} cannot be read: Permission denied; give another folder"


def test_a_name_too_long_for_the_file_system_is_refused(tmp_path: Path) -> None:
    assert "cannot be read: File name too long" in refusal(tmp_path / ("x" * 5000))


def damaged(content: bytes, kind: str) -> bytes:
    rows_28_by_27 = struct.pack(">IIII", 0x0803, 20, 28, 27) + bytes(20 * 28 * 27)
    return {
        "truncated": content[:-1],
        "empty": b"",
        "too long": content + b"\0",
        "magic": b"\x89PNG" + content[4:],
        "size": rows_28_by_27,
        "fewer": struct.pack(">IIII", 0x0803, 19, 28, 28) + content[16:-784],
        "changed": content[:-1] + bytes([content[-1] ^ 1]),
    }[kind]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("truncated", "is truncated"),
        ("empty", "is truncated"),
        ("too long", "is too long"),
        ("magic", "is no IDX file of images: magic number 0x89504e47"),
        ("size", "holds images of 28x27 pixels; they must be 28x28"),
        ("fewer", "holds 20 labels, but"),
        ("changed", "is not MNIST's train-images-idx3-ubyte: the MD5"),
    ],
)
def test_each_kind_of_damage_is_called_by_its_name(
    tmp_path: Path, tiny: SimpleNamespace, kind: str, says: str, packed: bool
) -> None:
    tiny.write(tmp_path, packed=packed, train_images_idx3_ubyte=damaged(tiny.contents[TRAIN_IMAGES], kind))
    line = refusal(tmp_path)
    assert says in line
    assert str(tmp_path / TRAIN_IMAGES) in line


def test_a_truncated_gz_is_named(tmp_path: Path, tiny: SimpleNamespace) -> None:
    tiny.write(tmp_path, packed=True)
    path = tmp_path / f"{TEST_LABELS}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    assert f"{path} is not a whole gzip file" in refusal(tmp_path)


def test_format_comes_before_the_md5(tmp_path: Path, tiny: SimpleNamespace) -> None:
    tiny.write(
        tmp_path,
        train_images_idx3_ubyte=damaged(tiny.contents[TRAIN_IMAGES], "changed"),
        t10k_labels_idx1_ubyte=tiny.contents[TEST_LABELS][:-1],
    )
    assert f"{tmp_path / TEST_LABELS} is truncated" in refusal(tmp_path)


def test_more_labels_than_test_images_names_both_files(tmp_path: Path, tiny: SimpleNamespace) -> None:
    tiny.write(tmp_path, t10k_labels_idx1_ubyte=tiny.contents[TRAIN_LABELS])
    line = refusal(tmp_path)
    assert f"{tmp_path / TEST_LABELS} holds 20 labels, but {tmp_path / TEST_IMAGES} 10 images" in line


def test_an_md5_mismatch_tells_both_sums_and_the_way_out(tmp_path: Path, tiny: SimpleNamespace) -> None:
    content = damaged(tiny.contents[TRAIN_LABELS], "changed")
    tiny.write(tmp_path, packed=True, train_labels_idx1_ubyte=content)
    line = refusal(tmp_path)
    assert hashlib.md5(content).hexdigest() in line
    assert hashlib.md5(tiny.contents[TRAIN_LABELS]).hexdigest() in line
    assert f"{tmp_path / TRAIN_LABELS}.gz" in line
    assert "--verify False" in line


def test_files_of_ones_own_are_taken_without_verify(tmp_path: Path, helpers: SimpleNamespace) -> None:
    arrays = helpers.small_arrays(7, 3)
    helpers.write_set(tmp_path, helpers.plain_contents(arrays))
    assert "--verify False" in refusal(tmp_path)
    digits = mnist.load("auto", str(tmp_path), verify=False, say=silent)
    assert_equal(digits, arrays)
    assert "not checked" in digits.source


@pytest.mark.parametrize(("kind", "says"), [("size", "28x27"), ("fewer", "20 labels"), ("truncated", "truncated")])
def test_without_verify_the_format_is_checked_all_the_same(
    tmp_path: Path, tiny: SimpleNamespace, kind: str, says: str
) -> None:
    tiny.write(tmp_path, train_images_idx3_ubyte=damaged(tiny.contents[TRAIN_IMAGES], kind))
    assert says in refusal(tmp_path, verify=False)


def test_a_set_without_images_is_refused(tmp_path: Path, tiny: SimpleNamespace) -> None:
    no_images, no_labels = struct.pack(">IIII", 0x0803, 0, 28, 28), struct.pack(">II", 0x0801, 0)
    tiny.write(tmp_path, train_images_idx3_ubyte=no_images, train_labels_idx1_ubyte=no_labels)
    assert f"{tmp_path / TRAIN_IMAGES} holds no images" in refusal(tmp_path, verify=False)


def test_an_unknown_dataset_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="--dataset MNIST: there is no such dataset; use auto, mnist, digits"):
        mnist.load("MNIST")  # type: ignore[arg-type]


# --- where it looks, and what takes its place


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only server is a port on which nobody listens."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetch, "SOURCES", ("http://127.0.0.1:9/MNIST_Data.zip", "http://127.0.0.1:9/mnist/"))


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
@pytest.mark.usefixtures("no_network")
def test_the_working_folder_comes_before_the_network(working_folder: Path, tiny: SimpleNamespace, dataset: str) -> None:
    tiny.write(working_folder / "MNIST_Data", split=True)
    assert_equal(mnist.load(dataset, say=silent), tiny.arrays)


@pytest.mark.usefixtures("no_network")
def test_damaged_files_in_the_working_folder_are_an_error_and_not_replaced(
    working_folder: Path, tiny: SimpleNamespace
) -> None:
    tiny.write(working_folder / "MNIST_Data", train_labels_idx1_ubyte=b"")
    with pytest.raises(UserError, match="MNIST_Data/train-labels-idx1-ubyte is truncated"):
        mnist.load(say=silent)


@pytest.mark.usefixtures("no_network", "working_folder")
def test_an_unreadable_working_folder_is_an_error_and_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: path.joinpath("x" * 5000).stat())
    with pytest.raises(UserError, match="MNIST_Data cannot be read: File name too long"):
        mnist.load(say=silent)


@pytest.mark.usefixtures("no_network")
def test_without_network_the_embedded_digits_take_its_place_and_one_line_says_so(working_folder: Path) -> None:
    said: list[str] = []
    digits = mnist.load(say=said.append)
    assert digits.name == "digits"
    (line,) = said
    assert "\n" not in line
    assert "no server can be reached (Connection refused); using the UCI handwritten digits" in line
    assert list(working_folder.iterdir()) == []


@pytest.mark.usefixtures("no_network", "working_folder")
def test_who_insists_on_mnist_gets_an_error_instead() -> None:
    with pytest.raises(UserError) as error:
        mnist.load("mnist", say=silent)
    line = str(error.value)
    assert "\n" not in line
    assert "MNIST cannot be downloaded: no server can be reached (Connection refused)" in line
    assert "--data_url" in line
    assert "--dataset digits" in line


@pytest.mark.usefixtures("no_network", "working_folder")
def test_the_embedded_digits_need_neither_network_nor_a_word() -> None:
    assert mnist.load("digits", say=silent).name == "digits"


def test_a_folder_that_is_not_used_is_mentioned(tmp_path: Path) -> None:
    said: list[str] = []
    assert mnist.load("digits", str(tmp_path), say=said.append).name == "digits"
    assert len(said) == 1
    assert f"--data_url {tmp_path} is not used" in said[0]


@pytest.mark.parametrize("before", ["nothing", "three files"])
def test_what_the_working_folder_lacks_is_downloaded_once(
    working_folder: Path, tiny: SimpleNamespace, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    for name, content in tiny.contents.items():
        server.routes[f"/mnist/{name}.gz"] = gzip.compress(content)
    monkeypatch.setattr(fetch, "SOURCES", (f"{server.url}/mnist/",))
    if before == "three files":
        tiny.write(working_folder / "MNIST_Data", t10k_labels_idx1_ubyte=None)
    said: list[str] = []
    assert_equal(mnist.load(say=said.append), tiny.arrays)
    assert len(said) == 1
    assert "Downloading MNIST" in said[0]
    assert_equal(mnist.load("mnist", say=silent), tiny.arrays)


# --- the sets themselves


def test_the_embedded_digits_are_the_uci_digits() -> None:
    digits = mnist.embedded_digits()
    assert (digits.name, digits.images.shape, digits.test_images.shape) == (
        "digits",
        (1497, 1, 28, 28),
        (300, 1, 28, 28),
    )
    labels = np.concatenate([digits.labels, digits.test_labels])
    # class counts of the 1,797 as their documentation gives them
    assert [Counter(labels.tolist())[i] for i in range(10)] == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert all("CC BY 4.0" in text for text in (digits.source, (mnist._EMBEDDED / "SOURCE.txt").read_text()))


def test_the_embedded_digits_look_like_mnists() -> None:
    images = mnist.embedded_digits().images
    border = np.concatenate([images[..., :3, :].ravel(), images[..., -3:, :].ravel(), images[..., :3].ravel()])
    assert border.mean() < 1  # black around a 20x20 box
    assert 0.10 < (images > 127).mean() < 0.20  # ink; 0.12 in MNIST
    assert (images.max(axis=(1, 2, 3)) == 255).all()
    smooth = np.abs(np.diff(images.astype(int), axis=3))
    assert ((images > 25) & (images < 230)).mean() > 0.05
    assert smooth.mean() < 20


def test_no_image_of_the_embedded_test_set_is_in_the_training_set() -> None:
    digits = mnist.embedded_digits()
    train = {image.tobytes() for image in digits.images}
    assert not [i for i, image in enumerate(digits.test_images) if image.tobytes() in train]


def test_the_embedded_files_are_packed_reproducibly() -> None:
    for path in mnist.find(mnist._EMBEDDED):
        array = idx.parse(idx.read_bytes(path), path, ndim=3 if "images" in path.name else 1)
        assert gzip.decompress(idx.encode(array)) == idx.read_bytes(path)
        assert path.read_bytes()[:10] == idx.encode(array)[:10]  # the gzip header: no time, no name


def test_the_arrays_are_read_only() -> None:
    digits = mnist.embedded_digits()
    with pytest.raises(ValueError, match="read-only"):
        digits.images[0] = 0


def test_mnist_itself_loads() -> None:
    if not (TEST_DATA / "mnist").is_dir():
        pytest.skip(f"MNIST is not in {TEST_DATA / 'mnist'}; set MINDGAN_TEST_DATA")
    digits = mnist.load("mnist", str(TEST_DATA / "mnist"), say=silent)
    assert (digits.images.shape, digits.test_images.shape) == ((60_000, 1, 28, 28), (10_000, 1, 28, 28))
    assert digits.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert digits.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert digits.images.mean() == pytest.approx(33.3184, abs=1e-3)  # the published mean, 0.1307 of 255


def test_loading_does_not_import_mindspore() -> None:
    code = "import sys, mindgan.data.mnist, mindgan.data.batches; sys.exit('mindspore' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(mnist.__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
