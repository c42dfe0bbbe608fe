"""The doctor on images and curves whose illness is known, and on healthy ones."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from mindgan.data.fitting import FitCounts
from mindgan.data.labelled import LabelledImages
from mindgan.data.mnist import embedded_digits
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import doctor
from mindgan.stylegan2.doctor import NEAREST, SPACING, VARIANCE, Doctor, examine_images, findings
from mindgan.stylegan2.neighbours import MAX_REALS, Reals, area_means, spacing

SETTINGS = {"aug": "ada", "target": 0.6, "p_max": None, "ada_kimg": 500.0, "gamma": 1.0, "lr": 0.002, "total_kimg": 300}
DIGITS = embedded_digits()


def labelled(images: np.ndarray, *, mirrored: bool = False) -> LabelledImages:
    return LabelledImages(images, None, (), tuple(map(str, range(len(images)))), FitCounts(), mirrored)


def squares(num: int, seed: int, channels: int = 3, size: int = 16) -> np.ndarray:
    """Images of 4 x 4 random squares: uint8 [N, C, size, size]."""
    small = np.random.default_rng(seed).integers(0, 256, (num, channels, 4, 4), np.uint8)
    return small.repeat(size // 4, 2).repeat(size // 4, 3)


def ticks(num: int, **series: object) -> list[dict]:
    """Lines of 4 kimg each; a series is a number or a function of the tick."""
    return [
        {"nimg": 4000 * (tick + 1), "epoch": tick, "step": 500 * (tick + 1)}
        | {name: value(tick) if callable(value) else value for name, value in series.items()}
        for tick in range(num)
    ]


def healthy(num: int = 40, **others: object) -> list[dict]:
    series = {
        "Loss/G/loss": 1.2,
        "Loss/D/loss": 0.9,
        "Loss/signs/real": lambda tick: 0.6 + 0.05 * (-1) ** tick,
        "Progress/augment": lambda tick: min(0.004 * tick, 0.4),
        VARIANCE: 0.9,
        SPACING: 0.9,
        NEAREST: 1.1,
    }
    return ticks(num, **series | others)


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (3, 1, 28, 28), (1, 4, 8, 20), (2, 3, 48, 17)])
def test_means_of_areas(shape):
    """The reference repeats every pixel so often that areas become whole blocks."""
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    num, channels, height, width = shape
    rows, columns = min(height, 16), min(width, 16)
    fine = images.astype(np.float64).repeat(rows, 2).repeat(columns, 3)
    expected = fine.reshape(num, channels, rows, height, columns, width).mean((3, 5)) / 255
    np.testing.assert_allclose(area_means(images), expected, atol=1e-6)


@pytest.mark.parametrize("mirrored", [False, True])
def test_nearest_is_that_of_a_search_through_all(mirrored):
    images, fakes = squares(40, 0), squares(7, 1)
    reals = Reals(labelled(images, mirrored=mirrored), seed=0)
    all_images = np.concatenate((images, images[..., ::-1])) if mirrored else images
    flat = [area_means(each).reshape(len(each), -1).astype(np.float64) for each in (fakes, all_images)]
    distances = np.linalg.norm(flat[0][:, None] - flat[1], axis=2)
    rows, found = reals.nearest(flat[0].astype(np.float32))
    np.testing.assert_array_equal(rows, distances.argmin(1))
    np.testing.assert_allclose(found, distances.min(1), rtol=1e-5)


def test_a_real_is_neither_its_own_neighbour_nor_is_its_mirror_image():
    half = squares(6, 2, size=16)
    images = np.maximum(half, half[..., ::-1])  # each equals its mirror image
    reals = Reals(labelled(images, mirrored=True), seed=0)
    rows, distances = reals.nearest(reals.means, without=np.arange(12))
    assert (rows % 6 != np.arange(12) % 6).all()
    assert (distances > 0.1).all()


def test_spacing_by_hand():
    assert spacing(np.array([[0.0], [1.0], [3.0], [7.0]], np.float32)) == 1.5  # of 1, 1, 2, 4


def test_of_many_images_some_are_compared_with():
    assert len(Reals(labelled(squares(MAX_REALS + 5, 0, channels=1, size=4)), seed=0).means) == MAX_REALS


@pytest.mark.parametrize("num_trained", [20, 100, len(DIGITS.images)])
def test_digits_that_were_not_trained_on_are_no_copies(num_trained):
    found = examine_images(DIGITS.test_images[:64], labelled(DIGITS.images[:num_trained]), seed=0)
    assert found[NEAREST] > 0.75
    assert 0.7 < found[VARIANCE] < 1.3
    assert 0.7 < found[SPACING] < 1.3


@pytest.mark.parametrize("num_trained", [20, 100, len(DIGITS.images)])
def test_copies_with_noise_are_known_and_are_no_collapse(num_trained):
    random = np.random.default_rng(0)
    copies = DIGITS.images[random.integers(num_trained, size=64)]
    noisy = np.clip(copies + random.normal(0, 10, copies.shape), 0, 255).astype(np.uint8)
    found = examine_images(noisy, labelled(DIGITS.images[:num_trained]), seed=0)
    assert found[NEAREST] < 0.35
    assert found[SPACING] > 0.5


def test_half_of_the_fakes_are_copies():
    fakes = np.concatenate((DIGITS.test_images[:31], DIGITS.images[:33]))
    assert examine_images(fakes, labelled(DIGITS.images), seed=0)[NEAREST] < doctor.MIN_NEAREST


def test_mirrored_copies_count_where_mirror_images_were_trained_on():
    images = squares(50, 0)
    mirrored = images[..., ::-1]
    assert examine_images(mirrored, labelled(images, mirrored=True), seed=0)[NEAREST] < 1e-3
    assert examine_images(mirrored, labelled(images), seed=0)[NEAREST] > 0.7


@pytest.mark.parametrize("distinct", [1, 2, 4, 8])
def test_few_images_again_and_again(distinct):
    """Of two kinds or more they vary nearly as much as reals do: the distances tell."""
    noise = np.random.default_rng(0).normal(0, 4, (64, 1, 28, 28))
    fakes = np.clip(np.resize(DIGITS.test_images[:distinct], (64, 1, 28, 28)) + noise, 0, 255).astype(np.uint8)
    found = examine_images(fakes, labelled(DIGITS.images), seed=0)
    assert found[SPACING] < 0.1
    assert (found[VARIANCE] < 0.05) == (distinct == 1)


def test_one_image_of_each_class_is_a_collapse():
    fakes = np.stack([DIGITS.test_images[DIGITS.test_labels == kind][0] for kind in range(8)]).repeat(8, 0)
    assert examine_images(fakes, labelled(DIGITS.images), seed=0)[SPACING] == 0


def test_noise_is_no_copy():
    noise = np.random.default_rng(0).integers(0, 256, (64, 1, 28, 28), np.uint8)
    assert examine_images(noise, labelled(DIGITS.images), seed=0)[NEAREST] > 2


def test_what_cannot_be_said_is_left_out():
    images = squares(10, 0)
    assert set(examine_images(images[:1], labelled(images), seed=0)) == {NEAREST}
    twice = np.concatenate((images, images))
    assert NEAREST not in examine_images(images, labelled(twice), seed=0)


def test_the_same_seed_says_the_same():
    images, fakes = squares(30, 0), squares(20, 1)
    results = [examine_images(fakes, labelled(images), seed) for seed in (0, 0, 1)]
    assert results[0] == results[1]
    assert results[0][SPACING] != results[2][SPACING]


def test_a_healthy_run_is_told_nothing():
    assert findings(healthy(), SETTINGS) == []
    assert findings([], SETTINGS) == []
    assert findings(healthy(1), SETTINGS) == []


ILL = [
    ({"Progress/augment": 1.31}, "p is 1.31, above 1"),
    ({"Progress/augment": 0.85}, "p is 0.85, above 0.8"),
    ({"Progress/augment": lambda tick: 0.55 + 0.008 * (tick - 39), "Loss/signs/real": 0.75}, "climbs at full speed"),
    ({"Loss/D/loss": 0.05}, "loss is 0.05, near zero"),
    ({"Loss/G/loss": lambda tick: math.nan if tick > 29 else 1.0}, "no numbers since 124 kimg"),
    ({"Loss/D/loss": lambda tick: math.inf if tick > 38 else 1.0}, "no numbers since 160 kimg"),
    ({VARIANCE: 0.05}, "Hardly any variance is left among the fakes: 0.05"),
    ({SPACING: 0.05}, "few images again and again"),
    ({NEAREST: 0.2}, "copies of training images"),
]


@pytest.mark.parametrize(("series", "what"), ILL)
def test_an_illness_is_told_with_what_helps(series, what):
    (found,) = findings(healthy(**series), SETTINGS)
    assert what in found
    assert found.count("What helps") == 1
    assert "--" in found.partition("What helps")[2]
    assert "\n" not in found


SOUND = [
    {"Progress/augment": float(np.float32(0.8))},
    {"Progress/augment": lambda tick: 0.3 + 0.008 * (tick - 39), "Loss/signs/real": 0.75},  # p is still being found
    {"Progress/augment": lambda tick: 0.7 + 0.001 * (tick - 39), "Loss/signs/real": 0.61},  # a slow drift
    {"Progress/augment": lambda tick: 0.55 + 0.008 * (tick - 39)},  # r_t is at its target
    {"Progress/augment": math.nan},
    {"Loss/D/loss": lambda tick: 0.01 if tick < 39 else 0.5},
    {"Loss/D/loss": lambda tick: 0.01 if tick > 35 else 0.5},  # four ticks
    {"Loss/D/loss": lambda tick: math.nan if tick == 37 else 0.01},  # one is not known
    {VARIANCE: lambda tick: 0.01 if tick == 39 else 0.5},
    {NEAREST: lambda tick: 0.01 if tick == 39 else 1.0},
    {NEAREST: math.nan, VARIANCE: math.nan, SPACING: math.nan},
]


@pytest.mark.parametrize("series", SOUND)
def test_no_false_alarm(series):
    assert findings(healthy(**series), SETTINGS) == []


def test_fakes_that_are_alike_at_first_are_no_collapse():
    assert findings(healthy(18, **{VARIANCE: 0.05}), SETTINGS) == []  # 72 kimg of 300
    assert findings(healthy(19, **{VARIANCE: 0.05}), SETTINGS) != []
    long = SETTINGS | {"total_kimg": 25000}
    assert [bool(findings(healthy(num, **{VARIANCE: 0.05}), long)) for num in (24, 25)] == [False, True]


def test_p_at_its_ceiling():
    at = {"Progress/augment": float(np.float32(0.6)), "Loss/signs/real": 0.9}
    (found,) = findings(healthy(**at), SETTINGS | {"p_max": 0.6})
    assert "at its ceiling of 0.60" in found
    assert "--p_max" not in found
    assert findings(healthy(**at), SETTINGS) == []


def test_what_was_done_already_is_not_proposed():
    series = {"Loss/D/loss": 0.05}
    (plain,) = findings(healthy(**series), SETTINGS | {"aug": "noaug"})
    assert all(help_ in plain for help_ in ("--aug ada", "--mirror", "--freezed 10", "--gamma (2 to 4)"))
    done = SETTINGS | {"mirror": True, "resume": "a.ckpt", "freezed": 10}
    (rest,) = findings(healthy(**series), done)
    assert not any(help_ in rest for help_ in ("--aug", "--mirror", "--freezed"))


def test_without_a_target_it_is_that_of_ada():
    series = {"Progress/augment": lambda tick: 0.55 + 0.008 * (tick - 39), "Loss/signs/real": 0.75}
    (found,) = findings(healthy(**series), SETTINGS | {"target": None})
    assert "its target of 0.6" in found


def test_the_console_is_told_what_is_new(tmp_path: Path):
    run, told = RunDirectory(tmp_path), []
    visit = Doctor(run, SETTINGS, told.append)

    def after(*lines: dict) -> list[str]:
        told.clear()
        run.stats.write_text("".join(json.dumps(line) + "\n" for line in lines))
        visit(None)
        return list(told)

    sick = healthy(**{"Progress/augment": 0.85})
    assert after(*healthy()) == []
    (first,) = after(*sick)
    assert first.startswith("warning: p is 0.85")
    assert after(*sick, *healthy(1, **{"Progress/augment": 0.86})) == []
    assert after(*healthy()) == []
    assert len(after(*sick)) == 1  # it came back
