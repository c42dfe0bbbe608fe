"""One set before a training: apart from the run's folder, and validated with the labels it had."""

import json
from pathlib import Path

import numpy as np
import pytest
from image_files import encoded, names, pixels, some, write
from record_files import image_example, write_records

from mindgan.data.findings import Rules
from mindgan.data.image_set import ImageSet
from mindgan.data.labelled import LabelledImages, list_labelled, load
from mindgan.data.preparing import previewed_set, require_set_apart, validated_set
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory


def found(path: Path) -> ImageSet:
    return list_labelled(path, say=lambda line: None)


def prepared(run: RunDirectory, path: Path, channels: int = 3) -> tuple[LabelledImages, list[str]]:
    said: list[str] = []
    images = validated_set(run, found(path), "images", Rules(channels), least=2, say=said.append)
    return load(images, channels=channels, size=(8, 8), say=said.append), said


def test_class_folders_stay_and_what_is_broken_goes(tmp_path: Path) -> None:
    grey, webp = encoded(pixels(8, channels=1)), encoded(pixels(9), "WEBP")
    contents = {**some(2, folder="cat/"), **some(2, first=5, folder="dog/"), "dog/x.png": b"broken"}
    write(tmp_path / "in", {**contents, "cat/grey.png": grey, "dog/a.webp": webp})
    (tmp_path / "in" / "cat" / "gone.png").symlink_to(tmp_path / "nowhere")
    run = RunDirectory(tmp_path / "run")
    data, said = prepared(run, tmp_path / "in")
    assert data.class_names == ("cat", "dog")
    assert data.names == (
        *("cat/000.png", "cat/001.png", "cat/grey_checked.png"),
        *("dog/000.png", "dog/001.png", "dog/a_checked.jpg"),
    )
    np.testing.assert_array_equal(data.labels, np.eye(2)[[0, 0, 0, 1, 1, 1]])
    assert said[0].startswith(f"validation of {tmp_path}/in: 8 images: 4 kept, 2 converted, 0 renamed, 2 dropped")
    assert said[0].endswith(f"; see {run.validation_report}")
    report = run.validation_report.read_text()
    assert "dog/x.png: dropped (cannot be decoded" in report
    assert "cat/gone.png: dropped (a broken symbolic link)" in report
    again, _ = prepared(run, tmp_path / "in")
    assert again.digest == data.digest


def test_labels_of_a_file_stay_with_their_images(tmp_path: Path) -> None:
    contents = {**some(4, folder="00000/"), "00000/001.png": encoded(pixels(8), "WEBP"), "00000/002.png": b"broken"}
    labels = [[f"00000/00{number}.png", label] for number, label in enumerate([2, 0, 1, 0])]
    write(tmp_path / "in", {**contents, "dataset.json": json.dumps({"labels": labels}).encode()})
    data, _ = prepared(RunDirectory(tmp_path / "run"), tmp_path / "in")
    assert data.names == ("00000/000.png", "00000/001_checked.jpg", "00000/003.png")
    np.testing.assert_array_equal(data.labels, np.eye(3)[[2, 0, 0]])


def test_records_are_validated_as_images_are(tmp_path: Path) -> None:
    planes = [pixels(number, 8, 8).transpose(2, 0, 1) for number in range(4)]
    path = write_records(tmp_path / "set-r03.tfrecords", list(map(image_example, planes)))
    np.save(tmp_path / "labels", np.array([0, 1, 0, 1]))
    (tmp_path / "labels.npy").rename(tmp_path / "set-rxx.labels")
    data = path.read_bytes()
    path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    run = RunDirectory(tmp_path / "run")
    data, _ = prepared(run, tmp_path)
    np.testing.assert_array_equal(data.images, planes[:3])
    np.testing.assert_array_equal(data.labels, np.eye(2)[[0, 1, 0]])
    assert "record 4 is damaged: its data have another checksum" in run.validation_report.read_text()


