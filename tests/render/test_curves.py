"""The numbers of the loss curve by hand, and the figure's pixels where they tell something."""

import math
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

from mindgan.render import curves
from mindgan.render.curves import epoch_means, loss_limits, loss_points, mean_points, save_loss_curve

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


def test_step_times_are_in_epochs_of_images():
    assert curves.step_times([{"nimg": nimg} for nimg in (10, 20, 30, 60)], 20).tolist() == [0.5, 1, 1.5, 3]


def test_epoch_means_by_hand():
    stats = lines(2, steps=3)
    for line, loss in zip(stats, (1.0, 2.0, 6.0, 5.0, math.nan, 6.0), strict=True):
        line["loss_d"] = loss
    first, second = epoch_means(stats)
    assert first == {"epoch": 0, "steps": 3, "loss_d": 3.0, "loss_g": pytest.approx(0.9)}
    assert second == {"epoch": 1, "steps": 3, "loss_d": 5.5, "loss_g": pytest.approx(0.9)}


def test_epoch_without_a_finite_loss_has_no_mean():
    stats = lines(2)
    for line in stats[4:]:
        line["loss_g"] = math.inf
    assert math.isnan(epoch_means(stats)[1]["loss_g"])
    assert [values.tolist() for values in mean_points(stats, "loss_g")] == [[0.5], [pytest.approx(0.9)]]
    assert epoch_means([]) == []


def test_points_leave_out_what_cannot_be_drawn():
    stats = lines(1, steps=5)
    for line, loss in zip(stats, (1.0, math.nan, -math.inf, None, np.float32(2)), strict=True):
        line["loss_d"] = loss
    x, y = loss_points(np.arange(5) / 5, stats, "loss_d")
    assert (x.tolist(), y.tolist()) == ([0.0, 0.8], [1.0, 2.0])
    assert curves.count_not_finite(stats) == 3
    assert [values.shape for values in loss_points(np.empty(0), [], "loss_d")] == [(0,), (0,)]


@pytest.mark.parametrize("values", [[], [0.2, 3.5], [3.6, 1], [100.0], [-0.5, 1]])
def test_limits_are_those_of_the_tutorial_or_wider(values):
    low, high = loss_limits(np.array(values))
    assert low <= min([0, *values])
    assert high >= max([3.5, *values])
    if all(0 <= value <= 3.5 for value in values):
        assert (low, high) == (0, 3.5)


def test_equilibrium_is_where_the_discriminator_knows_nothing():
    bce = -math.log(0.5)
    assert {"loss_d": bce + bce, "loss_g": bce} == pytest.approx(curves.EQUILIBRIUM)


def test_losses_at_the_equilibrium_lie_on_the_dashes(tmp_path: Path):
    """The row of pixels where D's dashes are is the one where a loss of 2 log 2 is drawn, and so for G."""
    save_loss_curve(tmp_path / "away.png", lines(4, 3.0, 2.5), nimg_per_epoch=40)
    save_loss_curve(tmp_path / "on.png", lines(4, 2 * math.log(2), math.log(2)), nimg_per_epoch=40)
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
    save_loss_curve(tmp_path / "a.png", lines(4, 3.0, 2.0), nimg_per_epoch=40)
    save_loss_curve(tmp_path / "none.png", [], nimg_per_epoch=40)
    for colour in (BLUE, ORANGE):
        assert rows_of(tmp_path / "a.png", colour).sum() > rows_of(tmp_path / "none.png", colour).sum() + 1000


@pytest.mark.parametrize("num_epochs", [0, 1, 4, 200])
def test_any_length(tmp_path: Path, num_epochs):
    save_loss_curve(tmp_path / "a.png", lines(num_epochs), nimg_per_epoch=40)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1125, 675)


def test_diverged_run(tmp_path: Path):
    stats = lines(3)
    for line in stats[6:]:
        line["loss_d"], line["loss_g"] = math.nan, 1e4
    save_loss_curve(tmp_path / "a.png", stats, nimg_per_epoch=40)
    assert rows_of(tmp_path / "a.png", BLUE).sum() > 1000


def test_same_numbers_same_bytes_whatever_the_users_style(tmp_path: Path):
    save_loss_curve(tmp_path / "a.png", lines(3), nimg_per_epoch=40)
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "red", "font.size": 20}):
        save_loss_curve(tmp_path / "b.png", lines(3), nimg_per_epoch=40)
        assert matplotlib.rcParams["font.size"] == 20  # and it is left as it was
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert set(image.info) <= {"dpi"}  # no time, no versions
