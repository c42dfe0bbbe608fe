"""Unpaired batches against a slow restatement of the published rule, and whoever asks in whatever order."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import encoded, pixels, some, write
from PIL import Image

from mindgan.data import crops
from mindgan.data.crops import UnpairedBatches
from mindgan.data.image_set import ImageItem, ImageSet
from mindgan.data.image_source import list_images
from mindgan.data.prefetch import Prefetch
from mindgan.runtime.errors import UserError
from mindgan.runtime.randomness import generator


def in_memory(images: list[np.ndarray]) -> ImageSet:
    files = [encoded(image) for image in images]
    items = [ImageItem(f"{i}.png", None, f"/x/{i}.png", len(f), lambda f=f: f) for i, f in enumerate(files)]  # type: ignore[misc]
    return ImageSet("--data_url", Path("/x"), tuple(items))


def numbered(num: int, height: int = 4, width: int = 4) -> ImageSet:
    """Grey images that tell their number in every pixel."""
    return in_memory([np.full((height, width), number, np.uint8) for number in range(num)])


SOURCE = in_memory([pixels(i, 9, 11) for i in range(5)])
TARGET = in_memory([pixels(50 + i, 7, 6) for i in range(3)])
OPTIONS = {"batch_size": 2, "size": (6, 8), "load_size": (8, 11), "channels": 3, "seed": 7}


def batches(**changes: object) -> UnpairedBatches:
    return UnpairedBatches(SOURCE, TARGET, **{**OPTIONS, **changes})  # type: ignore[arg-type]


def numbers(batch: np.ndarray) -> list[int]:
    return [round(float(value) * 127.5 + 127.5) for value in batch[:, 0, 0, 0]]


def restated(batch_size: int, nimg: int, flip: bool) -> list[np.ndarray]:
    """The batches of 3x6x8 px at `nimg`, pixel by pixel in float64."""
    steps = 5 // batch_size
    epoch, start = divmod(nimg, steps * batch_size)
    order = generator(7, "shuffle", nimg=epoch * steps * batch_size).permutation(5)
    chosen = [
        [order[start + i] % 5 for i in range(batch_size)],
        list(generator(7, "target", nimg=nimg).integers(3, size=batch_size)),
    ]
    both = []
    for images, indices, purpose in zip((SOURCE, TARGET), chosen, ("source crops", "target crops"), strict=True):
        rng = generator(7, purpose, nimg=nimg)
        tops, lefts = rng.integers(0, 3, batch_size), rng.integers(0, 4, batch_size)  # 8 - 6 and 11 - 8 are allowed
        flips = rng.random(batch_size)
        batch = np.empty((batch_size, 3, 6, 8))
        for i in range(batch_size):
            number = int(indices[i])
            original = pixels(number, 9, 11) if images is SOURCE else pixels(50 + number, 7, 6)
            resized = np.asarray(Image.fromarray(original).resize((11, 8), Image.Resampling.BICUBIC))
            for c, y, x in np.ndindex(3, 6, 8):
                column = 7 - x if flip and flips[i] < 0.5 else x
                batch[i, c, y, x] = (resized[tops[i] + y, lefts[i] + column, c] - 127.5) / 127.5
        both.append(batch)
    return both


@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize("flip", [True, False])
def test_batches_equal_the_restatement(batch_size: int, flip: bool) -> None:
    made = batches(batch_size=batch_size, flip=flip)
    assert made.nimg_per_epoch == 5 // batch_size * batch_size
    for step in range(6):
        nimg = step * batch_size
        for got, expected in zip(made.batch(nimg), restated(batch_size, nimg, flip), strict=True):
            assert (got.dtype, got.flags.c_contiguous) == (np.float32, True)
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


@given(st.permutations(range(8)), st.sampled_from([0, 500, 1 << 30]))
@settings(deadline=None, max_examples=15)
def test_a_batch_depends_neither_on_what_was_asked_before_nor_on_memory(order: list[int], cache_bytes: int) -> None:
    one_after_the_other = batches()
    expected = [one_after_the_other.batch(2 * step) for step in range(8)]
    jumping = batches(cache_bytes=cache_bytes)
    for step in order:
        for got, wanted in zip(jumping.batch(2 * step), expected[step], strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_prefetched_equals_direct() -> None:
    direct = batches()
    with Prefetch(batches().batch, advance=2) as prefetch:
        for nimg in (0, 2, 4, 6, 8, 20, 22, 2, 4):
            for got, wanted in zip(prefetch(nimg), direct.batch(nimg), strict=True):
                np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(("num_source", "num_target"), [(7, 3), (3, 7), (6, 6)])
def test_an_epoch_is_as_long_as_the_larger_domain(num_source: int, num_target: int) -> None:
    made = UnpairedBatches(numbered(num_source), numbered(num_target), batch_size=1, size=(4, 4), channels=1, seed=0)
    longest = max(num_source, num_target)
    assert made.steps_per_epoch == made.nimg_per_epoch == longest
    orders = []
    for epoch in range(3):
        seen = [made.batch(epoch * longest + i) for i in range(longest)]
        source = [numbers(batch[0])[0] for batch in seen]
        assert set(source) == set(range(num_source))
        assert max(Counter(source).values()) - min(Counter(source).values()) <= 1
        orders.append(tuple(source))
    assert len(set(orders)) == 3


def test_targets_are_drawn_evenly_and_apart_from_the_source() -> None:
    made = UnpairedBatches(numbered(4), numbered(4), batch_size=4, size=(4, 4), channels=1, seed=0)
    pairs = Counter()  # type: ignore[var-annotated]
    for step in range(500):
        source, target = made.batch(4 * step)
        pairs.update(zip(numbers(source), numbers(target), strict=True))
    assert len(pairs) == 16
    assert all(80 < count < 170 for count in pairs.values())  # 125 each, with a deviation of 11


def test_crops_and_flips_reach_everywhere_evenly() -> None:
    ramp = in_memory([np.arange(12, dtype=np.uint8).reshape(3, 4)] * 2)
    made = UnpairedBatches(ramp, ramp, batch_size=2, size=(2, 2), load_size=(3, 4), channels=1, seed=1)
    corners = Counter()  # type: ignore[var-annotated]
    for step in range(600):
        for batch in made.batch(2 * step):
            corners.update(numbers(batch))
    straight, mirrored = [0, 1, 2, 4, 5, 6], [1, 2, 3, 5, 6, 7]  # the upper left pixel of each crop
    expected = Counter({value: 200 * ((value in straight) + (value in mirrored)) for value in {*straight, *mirrored}})
    assert corners.keys() == expected.keys()
    assert all(abs(corners[value] - expected[value]) < 6 * expected[value] ** 0.5 for value in expected)


def test_without_load_size_images_are_resized_whole() -> None:
    source, _ = batches(load_size=None, flip=False, size=(9, 11), batch_size=5).batch(0)
    order = generator(7, "shuffle", nimg=0).permutation(5)
    expected = np.stack([pixels(i, 9, 11) for i in order]).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(source, (expected - 127.5) / 127.5, atol=1e-6)


def test_seeds_differ() -> None:
    assert not np.array_equal(batches().batch(0)[0], batches(seed=8).batch(0)[0])


def test_memory_is_bounded_and_decoding_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    decode_item = crops.decode_item
    monkeypatch.setattr(crops, "decode_item", lambda item, **o: decoded.append(item.where) or decode_item(item, **o))
    images = numbered(10)
    for room, times in ((160 * 2, 10), (4 * 16 * 2, 4 + 6 * 3), (0, 30)):  # 16 bytes an image
        decoded.clear()
        kept = crops.ResizedImages(images, channels=1, size=(4, 4), cache_bytes=room // 2)
        for index in list(range(10)) * 3:
            assert kept[index][0, 0, 0] == index
        assert len(decoded) == times


def test_an_image_that_goes_bad_is_named(tmp_path: Path) -> None:
    images = list_images(write(tmp_path, some(3)), option="--data_url")
    (tmp_path / "001.png").write_bytes(b"gone bad")
    made = UnpairedBatches(images, TARGET, batch_size=3, size=(4, 4), channels=3, seed=0)
    with Prefetch(made.batch, advance=3) as prefetch, pytest.raises(UserError, match=r"/001\.png cannot be decoded: "):
        prefetch(0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 6}, "--batch_size 6 is more than the 5 images there are"),
        ({"load_size": (5, 20)}, "--load_size 5x20 is smaller than the image size 6x8"),
        ({"load_size": (20, 7)}, "--load_size 20x7 is smaller"),
    ],
)
def test_sizes_that_do_not_go_together(changes: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        batches(**changes)
