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
SETTINGS |= {"resolution": 32, "architecture": "resnet"}
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


def middles(images: np.ndarray, most: tuple[int, int], areas: tuple[int, int]) -> np.ndarray:
    """What is within `most` pixels of the edges, at all shifts, as means of areas: float64 [shifts, N, D]."""
    height, width = (num - 2 * far for num, far in zip(images.shape[2:], most, strict=True))
    rows, columns = height // areas[0], width // areas[1]
    found = []
    for top in range(2 * most[0] + 1):
        for left in range(2 * most[1] + 1):
            part = images[:, :, top : top + rows * areas[0], left : left + columns * areas[1]].astype(np.float64)
            means = part.reshape(len(part), -1, rows, areas[0], columns, areas[1]).mean((3, 5)) / 255
            found.append(means.reshape(len(part), -1))
    return np.stack(found)


@pytest.mark.parametrize(
    ("size", "most", "areas"), [((16, 16), (1, 1), (1, 1)), ((28, 40), (2, 2), (1, 2)), ((64, 16), (4, 1), (4, 1))]
)
def test_nearest_is_that_of_a_search_through_all(size, most, areas):
    """Of shifts, mirror images and reals; pixels are the cells of images of up to 64 px."""
    random = np.random.default_rng(0)
    images, fakes = (random.integers(0, 256, (num, 3, *size), np.uint8) for num in (14, 5))
    fakes[1:] = [np.roll(image[..., ::flip], shift, (1, 2)) for image, flip, shift in zip(
        images, (1, -1, 1, -1), ((0, 0), (1, 0), (-1, 1), (-1, -1)), strict=False
    )]  # fmt: skip
    of_reals = middles(images, most, areas)[(2 * most[0] + 1) * (2 * most[1] + 1) // 2]  # without a shift
    of_fakes = np.concatenate([middles(each, most, areas) for each in (fakes, fakes[..., ::-1])])
    distances = np.linalg.norm(of_fakes[:, :, None] - of_reals, axis=3).min(0)
    rows, found = Reals(labelled(images), seed=0).nearest(fakes)
    np.testing.assert_array_equal(rows, distances.argmin(1))
    np.testing.assert_allclose(found, distances.min(1), rtol=1e-5)
    assert (found[1:] == 0).all()
    assert found[0] > 1


def test_a_real_is_not_its_own_neighbour():
    images = squares(6, 2)
    reals = Reals(labelled(images, mirrored=True), seed=0)
    assert (reals.nearest(images)[1] == 0).all()
    assert (reals.spacing(np.arange(6)) > 0.1).all()


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


@pytest.mark.parametrize("size", [16, 28, 64, 256])
@pytest.mark.parametrize(("down", "right", "flip"), [(0, 0, -1), (1, 0, 1), (-1, 1, -1), (0, -1, 1)])
def test_shifted_and_mirrored_copies_are_copies(size, down, right, flip):
    """By a sixteenth of the side; what is shifted in at the edge is another image's."""
    small = np.random.default_rng(0).integers(0, 256, (60, 3, size // 4, size // 4), np.uint8)
    images = small.repeat(4, 2).repeat(4, 3)
    by = max(1, size // 16)
    wide = np.concatenate((images[10:30], images[:20], images[30:50]), 3)
    wide = np.concatenate((wide[::-1], wide, wide[::-1]), 2)
    copies = wide[:, :, size - by * down : 2 * size - by * down, size - by * right : 2 * size - by * right][..., ::flip]
    assert examine_images(copies, labelled(images[:50]), seed=0)[NEAREST] < 0.01
    assert examine_images(images[50:], labelled(images[:50]), seed=0)[NEAREST] > 0.8


@pytest.mark.parametrize("shift", [(0, 1), (1, 1), (2, -2)])
def test_shifted_copies_of_digits_are_known_and_other_digits_are_none(shift):
    copies = np.roll(DIGITS.images[:64], shift, (2, 3))
    assert examine_images(copies, labelled(DIGITS.images), seed=0)[NEAREST] < 0.01
    others = np.roll(DIGITS.test_images[:64], shift, (2, 3))
    assert examine_images(others, labelled(DIGITS.images), seed=0)[NEAREST] > 0.75


def twins(images: np.ndarray, kind: str) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 4, images.shape)
    others = {
        "twice": images,
        "mirrored": images[..., ::-1],
        "shifted": np.roll(images, (1, -1), (2, 3)),
        "packed anew": np.clip(images + noise, 0, 255).astype(np.uint8),
        "mirrored and packed anew": np.clip(images + noise, 0, 255).astype(np.uint8)[..., ::-1],
    }
    return np.concatenate((images, others[kind]))


@pytest.mark.parametrize("kind", ["twice", "mirrored", "shifted", "packed anew", "mirrored and packed anew"])
def test_twins_among_the_training_images_hide_no_copies(kind):
    random = np.random.default_rng(0)
    for images, others in ((DIGITS.images[:200], DIGITS.test_images[:64]), (squares(100, 0), squares(64, 9))):
        data = labelled(twins(images, kind))
        copies = data.images[random.integers(len(data.images), size=64)]
        noisy = np.clip(copies + random.normal(0, 6, copies.shape), 0, 255).astype(np.uint8)
        assert examine_images(copies, data, seed=0)[NEAREST] < 0.05
        assert examine_images(noisy, data, seed=0)[NEAREST] < 0.35
        assert examine_images(others, data, seed=0)[NEAREST] > 0.75


def test_eight_of_an_image_are_no_twins_any_more():
    """Numbers by hand: seven others are passed over, and of eight none."""
    images = squares(4, 0)
    for copies, is_passed_over in ((8, True), (9, False)):
        reals = Reals(labelled(np.concatenate((images[:1].repeat(copies, 0), images[1:]))), seed=0)
        assert (reals.spacing(np.array([0]))[0] > 1) == is_passed_over


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


@pytest.mark.parametrize("num", [2, 3])
def test_of_hardly_any_reals(num):
    """Of two, each is the other's neighbour."""
    images = squares(num + 5, 0)
    assert examine_images(images[:num], labelled(images[:num]), seed=0)[NEAREST] == 0
    assert examine_images(images[num:], labelled(images[:num]), seed=0)[NEAREST] > 0.5
    assert NEAREST not in examine_images(images, labelled(images[:1].repeat(num, 0)), seed=0)


def test_what_cannot_be_said_is_left_out():
    images = squares(10, 0)
    assert set(examine_images(images[:1], labelled(images), seed=0)) == {NEAREST}
    assert NEAREST not in examine_images(images, labelled(images[:1].repeat(10, 0)), seed=0)


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
    ({"Loss/G/loss": math.nan, VARIANCE: 0.05, "Progress/augment": 0.9}, "no numbers since 4 kimg"),  # and nothing else
    ({VARIANCE: 0.22}, "Hardly any variance is left among the fakes: 0.22"),  # digits that were drawn all alike
    ({SPACING: 0.06}, "few images again and again"),  # twins with some noise
    ({NEAREST: 0.45}, "copies of training images"),
    ({"Loss/D/loss": 0.099}, "near zero"),
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
    {VARIANCE: 0.27},
    {SPACING: 0.25},  # digits that are blurred beyond use
    {NEAREST: 0.65},  # averages of five neighbours
    {"Loss/D/loss": 0.11},
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
    assert all(help_ in plain for help_ in ("--aug ada", "--mirror", "--freezed 5", "--gamma (2 to 4)"))
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
    assert after(*sick) == []  # as it was there a tick ago
    for _ in range(5):
        assert after(*healthy()) == []
    assert len(after(*sick)) == 1  # it came back


def test_a_p_that_falls_is_no_news(tmp_path: Path):
    """Who was told that p is above 1 is not told that it is above 0.8."""
    run, told = RunDirectory(tmp_path), []
    visit = Doctor(run, SETTINGS, told.append)
    for p in (1.01, 0.99, 1.01, 0.99):
        run.stats.write_text("".join(json.dumps(line) + "\n" for line in healthy(**{"Progress/augment": p})))
        visit(None)
    assert [line[:18] for line in told] == ["warning: p is 1.01"]


def test_a_climb_is_told_as_it_goes_on(tmp_path: Path):
    """p from 0 to 1.5 at full speed, a visit every fifth tick: that it climbs, that it leaks, that it is above 1."""
    run, told = RunDirectory(tmp_path), []
    visit = Doctor(run, SETTINGS, told.append)
    lines = healthy(190, **{"Progress/augment": lambda tick: 0.008 * tick, "Loss/signs/real": 0.9})
    for num in range(5, 190, 5):
        run.stats.write_text("".join(json.dumps(line) + "\n" for line in lines[:num]))
        visit(None)
    assert [line.split(",")[0].split(" and ")[0][:22] for line in told] == [
        "warning: p is 0.51",
        "warning: p is 0.83",
        "warning: p is 1.03",
    ]


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        ({"resolution": 256, "architecture": "resnet"}, 10),
        ({"resolution": 1024, "architecture": "resnet"}, 10),
        ({"resolution": 32, "architecture": "orig"}, 4),
        ({"resolution": 256, "image_width": 8, "image_height": 12, "architecture": "resnet"}, 2),
    ],
)
def test_layers_to_freeze_are_some_that_there_are(settings, layers):
    (found,) = findings(healthy(**{NEAREST: 0.2}), SETTINGS | settings)
    assert f"(--resume, --freezed {layers})" in found


def test_who_goes_on_is_told_what_was_not_told_before(tmp_path: Path):
    """p is too high from the eighth tick on; what was told before stands in the lines that there are."""
    lines = healthy(13, **{"Progress/augment": lambda tick: 0.3 if tick < 7 else 0.85})

    def told(*lines: dict, more: list[dict]) -> list[str]:
        run, said = RunDirectory(tmp_path), []
        run.stats.write_text("".join(json.dumps(line) + "\n" for line in lines))
        visit = Doctor(run, SETTINGS, said.append)
        run.stats.write_text("".join(json.dumps(line) + "\n" for line in [*lines, *more]))
        visit(None)
        return said

    later = [line | {"epoch": line["epoch"] + 13, "nimg": line["nimg"] + 52000} for line in lines[-2:]]
    assert told(*lines, more=later) == []
    assert told(*lines[:8], more=later) == []
    assert len(told(*lines[:7], more=later)) == 1  # the eighth tick, which would have told, is not in it
    assert len(told(*lines[:7], more=lines[7:8])) == 1
    assert len(told(more=lines[:10])) == 1
    cured = [line | {"Progress/augment": 0.3} for line in later]
    assert told(*lines, more=cured) == []
