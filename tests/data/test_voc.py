"""Annotations: every finding of ModelArts' table has its action, boxes follow the image, no hostile XML is read."""

import json
import os
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from image_files import encoded, pixels, rotated, some, write, write_zip

from mindgan.data import judging, validation, voc
from mindgan.data.image_source import list_images
from mindgan.data.report import Report, Row, text, whole_text
from mindgan.data.validation import check, validate
from mindgan.data.voc import Picture, Unusable, judge_xml
from mindgan.runtime.errors import UserError

COLOUR = pixels(height=12, width=20)
PNG = encoded(COLOUR)
PICTURE = Picture((20, 12), (20, 12), 3, turned=False, renamed=None)
SIZE = "<size><width>20</width><height>12</height><depth>3</depth></size>"


def box(*corners: object, name: str = "cat", more: str = "") -> str:
    values = "".join(f"<{tag}>{corner}</{tag}>" for tag, corner in zip(voc.CORNERS, corners, strict=True))
    return f"<object><name>{name}</name><bndbox>{values}</bndbox>{more}</object>"


GOOD = box(2, 3, 10, 11)


def xml(*parts: str, size: str = SIZE) -> bytes:
    return f"<annotation><filename>1.png</filename>{size}{''.join(parts)}</annotation>".encode()


def corners(data: bytes) -> list[list[str | None]]:
    boxes = ElementTree.fromstring(data).iter("bndbox")
    return [[found.findtext(tag) for tag in voc.CORNERS] for found in boxes]


def size_of(data: bytes) -> list[str | None]:
    return [ElementTree.fromstring(data).findtext(f"size/{tag}") for tag in ("width", "height", "depth")]


def refusal(data: bytes, picture: Picture = PICTURE) -> str:
    with pytest.raises(Unusable) as error:
        judge_xml(data, picture)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_right_stays_byte_for_byte() -> None:
    for data in (
        xml(GOOD),
        b'<?xml version="1.0"?>\n<!-- mine -->\n' + xml(box(0, 0, 20, 12)),
        xml(GOOD, size=SIZE[:-7] + "</size>".rjust(7)),
    ):
        assert judge_xml(data, PICTURE) == ((), data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "XML cannot be parsed: no element found"),
        (b"<annotation>", "XML cannot be parsed: no element found"),
        (b"\x89PNG\r\n", "XML cannot be parsed"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "XML cannot be parsed: unknown encoding"),
        (b'<?xml version="1.0" encoding="gb2312"?><a/>', "XML cannot be parsed: multi-byte encodings"),
        (xml(), "XML without objects"),
        (xml("<object><name>cat</name></object>"), "XML without a bndbox"),
        (xml("<object><polygon><x1>1</x1><y1>1</y1></polygon></object>"), "XML without a bndbox"),
        (xml(box(10, 3, 2, 11)), "XML without a valid object: bndbox with min above max: object 1 (cat)"),
        (xml(GOOD) + b" " * (1 << 20), "XML of more than 1 MiB"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "XML without objects"),
        (xml(GOOD, "<a>" * 100_000 + "</a>" * 100_000, size=""), "XML too deep"),
    ],
)
def test_an_xml_that_says_nothing_is_refused(data: bytes, said: str) -> None:
    assert refusal(data).startswith(said)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">',
        "<!doctype a>",
    ],
)
def test_document_types_and_entities_are_refused_before_they_are_parsed(
    head: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voc.ElementTree, "fromstring", lambda _: pytest.fail("was parsed"))
    assert refusal((head + xml(GOOD).decode()).encode(encoding)) == "XML with a document type or entities"


