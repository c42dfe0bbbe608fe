"""Validation: every finding has its action, originals stay, the same call gives the same bytes, also after a kill."""

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from image_files import encoded, pixels, raw_png, rotated, some, write, write_zip
from PIL import Image

from mindgan.data import judging, validation
from mindgan.data.decode import decode
from mindgan.data.image_source import list_images
from mindgan.data.report import Report, Row, json_lines, whole_text
from mindgan.data.validation import check, validate
from mindgan.runtime.errors import UserError

COLOUR = pixels(height=12, width=20)
GREY = pixels(height=12, width=20, channels=1)
FRAMES = {"save_all": True, "append_images": [Image.fromarray(COLOUR[::-1])]}
SIXTEEN = raw_png(bytes(range(48)), 4, 2, bits=16, colour_type=2)


def listed(path: Path):
    return list_images(path, option="--data_url")


def validated(tmp_path: Path, contents: dict[str, bytes], **options: int) -> Report:
    write(tmp_path / "set", contents)
    return validate(listed(tmp_path / "set"), tmp_path / "out", **{"image_channel": 3, **options})


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


def actions(report: Report) -> list[tuple]:
    return [(row.name, row.action, row.output, *row.findings) for row in report.rows]


@pytest.mark.parametrize(
    ("name", "data", "action", "output", "findings"),
    [
        ("1.jpg", encoded(COLOUR, "JPEG"), "kept", "1.jpg", ()),
        ("1.JPEG", encoded(COLOUR, "JPEG"), "kept", "1.JPEG", ()),
        ("cat/1.png", encoded(COLOUR), "kept", "cat/1.png", ()),
        ("1.bmp", encoded(COLOUR, "BMP"), "kept", "1.bmp", ()),
        ("1.jpg", b"no image", "dropped", None, ("cannot be decoded: no image of a known format",)),
        ("cat/1.jpg", encoded(GREY, "JPEG"), "converted", "cat/1_checked.jpg", ("1 channel",)),
        ("1.png", encoded(pixels(channels=2)), "converted", "1_checked.png", ("2 channels",)),
        ("1.png", encoded(pixels(channels=4)), "converted", "1_checked.png", ("an alpha channel",)),
        ("1.png", encoded(Image.fromarray(COLOUR).quantize()), "converted", "1_checked.png", ("a palette",)),
        ("1.png", encoded(COLOUR, transparency=(1, 2, 3)), "converted", "1_checked.png", ("a transparent colour",)),
        ("1.jpeg", encoded(Image.new("CMYK", (4, 4)), "JPEG"), "converted", "1_checked.jpeg", ("CMYK",)),
        ("1.bmp", encoded(Image.new("1", (4, 4)), "BMP"), "converted", "1_checked.bmp", ("black and white",)),
        ("1.png", encoded(GREY.astype("u2") * 257), "converted", "1_checked.png", ("1 channel", "16 bits a channel")),
        ("1.png", SIXTEEN, "converted", "1_checked.png", ("16 bits a channel",)),
        ("1.webp", encoded(COLOUR, "WEBP"), "converted", "1_checked.jpg", ("format WEBP",)),
        ("1.jpg", encoded(COLOUR, "TIFF"), "converted", "1_checked.jpg", ("format TIFF",)),
        ("1.png", encoded(COLOUR, "JPEG"), "renamed", "1_checked.jpg", ("suffix .png, content JPEG",)),
        ("1.tif", encoded(COLOUR), "renamed", "1_checked.png", ("suffix .tif, content PNG",)),
        ("1", encoded(COLOUR), "renamed", "1_checked.png", ("suffix missing, content PNG",)),
        ("1.png", rotated(GREY, 6, "JPEG"), "converted", "1_checked.jpg",
         ("1 channel", "EXIF orientation 6", "suffix .png, content JPEG")),
        ("1.jpg", rotated(COLOUR, 3, "JPEG"), "converted", "1_checked.jpg", ("EXIF orientation 3",)),
        ("1.jpg", encoded(COLOUR, "MPO", **FRAMES), "kept", "1.jpg", ()),
        ("1.png", encoded(COLOUR, "PNG", **FRAMES), "converted", "1_checked.png",
         ("several frames, of which the first is taken",)),
        ("1.webp", encoded(COLOUR, "WEBP", lossless=True, **FRAMES), "converted", "1_checked.jpg",
         ("format WEBP", "several frames, of which the first is taken")),
        ("1.gif", encoded(Image.new("L", (65535, 1)), "GIF"), "dropped", None,
         ("cannot be decoded: a side of more than 65500 pixels, which no JPEG has",)),
        ("1.jpg", encoded(COLOUR, "JPEG")[:-200], "dropped", None,
         ("cannot be decoded: the file is cut short",)),
    ],
)  # fmt: skip
def test_every_finding_has_its_action(
    tmp_path: Path, name: str, data: bytes, action: str, output: str | None, findings: tuple[str, ...]
) -> None:
    report = validated(tmp_path, {name: data, "ok.png": encoded(COLOUR)})
    (row,) = [row for row in report.rows if row.name == name]
    assert (row.action, row.output, row.findings) == (action, output and f"Data/{output}", findings)
    assert (tmp_path / "set" / name).read_bytes() == data
    results = tree(tmp_path / "out" / "Data")
    assert set(results) == {"ok.png", output} - {None}
    if action in ("kept", "renamed"):
        assert results[str(output)] == data
    elif output:
        lossy = 20 if output.endswith(("jpg", "jpeg")) else 0
        wanted, got = (decode(file, channels=3).astype(int) for file in (data, results[output]))
        np.testing.assert_allclose(got, wanted, atol=lossy)
        assert check(listed(tmp_path / "out" / "Data")).counts["kept"] == 2  # nothing is left to find


