"""Charts as markup: where points land, which ticks there are, what long curves keep."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindgan.render.chart import Chart, Level, Line, _texts, _ticks, thin


def chart(**changes) -> Chart:
    parts = {
        "name": "losses",
        "title": "Losses",
        "x_max": 4,
        "y_limits": (0.0, 2.0),
        "names": {"blue": "G", "orange": "D"},
        "lines": [Line(np.array([0.0, 2.0, 4.0]), np.array([0.0, 0.5, 2.0]), "mean blue")],
        "rows": [(0.5, "Epoch 0", [1.23456, None]), (1.5, "Epoch 1", [math.nan, 2])],
        "decimals": 3,
    }
    return Chart(**(parts | changes))


def test_points_land_where_their_values_are():
    path = re.search(r'<path class="mean blue" d="([^"]*)"', chart().html())
    assert path is not None
    assert path[1] == "M0.0 1000.0 500.0 750.0 1000.0 0.0"


def test_levels_and_ticks_stand_at_their_values():
    html = chart(levels=[Level(1.5, "log <2>", "orange")]).html()
    assert '<path class="level orange" d="M0 250.0H1000"/>' in html
    assert '<span class="level orange" style="top:25.00%">log &lt;2&gt;</span>' in html
    assert '<span class="tick-y" style="top:50.00%">1.0</span>' in html
    assert '<span class="tick-x" style="left:75.00%">3</span>' in html


def test_one_point_is_a_dot():
    html = chart(lines=[Line(np.array([2.0]), np.array([1.0]), "mean orange")]).html()
    assert '<path class="mean orange dot" d="M500.0 500.0h0"/>' in html


def test_room_at_the_left_is_for_the_longest_tick():
    assert 'style="--chars:3"' in chart().html()
    assert 'style="--chars:7"' in chart(y_limits=(0.0, 1.5e-4)).html()


def test_nothing_to_read_is_no_control():
    html = chart(rows=[], lines=[Line(np.empty(0), np.empty(0), "mean orange")]).html()
    assert 'role="img"' in html
    assert "tabindex" not in html
    assert "mean orange" not in html


def test_data_are_json_with_missing_values_as_null():
    assert json.loads(json.dumps(chart().data(), allow_nan=False)) == {
        "name": "losses",
        "rows": [[0.5, "Epoch 0", 1.235, None], [1.5, "Epoch 1", "not finite", 2.0]],
        "x_max": 4,
        "y_limits": [0.0, 2.0],
        "decimals": 3,
    }


@pytest.mark.parametrize(
    ("low", "high", "integer", "texts"),
    [
        (0, 3.5, False, "0.0 0.5 1.0 1.5 2.0 2.5 3.0 3.5"),
        (0, 1, False, "0.0 0.2 0.4 0.6 0.8 1.0"),
        (0, 3, True, "0 1 2 3"),
        (0, 200, True, "0 50 100 150 200"),
        (0, 1e30, False, "0 2e+29 4e+29 6e+29 8e+29 1e+30"),
        (0, 1e-4, False, "0 2e-05 4e-05 6e-05 8e-05 1e-04"),
        (0, 1.5e-4, False, "0 2e-05 4e-05 6e-05 8e-05 1e-04 1.2e-04 1.4e-04"),
    ],
)
def test_ticks_are_round_and_alike(low, high, integer, texts):
    assert " ".join(_texts(_ticks(low, high, integer=integer))) == texts


@settings(max_examples=50, deadline=None)
@given(num=st.integers(1, 400), most=st.sampled_from([2, 4, 50]), seed=st.integers(0, 99))
def test_thinned_curves_keep_their_extremes(num, most, seed):
    x = np.arange(num, dtype=np.float64)
    y = np.random.default_rng(seed).normal(size=num)
    few_x, few_y = thin(x, y, most=most)
    assert len(few_x) <= most or num <= most
    assert (np.diff(few_x) > 0).all()
    np.testing.assert_array_equal(few_y, y[few_x.astype(int)])
    assert (few_y.min(), few_y.max()) == (y.min(), y.max())


def test_an_axis_that_starts_below_zero():
    line = Line(np.array([0.0, 4.0]), np.array([-1.0, 0.0]), "mean blue")
    assert 'd="M0.0 1000.0 1000.0 750.0"' in chart(y_limits=(-1.0, 3.0), lines=[line]).html()