@pytest.mark.parametrize(
    ("size", "finding"),
    [
        ("", "XML without a size"),
        ("<size/>", "XML without a size"),
        ("<size><width>20</width></size>", "XML without a size"),
        ("<size><width>nan</width><height>x</height></size>", "XML without a size"),
        ("<size><width>0</width><height>0</height><depth>3</depth></size>", "XML with the wrong size: 0x0"),
        ("<size><width>12</width><height>20</height></size>", "XML with the wrong size: 12x20"),
        (SIZE.replace("3", "1"), "XML with the wrong depth: 1"),
    ],
)
def test_the_size_is_filled_in_or_corrected(size: str, finding: str) -> None:
    findings, data = judge_xml(xml(GOOD, size=size), PICTURE)
    assert findings == (finding,)
    assert size_of(data) == ["20", "12", "3"]
    assert corners(data) == [["2", "3", "10", "11"]]
    assert judge_xml(data, PICTURE).findings == ()


@pytest.mark.parametrize(
    ("thing", "finding", "left"),
    [
        ("<object><name>dog</name></object>", "object without a bndbox: object 2 (dog)", None),
        (box(5, 5, 4, 9), "bndbox with min above max: object 2 (cat)", None),
        (box(4, 9, 9, 5), "bndbox with min above max: object 2 (cat)", None),
        (box(4, 4, 5, 9), "bndbox with a side below 2 px: object 2 (cat)", None),
        (box(4, 4, 9, 5.9), "bndbox with a side below 2 px: object 2 (cat)", None),
        (box(4, 4, 4, 4), "bndbox with a side below 2 px: object 2 (cat)", None),
        (box(4, 4, 6, 6), None, ["4", "4", "6", "6"]),
        (box(10, 0, 31, 12), "bndbox mostly outside of the image: object 2 (cat)", None),  # 10 of 21 columns inside
        (box(10, 0, 30, 12), "bndbox partly outside of the image: object 2 (cat)", ["10", "0", "20", "12"]),  # a half
        (box(-4, -2, 8, 10), "bndbox partly outside of the image: object 2 (cat)", ["0", "0", "8", "10"]),
        (box(-9, -9, 9, 9), "bndbox mostly outside of the image: object 2 (cat)", None),  # a quarter inside
        (box(40, 40, 60, 60), "bndbox mostly outside of the image: object 2 (cat)", None),
        (box(0, 0, "1e300", "1e300"), "bndbox mostly outside of the image: object 2 (cat)", None),
        (box(18.6, 0, 20.4, 9), "bndbox with a side below 2 px: object 2 (cat)", None),  # clipped, 1 px is left
        (box("", 0, 9, 9), "bndbox without four numbers: object 2 (cat)", None),
        (box("a", 0, 9, 9, name=""), "bndbox without four numbers: object 2", None),
        (box("nan", 0, 9, 9), "bndbox without four numbers: object 2 (cat)", None),
        (box(0, 0, "inf", 9), "bndbox without four numbers: object 2 (cat)", None),
        (box(2.5, 3.25, 9, 9), None, ["2.5", "3.25", "9", "9"]),
    ],
)
def test_every_finding_of_a_box_has_its_action(thing: str, finding: str | None, left: list[str] | None) -> None:
    findings, data = judge_xml(xml(GOOD, thing), PICTURE)
    assert findings == (() if finding is None else (finding,))
    assert corners(data) == [["2", "3", "10", "11"], *([] if left is None else [left])]
    assert judge_xml(data, PICTURE).findings == ()


def test_boxes_are_scaled_with_the_image() -> None:
    half = PICTURE._replace(result_size=(10, 6))
    part = box(4, 4, 9, 8, name="head").replace("object>", "part>")
    more = f"<polygon><x1>1</x1></polygon>{part}"
    findings, data = judge_xml(xml(box(2, 3, 10, 12, more=more), box(4, 4, 6, 12)), half)
    assert findings == (
        "XML of a reduced image",
        "polygon of a reduced image, which only boxes are kept of: object 1 (cat)",
        "bndbox with a side below 2 px: object 2 (cat)",
    )
    assert size_of(data) == ["10", "6", "3"]
    assert corners(data) == [["1", "2", "5", "6"], ["2", "2", "4", "4"]]  # 3 / 2, 9 / 2 to the even number


