import numpy as np
import pytest

from mindgan.runtime import randomness


def test_a_draw_depends_on_its_key_alone():
    first = randomness.latents(1, 1280, 4, 10)
    randomness.latents(1, 0, 4, 10)
    np.testing.assert_array_equal(randomness.latents(1, 1280, 4, 10), first)


@pytest.mark.parametrize("other", [{"seed": 2}, {"nimg": 8}, {"rank": 1}, {"purpose": "shuffle"}])
def test_every_part_of_the_key_counts(other):
    key = {"seed": 1, "purpose": "latents", "nimg": 0, "rank": 0}
    changed = key | other
    draws = [
        randomness.generator(k["seed"], k["purpose"], nimg=k["nimg"], rank=k["rank"]).integers(2**60)
        for k in (key, changed)
    ]
    assert draws[0] != draws[1]


def test_latents_are_standard_normal():
    latents = randomness.latents(3, 0, 2000, 100)
    assert latents.dtype == np.float32
    assert abs(latents.mean()) < 0.01
    assert abs(latents.std() - 1) < 0.01


def test_a_permutation_visits_everything_once():
    order = randomness.permutation(5, 640, 1000)
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    assert not np.array_equal(order, randomness.permutation(5, 1280, 1000))
