"""What lies in folders, archives and manifests: names, labels, order, and everything that can be wrong with files."""

import json
import os
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from image_files import encoded, pixels, some, write, write_zip

from mindgan.data import image_archive, image_set, image_source
from mindgan.data.image_set import ImageSet
from mindgan.data.image_source import list_images
from mindgan.runtime.errors import UserError

PNG = encoded(pixels())
ODD_NAMES = ("a b.png", 'it\'s "1".png', "é.png", "猫.png", "$(x);.png", "-r.png", "a\nb.png")


def names(images: ImageSet) -> list[str]:
    return [item.name for item in images.items]


def listed(path: Path | str) -> ImageSet:
    return list_images(path, option="--data_url")


def refusal(path: Path | str) -> str:
    with pytest.raises(UserError) as error:
        listed(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("--data_url ")
    return str(error.value)


def manifest(path: Path, *rows: dict | str | bytes) -> Path:
    lines = [json.dumps(row) if isinstance(row, dict) else row for row in rows]
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\n")
    return path


# Folders


def test_folders_are_classes_and_names_are_relative(tmp_path: Path) -> None:
    write(tmp_path, {"dog/1.png": b"d", "cat/2.png": b"c2", "cat/deep/1.png": b"c1", "0.png": b"0"})
    images = listed(tmp_path)
    assert [(i.name, i.label, i.read(), i.num_bytes) for i in images.items] == [
        ("0.png", None, b"0", 1),
        ("cat/2.png", "cat", b"c2", 2),
        ("cat/deep/1.png", "cat", b"c1", 2),
        ("dog/1.png", "dog", b"d", 1),
    ]
    assert images.labels == images.folders == ("cat", "dog")


def test_the_order_is_not_that_of_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, dict.fromkeys(("b/2.png", "b/10.png", "a.png", "B.png", "c/1.png"), PNG))
    by_nature = names(listed(tmp_path))
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listdir(path), reverse=True))
    assert names(listed(tmp_path)) == by_nature == sorted(by_nature)


def test_what_is_no_image_is_passed_over_and_counted(tmp_path: Path) -> None:
    litter = {"._1.png": b"", ".DS_Store": b"", "Thumbs.db": b"", "__MACOSX/1.png": PNG, ".git/1.png": PNG}
    others = {"notes.txt": b"", "README": b"text", "model.ckpt": PNG}
    wanted = {"1.PNG": PNG, "2.heic": b"", "no suffix": PNG}
    images = listed(write(tmp_path, {**litter, **others, **wanted}))
    assert names(images) == sorted(wanted)
    assert dict(images.passed_over) == {"hidden": 2, "left by a file manager": 3, "of another kind": 3}
    assert images.left_out() == "left out: 2 hidden, 3 left by a file manager, 3 of another kind"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_read_and_shown_in_one_line(tmp_path: Path, name: str) -> None:
    folder = tmp_path / Path(name).stem
    (item,) = listed(write(folder, {name: PNG})).items
    assert (item.name, item.read()) == (name, PNG)
    assert "\n" not in item.where
    (folder / name).unlink()
    with pytest.raises(UserError, match="cannot be read: it does not exist") as error:
        item.read()
    assert item.where in str(error.value)


def test_a_name_of_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.png"
    try:
        with open(path, "wb") as file:
            file.write(PNG)
    except OSError:
        pytest.skip("the file system allows no such names")
    (item,) = listed(tmp_path).items
    assert item.read() == PNG
    assert item.where.encode().endswith(b"\\udcff.png")


def test_links_are_followed_and_bad_ones_told_by_name(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "elsewhere", {"1.png": PNG})
    root = write(tmp_path / "set", {"a/2.png": PNG})
    (root / "b").symlink_to(elsewhere)
    (root / "3.png").symlink_to(elsewhere / "1.png")
    (root / "broken.png").symlink_to("nowhere")
    (root / "loop.png").symlink_to("loop.png")
    (root / "a" / "up").symlink_to(root)
    images = listed(root)
    assert names(images) == ["3.png", "a/2.png", "b/1.png"]
    assert [(p.name, p.finding) for p in images.problems] == [
        ("a/up", "a symbolic link to a folder that it lies in"),
        ("broken.png", "a broken symbolic link"),
        ("loop.png", "a loop of symbolic links"),
    ]


def test_folders_that_link_to_each_other_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcdefghij":
        (tmp_path / name).mkdir()
        for other in "abcdefghij":
            (tmp_path / name / f"to_{other}").symlink_to(tmp_path / other)
    monkeypatch.setattr(image_source, "MAX_FOLDERS", 500)
    assert "over 500 folders" in refusal(tmp_path)


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.png")
    os.mkfifo(tmp_path / "pipe")
    assert [p.finding for p in listed(tmp_path).problems] == ["no ordinary file"] * 2


