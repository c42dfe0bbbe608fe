"""Manifests that are written can be read: by this package, by a plain JSON reader, and by MindSpore."""

import json
from pathlib import Path

import pytest
from image_files import some, write

from mindgan.data.image_source import list_images
from mindgan.modelarts.manifest import sample, write_manifest


def test_a_row_is_as_the_documents_have_it() -> None:
    row = sample("obs://bucket/x.jpg", label="Cat", checked=True)
    assert {key: value for key, value in row.items() if key != "id"} == {
        "source": "obs://bucket/x.jpg",
        "usage": "train",
        "annotation": [{"name": "Cat", "type": "modelarts/image_classification"}],
        "property": {"@modelarts:data_checked": True},
    }
    assert len(row["id"]) == 32
    assert int(row["id"], 16) >= 0


def test_an_unlabelled_row_has_no_annotation() -> None:
    assert set(sample("x.jpg")) == {"id", "source", "usage"}


def test_ids_tell_sources_apart_and_stay() -> None:
    ids = [sample(f"{i}.jpg")["id"] for i in range(100)]
    assert len(set(ids)) == 100
    assert ids[3] == sample("3.jpg", label="Cat")["id"] == "799bad5a3b514f096e69bbc4a7896cd9"


def test_the_file_is_json_lines_and_reads_back(tmp_path: Path) -> None:
    names = ["a b.png", "猫.png", 'q"\n.png', "\udcff.png", "e\u2028.png"]
    write(tmp_path / "Data", dict(zip(names, some(5).values(), strict=True)))
    path = tmp_path / "output_0.manifest"
    labels = ["猫", None, "dog", None, None]
    rows = [sample(f"Data/{name}", label=label) for name, label in zip(names, labels, strict=True)]
    write_manifest(path, rows)
    lines = path.read_bytes().split(b"\n")
    assert [json.loads(line) for line in lines[:-1]] == rows
    assert lines[-1] == b""
    assert "猫.png".encode() in lines[1]
    images = list_images(path, option="--data_url")
    assert {item.name: item.label for item in images.items} == dict(zip(names, labels, strict=True))
    assert {item.name: item.read() for item in images.items} == dict(zip(names, some(5).values(), strict=True))


def test_mindspore_reads_labelled_rows(tmp_path: Path) -> None:
    dataset = pytest.importorskip("mindspore.dataset", reason="MindSpore is not installed")
    files = write(tmp_path, some(3))
    path = tmp_path / "output_0.manifest"
    write_manifest(path, [sample(str(files / name), label=f"class {i}") for i, name in enumerate(some(3))])
    assert dataset.ManifestDataset(str(path), usage="train").get_dataset_size() == 3


def test_an_empty_manifest_is_an_empty_file(tmp_path: Path) -> None:
    write_manifest(tmp_path / "output.manifest", [])
    assert (tmp_path / "output.manifest").read_bytes() == b""