def test_transparency_stays_where_it_is_asked_for(tmp_path: Path) -> None:
    colour, alpha = pixels(1, 8, 8), pixels(2, 8, 8, 4)
    contents = {"0.png": encoded(colour), "1.png": encoded(alpha), "2.webp": encoded(alpha, "WEBP", lossless=True)}
    write(
        tmp_path / "in", {**contents, "3.gif": encoded(colour, "GIF"), "4.png": encoded(alpha, "WEBP", lossless=True)}
    )
    data, _ = prepared(RunDirectory(tmp_path / "run"), tmp_path / "in", channels=4)
    assert data.names == ("0.png", "1.png", "2_checked.png", "3_checked.jpg", "4_checked.png")
    seen = alpha[:, :, 3] > 0  # WebP need not keep what nobody sees
    for image in data.images[[1, 2, 4]]:
        np.testing.assert_array_equal(image[3], alpha[:, :, 3])
        np.testing.assert_array_equal(image.transpose(1, 2, 0)[seen], alpha[seen])
    assert (data.images[[0, 3], 3] == 255).all()


def test_nothing_left_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "in", {**some(1), "x.png": b"broken"})
    with pytest.raises(UserError, match=r"1 dropped; 1 of 2 needed images are left, see .*validation.txt"):
        prepared(RunDirectory(tmp_path / "run"), tmp_path / "in")


def test_a_run_is_no_part_of_its_images(tmp_path: Path) -> None:
    write(tmp_path / "in" / "set", {**some(2, folder="cat/"), **some(2, first=9, folder="dog/")})
    images = found(tmp_path / "in")
    require_set_apart(RunDirectory(tmp_path / "run"), images, tmp_path / "in")
    require_set_apart(RunDirectory(tmp_path / "in" / "run"), images)
    for inside in ("in/set/run", "in/set", "in/run"):
        with pytest.raises(UserError, match=r"--train_url .* lies in --data_url .*, to which nothing is added"):
            require_set_apart(RunDirectory(tmp_path / inside), images, tmp_path / "in")
    run = RunDirectory(tmp_path / "run")
    write(run.data, some(2))
    rows = "\n".join(json.dumps({"source": f"run/Data/{name}"}) for name in some(2))
    path = write(tmp_path, {"set.manifest": rows.encode()}) / "set.manifest"
    with pytest.raises(UserError, match="which this run would replace; name another --train_url"):
        require_set_apart(run, found(path))


def test_a_preview_is_what_validation_leaves_and_writes_nothing(tmp_path: Path) -> None:
    run, rules = RunDirectory(tmp_path / "run"), Rules(3)
    grey, webp = encoded(pixels(8, channels=1)), encoded(pixels(9), "WEBP")
    contents = {**some(2, folder="cat/"), "cat/grey.png": grey, "dog/a.webp": webp, "dog/x.png": b"broken"}
    images = found(write(tmp_path / "in", contents))
    before = previewed_set(run, images, "images", rules)
    first = {item.name: item.read() for item in before.items}
    assert not run.root.exists()
    left = validated_set(run, images, "images", rules, least=2, say=lambda line: None)
    assert names(before) == names(left) == ["cat/000.png", "cat/001.png", "cat/grey_checked.png", "dog/a_checked.jpg"]
    assert first == {item.name: item.read() for item in left.items}
    assert [item.label for item in before.items] == [item.label for item in left.items]
    written = {path: path.read_bytes() for path in run.root.rglob("*") if path.is_file()}
    write(tmp_path / "in", {"cat/000.png": encoded(pixels(77)), "dog/b.png": encoded(pixels(78))})
    after = previewed_set(run, found(tmp_path / "in"), "images", rules)  # of which some are there, and others are not
    assert names(after) == [*names(left), "dog/b.png"]
    changed = {item.name for item in after.items if first.get(item.name) != item.read()}
    assert changed == {"cat/000.png", "dog/b.png"}
    assert written == {path: path.read_bytes() for path in run.root.rglob("*") if path.is_file()}
