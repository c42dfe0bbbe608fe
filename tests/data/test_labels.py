"""What images are conditioned on: folders, manifests, dataset.json; and labels that do not fit the images."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_files import encoded, pixels, some, write, write_zip

from mindgan.data import dataset_json
from mindgan.data.image_set import ImageSet
from mindgan.data.labelled import list_labelled
from mindgan.data.labels import Labels, find_labels, one_hot
from mindgan.runtime.errors import UserError


def labels_of(path: Path, cond: bool | None = None) -> tuple[Labels | None, list[str]]:
    """The labels and what was said of them."""
    said: list[str] = []
    images = list_labelled(path, cond=cond, say=lambda line: None)
    return find_labels(images, cond=cond, say=said.append), said


def refusal(path: Path, cond: bool | None = None) -> str:
    with pytest.raises(UserError) as error:
        labels_of(path, cond)
    assert "\n" not in str(error.value)
    return str(error.value)


def dataset(folder: Path, labels: object, num: int = 3) -> Path:
    write(folder, some(num, folder="00000/"))
    return write(folder, {"dataset.json": json.dumps({"labels": labels}).encode()})


def rows(*labels: object) -> list:
    return [[f"00000/{number:03d}.png", label] for number, label in enumerate(labels)]


def manifest(folder: Path, *annotations: list[str]) -> Path:
    write(folder, some(len(annotations)))
    samples = [
        {"source": f"{number:03d}.png", "annotation": [{"name": name} for name in names]}
        for number, names in enumerate(annotations)
    ]
    return write(folder, {"set.manifest": "\n".join(map(json.dumps, samples)).encode()}) / "set.manifest"


def test_class_folders_are_columns_in_alphabetical_order(tmp_path: Path) -> None:
    write(
        tmp_path, {**some(2, folder="zebra/"), **some(3, first=9, folder="Ärger 'x'/"), **some(2, first=5, folder="b/")}
    )
    labels, said = labels_of(tmp_path)
    assert labels is not None
    assert labels.class_names == ("b", "zebra", "Ärger 'x'")
    np.testing.assert_array_equal(labels.values, np.eye(3)[[0, 0, 1, 1, 2, 2, 2]])
    assert labels.values.dtype == np.float32
    assert said == []


def test_one_class_is_no_condition(tmp_path: Path) -> None:
    write(tmp_path / "one", some(3, folder="cat/"))
    assert labels_of(tmp_path / "one") == (None, [])
    told = f"warning: --cond is of no use: --data_url {tmp_path}/one/cat holds one class"
    assert labels_of(tmp_path / "one", cond=True) == (None, [told])
    write(tmp_path / "flat", some(3))
    assert labels_of(tmp_path / "flat") == (None, [])
    assert "--cond: --data_url " in refusal(tmp_path / "flat", cond=True)
    dataset(tmp_path / "numbers", rows(4, 4, 4))
    assert labels_of(tmp_path / "numbers", cond=True) == (
        None,
        [f"warning: --cond is of no use: --data_url {tmp_path}/numbers holds one class"],
    )


def test_a_folder_around_images_that_is_no_class(tmp_path: Path) -> None:
    write(tmp_path / "set" / "train", some(3))
    assert labels_of(tmp_path / "set") == (None, [])
    assert "holds no class folders" in refusal(tmp_path / "set", cond=True)


def test_labels_that_nobody_wants_are_not_looked_at(tmp_path: Path) -> None:
    dataset(tmp_path, [["gone.png", "what"]])
    assert labels_of(tmp_path, cond=False) == (None, [])
    assert refusal(tmp_path)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (
            {**some(2, folder="a/"), **some(2, first=5, folder="b/"), **some(1, first=9)},
            "images without a class, such as 000",
        ),
        ({**some(2, folder="train/"), **some(2, first=5, folder="Val/")}, "holds Val, train, which are no classes"),
    ],
)
def test_folders_that_are_no_classes(tmp_path: Path, contents: dict[str, bytes], message: str) -> None:
    labels, said = labels_of(write(tmp_path, contents))
    assert labels is None
    assert message in said[0]
    assert said[0].startswith("warning: ")
    assert message in refusal(tmp_path, cond=True)


def test_manifests_have_labels_where_every_image_has_one(tmp_path: Path) -> None:
    labels, _ = labels_of(manifest(tmp_path / "a", ["dog"], ["cat"], ["dog"]))
    assert labels is not None
    assert labels.class_names == ("cat", "dog")
    np.testing.assert_array_equal(labels.values, [[0, 1], [1, 0], [0, 1]])
    for names, annotations in (
        ("without a class, such as 001.png", (["dog"], [], ["cat"])),
        ("of several classes, such as 002.png", (["dog"], ["cat"], ["cat", "dog"])),
    ):
        path = manifest(tmp_path / names[:4], *annotations)
        labels, said = labels_of(path)
        assert labels is None
        assert names in said[0]
        assert names in refusal(path, cond=True)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_dataset_json_numbers(tmp_path: Path, packed: bool, method: int) -> None:
    contents = {
        **some(2, folder="00000/img"),
        **some(2, first=5, folder="00001/img"),
        "dataset.json": json.dumps(
            {
                "labels": [
                    [f"0000{i}/img00{j}.png", label] for i, j, label in ((1, 1, 0), (0, 0, 3), (0, 1, 3), (1, 0, 0))
                ]
            }
        ).encode(),
    }
    path = write_zip(tmp_path / "set.zip", contents, method) if packed else write(tmp_path / "set", contents)
    labels, said = labels_of(path)
    assert labels is not None
    assert labels.class_names == ("0", "1", "2", "3")
    np.testing.assert_array_equal(labels.values, np.eye(4)[[3, 3, 0, 0]])
    assert said == [f"warning: --data_url {path}: no images of the classes 1, 2, which cannot be learned"]


def test_dataset_json_vectors_stay_vectors(tmp_path: Path) -> None:
    vectors = [[0.25, -1.5, 3], [1e-3, 2, 0], [7, 8, 9]]
    labels, said = labels_of(dataset(tmp_path, rows(*vectors)))
    assert labels is not None
    np.testing.assert_array_equal(labels.values, np.array(vectors, np.float32))
    assert (labels.class_names, said) == ((), [])


def test_dataset_json_one_hot_vectors_are_classes(tmp_path: Path) -> None:
    labels, _ = labels_of(dataset(tmp_path, rows([0, 1.0], [0, 1], [1, 0])))
    assert labels is not None
    np.testing.assert_array_equal(labels.values, [[0, 1], [0, 1], [1, 0]])
    assert labels.class_names == ("0", "1")


def test_dataset_json_without_labels_goes_before_folders(tmp_path: Path) -> None:
    dataset(tmp_path, None)
    write(tmp_path, some(2, first=9, folder="00001/"))
    assert labels_of(tmp_path) == (None, [])
    write(tmp_path, {"dataset.json": b'{"images": []}'})
    labels, _ = labels_of(tmp_path)
    assert labels is not None
    assert labels.class_names == ("00000", "00001")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (rows(0, 1, 0, 1), "dataset.json labels 00000/003.png, not among the images; remove what is not there"),
        (rows(*range(9)), "labels 00000/003.png and 5 more, not among the images"),
        (rows(0, 1), "dataset.json has no label of 00000/002.png; add what is missing"),
        ([], "dataset.json has no label of 00000/000.png and 2 more"),
        ([*rows(0, 1, 0), ["00000/000.png", 1]], "labels 00000/000.png twice"),
        (rows(0, 1, [0.5]), "the label of 00000/002.png is [0.5]; it must be a whole number, as those before"),
        (rows([0.5], [1], 1), "the label of 00000/002.png is 1; it must be a list of 1 numbers, as those before"),
        (rows([0.5], [1], [1, 2]), "the label of 00000/002.png is [1.0, 2.0]; it must be a list of 1 numbers"),
        (rows(0, 1, -1), "the label of 00000/002.png is -1; it must be the number of a class, 0 to 9999"),
        (rows(0, 1, 10**9), "the label of 00000/002.png is 1000000000; it must be the number of a class"),
        (rows(0, 1, True), "a label of 00000/002.png that is neither a whole number nor a list of numbers"),
        (rows(0, 1, 1.5), "a label of 00000/002.png that is neither"),
        (rows(0, 1, "cat"), "a label of 00000/002.png that is neither"),
        (rows([1.0], [1], []), "a label of 00000/002.png that is neither"),
        (rows([1.0], [1], ["x"]), "a label of 00000/002.png that is neither"),
        (rows([1.0], [1], [float("nan")]), "the label of 00000/002.png is [nan]; it must be"),
        (rows([1.0], [1], [1e300]), "the label of 00000/002.png is [inf]; it must be"),
        (rows([1.0], [1], [10**400]), "a label of 00000/002.png that is neither"),
        ([["00000/000.png"]], 'has the row ["00000/000.png"]; a row must be ["file name", label]'),
        ([[1, 2]], "has the row [1, 2]; a row must be"),
        ({"a.png": 1}, 'has another form; it should hold {"labels": '),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, labels: object, message: str) -> None:
    text = refusal(dataset(tmp_path, labels))
    assert text.startswith(f"--data_url {tmp_path}: ")
    assert message in text


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"labels": [["x", 1' + b"0" * 9999 + b"]]}"]
)
def test_dataset_json_that_is_none(tmp_path: Path, data: bytes) -> None:
    write(dataset(tmp_path, None), {"dataset.json": data})
    assert "dataset.json is no JSON" in refusal(tmp_path)


def test_dataset_json_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset(tmp_path, rows(0, 1, 0))
    with monkeypatch.context() as patch:
        patch.setattr(dataset_json, "MAX_JSON_BYTES", 10)
        assert "dataset.json is larger than 0 MiB" in refusal(tmp_path)
    os.remove(tmp_path / "dataset.json")
    (tmp_path / "dataset.json").symlink_to(tmp_path / "nowhere")
    assert "dataset.json cannot be read; mend it, or remove it" in refusal(tmp_path)


def test_a_label_of_a_file_that_cannot_be_read_is_not_missing(tmp_path: Path) -> None:
    dataset(tmp_path, rows(0, 1, 0, 1))
    (tmp_path / "00000" / "003.png").symlink_to(tmp_path / "nowhere")
    labels, _ = labels_of(tmp_path)
    assert labels is not None
    assert len(labels.values) == 3


def test_classes_of_one_image_are_named(tmp_path: Path) -> None:
    write(tmp_path, {**some(2, folder="a/"), "b/1.png": encoded(pixels(8)), "c/1.png": encoded(pixels(9))})
    labels, said = labels_of(tmp_path)
    assert labels is not None
    assert len(labels.values) == 4
    assert said == [
        f"warning: --data_url {tmp_path}: only one image of b, c, which will be copied, not learned; add images"
    ]
    (tmp_path / "a" / "001.png").unlink()
    assert "every class has only one image (a, b, c); add some, or use --cond False" in refusal(tmp_path)
    assert labels_of(tmp_path, cond=False) == (None, [])


def test_one_hot() -> None:
    np.testing.assert_array_equal(one_hot(np.array([2, 0]), 3), np.array([[0, 0, 1], [1, 0, 0]], np.float32))


def test_an_empty_set_has_no_labels() -> None:
    assert find_labels(ImageSet("--data_url", Path("x"), ()), cond=True, say=print) is None


def test_classes_of_a_subset_are_those_of_all_and_what_is_left_of_them_is_told(tmp_path: Path) -> None:
    write(tmp_path, {**some(3, folder="a/"), **some(3, first=9, folder="b/"), **some(3, first=20, folder="c/")})
    said: list[str] = []
    images = list_labelled(tmp_path, say=lambda line: None)
    labels = find_labels(images, cond=None, say=said.append, rows=np.array([0, 2, 5]))
    assert labels is not None
    assert labels.class_names == ("a", "b", "c")
    np.testing.assert_array_equal(labels.values, np.eye(3)[[0, 0, 1]])
    named = f"warning: 3 images of --data_url {tmp_path}: "
    assert said == [
        f"{named}only one image of b, which will be copied, not learned; use more of them (--subset)",
        f"{named}no images of the classes c, which cannot be learned",
    ]
    of_each = find_labels(images, cond=None, say=said.append, rows=np.array([0, 3, 6]))
    assert of_each is not None  # that of all there are more is enough
    np.testing.assert_array_equal(of_each.values, np.eye(3))
