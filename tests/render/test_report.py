"""The report as markup: it needs nothing else, escapes everything, and holds what it was given."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from render.report_page import NASTY, lines, sheets, write

from mindgan.render import report, report_pictures
from mindgan.render.gif import save_gif
from mindgan.render.grids import save_png
from mindgan.render.report import duration_text
from mindgan.render.report_pictures import choose_evenly
from mindgan.render.series import COLOURS
from mindgan.runtime.errors import UserError


def test_the_page_needs_nothing_else(tmp_path: Path):
    save_png(tmp_path / "real.png", np.zeros((8, 8), np.uint8))
    page = write(tmp_path, pictures={"Real": tmp_path / "real.png"})
    loading = ("src", "href", "srcset", "data", "action")
    addresses = [value for _, attrs in page.elements for name, value in attrs.items() if name in loading]
    assert len(addresses) == 3  # icon, sample, picture
    assert all(str(address).startswith("data:") for address in addresses)
    assert not re.search(r"https?:|url\(|@import|//[a-z]+\.[a-z]", (tmp_path / "report.html").read_text("utf-8"))
    policy = page.find(**{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "default-src 'none'" in str(policy)
    assert "http" not in str(policy)


def test_every_value_is_text_and_nothing_but_text(tmp_path: Path):
    save_png(tmp_path / "a.png", np.zeros((8, 8), np.uint8))
    page = write(
        tmp_path,
        title=NASTY,
        settings={NASTY: NASTY},
        facts={NASTY: NASTY},
        pictures={NASTY: tmp_path / "a.png"},
    )
    assert len(page.scripts) == 2
    assert page.text.count(NASTY) == 7  # title, heading, two tables of name and value, caption
    assert [image["alt"] for image in page.find() if "alt" in image][-1] == NASTY


def test_data_cannot_end_their_script():
    assert report._script_json("</script>") == '"\\u003c/script>"'


def test_settings_and_facts_are_shown_in_order(tmp_path: Path):
    page = write(tmp_path, settings={"b": True, "a": Path("x/y"), "c": None, "lr": 0.0002}, facts={"Device": "CPU"})
    shown = page.text.replace("\n", " ")
    assert "b True a x/y c None lr 0.0002" in shown
    assert "Device CPU" in shown


def test_key_numbers(tmp_path: Path):
    stats = lines(2)
    for line in stats[4:]:
        line["loss_d"], line["loss_g"] = 1.25, 0.875
    text = write(tmp_path, settings={}, stats=stats, epoch_seconds=[10.0, 3700.0, math.nan]).text.split("\n")
    values = {text[i]: text[i + 1] for i in range(len(text) - 1)}
    assert values["epochs"] == "2"
    assert (values["loss D, last epoch"], values["loss G, last epoch"]) == ("1.250", "0.875")
    assert (values["training time"], values["an epoch, median"]) == ("1 h 01 min", "30 min 55 s")


@pytest.mark.parametrize(("seconds", "text"), [(4.21, "4.2 s"), (200, "3 min 20 s"), (3599.6, "1 h 00 min")])
def test_durations(seconds, text):
    assert duration_text(seconds) == text


def test_slider_and_sample_belong_together(tmp_path: Path):
    page = write(tmp_path)
    data = page.data()
    slider, image = page.find(id="epoch")[0], page.find(id="sample")[0]
    assert [epoch for epoch, _ in data["samples"]] == [0, 1, 2]
    assert (slider["type"], slider["min"], slider["max"], slider["value"]) == ("range", "0", "2", "2")
    assert page.find(**{"for": "epoch"})
    assert image["src"] == data["samples"][2][1]
    assert image["alt"] == "Generated images, epoch 2"


def test_at_most_60_samples_the_first_and_last_among_them(tmp_path: Path):
    page = write(tmp_path, samples=sheets(tmp_path / "images", 95))
    epochs = [epoch for epoch, _ in page.data()["samples"]]
    assert len(epochs) == 60
    assert (epochs[0], epochs[-1]) == (0, 94)
    assert set(np.diff(epochs)) == {1, 2}
    assert "60 of 95 epochs are embedded." in page.text


@pytest.mark.parametrize("num", [0, 1, 2, 7, 8, 200])
def test_even_choice(num):
    chosen = choose_evenly(list(range(num)), 7)
    assert len(chosen) == min(num, 7) == len(set(chosen))
    assert chosen == sorted(chosen)
    if num:
        assert (chosen[0], chosen[-1]) == (0, num - 1)


def test_large_pictures_do_not_make_a_large_page(tmp_path: Path):
    rng = np.random.default_rng(0)
    save_png(tmp_path / "big.png", rng.integers(0, 256, (900, 900, 3), np.uint8))
    save_gif(tmp_path / "big.gif", list(rng.integers(0, 256, (5, 900, 900), np.uint8)))
    assert (tmp_path / "big.gif").stat().st_size > report_pictures.ANIMATION_BYTES
    page = write(
        tmp_path,
        samples=[(epoch, tmp_path / "big.png") for epoch in range(70)],
        pictures={"Real": tmp_path / "big.png", "Film": tmp_path / "big.gif"},
    )
    assert len(page.data()["samples"]) == 60
    assert (tmp_path / "report.html").stat().st_size < 8_000_000
    assert "big.gif, too large to be embedded" in page.text


def test_missing_files_are_skipped(tmp_path: Path):
    samples = sheets(tmp_path / "images", 3)
    samples[1][1].unlink()
    page = write(tmp_path, samples=samples, pictures={"Generated": tmp_path / "none.png"})
    assert [epoch for epoch, _ in page.data()["samples"]] == [0, 2]
    assert "Generated\n" not in page.text
    assert "Pictures" not in page.text


def test_losses_that_are_not_finite_are_left_out_and_counted(tmp_path: Path):
    stats = lines(3)
    stats[1]["loss_d"], stats[2]["loss_g"], stats[3]["loss_g"] = math.nan, math.inf, -math.inf
    page = write(tmp_path, stats=stats)
    assert "3 of 24 logged values are not finite" in page.text
    assert page.data()["charts"][0]["rows"][1][3] == "not finite"
    paths = " ".join(str(attrs["d"]) for tag, attrs in page.elements if tag == "path")
    assert not re.search("nan|inf", paths, re.IGNORECASE)
    assert "not finite" not in write(tmp_path).text


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_run_without_any_finite_loss(tmp_path: Path, bad):
    page = write(tmp_path, stats=[line | {"loss_d": bad, "loss_g": bad} for line in lines(6)])
    assert page.data()["charts"][0]["rows"][0] == [0.5, "Epoch 0", "not finite", "not finite"]


@pytest.mark.parametrize("num_epochs", [0, 1, 200])
def test_runs_of_any_length(tmp_path: Path, num_epochs):
    page = write(tmp_path, stats=lines(num_epochs), epoch_seconds=[1.0] * num_epochs, samples=[])
    names = [chart["name"] for chart in page.data()["charts"]]
    assert names == ([] if num_epochs == 0 else ["losses", "times"])
    assert ("No losses were logged." in page.text) == (num_epochs == 0)
    assert "No samples were drawn." in page.text


def test_nothing_at_all_is_still_a_page(tmp_path: Path):
    page = write(tmp_path, settings={}, stats=[], epoch_seconds=[], facts={}, samples=[], pictures={})
    assert page.data() == {"samples": [], "charts": [], "pairs": []}


def test_every_picture_has_a_text_and_every_control_a_name(tmp_path: Path):
    page = write(tmp_path)
    assert all(attrs.get("alt") for tag, attrs in page.elements if tag == "img")
    assert all(attrs.get("aria-label") for _, attrs in page.elements if attrs.get("role") in ("slider", "img"))
    identities = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(identities) == len(set(identities))


def test_warnings_stand_at_the_top(tmp_path: Path):
    page = write(tmp_path, warnings=["D is winning.", NASTY])
    assert page.text.index("Warnings") < page.text.index("D is winning.") < page.text.index("Samples by epoch")
    assert NASTY in page.text
    assert len(page.scripts) == 2
    assert "Warnings" not in write(tmp_path).text


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_ink_can_be_read_on_every_ground(tmp_path: Path):
    write(tmp_path)
    style = (tmp_path / "report.html").read_text("utf-8")
    schemes = [dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block)) for block in style.split(":root {")[1:3]]
    assert len(schemes) == 2
    for colours in schemes:
        for ink in ("ink", "muted", *COLOURS):
            for ground in ("page", "card"):
                dark, light = sorted((luminance(colours[ink]), luminance(colours[ground])))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path):
    pages = []
    for _ in range(2):
        write(tmp_path)
        pages.append((tmp_path / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_page_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(UserError, match=r"report\.html"):
        write(tmp_path)
