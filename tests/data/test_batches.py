"""Batches: a function of (seed, nimg) alone, every image at most once an epoch, float32 in [-1, 1]."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindgan.data.batches import Batches, batch_indices, normalise
from mindgan.runtime.errors import UserError


def numbered(num: int) -> np.ndarray:
    """Images [num, 1, 2, 2] that tell their number: all pixels of image i are i."""
    return np.broadcast_to(np.arange(num, dtype=np.uint8)[:, None, None, None], (num, 1, 2, 2))


def numbers(batch: np.ndarray) -> list[int]:
    """The numbers of the images in a batch of `numbered` images."""
    return [round(float(value) * 127.5 + 127.5) for value in batch[:, 0, 0, 0]]


def epoch(batches: Batches, which: int) -> list[int]:
    start = which * batches.nimg_per_epoch
    return [n for i in range(batches.steps_per_epoch) for n in numbers(batches.batch(start + i * batches.batch_size))]


def test_normalise_equals_the_formula_in_float64_for_every_pixel_value() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    got = normalise(pixels)
    assert got.dtype == np.float32
    assert (got[0], got[255]) == (-1.0, 1.0)
    np.testing.assert_allclose(got, (pixels.astype(np.float64) - 127.5) / 127.5, rtol=1e-7)


def test_normalise_leaves_its_argument_alone() -> None:
    pixels = np.full((1, 1, 2, 2), 9, np.uint8)
    pixels.flags.writeable = False
    assert normalise(pixels).shape == (1, 1, 2, 2)
    assert (pixels == 9).all()


@given(num=st.integers(1, 200), batch_size=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_an_epoch_visits_images_at_most_once_and_drops_less_than_a_batch(num: int, batch_size: int, seed: int) -> None:
    if num < batch_size:
        with pytest.raises(UserError, match=f"--batch_size {batch_size} .* {num} images"):
            Batches(numbered(num), batch_size=batch_size, seed=seed)
        return
    batches = Batches(numbered(num), batch_size=batch_size, seed=seed)
    seen = epoch(batches, 0)
    assert len(set(seen)) == len(seen) == batches.nimg_per_epoch
    assert 0 <= num - len(seen) < batch_size
    assert set(seen) <= set(range(num))


def test_mnist_has_468_steps_of_128_an_epoch() -> None:
    images = np.broadcast_to(np.zeros((1, 1, 28, 28), np.uint8), (60_000, 1, 28, 28))
    batches = Batches(images, batch_size=128, seed=0)
    assert (batches.steps_per_epoch, batches.nimg_per_epoch) == (468, 468 * 128)


def test_a_batch_is_a_new_contiguous_float32_array() -> None:
    batch = Batches(numbered(10), batch_size=4, seed=0).batch(0)
    assert (batch.shape, batch.dtype) == ((4, 1, 2, 2), np.float32)
    assert batch.flags.c_contiguous
    assert batch.flags.writeable


@given(st.permutations(range(9)))
def test_a_batch_depends_on_its_position_and_not_on_what_was_asked_before(order: list[int]) -> None:
    one_after_the_other = Batches(numbered(30), batch_size=10, seed=3)
    expected = [one_after_the_other.batch(10 * step) for step in range(9)]
    jumping = Batches(numbered(30), batch_size=10, seed=3)
    for step in order:
        np.testing.assert_array_equal(jumping.batch(10 * step), expected[step])


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [tuple(epoch(Batches(numbered(100), batch_size=10, seed=s), e)) for s in (0, 1) for e in (0, 1, 2)]
    assert len(set(orders)) == len(orders)
    assert tuple(range(100)) not in orders


def test_over_epochs_every_image_is_visited_though_each_epoch_drops_some() -> None:
    batches = Batches(numbered(25), batch_size=10, seed=0)
    assert {n for which in range(20) for n in epoch(batches, which)} == set(range(25))


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 500))
def test_the_stream_has_every_image_once_an_epoch(num: int, batch_size: int, start: int) -> None:
    stream = np.concatenate([batch_indices(5, nimg, 1, num) for nimg in range(start // num * num, start + batch_size)])
    np.testing.assert_array_equal(batch_indices(5, start, batch_size, num), stream[start % num :])
    for epoch in range(len(stream) // num):
        assert sorted(stream[epoch * num : (epoch + 1) * num]) == list(range(num))


def test_the_stream_is_shuffled_anew_for_every_epoch_and_seed() -> None:
    epochs = {tuple(batch_indices(seed, 50 * epoch, 50, 50)) for seed in (0, 1) for epoch in (0, 1, 10**7)}
    assert len(epochs) == 6
    assert tuple(range(50)) not in epochs


def test_the_stream_never_changes() -> None:
    """Runs that were begun go on with the images they would have had."""
    assert batch_indices(0, 7, 8, 10).tolist() == [1, 5, 4, 5, 7, 0, 1, 4]


def test_parts_of_a_batch_are_those_of_the_whole() -> None:
    whole = batch_indices(1, 96, 32, 100)
    parts = [batch_indices(1, 96 + 8 * rank, 8, 100) for rank in range(4)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