@pytest.mark.parametrize("result", [(7, 4), (19, 11), (13, 8), (3, 2)])
def test_the_last_pixel_stays_the_last(result: tuple[int, int]) -> None:
    findings, data = judge_xml(xml(box(0, 0, 20, 12)), PICTURE._replace(result_size=result))
    assert findings == ("XML of a reduced image",)
    assert corners(data) == [["0", "0", *map(str, result)]]
    for width in range(2, 701):
        picture = PICTURE._replace(size=(701, 12), result_size=(width, 12))
        found = judge_xml(xml(box(0, 0, 701, 12), size=""), picture).findings
        assert found == ("XML without a size", "XML of a reduced image")


def test_a_part_of_an_object_goes_alone() -> None:
    part = "<part><bndbox><xmin>9</xmin><ymin>4</ymin><xmax>2</xmax><ymax>8</ymax></bndbox></part>"
    findings, data = judge_xml(xml(box(2, 3, 10, 12, more=part)), PICTURE)
    assert findings == ("part with an invalid bndbox: object 1 (cat)",)
    assert corners(data) == [["2", "3", "10", "12"]]


def test_of_a_turned_image_boxes_stay_where_the_size_is_that_of_the_upright_one() -> None:
    turned = PICTURE._replace(turned=True)
    assert judge_xml(xml(GOOD), turned).findings == ()
    for size in ("", "<size><width>12</width><height>20</height></size>"):
        assert refusal(xml(GOOD, size=size), turned).startswith("XML of an image that EXIF turns, without the size")


# In a set


def rows_of(report: Report) -> dict[str, Row | None]:
    return {row.name: row.xml for row in report.rows}


def run(tmp_path: Path, contents: dict[str, bytes], **options: int) -> dict[str, Row | None]:
    images = list_images(write(tmp_path / "set", contents), option="--data_url")
    report = validate(images, tmp_path / "out", image_channel=3, **options)
    assert check(images, **options) == report
    return rows_of(report)


def results(tmp_path: Path) -> dict[str, bytes]:
    data = tmp_path / "out" / "Data"
    return {path.relative_to(data).as_posix(): path.read_bytes() for path in data.rglob("*") if path.is_file()}


def test_an_xml_beside_its_image_goes_with_it(tmp_path: Path) -> None:
    contents = {
        "cat/1.png": PNG,
        "cat/1.xml": xml(GOOD),
        "2.gif": encoded(COLOUR, "GIF"),
        "2.XML": xml(GOOD),
        "3.jpg": PNG,
        "3.xml": xml(GOOD).replace(b"<filename>1.png</filename>", b""),
        "4.png": PNG,
        "4.xml": b"<",
        "5.png": b"broken",
        "5.xml": xml(GOOD),
        "alone.xml": xml(GOOD),
    }
    xmls = run(tmp_path, contents)
    assert {name: row and (row.name, row.action, row.output, row.findings) for name, row in xmls.items()} == {
        "2.gif": ("2.XML", "converted", "Data/2_checked.XML", ("XML of a renamed image",)),
        "3.jpg": ("3.xml", "renamed", "Data/3_checked.xml", ()),
        "4.png": ("4.xml", "dropped", None, ("XML cannot be parsed: unclosed token: line 1, column 0",)),
        "5.png": ("5.xml", "dropped", None, ("XML of a dropped image",)),
        "cat/1.png": ("cat/1.xml", "kept", "Data/cat/1.xml", ()),
    }
    out = results(tmp_path)
    assert set(out) == {
        "2_checked.jpg",
        "2_checked.XML",
        "3_checked.png",
        "3_checked.xml",
        "4.png",
        "cat/1.png",
        "cat/1.xml",
    }
    assert out["cat/1.xml"] == contents["cat/1.xml"]
    assert ElementTree.fromstring(out["2_checked.XML"]).findtext("filename") == "2_checked.jpg"
    assert {name: (tmp_path / "set" / name).read_bytes() for name in contents} == contents


