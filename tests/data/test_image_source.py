"""What lies in folders, archives and manifests: names, labels, order, and everything that can be wrong with files."""

import json
import os
import socket
from pathlib import Path

import pytest
from image_files import encoded, listed, names, pixels, refusal, some, write

from mindgan.data import image_set, image_source
from mindgan.runtime.errors import UserError

PNG = encoded(pixels())
ODD_NAMES = ("a b.png", 'it\'s "1".png', "é.png", "猫.png", "$(x);.png", "-r.png", "a\nb.png")


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


def test_every_file_that_is_passed_over_is_named(tmp_path: Path) -> None:
    contents = {"a/1.png": PNG, "a/x.TXT": b"", "a/set.ZIP": b"", "a/b.tar.gz": b"", ".git/1.png": PNG, "c/2.xml": b""}
    images = listed(write(tmp_path, contents))
    assert [(one.name, one.finding) for one in images.passed] == [
        (".git", "hidden"),
        ("a/b.tar.gz", "packed and not unpacked here"),
        ("a/set.ZIP", "packed and not unpacked here"),
        ("a/x.TXT", "of another kind"),
        ("c/2.xml", "XML without an image"),
    ]
    assert [one.name for one in images.under("a").passed] == ["b.tar.gz", "set.ZIP", "x.TXT"]


def test_files_that_cannot_be_looked_into_are_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"1.png": PNG, "broken disk": PNG})
    monkeypatch.setattr(
        image_source, "_first_bytes", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error"))
    )
    assert [(p.name, p.finding) for p in listed(tmp_path).problems] == [("broken disk", "input/output error")]
    monkeypatch.setattr(os, "listdir", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    assert "cannot be read: input/output error" in refusal(tmp_path)


def test_files_that_seem_empty_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/kmsg").exists():
        pytest.skip("there is no /proc/kmsg, whose reader waits for the next message")
    opened = []
    monkeypatch.setattr(image_source, "open", lambda path, mode: opened.append(path) or Silent(), raising=False)
    (tmp_path / "log").symlink_to("/proc/kmsg")
    (tmp_path / "log.png").symlink_to("/proc/kmsg")
    (item,) = listed(tmp_path).items
    assert item.read() == b""
    assert len(opened) == 2


class Silent:
    """A file of no size whose reader would wait for ever."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)

    def fileno(self) -> int:
        self.number = os.open(os.devnull, os.O_RDONLY)
        return self.number

    def read(self, _: int) -> bytes:
        raise AssertionError("was read")


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
    os.mkfifo(tmp_path / "2.xml")
    for name in ("zero.jpg", "null", "tty.png"):
        (tmp_path / name).symlink_to(f"/dev/{name.split('.')[0]}")
    with socket.socket(socket.AF_UNIX) as end:
        old = os.getcwd()
        os.chdir(tmp_path)  # the path of a socket has to be short
        try:
            end.bind("s.jpg")
        finally:
            os.chdir(old)
    assert {p.finding for p in listed(tmp_path).problems} <= {"no ordinary file", "no such device or address"}
    assert len(listed(tmp_path).problems) == 7
    assert "is neither a folder nor an ordinary file" in refusal(tmp_path / "pipe")
    assert "is neither a folder nor an ordinary file" in refusal("/dev/zero")


def test_a_file_that_has_become_a_pipe_is_not_opened(tmp_path: Path) -> None:
    (item,) = listed(write(tmp_path, {"1.png": PNG})).items
    (tmp_path / "1.png").unlink()
    os.mkfifo(tmp_path / "1.png")
    with pytest.raises(UserError, match="cannot be read: no ordinary file"):
        item.read()


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


def test_an_image_that_a_manifest_lists_with_two_labels_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"1.png": PNG, "2.png": PNG})
    rows = [{"source": f"{n}.png", "annotation": [{"name": name}]} for n, name in ((1, "a"), (2, "b"), (1, "b"))]
    images = listed(manifest(tmp_path / "set.manifest", *rows))
    assert [item.label for item in images.items] == ["a", "b"]
    assert images.left_out() == "left out: 1 listed again with another label, which is not used"


def test_records_are_told(tmp_path: Path) -> None:
    write(tmp_path, {"train.tfrecord-00000-of-00002": b"", "x.tfrecords/a.txt": b""})
    assert listed(tmp_path).left_out() == "left out: 1 TFRecords, 1 of another kind"


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


def test_other_encodings_of_a_manifest_are_told(tmp_path: Path) -> None:
    path = tmp_path / "set.manifest"
    path.write_bytes('{"source": "1.png"}'.encode("utf-16"))
    assert "set.manifest is UTF-16; save it as UTF-8" in refusal(path)


def test_a_folder_or_device_in_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    images = listed(manifest(tmp_path / "set.manifest", {"source": "cats"}, {"source": "/dev/zero"}))
    assert {p.finding for p in images.problems} == {"a folder, not a file", "no ordinary file"}


def test_a_manifest_of_windows(tmp_path: Path) -> None:
    write(tmp_path, {"é\u2028.png": PNG})
    row = json.dumps({"source": "é\u2028.png"}, ensure_ascii=False).encode()
    path = manifest(tmp_path / "set.manifest", b"\xef\xbb\xbf" + row + b"\r", b"\r")
    assert names(listed(path)) == ["é\u2028.png"]
