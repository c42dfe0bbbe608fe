"""The report as a person uses it: in a browser, with mouse and keys."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mindgan.render.gif import save_gif
from mindgan.render.grids import save_png
from mindgan.render.report import save_report
from mindgan.render.series import GAN_LOSSES

NUM_EPOCHS = 8
LOADED = "document.getElementById('sample').complete && document.getElementById('sample').naturalWidth"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of eight epochs; its sample of epoch e is grey 30 e, and its losses have NaN and infinity among them."""
    folder = tmp_path_factory.mktemp("run")
    samples = [(epoch, folder / f"test_{epoch}.png") for epoch in range(NUM_EPOCHS)]
    for epoch, path in samples:
        save_png(path, np.full((150, 150), 30 * epoch, np.uint8))
    save_gif(folder / "train.gif", [np.full((150, 150), grey, np.uint8) for grey in (0, 99, 200)])
    stats: list[dict[str, Any]] = [
        {"nimg": 10 * step, "epoch": step // 5, "step": step % 5, "loss_d": 1 + step / 100, "loss_g": 0.9}
        for step in range(5 * NUM_EPOCHS)
    ]
    stats[7]["loss_d"], stats[8]["loss_g"] = math.nan, math.inf
    save_report(
        folder / "report.html",
        title="A <b>run</b>",
        settings={"note": "<script>throw 1</script>", "train_url": "/a" * 100},
        stats=stats,
        groups=[GAN_LOSSES],
        nimg_per_epoch=50,
        epoch_seconds=[3.0] * NUM_EPOCHS,
        facts={"Device": "CPU"},
        samples=samples,
        pictures={"Real": samples[0][1], "Generated": samples[1][1], "Film": folder / "train.gif"},
    )
    return folder / "report.html"


def shown(chromium) -> tuple[int, str, str]:
    """The grey of the picture on display, its caption, and what a screen reader is told."""
    chromium.wait_for(LOADED)
    grey = chromium.evaluate(
        "(() => { const pen = document.createElement('canvas').getContext('2d');"
        "pen.drawImage(document.getElementById('sample'), 0, 0); return pen.getImageData(5, 5, 1, 1).data[0]; })()"
    )
    caption = chromium.evaluate("document.getElementById('caption').textContent")
    told = chromium.evaluate("document.getElementById('epoch').getAttribute('aria-valuetext')")
    return grey, caption, told


def test_slider_shows_the_sample_of_its_epoch(chromium, page):
    chromium.visit(page)
    assert shown(chromium) == (210, "Epoch 7", "Epoch 7")
    chromium.evaluate("document.getElementById('epoch').focus()")
    chromium.press("ArrowLeft")
    assert shown(chromium) == (180, "Epoch 6", "Epoch 6")
    chromium.press("Home")
    assert shown(chromium) == (0, "Epoch 0", "Epoch 0")
    chromium.press("ArrowRight")
    assert shown(chromium) == (30, "Epoch 1", "Epoch 1")
    alt = chromium.evaluate("document.getElementById('sample').alt")
    assert alt == "Generated images, epoch 1"
    assert chromium.complaints() == []


def test_slider_moves_with_the_mouse(chromium, page):
    chromium.visit(page)
    box = chromium.evaluate("document.getElementById('epoch').getBoundingClientRect().toJSON()")
    chromium.point(box["left"] + 9, box["top"] + box["height"] / 2, click=True)
    assert shown(chromium) == (0, "Epoch 0", "Epoch 0")
    assert chromium.evaluate("document.querySelector('#losses-readout .where').textContent") == "Epoch 0"
    assert chromium.complaints() == []


def test_play_runs_through_the_epochs_and_stops(chromium, page):
    chromium.visit(page)
    button = "document.getElementById('play')"
    chromium.evaluate(f"{button}.click()")
    assert chromium.evaluate(f"{button}.textContent") == "Pause"
    chromium.wait_for("document.getElementById('caption').textContent === 'Epoch 2'")
    chromium.wait_for(f"{button}.textContent === 'Play'")
    assert shown(chromium) == (210, "Epoch 7", "Epoch 7")
    assert chromium.complaints() == []


def readout(chromium) -> str:
    return " ".join(chromium.evaluate("document.getElementById('losses-readout').innerText").split())


def test_plot_reads_out_and_chooses(chromium, page):
    chromium.visit(page)
    assert readout(chromium) == "Epoch 7 G 0.900 D 1.370"
    box = chromium.evaluate("document.getElementById('losses').getBoundingClientRect().toJSON()")
    third = box["left"] + box["width"] * 2.5 / NUM_EPOCHS
    chromium.point(third, box["top"] + 20)
    assert readout(chromium) == "Epoch 2 G 0.900 D 1.120"
    assert shown(chromium)[1] == "Epoch 7"  # pointing alone chooses nothing
    chromium.point(third, box["top"] + 20, click=True)
    assert shown(chromium)[:2] == (60, "Epoch 2")
    chromium.press("ArrowLeft")
    assert readout(chromium) == "Epoch 1 G 0.900 D 1.070"  # the mean of 1.05, 1.06, 1.08, 1.09
    assert shown(chromium)[:2] == (30, "Epoch 1")
    assert chromium.complaints() == []


def test_cursor_stands_on_the_curve(chromium, page):
    """The dot of D at epoch 7 is where the path of its means ends."""
    chromium.visit(page)
    gap = chromium.evaluate(
        "(() => { const dot = document.querySelector('#losses .cursor .orange').getBoundingClientRect();"
        "const path = document.querySelector('#losses path.mean.orange').getBoundingClientRect();"
        "return [dot.x + dot.width / 2 - path.right, dot.y + dot.height / 2 - path.top]; })()"
    )
    assert np.abs(gap).max() < 3  # px; the means of D rise, so the path ends at its right and upper edge


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_any_window_in_both_schemes(chromium, page, width, scheme):
    chromium.visit(page, width=width, scheme=scheme)
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    red = int(chromium.evaluate("getComputedStyle(document.body).backgroundColor")[4:].split(",")[0])
    assert red > 200 if scheme == "light" else red < 50
    assert chromium.complaints() == []


def test_loads_nothing_but_itself(chromium, page):
    chromium.visit(page)
    chromium.wait_for("Array.from(document.images).every(image => image.complete && image.naturalWidth)")
    assert chromium.requests() == [page.as_uri()]
    assert chromium.evaluate("document.title") == "A <b>run</b>"


def test_empty_run_has_no_errors_either(chromium, tmp_path):
    save_report(
        tmp_path / "report.html",
        title="Nothing",
        settings={},
        stats=[],
        groups=[GAN_LOSSES],
        nimg_per_epoch=50,
        epoch_seconds=[],
        facts={},
        samples=[],
        pictures={},
    )
    chromium.visit(tmp_path / "report.html")
    assert "No samples were drawn." in chromium.evaluate("document.body.innerText")
    assert chromium.complaints() == []


def test_complaints_would_be_heard(chromium, tmp_path):
    """The listener itself: a page that throws, warns and asks for a file."""
    (tmp_path / "bad.html").write_text("<script>console.warn('a'); throw new Error('b')</script><img src=none.png>")
    chromium.visit(tmp_path / "bad.html")
    methods = {event["method"] for event in chromium.complaints()}
    assert {"Runtime.exceptionThrown", "Runtime.consoleAPICalled"} <= methods
    assert any(address.endswith("none.png") for address in chromium.requests())