def test_the_report_names_the_annotations_too(tmp_path: Path) -> None:
    images = list_images(
        write(tmp_path, {"1.png": PNG, "1.xml": xml(GOOD, box(4, 4, 4, 4)), "x.xml": b""}), option="--data_url"
    )
    report = check(images)
    assert report.counts["kept"] == 1
    said = text(report).splitlines()
    assert said[0].endswith(
        ": 1 image: 1 kept, 0 converted, 0 renamed, 0 dropped; 1 XML: 0 kept, 1 converted, 0 renamed, 0 dropped; "
        "passed over 1 XML without an image"
    )
    assert said[3:] == [
        "      1  bndbox with a side below 2 px",
        "",
        "1.xml: converted (bndbox with a side below 2 px: object 2 (cat)), now Data/1.xml",
    ]
    assert whole_text(report).splitlines()[-3] == "1.png: kept"


def test_boxes_of_a_reduced_and_a_turned_image(tmp_path: Path) -> None:
    turned = rotated(COLOUR.transpose(1, 0, 2), 6)  # upright it is 20 wide and 12 high
    other = "<size><width>12</width><height>20</height></size>"
    contents = {"1.png": turned, "1.xml": xml(GOOD), "2.png": turned, "2.xml": xml(GOOD, size=other)}
    xmls = run(tmp_path, contents, image_max_width=10)
    assert xmls["1.png"] is not None
    assert xmls["1.png"].findings == ("XML of a reduced image", "XML of a renamed image")
    assert xmls["2.png"] is not None
    assert xmls["2.png"].action == "dropped"
    assert corners(results(tmp_path)["1_checked.xml"]) == [["1", "2", "5", "6"]]


def test_the_valid_images_have_their_annotations(tmp_path: Path) -> None:
    images = list_images(write(tmp_path / "set", {"a/1.gif": encoded(COLOUR, "GIF"), "a/1.xml": xml(GOOD)}), option="-")
    valid = validate(images, tmp_path / "out", image_channel=3).images
    assert valid is not None
    (item,) = valid.items
    assert item.xml is not None
    assert (item.name, item.xml.name) == ("a/1_checked.jpg", "a/1_checked.xml")
    assert item.xml.reader() == results(tmp_path)["a/1_checked.xml"]
    assert [row and row.action for row in rows_of(check(valid)).values()] == ["kept"]  # nothing is left to find
    assert images.under("a").items[0].xml.name == "1.xml"  # type: ignore[union-attr]


def test_an_archive_has_annotations_too(tmp_path: Path) -> None:
    contents = {"a/1.png": PNG, "a/1.xml": xml(box(4, 4, 4, 4), GOOD), "b/2.png": PNG}
    from_folder = check(list_images(write(tmp_path / "set", contents), option="-"))
    from_zip = check(list_images(write_zip(tmp_path / "set.zip", contents), option="-"))
    assert from_zip.rows == from_folder.rows
    assert from_zip.rows[0].xml is not None
    assert from_zip.rows[0].xml.action == "converted"