def test_grey_is_the_aim_with_one_channel(tmp_path: Path) -> None:
    report = validated(tmp_path, {"c.png": encoded(COLOUR), "g.png": encoded(GREY)}, image_channel=1)
    assert actions(report) == [
        ("c.png", "converted", "Data/c_checked.png", "3 channels"),
        ("g.png", "kept", "Data/g.png"),
    ]
    assert opened(tmp_path / "out/Data/c_checked.png").mode == "L"


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        ((-1, -1), (20, 12)),
        ((20, 12), (20, 12)),
        ((10, -1), (10, 6)),
        ((-1, 3), (5, 3)),
        ((10, 3), (5, 3)),
        ((1, 1), (1, 1)),
    ],
)
def test_large_images_are_reduced_proportionally(tmp_path: Path, limits: tuple, size: tuple) -> None:
    data = rotated(COLOUR.transpose(1, 0, 2), 6, "PNG")  # upright it is 20 wide and 12 high
    report = validated(tmp_path, {"1.png": data}, image_max_width=limits[0], image_max_height=limits[1])
    assert opened(tmp_path / "out" / str(report.rows[0].output)).size == size
    assert ("more pixels than allowed: 20x12" in report.rows[0].findings) == (size != (20, 12))


def test_results_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    webp = {f"a{suffix}": encoded(pixels(i), "WEBP") for i, suffix in enumerate((".webp", ".gif", ".tif"))}
    webp["A.bmp"] = webp["a.gif"]  # on some file systems the same name
    report = validated(tmp_path, {**webp, "a_checked.jpg": encoded(COLOUR, "JPEG"), "A_CHECKED_3.JPG": b""})
    outputs = {row.name: row.output for row in report.rows}
    assert outputs == {
        "A_CHECKED_3.JPG": None,
        "a.gif": "Data/a_checked_4.jpg",
        "a.tif": "Data/a_checked_5.jpg",
        "a.webp": "Data/a_checked_6.jpg",
        "a_checked.jpg": "Data/a_checked.jpg",
        "A.bmp": "Data/A_checked_2.jpg",
    }


def test_very_long_names_are_shortened(tmp_path: Path) -> None:
    contents = {f"{'猫' * 80}{i}.png": encoded(pixels(i)) for i in range(2)}
    report = validated(tmp_path, contents)
    assert [row.action for row in report.rows] == ["renamed"] * 2
    assert sorted(tree(tmp_path / "out/Data").values()) == sorted(contents.values())


