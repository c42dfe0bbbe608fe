"""Pairs of before and after in the report, as markup and data."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image
from render.report_page import NASTY, write

from mindgan.render import report_pictures
from mindgan.render.grids import save_png


def decoded(uri: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        return np.asarray(image)


def test_pairs_before_and_after(tmp_path: Path):
    """From arrays and from files; those of which a picture is missing or none are left out."""
    rng = np.random.default_rng(0)
    before, after = rng.integers(0, 256, (2, 6, 8, 3), np.uint8)
    save_png(tmp_path / "x 'é' <y>.png", after[:, :, 0])
    (tmp_path / "text.png").write_text("no picture")
    pairs = [
        (NASTY, before, after),
        ("gone", before, tmp_path / "gone.png"),
        ("text", tmp_path / "text.png", before),
        ("file", before, tmp_path / "x 'é' <y>.png"),
    ]
    page = write(tmp_path, before_after=pairs)
    data = page.data()["pairs"]
    assert [title for title, _, _ in data] == [NASTY, "file"]
    np.testing.assert_array_equal(decoded(data[0][1]), before)
    np.testing.assert_array_equal(decoded(data[0][2]), after)
    np.testing.assert_array_equal(decoded(data[1][2]), after[:, :, 0])
    assert (page.find(id="before")[0]["src"], page.find(id="after")[0]["src"]) == tuple(data[0][1:])
    assert page.find(id="before")[0]["alt"] == f"{NASTY}, before"
    assert page.find(id="divider")[0]["type"] == "range"
    assert page.text.count(NASTY) == 2  # in the list and below the picture
    assert len(page.scripts) == 2


def test_without_pairs_there_is_no_place_for_them(tmp_path: Path):
    gone = [("gone", tmp_path / "a.png", tmp_path / "b.png")]
    for page in (write(tmp_path), write(tmp_path, before_after=gone)):
        assert page.data()["pairs"] == []
        assert not page.find(id="compare")
        assert "Before and after" not in page.text


def test_many_large_pairs_do_not_make_a_large_page(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)
    save_png(tmp_path / "big.png", noise)
    page = write(tmp_path, before_after=[(str(i), tmp_path / "big.png", tmp_path / "big.png") for i in range(40)])
    titles = [title for title, _, _ in page.data()["pairs"]]
    assert len(titles) == report_pictures.MOST_PAIRS
    assert (titles[0], titles[-1]) == ("0", "39")
    assert (tmp_path / "report.html").stat().st_size < 2_500_000