def test_a_manifest_names_annotations(tmp_path: Path) -> None:
    write(
        tmp_path, {"1.png": PNG, "2.png": PNG, "3.png": PNG, "4.png": PNG, "xml/one.xml": xml(GOOD), "4.xml": xml(GOOD)}
    )
    os.mkfifo(tmp_path / "pipe.xml")
    located = ["xml/one.xml", "obs://bucket/2.xml", "pipe.xml", None]
    rows = [
        {
            "source": f"{i}.png",
            "annotation": [{"type": "modelarts/object_detection", "annotation-loc": loc}] if loc else [],
        }
        for i, loc in enumerate(located, 1)
    ]
    rows[0]["annotation"][0]["annotation_loc"] = rows[0]["annotation"][0].pop("annotation-loc")  # type: ignore[index]
    (tmp_path / "set.manifest").write_text("\n".join(map(json.dumps, rows)))
    report = validate(list_images(tmp_path / "set.manifest", option="-"), tmp_path / "out", image_channel=3)
    xmls = rows_of(report)
    assert [row and (row.name, row.output) for row in xmls.values()] == [
        ("xml/one.xml", "Data/1.xml"),
        ("obs://bucket/2.xml", None),
        ("pipe.xml", None),
        None,
    ]
    assert xmls["2.png"] is not None
    assert xmls["2.png"].findings[0].startswith("XML cannot be read: obs://bucket/2.xml is not on this machine")
    (tmp_path / "set.manifest").write_text('{"source": "1.png", "annotation": [{"annotation-loc": 3, "name": "x"}]}')
    with pytest.raises(UserError, match='line 1: "annotation-loc" must be a path'):
        list_images(tmp_path / "set.manifest", option="-")


def test_two_images_of_one_name_share_no_xml(tmp_path: Path) -> None:
    xmls = run(tmp_path, {"1.bmp": encoded(COLOUR, "BMP"), "1.png": PNG, "1.xml": xml(GOOD)})
    assert [row and row.output for row in xmls.values()] == ["Data/1.xml", None]
    annotation = [{"type": "modelarts/object_detection", "annotation-loc": "set/1.xml"}]
    rows = [{"source": f"set/1.{kind}", "annotation": annotation} for kind in ("bmp", "png")]
    (tmp_path / "set.manifest").write_text("\n".join(map(json.dumps, rows)))
    for _ in range(2):
        report = validate(list_images(tmp_path / "set.manifest", option="-"), tmp_path / "out2", image_channel=3)
        assert [row and row.findings for row in rows_of(report).values()] == [(), (judging.NAME_TAKEN,)]


def test_changed_annotations_are_judged_again_and_others_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {**some(3), **{f"{i:03d}.xml": xml(box(1, 1, 5, 5), size="") for i in range(3)}}
    run(tmp_path, contents)
    before = results(tmp_path)
    run(tmp_path, {})
    assert results(tmp_path) == before
    judged = []
    judge = judging.judge
    monkeypatch.setattr(judging, "judge", lambda data, name, rules: judged.append(name) or judge(data, name, rules))
    write(tmp_path / "set", {"001.xml": b"<"})
    (tmp_path / "set/002.xml").unlink()
    images = list_images(tmp_path / "set", option="-")
    validate(images, tmp_path / "out", image_channel=3)
    assert sorted(judged) == ["001.png", "002.png"]
    assert set(results(tmp_path)) == {"000.png", "001.png", "002.png", "000.xml"}


def test_a_thousand_boxes_take_no_time() -> None:
    data = xml(*[box(i % 10, 0, i % 10 + 12, 9) for i in range(8000)])
    began = time.perf_counter()
    findings, _ = judge_xml(data, PICTURE)
    assert len(findings) == 800 * 1  # those that begin at 9 end at 21
    assert time.perf_counter() - began < 5


def test_the_journal_of_another_program_does_no_harm(tmp_path: Path) -> None:
    images = list_images(write(tmp_path / "set", {"000.png": PNG, "000.xml": xml(GOOD)}), option="-")
    rules = {"image_channel": 3, "image_max_width": -1, "image_max_height": -1, "output_bytes": 1, "findings": []}
    lines = [{**rules, "name": "000.png", "output": None, "xml": wrong} for wrong in ({"name": 1}, 7, {}, [1])]
    write(tmp_path / "out", {validation.JOURNAL: "".join(json.dumps(line) + "\n" for line in lines).encode()})
    validate(images, tmp_path / "out", image_channel=3)
    assert set(results(tmp_path)) == {"000.png", "000.xml"}