def test_the_report_names_every_file(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "broken.png").symlink_to("nowhere")
    contents = {"1.png": encoded(COLOUR), "2\n.png": encoded(COLOUR, "JPEG"), "cat/3.jpg": b"", "x.txt": b"", ".y": b""}
    report = validated(tmp_path, contents)
    assert whole_text(report).splitlines() == [
        f"{tmp_path}/set: 4 images: 1 kept, 0 converted, 1 renamed, 2 dropped; passed over 1 hidden, 1 of another kind",
        "",
        "      1  a broken symbolic link",
        "      1  cannot be decoded",
        "      1  suffix .png, content JPEG",
        "",
        "1.png: kept",
        "2\\n.png: renamed (suffix .png, content JPEG), now Data/2\\n_checked.jpg",
        "broken.png: dropped (a broken symbolic link)",
        "cat/3.jpg: dropped (cannot be decoded: no image of a known format)",
        ".y: passed over (hidden)",
        "x.txt: passed over (of another kind)",
    ]
    assert (tmp_path / "out/validation.txt").read_text() == whole_text(report)
    written = json.loads((tmp_path / "out/validation.json").read_text())
    assert written["counts"] == {"kept": 1, "converted": 0, "renamed": 1, "dropped": 2}
    assert written["passed_over"] == [
        {"name": ".y", "finding": "hidden"},
        {"name": "x.txt", "finding": "of another kind"},
    ]
    assert [file["name"] for file in written["files"]] == ["1.png", "2\n.png", "broken.png", "cat/3.jpg"]
    lines = [json.loads(line) for line in json_lines(report).splitlines()]
    assert [line["name"] for line in lines] == ["1.png", "2\n.png", "broken.png", "cat/3.jpg", ".y", "x.txt"]
    assert lines[1] == {
        "name": "2\n.png",
        "findings": ["suffix .png, content JPEG"],
        "action": "renamed",
        "output": "Data/2\n_checked.jpg",
    }


def test_check_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    contents = {"a/1.webp": encoded(COLOUR, "WEBP"), "a/2.png": b"", "3.png": encoded(GREY)}
    report = check(listed(write(tmp_path / "set", contents)))
    assert tree(tmp_path) == {f"set/{name}": data for name, data in contents.items()}
    assert report == validated(tmp_path, contents)
    assert report.images is None


def test_the_valid_images_can_be_read_with_their_labels(tmp_path: Path) -> None:
    report = validated(tmp_path, {"cat/1.png": encoded(GREY), "dog/2.png": b"", "dog/3.jpg": encoded(COLOUR, "JPEG")})
    assert report.images is not None
    assert [(item.name, item.label) for item in report.images.items] == [
        ("cat/1_checked.png", "cat"),
        ("dog/3.jpg", "dog"),
    ]
    assert [item.read() for item in report.images.items] == [
        (tmp_path / "out/Data" / item.name).read_bytes() for item in report.images.items
    ]
    assert [item.num_bytes for item in report.images.items] == [len(item.read()) for item in report.images.items]


def test_an_archive_and_a_manifest_are_validated_without_being_unpacked(tmp_path: Path) -> None:
    contents = {"cat/1.png": encoded(COLOUR), "dog/2.png": encoded(GREY)}
    from_folder = validated(tmp_path, contents)
    rows = "\n".join(json.dumps({"source": f"set/{name}"}) for name in contents)
    (tmp_path / "set.manifest").write_text(rows)
    for source in (write_zip(tmp_path / "set.zip", contents), tmp_path / "set.manifest"):
        report = validate(listed(source), tmp_path / source.suffix, image_channel=3)
        assert report.rows == from_folder.rows
        assert tree(tmp_path / source.suffix / "Data") == tree(tmp_path / "out/Data")