def test_unreadable_files_are_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"1.png": PNG, "2.png": PNG})
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "1.png" and access(path, mode))
    images = listed(tmp_path)
    assert names(images) == ["2.png"]
    assert [(p.name, p.finding) for p in images.problems] == [("1.png", "permission denied")]


def test_no_more_than_the_limit_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"grows.png": b"x", "large.png": b""})
    os.truncate(tmp_path / "large.png", image_set.MAX_FILE_BYTES + 1)
    images = listed(tmp_path)
    assert [(p.name, p.finding) for p in images.problems] == [("large.png", "larger than 256 MiB")]
    os.truncate(tmp_path / "grows.png", image_set.MAX_FILE_BYTES + 1)
    with pytest.raises(UserError, match=r"grows\.png is larger than 256 MiB"):
        images.items[0].read()


@pytest.mark.parametrize(
    ("name", "said"),
    [("nowhere", "it does not exist"), ("broken", "a broken symbolic link"), ("loop", "a loop of symbolic links")],
)
def test_a_root_that_is_none(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    assert said in refusal(tmp_path / name)


def test_a_file_as_folder_and_stores_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"1.png": PNG})
    assert "is a file, and neither .zip nor .manifest" in refusal(tmp_path / "1.png")
    assert "obs://bucket/images: objects of a store are not read" in refusal("obs://bucket/images")
    assert "objects of a store" in refusal(Path("s3://bucket/images"))
    assert "is empty" in refusal("")
    assert "null" in refusal("a\0b")


def test_too_few_images_are_told_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, {"notes.txt": b""})
    with pytest.raises(
        UserError, match=r"^--data_url .* holds no images \(left out: 1 of another kind\); give .* 2 or"
    ):
        listed(tmp_path).require(2)
    (tmp_path / "x.png").symlink_to("nowhere")
    with pytest.raises(UserError, match=r"holds no images \(x\.png: a broken symbolic link\)"):
        listed(tmp_path).require(2)
    write(tmp_path, some(1))
    listed(tmp_path).require(1)
    with pytest.raises(UserError, match="holds 1 image "):
        listed(tmp_path).require(2)


# Archives


def test_an_archive_lists_as_the_folder_that_was_packed(tmp_path: Path) -> None:
    contents = {"a/1.png": PNG, "b c/é.png": b"2", "0": PNG, "x.txt": b"", "__MACOSX/a/1.png": PNG, "a/.DS_Store": b""}
    folder = listed(write(tmp_path / "set", contents))
    for top in ("", "set/"):
        packed = {f"{top}a/": b"", **{top + name: data for name, data in contents.items()}}
        archive = listed(write_zip(tmp_path / "set.zip", packed))
        assert [(i.name, i.label, i.num_bytes, i.read()) for i in archive.items] == [
            (i.name, i.label, i.num_bytes, i.read()) for i in folder.items
        ]
        assert archive.folders == folder.folders
        assert archive.passed_over == folder.passed_over


def test_an_archive_is_told_by_its_content_too(tmp_path: Path) -> None:
    assert names(listed(write_zip(tmp_path / "download", some(2)))) == ["000.png", "001.png"]


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/etc/x.png", "C:/x.png", "..\\x.png", "C:\\x.png"])
def test_archives_with_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "set.zip", {"1.png": PNG, name: PNG})
    assert "leads out of a folder" in refusal(path)
    assert sorted(tmp_path.iterdir()) == [path]


def test_names_from_windows_keep_their_folders(tmp_path: Path) -> None:
    images = listed(write_zip(tmp_path / "set.zip", {"cat\\1.png": PNG, "dog\\1.png": PNG}))
    assert images.labels == ("cat", "dog")


def test_members_that_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_archive, "MAX_FILE_BYTES", 1000)
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("bomb.png", bytes(1001), zipfile.ZIP_DEFLATED)
        archive.writestr("lzma.png", PNG, zipfile.ZIP_LZMA)
        archive.writestr("1.png", PNG)
    data = path.read_bytes()
    at = data.rindex(b"PK\x01\x02")  # the entry of 1.png, of which the flags follow after 8 bytes
    path.write_bytes(data[: at + 8] + bytes([data[at + 8] | 1]) + data[at + 9 :])
    assert [(p.name, p.finding) for p in listed(path).problems] == [
        ("1.png", "encrypted"),
        ("bomb.png", "larger than 0 MiB"),
        ("link.png", "a symbolic link in an archive"),
        ("lzma.png", "compressed by another method than deflate"),
    ]


