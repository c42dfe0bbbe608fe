"""The image pool against a plain restatement of the published rule, driven by the same random numbers."""

from itertools import pairwise

import numpy as np
import pytest
from mindspore import Tensor

from mindgan.cyclegan.image_pool import ImagePool, exchange
from mindgan.runtime import device, randomness
from mindgan.training.state import TrainState

SHAPE = (1, 2, 3)


class PlainPool:
    """Shrivastava et al. (2017) as CycleGAN has it, with a list."""

    def __init__(self, size):
        self.size, self.images = size, []

    def query(self, images, draw):
        seen = []
        for image in images:
            swaps, place = draw.random() < 0.5, int(draw.integers(max(self.size, 1)))
            if len(self.images) < self.size:
                self.images.append(image)
                seen.append(image)
            elif self.size and swaps:
                seen.append(self.images[place])
                self.images[place] = image
            else:
                seen.append(image)
        return seen


def fakes(nimg, num):
    """Images that tell their number: the first pixel is it."""
    numbers = np.arange(nimg, nimg + num, dtype=np.float32)
    return numbers[:, None, None, None] + np.linspace(0, 0.5, 6, dtype=np.float32).reshape(SHAPE)


def step(pool, nimg, num, *, seed=3, purpose="pool"):
    """What the discriminator sees: [N, C, H, W]."""
    change = exchange(seed, nimg, num, pool.size, purpose)
    return pool(Tensor(fakes(nimg, num)), Tensor(change.taken), Tensor(change.places)).asnumpy()


def kept(pool):
    """The images that the pool may give back."""
    return pool.images.asnumpy()[: pool.size]


@pytest.mark.parametrize("pool_size", [0, 1, 5])
@pytest.mark.parametrize("num", [1, 3, 60])
def test_the_published_rule(num, pool_size):
    pool, plain = ImagePool(pool_size, SHAPE), PlainPool(pool_size)
    for nimg in range(0, 200 * num, num):
        draw = randomness.generator(3, "pool", nimg=nimg)
        expected = plain.query(list(fakes(nimg, num)), draw)
        np.testing.assert_array_equal(step(pool, nimg, num), expected)
        np.testing.assert_array_equal(kept(pool)[: len(plain.images)], np.reshape(plain.images, (-1, *SHAPE)))
    assert len(pool.compile_cache) == 1


def test_the_same_operation_by_operation(pynative):
    pool, plain = ImagePool(2, SHAPE), PlainPool(2)
    for nimg in range(0, 90, 3):
        expected = plain.query(list(fakes(nimg, 3)), randomness.generator(3, "pool", nimg=nimg))
        np.testing.assert_array_equal(step(pool, nimg, 3), expected)
        np.testing.assert_array_equal(kept(pool)[: len(plain.images)], plain.images)


def test_half_of_the_fakes_are_swapped_and_all_places_alike():
    num, pool_size = 4, 50
    changes = [exchange(1, nimg, num, pool_size, "fakes of A") for nimg in range(0, 20000, num)]
    taken = np.concatenate([change.taken for change in changes])[pool_size:]
    places = np.concatenate([change.places for change in changes])[pool_size:]
    fresh = taken == np.tile(pool_size + 1 + np.arange(num), len(changes))[pool_size:]
    assert abs(fresh.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(fresh))
    counts = np.bincount(places[~fresh], minlength=pool_size + 1)[:pool_size]
    mean = counts.sum() / pool_size
    assert np.abs(counts - mean).max() < 4 * np.sqrt(mean)


def test_until_it_is_full_every_fake_is_kept_and_seen():
    change = exchange(1, 0, 4, 6, "pool")
    assert change.taken.tolist() == [7, 8, 9, 10]
    assert change.places.tolist() == [0, 1, 2, 3]
    change = exchange(1, 4, 2, 6, "pool")
    assert (change.taken.tolist(), change.places.tolist()) == ([7, 8], [4, 5])
    assert change.taken.dtype == change.places.dtype == np.int32


@pytest.mark.parametrize("pool_size", [1, 5])
def test_no_two_fakes_of_a_step_are_put_in_the_same_place(pool_size):
    """Which of them would stay is the device's choice."""
    for nimg in range(0, 6000, 60):
        places = exchange(1, nimg, 60, pool_size, "pool").places
        kept_places = places[places < pool_size]
        assert len(set(kept_places)) == len(kept_places)


def test_a_choice_depends_on_seed_images_seen_and_purpose_alone():
    def taken(seed=1, nimg=1000, purpose="A"):
        return exchange(seed, nimg, 30, 50, purpose).taken.tolist()

    assert taken() == taken()
    assert len({tuple(choice) for choice in (taken(), taken(seed=2), taken(nimg=1030), taken(purpose="B"))}) == 4


def test_its_images_are_state_and_nothing_to_learn():
    pool = ImagePool(4, SHAPE)
    assert pool.trainable_params() == []
    assert [parameter.shape for parameter in pool.get_parameters()] == [(5, *SHAPE)]
    for nimg in range(0, 12, 3):
        step(pool, nimg, 3)
    (name,) = TrainState({"pool": pool}).arrays()
    other = ImagePool(4, SHAPE)
    TrainState({"pool": other}).load(TrainState({"pool": pool}).arrays(), 12)
    np.testing.assert_array_equal(kept(other), kept(pool))
    assert kept(other).any(), name


@pytest.mark.parametrize("mode", ["graph", "pynative"])
def test_going_on_from_its_state_is_never_having_stopped(mode):
    device.configure("CPU", mode)
    straight = ImagePool(5, SHAPE)
    seen = [step(straight, nimg, 7) for nimg in range(0, 140, 7)]
    stopped = ImagePool(5, SHAPE)
    for nimg in range(0, 70, 7):
        step(stopped, nimg, 7)
    resumed = ImagePool(5, SHAPE)
    TrainState({"pool": resumed}).load(TrainState({"pool": stopped}).arrays(), 70)
    for nimg, expected in zip(range(70, 140, 7), seen[10:], strict=True):
        np.testing.assert_array_equal(step(resumed, nimg, 7), expected)
    assert resumed.images.asnumpy().tobytes() == straight.images.asnumpy().tobytes()
    device.configure("CPU", "graph")


def test_seen_images_are_those_of_before_the_exchange_however_large():
    """The pool is read before it is written, with images large enough that several threads copy them."""
    random = np.random.default_rng(0)
    pool = ImagePool(2, (3, 128, 128))
    images = [random.standard_normal((2, 3, 128, 128)).astype(np.float32) for _ in range(12)]
    fresh, own = np.array([3, 4], np.int32), np.array([0, 1], np.int32)
    pool(Tensor(images[0]), Tensor(fresh), Tensor(own))
    for before, now in pairwise(images):
        seen = pool(Tensor(now), Tensor(own), Tensor(own)).asnumpy()
        np.testing.assert_array_equal(seen, before)
        np.testing.assert_array_equal(kept(pool), now)
