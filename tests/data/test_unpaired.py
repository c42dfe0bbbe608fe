"""Which images are source and which are target, and what is refused before a training begins."""

import json
import zipfile
from pathlib import Path
from typing import Literal

import pytest
from image_files import some, write, write_zip

from mindgan.data.unpaired import Domains, ToTranslate, find_domains, find_to_translate
from mindgan.runtime.errors import UserError


def found(*paths: Path | str) -> tuple[Domains, list[str]]:
    said: list[str] = []
    return find_domains(*paths, say=said.append), said


def refusal(*paths: Path | str) -> str:
    with pytest.raises(UserError) as error:
        found(*paths)
    assert "\n" not in str(error.value)
    return str(error.value)


def contents(images) -> list[bytes]:
    return [item.read() for item in images.items]


def two_folders(root: Path) -> tuple[Path, Path]:
    write(root, {**some(3, folder="a/"), **some(2, first=10, folder="b/x/")})
    return root / "a", root / "b"


def test_two_folders_of_one_and_two_levels(tmp_path: Path) -> None:
    first, second = two_folders(tmp_path)
    domains, said = found(first, second)
    assert contents(domains.source) == list(some(3).values())
    assert contents(domains.target) == list(some(2, first=10).values())
    assert (domains.source_test, domains.target_test) == (None, None)
    assert said == [f"source domain: 3 images of {first}", f"target domain: 2 images of {second}"]
    assert (domains.source.option, domains.target.option) == ("--data_url", "--target_data_url")


def test_folders_zips_and_manifests_go_together(tmp_path: Path) -> None:
    first, _ = two_folders(tmp_path)
    archive = write_zip(tmp_path / "b.zip", some(2, first=10))
    rows = [json.dumps({"source": f"a/{name}"}) for name in some(3)]
    (tmp_path / "a.manifest").write_text("\n".join(rows))
    for source in (first, tmp_path / "a.manifest"):
        domains, _ = found(source, archive)
        assert (len(domains.source), len(domains.target)) == (3, 2)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("top", ["", "deeper/"])
def test_one_folder_with_train_and_test(tmp_path: Path, packed: bool, top: str) -> None:
    parts = {"trainA": (4, 0), "trainB": (3, 10), "testA": (2, 20), "testB": (1, 30), "valA": (5, 40)}
    files: dict[str, bytes] = {f"{top}SOURCE.txt": b""}
    for name, (num, first) in parts.items():
        files.update(some(num, first=first, folder=f"{top}{name}/"))
    root = write_zip(tmp_path / "set.zip", files) if packed else write(tmp_path / "set", files)
    domains, _ = found(root)
    got = (domains.source, domains.target, domains.source_test, domains.target_test)
    assert [len(images) for images in got if images is not None] == [4, 3, 2, 1]
    assert [item.name for item in domains.target.items] == ["000.png", "001.png", "002.png"]
    assert domains.target.items[0].label is None


def test_tests_may_be_missing(tmp_path: Path) -> None:
    write(tmp_path, {**some(2, folder="trainA/"), **some(2, first=5, folder="trainB/x/"), **some(1, folder="testB/")})
    domains, _ = found(tmp_path)
    assert domains.source_test is None
    assert domains.target_test is not None
    assert domains.target.labels == ("x",)


def test_of_two_class_folders_the_first_is_the_source_and_it_is_said(tmp_path: Path) -> None:
    write(
        tmp_path, {**some(2, folder="zebra/"), **some(3, first=5, folder="horse/"), "notes.txt": b"", "docs/x.txt": b""}
    )
    domains, said = found(tmp_path)
    assert (len(domains.source), len(domains.target)) == (3, 2)
    assert said == [f"source domain: 3 images of {tmp_path}/horse", f"target domain: 2 images of {tmp_path}/zebra"]


