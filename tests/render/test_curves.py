"""The figure of the curves, by its pixels where they tell something."""

import math
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

from mindgan.render.curves import save_loss_curve
from mindgan.render.series import COLOURS, GAN_LOSSES, Group

BLUE, ORANGE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)


def lines(num_epochs: int, loss_d: float = 1.2, loss_g: float = 0.9, steps: int = 4) -> list[dict[str, Any]]:
    return [
        {"nimg": 10 * (epoch * steps + step), "epoch": epoch, "step": step, "loss_d": loss_d, "loss_g": loss_g}
        for epoch in range(num_epochs)
        for step in range(steps)
    ]


def rows_of(path: Path, colour: tuple[int, int, int]) -> np.ndarray:
    """How many pixels of each row have the colour."""
    with Image.open(path) as image:
        return (np.asarray(image.convert("RGB")) == colour).all(axis=2).sum(axis=1)


def test_losses_at_the_equilibrium_lie_on_the_dashes(tmp_path: Path):
    """The row of pixels where D's dashes are is the one where a loss of 2 log 2 is drawn, and so for G."""
    save_loss_curve(tmp_path / "away.png", lines(4, 3.0, 2.5), groups=[GAN_LOSSES], nimg_per_epoch=40)
    save_loss_curve(tmp_path / "on.png", lines(4, 2 * math.log(2), math.log(2)), groups=[GAN_LOSSES], nimg_per_epoch=40)
    with Image.open(tmp_path / "on.png") as image:
        height = image.height
    for colour, top, bottom in ((ORANGE, 0.45, 0.75), (BLUE, 0.6, 0.95)):
        window = slice(int(top * height), int(bottom * height))  # below the curves that are away
        dashes = rows_of(tmp_path / "away.png", colour)[window]
        curve = rows_of(tmp_path / "on.png", colour)[window]
        assert dashes.max() > 300
        assert curve.max() > 500
        assert abs(int(dashes.argmax()) - int(curve.argmax())) <= 2


def test_thin_and_bold_lines_of_both_networks(tmp_path: Path):
    save_loss_curve(tmp_path / "a.png", lines(4, 3.0, 2.0), groups=[GAN_LOSSES], nimg_per_epoch=40)
    save_loss_curve(tmp_path / "none.png", [], groups=[GAN_LOSSES], nimg_per_epoch=40)
    for colour in (BLUE, ORANGE):
        assert rows_of(tmp_path / "a.png", colour).sum() > rows_of(tmp_path / "none.png", colour).sum() + 1000


@pytest.mark.parametrize("num_epochs", [0, 1, 4, 200])
def test_any_length(tmp_path: Path, num_epochs):
    save_loss_curve(tmp_path / "a.png", lines(num_epochs), groups=[GAN_LOSSES], nimg_per_epoch=40)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1125, 675)


def test_diverged_run(tmp_path: Path):
    stats = lines(3)
    for line in stats[6:]:
        line["loss_d"], line["loss_g"] = math.nan, 1e4
    save_loss_curve(tmp_path / "a.png", stats, groups=[GAN_LOSSES], nimg_per_epoch=40)
    assert rows_of(tmp_path / "a.png", BLUE).sum() > 1000


def test_same_numbers_same_bytes_whatever_the_users_style(tmp_path: Path):
    save_loss_curve(tmp_path / "a.png", lines(3), groups=[GAN_LOSSES], nimg_per_epoch=40)
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "red", "font.size": 20}):
        save_loss_curve(tmp_path / "b.png", lines(3), groups=[GAN_LOSSES], nimg_per_epoch=40)
        assert matplotlib.rcParams["font.size"] == 20  # and it is left as it was
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert set(image.info) <= {"dpi"}  # no time, no versions


CYCLEGAN = [
    Group("adversarial, A to B", ("G_A", "D_A")),
    Group("cycle", ("cycle_A", "cycle_B"), colours=("green", "purple")),
    Group("learning rate", ("lr_g", "lr_d"), unit="Learning rate"),
]


def many_lines(num_epochs: int, **changes: float) -> list[dict[str, Any]]:
    values = {"G_A": 0.5, "D_A": 0.2, "cycle_A": 1.0, "cycle_B": 2.0, "lr_g": 2e-4, "lr_d": 1e-4}
    places = [{name: line[name] for name in ("nimg", "epoch", "step")} for line in lines(num_epochs)]
    return [place | values | changes for place in places]


def pixels_of(path: Path, colour: str, rows: slice, columns: slice) -> int:
    rgb = tuple(bytes.fromhex(COLOURS[colour][1:]))
    with Image.open(path) as image:
        return int((np.asarray(image.convert("RGB"))[rows, columns] == rgb).all(axis=2).sum())


def test_each_group_has_a_panel_in_its_colours(tmp_path: Path):
    save_loss_curve(tmp_path / "a.png", many_lines(5), groups=CYCLEGAN, nimg_per_epoch=40)
    with Image.open(tmp_path / "a.png") as image:
        width, height = image.size
    top, bottom = slice(height // 2), slice(height // 2, height)
    left, right = slice(width // 2), slice(width // 2, width)
    panels = {"adversarial": (top, left), "cycle": (top, right), "learning rate": (bottom, left)}
    seen = {name: {c for c in COLOURS if pixels_of(tmp_path / "a.png", c, *panels[name]) > 500} for name in panels}
    assert seen == {
        "adversarial": {"blue", "orange"},
        "cycle": {"green", "purple"},
        "learning rate": {"blue", "orange"},
    }


def test_equal_series_are_both_seen(tmp_path: Path):
    """The learning rate of G would be hidden beneath that of D, but for its dashes."""
    save_loss_curve(tmp_path / "a.png", many_lines(30, lr_d=2e-4), groups=CYCLEGAN[2:], nimg_per_epoch=40)
    axes = slice(80, 650), slice(100, 1100)  # without the legend
    blue, orange = (pixels_of(tmp_path / "a.png", colour, *axes) for colour in ("blue", "orange"))
    assert blue > 500
    assert orange > 500


def test_a_series_with_gaps_and_one_that_is_never_there(tmp_path: Path):
    stats = many_lines(4)
    for line in stats[::2]:
        del line["G_A"], line["cycle_A"]
    for line in stats:
        del line["lr_d"]
    save_loss_curve(tmp_path / "a.png", stats, groups=CYCLEGAN, nimg_per_epoch=40)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1800, 1035)


def test_names_are_no_formulas(tmp_path: Path):
    """A dollar sign would start one, and an odd one be an error."""
    group = Group("$\\bad{$ title", ("$x_{$",), levels={"$x_{$": (0.5, "$y_{$")}, unit="$\\frac$")
    stats = [line | {"$x_{$": 0.7} for line in lines(2)]
    save_loss_curve(tmp_path / "a.png", stats, groups=[group], nimg_per_epoch=40)
    assert (tmp_path / "a.png").exists()
