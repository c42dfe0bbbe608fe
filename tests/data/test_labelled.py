"""Labelled images from every kind of source: the same images and labels; bad input; memory; subsets and mirrors."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_files import encoded, pixels, raw_png, some, write, write_zip
from record_files import image_example, write_records

from mindgan.data.batches import batch_indices
from mindgan.data.fitting import FitCounts
from mindgan.data.labelled import (
    LabelledImages,
    few_images_warning,
    list_labelled,
    load,
    require_enough,
    subset_rows,
)
from mindgan.runtime.errors import UserError

SIDE = 8
IMAGES = [pixels(number, SIDE, SIDE) for number in range(5)]
CLASSES = [0, 1, 1, 0, 1]
PLANES = np.stack([image.transpose(2, 0, 1) for image in IMAGES])  # [5, 3, 8, 8]
ONE_HOT = np.eye(2)[CLASSES]


def loaded(path: Path, **options) -> LabelledImages:
    options = {"channels": 3, "size": (SIDE, SIDE), "say": lambda line: None, **options}
    cond = options.get("cond")
    return load(list_labelled(path, cond=cond, say=lambda line: None), **options)


def refusal(path: Path, **options) -> str:
    with pytest.raises(UserError) as error:
        loaded(path, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def class_folders(folder: Path) -> Path:
    names = (f"{'cat' if number == 0 else 'dog'}/{i}.png" for i, number in enumerate(CLASSES))
    return write(folder, dict(zip(names, map(encoded, IMAGES), strict=True)))


def dataset_zip(path: Path) -> Path:
    names = [f"00000/img{i:08d}.png" for i in range(len(IMAGES))]
    contents = dict(zip(names, map(encoded, IMAGES), strict=True))
    labels = [[name, number] for name, number in zip(names, CLASSES, strict=True)]
    return write_zip(path, {**contents, "dataset.json": json.dumps({"labels": labels}).encode()}, zipfile.ZIP_STORED)


def unpacked(folder: Path) -> Path:
    with zipfile.ZipFile(dataset_zip(folder.with_suffix(".zip"))) as archive:
        archive.extractall(folder)
    return folder


def manifest(folder: Path) -> Path:
    write(folder, {f"{i}.png": encoded(image) for i, image in enumerate(IMAGES)})
    write(folder, {"test.png": encoded(pixels(99))})
    rows = [
        {"source": f"{i}.png", "annotation": [{"name": "cat" if number == 0 else "dog"}]}
        for i, number in enumerate(CLASSES)
    ]
    rows.append({"source": "test.png", "usage": "TEST", "annotation": [{"name": "dog"}]})
    return write(folder, {"set.manifest": "\n".join(map(json.dumps, rows)).encode()}) / "set.manifest"


def records(folder: Path) -> Path:
    write_records(folder / "set-r02.tfrecords", [])
    write_records(folder / "set-r03.tfrecords", list(map(image_example, PLANES)))
    labels = io.BytesIO()
    np.save(labels, ONE_HOT.astype(np.float32))
    return write(folder, {"set-rxx.labels": labels.getvalue()})


SOURCES = {
    "class folders": class_folders,
    "dataset.json in a zip": lambda folder: dataset_zip(folder / "set.zip"),
    "dataset.json in a folder": unpacked,
    "a manifest": manifest,
    "TFRecords": records,
}


@pytest.mark.parametrize("source", SOURCES)
def test_images_and_labels_of_every_kind_of_source(source: str, tmp_path: Path) -> None:
    data = loaded(SOURCES[source](tmp_path / 'it\'s "ü" 猫'))
    order = np.argsort(CLASSES, kind="stable") if source == "class folders" else np.arange(5)
    np.testing.assert_array_equal(data.images, PLANES[order])
    assert data.images.dtype == np.uint8
    np.testing.assert_array_equal(data.labels, ONE_HOT[order])
    assert data.labels is not None
    assert data.labels.dtype == np.float32
    assert data.class_names == (("cat", "dog") if source in ("class folders", "a manifest") else ("0", "1"))
    assert (len(data), data.num_classes, len(data.names), data.counts) == (5, 2, 5, FitCounts())


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    data = loaded(write(tmp_path, some(3)))
    assert (data.labels, data.num_classes, data.class_names) == (None, 0, ())
    assert data.names == ("000.png", "001.png", "002.png")
    assert data.labels_of(np.array([0])) is None
    assert loaded(class_folders(tmp_path / "classes"), cond=False).labels is None


@pytest.mark.parametrize("packed", [False, True])
def test_folders_around_the_class_folders_are_no_class(tmp_path: Path, packed: bool) -> None:
    class_folders(tmp_path / "in" / "set" / "images")
    path = tmp_path / "in"
    if packed:
        members = {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*.png")}
        path = write_zip(tmp_path / "set.zip", members)
    assert loaded(path).class_names == ("cat", "dog")


def test_what_was_done_is_counted_and_said(tmp_path: Path) -> None:
    sizes = [(8, 8), (8, 12), (16, 16), (4, 4), (20, 10)]
    contents = {f"{i}.png": encoded(pixels(i, *size)) for i, size in enumerate(sizes)}
    contents["9.png"] = encoded(pixels(9, 8, 8, 1))
    said: list[str] = []
    images = list_labelled(write(tmp_path, {**contents, "a.txt": b""}), say=said.append)
    data = load(images, channels=3, size=(8, 8), say=said.append)
    assert data.counts == FitCounts(cropped=2, reduced=2, enlarged=1, converted=1)
    assert said == [
        f"6 images of {tmp_path} (left out: 1 of another kind)",
        f"6 images of {tmp_path} as RGB, 8x8 px: 2 cropped, 2 reduced, 1 enlarged, 1 converted, 0 turned",
        "warning: 1 of 6 images are smaller than 8x8 px and were enlarged, which adds no detail; "
        "use larger images or a smaller resolution",
    ]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_rectangles_of_every_number_of_channels(tmp_path: Path, channels: int) -> None:
    data = loaded(write(tmp_path, some(3)), channels=channels, size=(4, 8))
    assert data.images.shape == (3, channels, 4, 8)


def test_many_pixels_go_to_a_file(tmp_path: Path) -> None:
    path = class_folders(tmp_path / "in")
    in_memory = loaded(path)
    in_file = loaded(path, work_folder=tmp_path / "work", memory_bytes=5 * 3 * 8 * 8 - 1)
    assert isinstance(in_file.images, np.memmap)
    assert [file.name for file in (tmp_path / "work").iterdir()] == ["images.npy"]
    np.testing.assert_array_equal(in_file.images, in_memory.images)
    assert (in_file.counts, in_file.digest) == (in_memory.counts, in_memory.digest)
    batches = [data.mirror().pixels(np.array([9, 0, 3, 8])) for data in (in_file, in_memory)]
    np.testing.assert_array_equal(*batches)
    assert type(batches[0]) is np.ndarray
    at_the_limit = loaded(path, work_folder=tmp_path / "other", memory_bytes=5 * 3 * 8 * 8)
    assert not isinstance(at_the_limit.images, np.memmap)
    assert not (tmp_path / "other").exists()


def test_a_work_folder_that_cannot_be_written(tmp_path: Path) -> None:
    path = write(tmp_path, {**some(3), "file.txt": b""})
    assert "images.npy cannot be written" in refusal(path, work_folder=tmp_path / "file.txt" / "x", memory_bytes=0)


def test_a_damaged_image_leaves_no_file_of_pixels(tmp_path: Path) -> None:
    write(tmp_path / "in", {**some(3), "x.png": b"broken"})
    assert "x.png cannot be decoded" in refusal(tmp_path / "in", work_folder=tmp_path / "work", memory_bytes=0)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_subset_is_drawn_by_its_seed(tmp_path: Path) -> None:
    path = class_folders(tmp_path)
    whole = loaded(path)
    part = whole.subset(3, seed=1)
    rows = subset_rows(5, 3, 1)
    np.testing.assert_array_equal(part.images, whole.images[rows])
    np.testing.assert_array_equal(part.labels, whole.labels_of(rows))
    assert part.names == tuple(whole.names[row] for row in rows)
    assert part.class_names == whole.class_names
    for seed in range(5):
        part, read_only = whole.subset(3, seed), loaded(path, subset=3, seed=seed)
        assert (read_only.digest, read_only.names) == (part.digest, part.names)
    assert len({tuple(subset_rows(100, 10, seed)) for seed in range(5)}) == 5
    assert set(np.concatenate([subset_rows(10, 3, seed) for seed in range(40)])) == set(range(10))
    for num in (0, 1, 6):
        with pytest.raises(UserError, match=f"--subset {num} of 5 images is not possible; use 2 to 5"):
            whole.subset(num, seed=0)


def test_a_mirrored_set_shares_its_pixels() -> None:
    data = LabelledImages(PLANES, ONE_HOT.astype(np.float32), ("0", "1"), tuple("abcde"), FitCounts())
    mirrored = data.mirror()
    assert len(mirrored) == 10
    assert mirrored.images is data.images
    indices = np.array([9, 0, 4, 5])
    np.testing.assert_array_equal(
        mirrored.pixels(indices), np.stack([PLANES[4][:, :, ::-1], PLANES[0], PLANES[4], PLANES[0][:, :, ::-1]])
    )
    np.testing.assert_array_equal(mirrored.labels_of(indices), ONE_HOT[[4, 0, 4, 0]])
    assert mirrored.digest != data.digest
    for wrong in (-1, 10):
        with pytest.raises(IndexError):
            mirrored.pixels(np.array([wrong]))
    with pytest.raises(IndexError):
        data.pixels(np.array([5]))


def test_batches_show_every_image_and_its_mirror_once_an_epoch() -> None:
    mirrored = LabelledImages(PLANES, ONE_HOT, ("0", "1"), tuple("abcde"), FitCounts()).mirror()
    batches = [batch_indices(7, nimg, 4, len(mirrored)) for nimg in range(0, 20, 4)]  # two epochs of ten
    seen = [(mirrored.pixels(indices), mirrored.labels_of(indices)) for indices in batches]
    images, labels = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    every = [image.tobytes() for image in (*PLANES, *PLANES[:, :, :, ::-1])]
    for epoch in (slice(0, 10), slice(10, 20)):
        assert sorted(image.tobytes() for image in images[epoch]) == sorted(every)
    for image, label in zip(images, labels, strict=True):
        np.testing.assert_array_equal(label, ONE_HOT[every.index(image.tobytes()) % 5])


def test_the_digest_changes_with_pixels_and_labels() -> None:
    data = LabelledImages(PLANES, ONE_HOT, ("0", "1"), tuple("abcde"), FitCounts())
    changed = PLANES.copy()
    changed[4, 2, 7, 7] ^= 1
    others = [
        LabelledImages(changed, ONE_HOT, ("0", "1"), data.names, data.counts),
        LabelledImages(PLANES, 1 - ONE_HOT, ("0", "1"), data.names, data.counts),
        LabelledImages(PLANES, ONE_HOT, ("0", "2"), data.names, data.counts),
        LabelledImages(PLANES, None, (), data.names, data.counts),
    ]
    assert len({data.digest, *(other.digest for other in others)}) == 5
    assert LabelledImages(PLANES.copy(order="F"), ONE_HOT, ("0", "1"), (), FitCounts()).digest == data.digest


def bad_inputs(folder: Path) -> dict[str, tuple[Path, str]]:
    """Paths that do not do, and what the line says of them."""
    (folder / "none").mkdir()
    write(folder / "copies", dict.fromkeys(("1.png", "2.png", "3.png"), some(1)["000.png"]))
    write(folder / "bombs", {f"{i}.png": raw_png(b"", 60_000, 60_000 + i, bits=8, colour_type=2) for i in range(3)})
    write(folder / "broken", {**some(2), "x.jpg": b"\xff\xd8\xff"})
    write(folder, {"file.txt": b"text", "not.zip": b"text", "not.tfrecords": b"text", "none.tfrecords": b""})
    (folder / "gone").symlink_to(folder / "nowhere")
    (folder / "loop").mkdir()
    (folder / "loop" / "again").symlink_to(folder / "loop")
    (folder / "circle").symlink_to(folder / "circle")
    write_records(folder / "one.tfrecords", [image_example(PLANES[0])])
    return {
        "an empty folder": (folder / "none", "none holds no images"),
        "the same image": (folder / "copies", "copies holds the same image 3 times; add others"),
        "bombs": (folder / "bombs", "0.png cannot be decoded: more than 89478485 pixels"),
        "a broken image": (folder / "broken", "x.jpg cannot be decoded"),
        "a file": (folder / "file.txt", "file.txt is a file, and neither"),
        "no zip": (folder / "not.zip", "not.zip is no whole .zip"),
        "no records": (folder / "not.tfrecords", "not.tfrecords, record 1 is cut short"),
        "empty records": (folder / "none.tfrecords", "none.tfrecords holds no images"),
        "one record": (folder / "one.tfrecords", "one.tfrecords holds 1 image"),
        "a broken link": (folder / "gone", "a broken symbolic link"),
        "a loop": (folder / "loop", "again: a symbolic link to a folder that it lies in"),
        "a circle": (folder / "circle", "a loop of symbolic links"),
        "nothing": (folder / "nowhere", "nowhere cannot be read: it does not exist"),
    }


BAD_INPUTS = (
    *("an empty folder", "the same image", "bombs", "a broken image", "a file", "no zip", "no records"),
    *("empty records", "one record", "a broken link", "a loop", "a circle", "nothing"),
)


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_one_line(name: str, tmp_path: Path) -> None:
    path, message = bad_inputs(tmp_path)[name]
    assert message in refusal(path)


def test_one_image_is_too_few(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, some(1))).startswith(f"--data_url {tmp_path} holds 1 image; give a folder")


def test_a_manifest_of_tests_trains_nothing(tmp_path: Path) -> None:
    rows = [json.dumps({"source": name, "usage": "EVAL"}) for name in some(3)]
    path = write(tmp_path, {**some(3), "set.manifest": "\n".join(rows).encode()}) / "set.manifest"
    assert "the usage of all 3 images is that of tests" in refusal(path)


def test_labels_of_records_are_checked(tmp_path: Path) -> None:
    records(tmp_path)
    np.save(tmp_path / "x", np.array([0, 1, 1, 0, -5]))
    (tmp_path / "x.npy").rename(tmp_path / "set-rxx.labels")
    assert "the label of 00000005.png is -5; it must be the number of a class" in refusal(tmp_path)
    assert loaded(tmp_path, cond=False).labels is None
    np.save(tmp_path / "x", np.array([2, 1, 1, 0, 2]))
    (tmp_path / "x.npy").rename(tmp_path / "set-rxx.labels")
    np.testing.assert_array_equal(loaded(tmp_path).labels, np.eye(3)[[2, 1, 1, 0, 2]])


def test_too_few_images() -> None:
    require_enough(8, 8)
    with pytest.raises(UserError, match="--batch-size 8 is more than the 7 images there are; use fewer"):
        require_enough(7, 8)
    with pytest.raises(UserError, match="--x holds 1 image; give 2 or more"):
        require_enough(1, 1, option="--x")
    assert few_images_warning(70) is None
    warning = few_images_warning(69)
    assert warning is not None
    assert warning.startswith("69 images are fewer than 70: expect ")
    assert all(option in warning for option in ("--resume", "--freezed", "--mirror"))


def test_a_class_of_one_image_is_told_of_all_and_of_a_subset(tmp_path: Path) -> None:
    write(tmp_path, {**some(6, folder="a/"), **some(1, first=9, folder="b/")})
    said: list[str] = []
    loaded(tmp_path, say=said.append)
    named = f"warning: --data_url {tmp_path}: only one image of b, which will be copied, not learned; add images"
    assert named in said
    said.clear()
    loaded(tmp_path, say=said.append, subset=7)
    assert (
        named.replace("--data_url", "7 images of --data_url").replace("add images", "use more of them (--subset)")
        in said
    )


def test_images_beside_records_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    write(records(tmp_path), some(3, folder="more/"))
    assert len(list_labelled(tmp_path, say=said.append)) == 5
    warning = f"warning: of --data_url {tmp_path} only set-r03.tfrecords is read, not the 3 images beside it"
    assert said == [warning, f"5 images of {tmp_path}/set-r03.tfrecords"]
    said.clear()
    assert len(list_labelled(tmp_path / "set-r03.tfrecords", say=said.append)) == 5
    assert len(said) == 1


def test_a_dataset_json_that_is_read_is_not_passed_over(tmp_path: Path) -> None:
    said: list[str] = []
    list_labelled(write(unpacked(tmp_path / "set"), {"notes.txt": b""}), say=said.append)
    assert said == [f"5 images of {tmp_path}/set (left out: 1 of another kind)"]


@pytest.mark.parametrize("name", ["below/set-r03.tfrecords", "train.tfrecord", "train.tfrecord-00000-of-00002"])
def test_records_that_are_not_found_are_told(tmp_path: Path, name: str) -> None:
    write_records(tmp_path / "set" / name, list(map(image_example, PLANES)))
    assert "holds TFRecords, but none right in it with a name as set-r08.tfrecords" in refusal(tmp_path / "set")
    write(tmp_path / "set", some(3))
    assert len(loaded(tmp_path / "set")) == 3
    if name.endswith(("records", "record")):
        assert len(loaded(tmp_path / "set" / name)) == 5
