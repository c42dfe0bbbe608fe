"""The probability of augmentation, by hand."""

import numpy as np
import pytest

from mindgan.stylegan2.ada import Ada

STEP = {"nimg": 4 * 8, "ada_kimg": 0.1}  # 0.32


def changed(ada, scores, *, target=0.6, p_max=None):
    for batch in scores:
        ada.see(np.array(batch, np.float32))
    ada.change(target=target, p_max=p_max, **STEP)
    return ada.probability


def test_confidence_is_the_mean_sign_of_all_scores_since_the_last_change():
    ada = Ada()
    assert ada.mean_sign == 0
    ada.see(np.array([3.0, 0.1, -7.0, 0.0], np.float32))
    ada.see(np.array([2.0, 1.0], np.float32))
    assert ada.mean_sign == pytest.approx((1 + 1 - 1 + 0 + 1 + 1) / 6)
    ada.change(target=0.6, p_max=None, **STEP)
    assert ada.mean_sign == 0


def test_steps_up_and_down_and_no_lower_than_0():
    ada = Ada()
    assert changed(ada, [[1, 1, 1, 1]]) == pytest.approx(0.32)
    assert changed(ada, [[1, 1, 1, 1], [5, 5, -5, 5]]) == pytest.approx(0.64)  # 0.75 is above 0.6
    assert changed(ada, [[1, 1, -1, 1]]) == pytest.approx(0.32)  # 0.5 is below
    assert changed(ada, [[1, 1, -1, -1]]) == pytest.approx(0, abs=1e-7)
    assert changed(ada, [[-1, -1]]) == 0


def test_on_target_nothing_changes():
    assert changed(Ada(0.2), [[1, 1, 1, -1]], target=0.5) == pytest.approx(0.2)


def test_no_ceiling_but_the_one_that_is_asked_for():
    free, bounded = Ada(0.9), Ada(0.5)
    assert changed(free, [[1]]) == pytest.approx(1.22)
    assert changed(free, [[1]]) == pytest.approx(1.54)
    assert changed(bounded, [[1]], p_max=0.8) == pytest.approx(0.8)
    assert changed(bounded, [[1]], p_max=0.8) == pytest.approx(0.8)
    assert changed(bounded, [[-1]], p_max=0.8) == pytest.approx(0.48)


def test_without_scores_nothing_is_certain():
    """The mean of nothing is taken for 0, below the target."""
    assert changed(Ada(0.5), []) == pytest.approx(0.18)


def test_scores_that_are_no_numbers_do_not_end_it():
    ada = Ada()
    ada.see(np.array([np.nan, 1, -1, 1, np.inf, np.nan], np.float32))
    assert ada.mean_sign == pytest.approx((1 - 1 + 1 + 1) / 4)
    assert changed(ada, [[np.nan, np.nan]], target=0.3) == pytest.approx(0.32)