def test_the_same_call_again_gives_the_same_bytes_without_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {**some(3, folder="a/"), "b.webp": encoded(COLOUR, "WEBP"), "c.png": b""}
    first, before = validated(tmp_path, contents), tree(tmp_path)
    monkeypatch.setattr(judging, "judge", lambda *_: pytest.fail("was judged again"))
    again = validated(tmp_path, contents)
    assert again == first
    assert tree(tmp_path) == before


@pytest.mark.parametrize("killed_after", [0, 1, 20])
def test_after_a_kill_it_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    contents = {"a.gif": encoded(COLOUR, "GIF"), **some(20), "z.tif": encoded(COLOUR, "TIFF")}
    validated(tmp_path, contents)
    whole = tree(tmp_path)
    for path in (tmp_path / "out").rglob("*"):
        path.unlink() if path.is_file() else None
    torn = sorted(contents)[killed_after]
    judge = judging.judge

    def killed(data, name, rules):
        if name == torn:
            raise KeyboardInterrupt
        return judge(data, name, rules)

    monkeypatch.setattr(judging, "judge", killed)
    with pytest.raises(KeyboardInterrupt):
        validated(tmp_path, contents)
    with open(tmp_path / "out" / validation.JOURNAL, "ab") as journal:
        journal.write(b'{"name": "torn')
    judged = []
    monkeypatch.setattr(judging, "judge", lambda data, name, rules: judged.append(name) or judge(data, name, rules))
    validated(tmp_path, contents)
    assert tree(tmp_path) == whole
    assert len(contents) - killed_after <= len(judged) <= len(contents) - killed_after + validation.NUM_WRITERS + 1


def test_changes_since_the_last_call_are_followed(tmp_path: Path) -> None:
    contents = {"1.png": encoded(pixels(1)), "2.gif": encoded(COLOUR, "GIF"), "3.png": encoded(pixels(3))}
    validated(tmp_path, contents)
    write(tmp_path / "out/Data", {"of someone else.png": b"mine"})
    (tmp_path / "out/Data/3.png").unlink()
    (tmp_path / "set/2.gif").unlink()
    changed = {"1.png": encoded(pixels(9)), "3.png": contents["3.png"]}
    report = validated(tmp_path, changed)
    assert tree(tmp_path / "out/Data") == {**changed, "of someone else.png": b"mine"}
    assert [row.name for row in report.rows] == ["1.png", "3.png"]


def test_a_result_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    validated(tmp_path, {"1.gif": encoded(COLOUR, "GIF")})
    whole = tree(tmp_path)
    os.truncate(tmp_path / "out/Data/1_checked.jpg", 10)
    validated(tmp_path, {})
    assert tree(tmp_path) == whole


def test_other_rules_begin_anew(tmp_path: Path) -> None:
    contents = {"1.png": encoded(COLOUR)}
    validated(tmp_path, contents)
    report = validated(tmp_path, contents, image_channel=1)
    assert report.rows[0].output == "Data/1_checked.png"
    assert list(tree(tmp_path / "out/Data")) == ["1_checked.png"]
    assert report.images is not None
    assert len(report.images) == 1


def test_a_journal_of_someone_else_removes_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"precious.png": b"", "out/Data/x": b""})
    rules = {"image_channel": 3, "image_max_width": -1, "image_max_height": -1}
    rows = [Row("9.png", (), "kept", output) for output in ("Data/../../precious.png", str(tmp_path / "precious.png"))]
    lines = [json.dumps({**rules, **vars(row)}) for row in rows]
    lines.insert(0, json.dumps({**rules, "output_bytes": 1, "findings": [], "output": 7, "name": ["x"]}))
    (tmp_path / "out" / validation.JOURNAL).write_text("\n".join(lines))
    validated(tmp_path, some(1))
    assert (tmp_path / "precious.png").exists()


def test_a_file_that_goes_away_is_dropped(tmp_path: Path) -> None:
    images = listed(write(tmp_path / "set", some(2)))
    (tmp_path / "set/000.png").unlink()
    report = validate(images, tmp_path / "out", image_channel=3)
    assert report.rows[0].action == "dropped"
    assert "it does not exist" in report.rows[0].findings[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"image_channel": 2}, "--image_channel 2 is none; use 3 for colour or 1 for grey"),
        ({"image_max_width": 0}, "--image_max_width 0 is no size"),
        ({"image_max_height": -2}, "--image_max_height -2 is no size"),
    ],
)
def test_options_out_of_range(tmp_path: Path, options: dict[str, int], said: str) -> None:
    with pytest.raises(UserError, match=said):
        validated(tmp_path, some(1), **options)


