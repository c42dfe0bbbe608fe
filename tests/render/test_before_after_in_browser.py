"""Panels, pairs and warnings as a person uses them: in a browser, with mouse and keys."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mindgan.render.report import save_report
from mindgan.render.series import Group

NUM_EPOCHS = 8


@pytest.fixture(scope="module")
def translations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with three panels and two pairs: black to white with a hostile title, and grey 60 to grey 180."""
    stats: list[dict[str, Any]] = [
        {"nimg": 10 * step, "epoch": step // 5, "step": step % 5, "G_A": 0.5, "D_A": step / 10, "lr_g": 2e-4}
        for step in range(5 * NUM_EPOCHS)
    ]
    for line in stats[15:20]:
        del line["G_A"]
    greys = {grey: np.full((64, 64, 3), grey, np.uint8) for grey in (0, 60, 180, 255)}
    path = tmp_path_factory.mktemp("translations") / "report.html"
    save_report(
        path,
        title="Translations",
        settings={},
        stats=stats,
        groups=[Group("A to B", ("G_A", "D_A")), Group("rate", ("lr_g",)), Group("absent", ("none",))],
        nimg_per_epoch=50,
        epoch_seconds=[3.0] * NUM_EPOCHS,
        facts={},
        samples=[],
        pictures={},
        before_after=[("</script><b>é\"'.jpg", greys[0], greys[255]), ("second", greys[60], greys[180])],
        warnings=["<img src=x onerror=alert(1)> D_A is winning. " + "x" * 300],
    )
    return path


def cut(chromium) -> tuple[float, str]:
    """How much of the picture is that of before, in percent, and what a screen reader is told."""
    style = chromium.evaluate("document.getElementById('compare').style.getPropertyValue('--cut')")
    return float(style[:-1]), chromium.evaluate("document.getElementById('divider').getAttribute('aria-valuetext')")


def grey_at(chromium, share: float) -> int:
    """The grey on the screen at a share of the pair's width, a quarter down, where no handle or label is.

    The pair has to be in the window without scrolling.
    """
    box = chromium.evaluate("document.getElementById('compare').getBoundingClientRect().toJSON()")
    clip = {"x": box["left"] + share * box["width"], "y": box["top"] + box["height"] / 4, "width": 1, "height": 1}
    picture = chromium.call("Page.captureScreenshot", clip=clip | {"scale": 1}, captureBeyondViewport=True)["data"]
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        return int(np.asarray(image.convert("L"))[0, 0])


def test_divider_moves_by_keys(chromium, translations):
    chromium.visit(translations, height=2000)
    assert cut(chromium) == (50, "50 % before")
    chromium.evaluate("document.getElementById('divider').focus()")
    chromium.press("ArrowLeft")
    assert cut(chromium) == (49.5, "49.5 % before")
    chromium.press("End")
    assert cut(chromium) == (100, "100 % before")
    assert (grey_at(chromium, 0.1), grey_at(chromium, 0.9)) == (0, 0)
    chromium.press("Home")
    assert (grey_at(chromium, 0.1), grey_at(chromium, 0.9)) == (255, 255)
    assert chromium.complaints() == []


@pytest.mark.parametrize("width", [360, 1400])
def test_divider_follows_the_pointer_to_the_edges(chromium, translations, width):
    chromium.visit(translations, width=width, height=2000)
    chromium.wait_for("document.getElementById('after').complete && document.getElementById('before').complete")
    box = chromium.evaluate("document.getElementById('compare').getBoundingClientRect().toJSON()")
    for share in (0.25, 0.02, 0.98, 0.7):
        chromium.point(box["left"] + share * box["width"], box["top"] + 0.6 * box["height"], click=True)
        assert abs(cut(chromium)[0] - 100 * share) < 1
        assert (grey_at(chromium, share - 0.015), grey_at(chromium, share + 0.015)) == (0, 255)
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert chromium.complaints() == []


def test_divider_is_dragged(chromium, translations):
    chromium.visit(translations, height=2000)
    box = chromium.evaluate("document.getElementById('compare').getBoundingClientRect().toJSON()")
    y = box["top"] + 0.6 * box["height"]
    chromium.mouse("mousePressed", box["left"] + 0.5 * box["width"], y)
    for share in (0.6, 0.8):
        chromium.mouse("mouseMoved", box["left"] + share * box["width"], y)
        assert abs(cut(chromium)[0] - 100 * share) < 1
    chromium.mouse("mouseReleased", box["left"] + 0.8 * box["width"], y)
    chromium.point(box["left"] + 0.3 * box["width"], y)
    assert abs(cut(chromium)[0] - 80) < 1  # let go


def test_another_pair_is_chosen(chromium, translations):
    chromium.visit(translations, height=2000)
    title = "document.getElementById('pair-title').textContent"
    assert chromium.evaluate(title) == "</script><b>é\"'.jpg"
    chromium.evaluate("document.getElementById('pair').focus()")
    chromium.press("ArrowDown")
    assert chromium.evaluate(title) == "second"
    assert chromium.evaluate("document.getElementById('after').alt") == "second, after"
    chromium.wait_for("document.getElementById('after').complete && document.getElementById('before').complete")
    assert (grey_at(chromium, 0.25), grey_at(chromium, 0.75)) == (60, 180)
    assert chromium.complaints() == []


def test_each_panel_reads_out_for_itself(chromium, translations):
    chromium.visit(translations, height=3000)
    texts = "Array.from(document.querySelectorAll('.many .readout'), e => e.innerText.replace(/\\s+/g, ' ').trim())"
    assert chromium.evaluate(texts) == ["Epoch 7 G_A 0.500 D_A 3.700", "Epoch 7 lr_g 0.000200", "none"]
    box = chromium.evaluate("document.getElementById('losses').getBoundingClientRect().toJSON()")
    chromium.point(box["left"] + box["width"] * 3.5 / NUM_EPOCHS, box["top"] + 20)
    assert chromium.evaluate(texts)[:2] == ["Epoch 3 G_A – D_A 1.700", "Epoch 7 lr_g 0.000200"]
    assert chromium.evaluate("document.querySelector('#losses .cursor .blue').hidden")
    assert chromium.complaints() == []


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_panels_pairs_and_warnings_fit_any_window(chromium, translations, width, scheme):
    chromium.visit(translations, width=width, scheme=scheme)
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert "D_A is winning" in chromium.evaluate("document.querySelector('.warnings').innerText")
    assert chromium.evaluate("document.querySelector('.warnings img')") is None
    assert chromium.requests() == [translations.as_uri()]
    assert chromium.complaints() == []