def test_a_manifest_with_two_labels_and_usages(tmp_path: Path) -> None:
    write(tmp_path, some(8))
    rows = []
    for index, name in enumerate(some(8)):
        annotation = [{"type": "modelarts/image_classification", "name": ("horse", "a zebra")[index % 2]}]
        rows.append(
            json.dumps({"source": name, "annotation": annotation, "usage": ("TRAIN", "train", "", "EVAL")[index // 2]})
        )
    (tmp_path / "set.manifest").write_text("\n".join(rows))
    domains, said = found(tmp_path / "set.manifest")
    assert [item.name for item in domains.source.items] == ["001.png", "003.png", "005.png"]
    assert [item.name for item in domains.target.items] == ["000.png", "002.png", "004.png"]
    assert domains.source_test is not None
    assert [item.name for item in domains.source_test.items] == ["007.png"]
    assert "a zebra" in said[0]


def test_a_manifest_of_tests_alone_is_refused(tmp_path: Path) -> None:
    _, second = two_folders(tmp_path)
    rows = [json.dumps({"source": f"a/{name}", "usage": "EVAL"}) for name in some(3)]
    (tmp_path / "a.manifest").write_text("\n".join(rows))
    assert "a.manifest: the usage of all 3 images is that of tests; set it to TRAIN" in refusal(
        tmp_path / "a.manifest", second
    )


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    first, second = two_folders(tmp_path)
    (first / "x.png").symlink_to("nowhere")
    (second / "notes.txt").write_text("")
    _, said = found(first, second)
    assert said[0].endswith("(left out: 1 unreadable, the first x.png)")
    assert said[1].endswith("(left out: 1 of another kind)")


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        ({"a": 2}, "/a holds images of one kind and no --target_data_url is given; give two folders by"),
        ({"a": 2, "b": 2, "c": 2}, "holds 3 classes (a, b, c), not two"),
        (dict.fromkeys("abcdefg", 1), "holds 7 classes (a, b, c, d, e, ...), not two"),
        ({"a": 2, "b": 0}, "holds 1 class (a), and no images in b, not two"),
        ({"a": 2, "b": 1}, "/b holds 1 image; give"),
        ({"trainA": 2}, "/trainB holds no images; give"),
        ({"trainA": 0, "trainB": 2}, "/trainA holds no images; give"),
        ({"trainA": 1, "trainB": 2}, "/trainA holds 1 image; give"),
        ({".": 3}, "holds images of one kind and no --target_data_url is given"),
        ({".": 1, "a": 2, "b": 2}, "without a class, such as 000.png; move them"),
        ({".": 0}, "holds no images; give"),
    ],
)
def test_one_folder_that_is_no_pair_of_domains(tmp_path: Path, folders: dict[str, int], said: str) -> None:
    for i, (folder, num) in enumerate(folders.items()):
        (tmp_path / folder).mkdir(exist_ok=True)
        write(tmp_path / folder, some(num, first=10 * i))
    message = refusal(tmp_path)
    assert said in message
    assert message.startswith("--data_url ")


def test_two_paths_with_too_few_images(tmp_path: Path) -> None:
    first, second = two_folders(tmp_path)
    (tmp_path / "empty").mkdir()
    write(tmp_path / "one", some(1, first=30))
    assert refusal(tmp_path / "empty", second).startswith(f"--data_url {tmp_path}/empty holds no images;")
    assert refusal(first, tmp_path / "one").startswith(f"--target_data_url {tmp_path}/one holds 1 image;")
    assert refusal(first, first / "000.png").startswith("--target_data_url ")
    assert "it does not exist" in refusal(tmp_path / "nowhere", second)


def test_the_same_images_twice_are_refused(tmp_path: Path) -> None:
    first, second = two_folders(tmp_path)
    (tmp_path / "link").symlink_to(first)
    archive = write_zip(tmp_path / "a.zip", some(3))
    write(tmp_path / "copy", dict(zip("xyz", some(3).values(), strict=True)))
    for same in (first, f"{first}/", tmp_path / "b" / ".." / "a", tmp_path / "link"):
        assert "--data_url and --target_data_url are the same" in refusal(first, same)
    for same in (archive, tmp_path / "copy"):
        assert "hold the same images" in refusal(first, same)
    assert "lies in --data_url" in refusal(tmp_path / "b", second / "x")
    assert "lies in --target_data_url" in refusal(tmp_path / "link", tmp_path)


def test_class_folders_with_the_same_images_are_refused(tmp_path: Path) -> None:
    write(tmp_path, some(3, folder="trainA/"))
    (tmp_path / "trainB").symlink_to("trainA")
    assert "hold the same images" in refusal(tmp_path)


def test_the_same_images_in_other_numbers_are_refused(tmp_path: Path) -> None:
    first, _ = two_folders(tmp_path)
    write(tmp_path / "copy", {**some(3), **some(3, folder="again/")})
    assert "hold the same images" in refusal(first, tmp_path / "copy")


def test_domains_that_share_some_images_are_let_through_and_it_is_said(tmp_path: Path) -> None:
    write(tmp_path, {**some(3, folder="a/"), **some(3, first=1, folder="b/")})
    domains, said = found(tmp_path)
    assert len(domains.target) == 3
    assert said[2:] == ["warning: 2 of the source's images are in the target too; a domain should not hold the other's"]


def test_a_domain_of_one_image_many_times_is_refused(tmp_path: Path) -> None:
    first, second = two_folders(tmp_path)
    write(tmp_path / "copies", dict.fromkeys(("1.png", "2.png", "x/3.png"), some(1, first=30)["000.png"]))
    assert refusal(tmp_path / "copies", second).startswith(
        f"--data_url {tmp_path}/copies holds the same image 3 times;"
    )
    assert refusal(first, tmp_path / "copies").startswith(f"--target_data_url {tmp_path}/copies holds the same image")


def test_what_cannot_be_read_is_left_to_validation(tmp_path: Path) -> None:
    first, _ = two_folders(tmp_path)
    contents = some(3)
    archive = write_zip(tmp_path / "b.zip", contents, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(contents["000.png"][-20:], bytes(20)))
    domains, said = found(first, archive)
    assert len(domains.target) == 3
    assert said[2].startswith("warning: 2 of")


def test_a_folder_with_both_domains_is_no_domain(tmp_path: Path) -> None:
    write(tmp_path / "both", {**some(2, folder="trainA/"), **some(2, first=5, folder="trainB/")})
    _, second = two_folders(tmp_path)
    assert "both holds both domains, trainA and trainB; name one of them" in refusal(tmp_path / "both", second)
    assert refusal(second, tmp_path / "both").startswith("--target_data_url ")


@pytest.mark.parametrize(("names"), [("train", "test"), ("Train", "VAL"), ("training", "validation")])
def test_training_and_tests_are_no_domains(tmp_path: Path, names: tuple[str, str]) -> None:
    write(tmp_path, {**some(2, folder=f"{names[0]}/"), **some(2, first=5, folder=f"{names[1]}/")})
    assert f"holds {' and '.join(sorted(names))}, which are no domains" in refusal(tmp_path)


def test_capitals_of_the_folders_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path, {**some(3, folder="TrainA/"), **some(2, first=9, folder="trainb/"), **some(1, folder="testa/")})
    domains, said = found(tmp_path)
    assert (len(domains.source), len(domains.target)) == (3, 2)
    assert domains.source_test is not None
    assert f"{tmp_path}/TrainA" in said[0]
    write(tmp_path, some(2, first=20, folder="trainB/"))
    assert f"{tmp_path}/trainB" in found(tmp_path)[1][1]


