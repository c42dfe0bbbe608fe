"""The numbers of the curves, by hand."""

import math
from typing import Any

import numpy as np
import pytest

from mindgan.render.series import (
    COLOURS,
    GAN_LOSSES,
    Group,
    count_not_finite,
    covered,
    epoch_means,
    mean_points,
    step_points,
    step_times,
    value_limits,
)


def lines(num_epochs: int, loss_d: float = 1.2, loss_g: float = 0.9, steps: int = 4) -> list[dict[str, Any]]:
    return [
        {"nimg": 10 * (epoch * steps + step), "epoch": epoch, "step": step, "loss_d": loss_d, "loss_g": loss_g}
        for epoch in range(num_epochs)
        for step in range(steps)
    ]


def test_step_times_are_in_epochs_of_images():
    assert step_times([{"nimg": nimg} for nimg in (10, 20, 30, 60)], 20).tolist() == [0.5, 1, 1.5, 3]


def test_epoch_means_by_hand():
    stats = lines(2, steps=3)
    for line, loss in zip(stats, (1.0, 2.0, 6.0, 5.0, math.nan, 6.0), strict=True):
        line["loss_d"] = loss
    first, second = epoch_means(stats, ["loss_d", "loss_g"])
    assert first == {"epoch": 0, "steps": 3, "loss_d": 3.0, "loss_g": pytest.approx(0.9)}
    assert second == {"epoch": 1, "steps": 3, "loss_d": 5.5, "loss_g": pytest.approx(0.9)}


def test_epoch_without_a_finite_loss_has_no_mean():
    stats = lines(2)
    for line in stats[4:]:
        line["loss_g"] = math.inf
    assert math.isnan(epoch_means(stats, ["loss_d", "loss_g"])[1]["loss_g"])
    assert [values.tolist() for values in mean_points(stats, "loss_g")] == [[0.5], [pytest.approx(0.9)]]
    assert epoch_means([], ["loss_d"]) == []


def test_points_leave_out_what_cannot_be_drawn():
    stats = lines(1, steps=5)
    for line, loss in zip(stats, (1.0, math.nan, -math.inf, None, np.float32(2)), strict=True):
        line["loss_d"] = loss
    x, y = step_points(np.arange(5) / 5, stats, "loss_d")
    assert (x.tolist(), y.tolist()) == ([0.0, 0.8], [1.0, 2.0])
    assert count_not_finite(stats, ["loss_d", "loss_g"]) == 3
    assert [values.shape for values in step_points(np.empty(0), [], "loss_d")] == [(0,), (0,)]


@pytest.mark.parametrize("values", [[], [0.2, 3.5], [3.6, 1], [100.0], [-0.5, 1]])
def test_limits_are_those_of_the_tutorial_or_wider(values):
    low, high = value_limits(np.array(values), 3.5)
    assert low <= min([0, *values])
    assert high >= max([3.5, *values])
    if all(0 <= value <= 3.5 for value in values):
        assert (low, high) == (0, 3.5)


def test_equilibrium_is_where_the_discriminator_knows_nothing():
    bce = -math.log(0.5)
    levels = {name: value for name, (value, _) in GAN_LOSSES.levels.items()}
    assert {"loss_d": bce + bce, "loss_g": bce} == pytest.approx(levels)


def test_limits_without_a_usual_top_end_above_the_highest():
    assert value_limits(np.array([1e-4, 2e-4]), None) == (0.0, pytest.approx(2.1e-4))
    assert value_limits(np.array([-2.0, 4.0]), None) == (pytest.approx(-2.1), pytest.approx(4.2))
    assert value_limits(np.array([0.0, 0.0]), None) == (0.0, 1.0)
    assert value_limits(np.empty(0), None) == (0.0, 1.0)


def test_a_series_that_some_lines_are_without():
    """Absent is neither zero nor NaN: means are of those that are there."""
    stats = [
        {"nimg": 10, "epoch": 0, "step": 0, "a": 1.0},
        {"nimg": 20, "epoch": 0, "step": 1, "a": 3.0, "b": 5.0},
        {"nimg": 30, "epoch": 1, "step": 0, "b": math.inf},
        {"nimg": 40, "epoch": 2, "step": 0, "a": 4.0},
    ]
    means = epoch_means(stats, ["a", "b"])
    assert [mean["a"] for mean in means] == [2.0, None, 4.0]
    assert means[0]["b"] == 5.0
    assert math.isnan(means[1]["b"])
    assert means[2]["b"] is None
    assert [values.tolist() for values in mean_points(stats, "a")] == [[0.5, 2.5], [2.0, 4.0]]
    assert [values.tolist() for values in step_points(step_times(stats, 20), stats, "b")] == [[1.0], [5.0]]
    assert count_not_finite(stats, ["a", "b"]) == 1


def test_a_series_is_covered_by_an_equal_earlier_one_only():
    x, y = np.arange(3.0), np.ones(3)
    points = {"a": (x, y), "b": (x, 2 * y), "c": (x, y.copy()), "d": (x[:2], y[:2]), "e": (x[:0], y[:0])}
    assert covered(points | {"f": (x[:0], y[:0])}) == {"c"}


def test_a_group_names_and_colours_its_series():
    group = Group("cycle", ("cycle_A", "cycle_B"), labels={"cycle_A": "A to B to A"}, colours=("green", "purple"))
    assert [group.label(name) for name in group.names] == ["A to B to A", "cycle_B"]
    assert group.colour_of == {"cycle_A": "green", "cycle_B": "purple"}
    assert GAN_LOSSES.colour_of == {"loss_g": "blue", "loss_d": "orange"}


@pytest.mark.parametrize(
    ("names", "colours"),
    [
        ((), ()),
        (("a", "a"), ()),
        (tuple("abcdefg"), ()),
        (("a", "b"), ("blue",)),
        (("a",), ("blue", "green")),
        (("a", "b"), ("blue", "blue")),
        (("a",), ("mauve",)),
    ],
)
def test_impossible_groups(names, colours):
    with pytest.raises(ValueError, match=r"panel|colours"):
        Group("title", names, colours=colours)


def test_colours_stay_apart():
    """Any two in red, green and blue, by a good distance."""
    values = np.array([list(bytes.fromhex(colour[1:])) for colour in COLOURS.values()], float)
    distances = np.linalg.norm(values[:, None] - values[None], axis=2)
    assert distances[~np.eye(len(values), dtype=bool)].min() > 60
