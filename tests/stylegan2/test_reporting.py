"""Numbers gathered over a tick."""

import numpy as np
import pytest

from mindgan.stylegan2.objectives import REPORTS
from mindgan.stylegan2.reporting import REPORTED, Moments
from mindgan.training.state import TrainState


def test_every_report_has_a_place():
    assert {name for names in REPORTS.values() for name in names} <= set(REPORTED)
    assert len(set(REPORTED)) == len(REPORTED)


def test_number_mean_and_deviation_over_all_that_came():
    random = np.random.default_rng(0)
    first, second = random.standard_normal(7).astype(np.float32), random.standard_normal(3).astype(np.float32)
    moments = Moments()
    moments.add({"Loss/G/loss": first, "Loss/scores/fake": first})
    moments.add({"Loss/G/loss": second})
    taken = moments.take()
    assert set(taken) == {"Loss/G/loss", "Loss/scores/fake", "Loss/signs/fake"}
    both = np.concatenate([first, second]).astype(np.float64)
    assert taken["Loss/G/loss"] == {"num": 10, "mean": pytest.approx(both.mean()), "std": pytest.approx(both.std())}
    assert taken["Loss/signs/fake"]["mean"] == pytest.approx(np.sign(first).mean())
    assert moments.take() == {}


def test_one_value_does_not_deviate():
    moments = Moments()
    moments.add({"Loss/pl_penalty": np.array([0.1], np.float32)})
    assert moments.take()["Loss/pl_penalty"]["std"] == 0


def test_a_restart_goes_on():
    values = np.array([1.0, -2.0, 4.0], np.float32)
    before, after = Moments(), Moments()
    before.add({"Loss/scores/real": values})
    TrainState({"moments": after}).load(TrainState({"moments": before}).arrays(), 0)
    for moments in (before, after):
        moments.add({"Loss/scores/real": values + 0.1})
    assert after.take() == before.take()


def test_numbers_far_from_zero_keep_their_deviation():
    moments = Moments()
    values = (1000 + np.tile([-0.5, 0.5], 500)).astype(np.float32)
    moments.add({"Loss/D/loss": values})
    assert moments.take()["Loss/D/loss"]["std"] == pytest.approx(0.5, rel=1e-4)