def test_a_member_that_lies_about_its_size_gives_no_more(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", {"1.png": bytes(1 << 20)})
    data = path.read_bytes()
    path.write_bytes(data.replace((1 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    (item,) = listed(path).items
    assert item.num_bytes == 100
    with pytest.raises(UserError, match=r"set\.zip/1\.png cannot be read: Bad CRC"):
        item.read()


def test_damaged_archives_are_refused_and_damaged_members_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", {"1.png": PNG}, zipfile.ZIP_STORED)
    data = path.read_bytes()
    path.write_bytes(data.replace(PNG[-20:], bytes(20)))
    with pytest.raises(UserError, match=r"set\.zip/1\.png cannot be read: Bad CRC-32"):
        listed(path).items[0].read()
    for broken in (b"", data[: len(data) // 2], b"PK\x05\x06"):
        path.write_bytes(broken)
        assert "is no whole .zip" in refusal(path)


def test_of_two_members_of_one_name_the_last_counts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("1.png", b"first")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("1.png", b"last")
    images = listed(tmp_path / "set.zip")
    assert [item.read() for item in images.items] == [b"last"]
    assert dict(images.passed_over) == {"listed twice": 1}


def test_threads_may_read_an_archive_at_once(tmp_path: Path) -> None:
    contents = some(50)
    images = listed(write_zip(tmp_path / "set.zip", contents))
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda item: item.read(), images.items * 4))
    assert read == [contents[item.name] for item in images.items] * 4


# Manifests


def test_a_manifest_gives_labels_and_usages(tmp_path: Path) -> None:
    write(tmp_path / "data", {"x/1.png": b"1", "x/2.png": b"2", "y/1.png": b"3", "y/4.png": b"4"})
    cat = {"type": "modelarts/image_classification", "name": "Cat", "confidence": 0.8}
    box = {"type": "modelarts/object_detection", "annotation-loc": "1.xml"}
    path = manifest(
        tmp_path / "set.manifest",
        {"source": "data/y/1.png", "usage": "TRAIN", "annotation": [box, cat, {**cat, "name": "animal"}]},
        "",
        {"source": str(tmp_path / "data/x/2.png"), "usage": "Eval", "annotation": [], "id": "1", "hard": "true"},
        {"source": "./data/x/1.png", "sample-type": 0},
        {"source": "data/y/4.png", "usage": "", "annotation": None},
        {"source": "data/../data/x/1.png"},
    )
    images = listed(path)
    assert [(i.name, i.label, i.usage, i.read()) for i in images.items] == [
        ("x/1.png", None, None, b"1"),
        ("x/2.png", None, "eval", b"2"),
        ("y/1.png", "Cat", "train", b"3"),
        ("y/4.png", None, None, b"4"),
    ]
    assert dict(images.passed_over) == {"listed twice": 1}


def test_names_of_a_manifest_stay_inside(tmp_path: Path) -> None:
    write(tmp_path, {"a/1.png": PNG, "b/c/1.png": PNG})
    (tmp_path / "m").mkdir()
    path = manifest(tmp_path / "m" / "set.manifest", {"source": "../a/1.png"}, {"source": "../b/c/1.png"})
    assert names(listed(path)) == ["a/1.png", "b/c/1.png"]


def test_files_that_a_manifest_lists_and_are_not_there(tmp_path: Path) -> None:
    write(tmp_path, {"1.png": PNG, "1.txt": b""})
    rows = [{"source": name} for name in ("1.png", "2.png", "1.txt")]
    images = listed(manifest(tmp_path / "set.manifest", *rows))
    assert names(images) == ["1.png"]
    assert [(p.name, p.finding) for p in images.problems] == [("2.png", "it does not exist")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"source": "1.png"', "line 2 is no JSON"),
        ("[" * 100_000, "line 2 is no JSON"),
        ('{"source": "1.png", "id": 1' + "0" * 5000 + "}", "line 2 is no JSON"),
        ("{", "line 2 is no JSON"),
        ("[]", "line 2 names no file"),
        ({"usage": "TRAIN"}, "line 2 names no file"),
        ({"source": ["1.png"]}, "line 2 names no file"),
        ({"source": "a\0b"}, "line 2 names no file"),
        ({"source": "obs://bucket/1.png"}, "line 2: obs://bucket/1.png is not on this machine"),
        ({"source": "s3://bucket/1.png"}, "is not on this machine"),
        ({"source": "1.png", "usage": "play\n"}, "line 2 has the usage 'play\\\\n'"),
        ({"source": "1.png", "annotation": "Cat"}, "must be a list"),
        ({"source": "1.png", "annotation": ["Cat"]}, "must be a list"),
        ({"source": "1.png", "annotation": [{"name": 3}]}, 'needs a "name"'),
        ({"source": "x" * (1 << 20)}, "line 2 is longer than 1048576 bytes"),
    ],
)
def test_lines_that_are_none_are_named(tmp_path: Path, row: dict | str, said: str) -> None:
    write(tmp_path, {"1.png": PNG})
    assert said in refusal(manifest(tmp_path / "set.manifest", {"source": "1.png"}, row))


def test_a_manifest_of_windows(tmp_path: Path) -> None:
    write(tmp_path, {"é\u2028.png": PNG})
    row = json.dumps({"source": "é\u2028.png"}, ensure_ascii=False).encode()
    path = manifest(tmp_path / "set.manifest", b"\xef\xbb\xbf" + row + b"\r", b"\r")
    assert names(listed(path)) == ["é\u2028.png"]