def test_nothing_left_is_an_error_with_a_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--data_url .* 2 dropped.*nothing is left, see .*validation\.txt"):
        validated(tmp_path, {"1.png": b"", "2.png": b"x"})
    assert "1.png: dropped" in (tmp_path / "out/validation.txt").read_text()


@pytest.mark.parametrize("out", [".", "..", "../set", "cat/work"])
def test_originals_are_no_place_for_results(tmp_path: Path, out: str) -> None:
    root = write(tmp_path / "Data", some(2, folder="cat/"))
    (tmp_path / "set").symlink_to(root)
    folder = (root / out) if out != "../set" else tmp_path
    before = tree(tmp_path)
    with pytest.raises(UserError, match="overlaps --data_url"):
        validate(listed(tmp_path / "set"), folder, image_channel=3)
    assert tree(tmp_path) == before


def test_files_of_a_manifest_are_originals_too(tmp_path: Path) -> None:
    write(tmp_path, some(2, folder="out/Data/x/"))
    rows = [json.dumps({"source": f"out/Data/x/{name}"}) for name in some(2)]
    (tmp_path / "set.manifest").write_text("\n".join(rows))
    with pytest.raises(UserError, match="overlaps --data_url"):
        validate(listed(tmp_path / "set.manifest"), tmp_path / "out", image_channel=1)


def test_a_link_among_the_results_leads_nowhere(tmp_path: Path) -> None:
    contents = {"cat/1.png": encoded(GREY), "dog/2.png": encoded(GREY)}
    write(tmp_path / "set", contents)
    (tmp_path / "out/Data").mkdir(parents=True)
    (tmp_path / "out/Data/cat").symlink_to(tmp_path / "set/cat")
    with pytest.raises(UserError, match=r"Data/cat leads out of .*Data; remove that link"):
        validated(tmp_path, contents)
    assert tree(tmp_path / "set") == contents


def test_a_work_folder_in_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("out")
    with pytest.raises(UserError, match="cannot be written"):
        validated(tmp_path, some(1))


def test_too_few_left_is_an_error_with_a_report(tmp_path: Path) -> None:
    images = listed(write(tmp_path / "set", {**some(1), "x.png": b""}))
    with pytest.raises(
        UserError, match=r"^--data_url .*set: 2 images: 1 kept.*; 1 of 2 needed images are left, see .*txt"
    ):
        validate(images, tmp_path / "out", image_channel=3, least=2)
    assert "x.png: dropped" in (tmp_path / "out/validation.txt").read_text()
    assert validate(images, tmp_path / "out", image_channel=3, least=1).counts["kept"] == 1


def test_a_result_takes_no_name_of_a_folder(tmp_path: Path) -> None:
    report = validated(tmp_path, {"1.gif": encoded(COLOUR, "GIF"), "1_checked.jpg/1.png": encoded(COLOUR)})
    assert [row.output for row in report.rows] == ["Data/1_checked_2.jpg", "Data/1_checked.jpg/1.png"]


def test_an_unwritable_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(UserError, match="cannot be written"):
        validated(tmp_path, some(1))


def test_memory_is_that_of_a_few_images(tmp_path: Path) -> None:
    image = encoded(pixels(height=500, width=500), "BMP")  # 750 kB
    contents = {f"{i}.bmp": image + bytes([i]) for i in range(40)}
    tracemalloc.start()
    try:
        validated(tmp_path, contents)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    in_work = judging.MAX_THREADS + validation.NUM_WRITERS + 3
    assert peak - len(image) * 40 < in_work * len(image)  # the originals are held by the test
    assert os.path.getsize(tmp_path / "out/Data/39.bmp") == len(image) + 1
