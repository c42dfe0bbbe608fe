"""The report of a validation as a person sees it: never longer than a screen, unless it is a file."""

from pathlib import Path

from image_files import some, write

from mindgan.data.findings import Rules
from mindgan.data.image_source import list_images
from mindgan.data.report import Report, Row, text, whole_text
from mindgan.data.validation import check, validate


def test_the_text_for_a_screen_is_as_long_as_a_screen(tmp_path: Path) -> None:
    clean = text(check(list_images(write(tmp_path / "0", some(2)), option="--data_url")))
    assert clean == f"{tmp_path}/0: 2 images: 2 kept, 0 converted, 0 renamed, 0 dropped\n"
    rows = tuple(Row(f"{i:04d}.png", (f"cannot be decoded: reason {i}", "1 channel")[: 1 + i % 2], "dropped", None)
                 for i in range(3000))  # fmt: skip
    report = Report("set", Rules(3, -1, -1), (Row("ok.png", (), "kept", "Data/ok.png"), *rows), (), None)
    lines = text(report, whole="out/validation.txt").splitlines()
    assert lines.pop(1) == "nothing was written: this is what validation would do"
    assert lines[:5] == [
        "set: 3001 images: 1 kept, 0 converted, 0 renamed, 3000 dropped",
        "",
        "   3000  cannot be decoded",
        "   1500  1 channel",
        "",
    ]
    assert lines[5] == "0000.png: dropped (cannot be decoded: reason 0)"
    assert lines[-1] == "... and 2960 more files with findings, all of them in out/validation.txt"
    assert len(lines) == 5 + 40 + 1
    assert text(report, most=2999).endswith("\n... and 1 more file with findings\n")


def test_after_a_validation_it_is_told_as_done(tmp_path: Path) -> None:
    images = list_images(write(tmp_path / "set", {**some(2), "x.png": b""}), option="--data_url")
    said = [text(report) for report in (check(images), validate(images, tmp_path / "out", image_channel=3))]
    assert said[0].splitlines()[1] == "nothing was written: this is what validation would do"
    assert said[0].splitlines()[2:] == said[1].splitlines()[1:]


def test_of_a_file_with_a_thousand_findings_a_line_names_four() -> None:
    row = Row("1.xml", tuple(f"finding {i}" for i in range(1000)), "converted", "Data/1.xml")
    report = Report("set", Rules(3, -1, -1), (row,), (), None)
    assert text(report).splitlines()[-1] == (
        "1.xml: converted (finding 0; finding 1; finding 2; finding 3; and 996 more), now Data/1.xml"
    )
    assert "finding 999)" in whole_text(report)
