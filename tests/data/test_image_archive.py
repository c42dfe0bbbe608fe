"""What lies in a .zip, and what of it is refused."""

import io
import stat
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from image_files import encoded, listed, names, pixels, refusal, some, write, write_zip

from mindgan.data import image_archive
from mindgan.runtime.errors import UserError

PNG = encoded(pixels())


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("name", ["set.tar", "set.zip", "set"])
def test_packed_files_of_another_kind_are_to_be_unpacked(tmp_path: Path, mode: str, name: str) -> None:
    with tarfile.open(tmp_path / name, mode) as archive:
        member = tarfile.TarInfo("1.png")
        member.size = len(PNG)
        archive.addfile(member, io.BytesIO(PNG))
    assert "is a packed file other than .zip; unpack it and name its folder" in refusal(tmp_path / name)


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


def test_members_whose_names_no_disk_takes(tmp_path: Path) -> None:
    contents = {"a.png": PNG, "a.png/1.png": PNG, f"{'b' * 256}/1.png": PNG, "c/" * 600 + "1.png": PNG, "ok.png": PNG}
    images = listed(write_zip(tmp_path / "set.zip", contents))
    assert names(images) == ["a.png/1.png", "ok.png"]
    too_long = "in a folder with a name too long for a disk"
    assert [p.finding for p in images.problems] == ["also the name of a folder", too_long, too_long]


def test_damaged_members_without_suffix_do_not_hide_the_others(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", {"1.png": PNG, "damaged": b"12345"}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"12345", b"54321"))
    images = listed(path)
    assert names(images) == ["1.png"]
    assert [(p.name, p.finding) for p in images.problems] == [("damaged", "damaged in the archive")]


def test_archives_in_an_archive_are_named(tmp_path: Path) -> None:
    images = listed(write_zip(tmp_path / "set.zip", {"inner.zip": b"PK", "1.png": PNG}))
    assert images.left_out() == "left out: 1 packed and not unpacked here"


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
