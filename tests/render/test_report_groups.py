"""The report of any series: a chart and a table for each group."""

from pathlib import Path
from typing import Any

import pytest
from render.report_page import NASTY, lines, write

from mindgan.render.series import GAN_LOSSES, Group


def many_lines(num_epochs: int, steps: int = 4) -> list[dict[str, Any]]:
    """Lines of other series, their values told by name and step; G_A is absent from epoch 1."""
    return [
        {"nimg": 10 * (epoch * steps + step + 1), "epoch": epoch, "step": step}
        | ({} if epoch == 1 else {"G_A": 0.25 * step})
        | {"D_A": 2.0, "lr_g": 2e-4, "lr_d": 2e-4}
        for epoch in range(num_epochs)
        for step in range(steps)
    ]


GROUPS = [Group("A <to> B", ("G_A", "D_A")), Group("rates", ("lr_g", "lr_d"), unit="Learning rate")]


def test_each_group_has_a_chart_and_a_table(tmp_path: Path):
    page = write(tmp_path, stats=many_lines(6), groups=GROUPS)
    charts = page.data()["charts"]
    assert [chart["name"] for chart in charts] == ["losses", "losses-1", "times"]
    assert all(page.find(id=chart["name"]) and page.find(id=f"{chart['name']}-readout") for chart in charts)
    assert charts[0]["rows"][:2] == [[0.5, "Epoch 0", 0.375, 2.0], [1.5, "Epoch 1", None, 2.0]]
    assert charts[1]["rows"][0] == [0.5, "Epoch 0", 2e-4, 2e-4]
    assert charts[1]["y_limits"] == [0, pytest.approx(2.1e-4)]
    shown = page.text.replace("\n", " ")
    assert "A <to> B" in shown
    assert "Epoch Logged steps Loss G_A Loss D_A 0 4 0.375 2.000 1 4 – 2.000" in shown
    assert "Epoch Logged steps Learning rate lr_g Learning rate lr_d 0 4 0.000200 0.000200" in shown
    assert "equilibrium" not in shown
    assert "not finite" not in shown


def test_a_curve_on_another_is_dashed(tmp_path: Path):
    page = write(tmp_path, stats=many_lines(6), groups=GROUPS)
    classes = [str(attrs["class"]) for tag, attrs in page.elements if tag == "path"]
    assert {css for css in classes if "over" in css} == {"step sparse orange over", "mean orange over"}


def test_series_that_were_never_logged(tmp_path: Path):
    page = write(tmp_path, groups=[GAN_LOSSES, Group("nothing", ("absent",))])
    assert [chart["name"] for chart in page.data()["charts"]] == ["losses", "times"]
    assert page.find(id="losses-1")[0]["role"] == "img"


def test_key_numbers_of_one_group_only(tmp_path: Path):
    assert "last epoch" not in write(tmp_path, stats=many_lines(2), groups=GROUPS).text
    text = write(tmp_path, stats=many_lines(2), groups=GROUPS[1:]).text
    assert "learning rate lr_g, last epoch\n0.000200" in text


def test_labels_of_a_group_are_text_and_nothing_but_text(tmp_path: Path):
    nasty = Group(NASTY, (NASTY, "loss_d"), labels={"loss_d": NASTY}, levels={NASTY: (1.0, NASTY)}, unit=NASTY)
    stats = [line | {NASTY: 1.0} for line in lines(2)]
    for groups in ([nasty], [nasty, GAN_LOSSES]):
        page = write(tmp_path, stats=stats, groups=groups)
        assert len(page.scripts) == 2
        assert page.text.count(NASTY) >= 6