def to_translate(source: Path, target: Path | None, direction: Literal["AtoB", "BtoA"]) -> ToTranslate:
    return find_to_translate(source, target, direction, say=lambda line: None)


@pytest.mark.parametrize("top", ["", "deeper/"])
def test_of_both_domains_the_one_of_the_direction_is_translated(tmp_path: Path, top: str) -> None:
    files = {**some(3, folder=f"{top}cat/"), **some(2, first=10, folder=f"{top}dog/")}
    for source in (write(tmp_path / "in", files), write_zip(tmp_path / "in.zip", files)):
        found = to_translate(source, None, "AtoB")
        assert (contents(found.images), found.label) == (list(some(3).values()), "dog")
        found = to_translate(source, None, "BtoA")
        assert (contents(found.images), found.label) == (list(some(2, first=10).values()), "cat")
        assert found.folder == (source / top if source.is_dir() else source)


def test_images_of_one_kind_are_translated_with_their_own_labels(tmp_path: Path) -> None:
    for files in (
        {**some(2, folder="a/"), **some(2, first=5, folder="b/"), **some(1, first=9, folder="c/")},
        {**some(2, folder="a/"), **some(2, first=5, folder="b/"), **some(1, first=9)},
        some(2, folder="only/"),
        {**some(2, folder="train/"), **some(2, first=5, folder="test/")},
    ):
        folder = write(tmp_path / str(len(list(tmp_path.iterdir()))), files)
        for direction in ("AtoB", "BtoA"):
            found = to_translate(folder, None, direction)
            assert (len(found.images), found.label) == (len(files), None)
            assert found.images.labels == tuple(sorted({name.split("/")[0] for name in files if "/" in name}))


def test_images_for_tests_are_not_translated_unless_there_are_no_others(tmp_path: Path) -> None:
    write(tmp_path, some(3))
    for usages, num in ((("TRAIN", "TEST", ""), 2), (("INFERENCE", "TEST", "EVAL"), 3)):
        rows = [json.dumps({"source": name, "usage": usage}) for name, usage in zip(some(3), usages, strict=True)]
        (tmp_path / "all.manifest").write_text("\n".join(rows))
        said: list[str] = []
        found = find_to_translate(tmp_path / "all.manifest", None, "AtoB", say=said.append)
        assert len(found.images) == num
        assert ("1 for tests left out" in said[0]) == (num == 2)


def test_the_only_label_of_a_targets_manifest_is_the_class_of_translations(tmp_path: Path) -> None:
    write(tmp_path, {**some(2, folder="a/"), **some(2, first=5, folder="b/x/")})
    for name, labels in {"one": ["blue", "blue"], "two": ["blue", "red"], "some": ["blue", None]}.items():
        rows = [
            {"source": f"b/x/{image}", **({"annotation": [{"name": label}]} if label else {})}
            for image, label in zip(some(2), labels, strict=True)
        ]
        (tmp_path / f"{name}.manifest").write_text("\n".join(map(json.dumps, rows)))
        domains, _ = found(tmp_path / "a", tmp_path / f"{name}.manifest")
        assert domains.target_label == ("blue" if name == "one" else None)
    assert found(tmp_path / "a", tmp_path / "b")[0].target_label is None  # a folder of one kind of many
