"""The measurements of translations on generators and features whose answers are known by hand, and the warnings."""

import json
import math

import numpy as np
import pytest

from mindgan.cyclegan.measure import CycleScores, TestImages, correlation, difference, measure, paired, warnings
from mindgan.cyclegan.step import LOSS_NAMES
from mindgan.metrics.feature_network import FeatureNetwork
from mindgan.metrics.kernel import kernel_distance
from mindgan.runtime.errors import UserError


def means(images: np.ndarray) -> np.ndarray:
    """Features by hand: the means of the four quarters, [N, 4]."""
    num, _, height, width = images.shape
    quarters = images.reshape(num, -1, 2, height // 2, 2, width // 2).mean((1, 3, 5))
    return quarters.reshape(num, 4).astype(np.float32) / 255


def apart(images_a: np.ndarray, images_b: np.ndarray) -> np.ndarray:
    return np.abs(images_a.astype(np.float64) - images_b).max((1, 2, 3))


NETWORK = FeatureNetwork("quarters", False, means, apart, "largest difference")


def pictures(num: int, seed: int, low: int = 0, high: int = 156, channels: int = 3, size: int = 16) -> np.ndarray:
    """Each of four random squares."""
    rng = np.random.default_rng(seed)
    squares = rng.integers(low, high, (num, channels, 2, 2), np.uint8)
    return squares.repeat(size // 2, 2).repeat(size // 2, 3)


def named(images: np.ndarray, prefix: str = "") -> TestImages:
    return TestImages(images, [f"{prefix}{number}.png" for number in range(len(images))])


def lighter(images: np.ndarray) -> np.ndarray:
    return images + np.uint8(100)


def darker(images: np.ndarray) -> np.ndarray:
    return images - np.uint8(100)


def inverted(images: np.ndarray) -> np.ndarray:
    return 255 - images


def unchanged(images: np.ndarray) -> np.ndarray:
    return images


A = pictures(30, 1)
B = lighter(A)


def test_perfect_generators():
    """A + 100 is B, pair by pair."""
    scores = measure(lighter, darker, named(A), named(B), NETWORK)
    there = scores.AtoB
    assert there.fid == pytest.approx(0, abs=1e-9)
    assert there.fid_untranslated == pytest.approx(4 * (100 / 255) ** 2, rel=1e-5)  # four means shifted, no spread
    assert there.kid == kernel_distance(means(B), means(B))[0]
    assert there.kid_deviation == 0
    assert there.cycle_error == 0
    assert (there.retrieval_accuracy, there.perceptual_distance, there.psnr) == (1, 0, None)
    assert there.ssim == pytest.approx(1)
    assert there.change == pytest.approx(100 / 127.5)
    assert there.correlation == pytest.approx(1)
    assert (there.num_source, there.num_target, there.num_pairs) == (30, 30, 30)
    assert (scores.feature_network, scores.comparable) == ("quarters", False)
    assert scores.perceptual_distance == "largest difference"
    assert scores.BtoA.change == there.change
    assert warnings([], scores) == []


def test_errors_by_hand():
    calls: list[tuple[int, ...]] = []

    def nearly(images: np.ndarray) -> np.ndarray:
        calls.append(images.shape)
        return np.minimum(images.astype(int) + 90, 255).astype(np.uint8)

    scores = measure(nearly, darker, named(pictures(5, 2, 10)), named(lighter(pictures(5, 2, 10))), NETWORK)
    assert scores.AtoB.cycle_error == pytest.approx(10 / 127.5)
    assert scores.AtoB.perceptual_distance == 10
    assert scores.AtoB.psnr == pytest.approx(20 * math.log10(255 / 10))
    target = lighter(pictures(5, 2, 10))
    expected = np.minimum(target.astype(int) + 90, 255) - target
    assert scores.AtoB.identity_error == pytest.approx(expected.mean() / 127.5)
    assert set(calls) == {(1, 3, 16, 16)}


def test_the_other_direction_is_the_exchange_of_both():
    test_A, test_B = named(pictures(6, 3)), named(pictures(8, 4, 50, 200))
    forth = measure(lighter, inverted, test_A, test_B, NETWORK)
    back = measure(inverted, lighter, test_B, test_A, NETWORK)
    assert (forth.AtoB, forth.BtoA) == (back.BtoA, back.AtoB)
    assert forth.AtoB != forth.BtoA
    assert (forth.AtoB.num_source, forth.AtoB.num_target) == (6, 8)


def test_without_pairs_there_is_nothing_of_pairs():
    scores = measure(lighter, darker, named(A, "a"), named(B, "b"), NETWORK).AtoB
    assert (scores.num_pairs, scores.retrieval_accuracy, scores.ssim, scores.psnr) == (0, None, None, None)
    assert scores.fid == pytest.approx(0, abs=1e-9)


def test_pairs_are_found_by_name_not_by_place():
    order = np.random.default_rng(0).permutation(len(B))
    shuffled = TestImages(B[order], [f"{number}.jpg" for number in order])
    scores = measure(lighter, darker, named(A), shuffled, NETWORK)
    assert (scores.AtoB.retrieval_accuracy, scores.AtoB.perceptual_distance) == (1, 0)
    assert (scores.BtoA.retrieval_accuracy, scores.BtoA.perceptual_distance) == (1, 0)


def test_domains_of_different_channels_and_sizes():
    grey = TestImages(pictures(4, 5, channels=1, size=8), [f"{number}.png" for number in range(4)])

    def to_grey(images: np.ndarray) -> np.ndarray:
        return images[:, :1, ::2, ::2]

    def to_colour(images: np.ndarray) -> np.ndarray:
        return images.repeat(3, 1).repeat(2, 2).repeat(2, 3)

    scores = measure(to_grey, to_colour, named(A[:4]), grey, NETWORK)
    assert scores.AtoB.identity_error is scores.AtoB.change is scores.AtoB.domain_distance is None
    assert scores.AtoB.cycle_error > 0
    assert scores.BtoA.cycle_error == 0
    assert scores.AtoB.ssim is None  # below the window of 11
    assert scores.AtoB.perceptual_distance is not None
    assert not [line for line in warnings([], scores) if "unchanged" in line or "inverted" in line]


def test_is_ready_for_json():
    scores = measure(lighter, darker, named(A), named(B), NETWORK)
    found = json.loads(json.dumps(scores.as_dict(), allow_nan=False))
    assert found["AtoB"]["psnr"] is None
    assert found["feature_network"] == "quarters"
    assert list(found["AtoB"]) == list(found["BtoA"])


def test_too_few_images_are_refused():
    with pytest.raises(UserError, match="domain B has 1 images; give 2 or more"):
        measure(lighter, darker, named(A), named(B[:1]), NETWORK)


@pytest.mark.parametrize(
    ("names_a", "names_b", "pairs"),
    [
        (["x.png", "y.png"], ["y.jpg", "x.jpg"], [(0, 1), (1, 0)]),
        (["1_A.jpg", "2_A.jpg"], ["1_B.jpg", "2_B.jpg"], [(0, 0), (1, 1)]),
        (["s/x.png", "t/x.png"], ["t/x.png", "s/x.png"], [(0, 1), (1, 0)]),
        (["x.png", "x.jpg", "y.png"], ["y.png", "x.png", "x.bmp"], [(0, 1), (2, 0)]),
        (["1", "2", "3", "4", "5"], ["5", "6", "7", "8", "9"], []),  # one of five by chance
        (["1", "2", "3", "4", "5"], ["4", "5", "9"], [(3, 0), (4, 1)]),
        (["x"], ["x"], []),
    ],
)
def test_paired(names_a, names_b, pairs):
    assert paired(names_a, names_b) == pairs


def test_difference_and_correlation_by_hand():
    black, white = np.zeros((2, 1, 4, 4), np.uint8), np.full((2, 1, 4, 4), 255, np.uint8)
    assert difference(black, white) == difference(white, black) == 2
    a = pictures(3, 6)
    assert correlation(a, inverted(a)) == pytest.approx(-1)
    assert correlation(a, black[:1].repeat(3, 0).repeat(3, 1).repeat(4, 2).repeat(4, 3)) == 0
    b = pictures(3, 7)
    expected = np.mean([np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(a, b, strict=True)])
    assert correlation(a, b) == pytest.approx(expected)


def scores_of(there, back=darker) -> CycleScores:
    return measure(there, back, named(A), named(B), NETWORK)


def test_unchanged_images_are_told_with_what_helps():
    (nearer, *others) = [line for line in warnings([], scores_of(unchanged)) if "unchanged" in line]
    assert not others
    assert nearer.startswith("AtoB: ")
    assert "--lambda_identity" in nearer
    assert any("no nearer to the target" in line for line in warnings([], scores_of(unchanged)))


def test_inverted_colours_are_told():
    (line,) = [line for line in warnings([], scores_of(lighter, inverted)) if "inverted" in line]
    assert line.startswith("BtoA: ")
    assert "correlation -1.00" in line


def run(num: int = 80, seed: int = 0, **curves) -> list[dict]:
    """Lines of losses as a sound run has them, but for `curves`."""
    rng = np.random.default_rng(seed)
    sound = {
        **dict.fromkeys(("G_A", "G_B"), rng.uniform(0.2, 0.5, num)),
        **dict.fromkeys(("D_A", "D_B"), rng.uniform(0.1, 0.3, num)),
        **dict.fromkeys(("cycle_A", "cycle_B"), np.linspace(4, 1, num)),
        **dict.fromkeys(("idt_A", "idt_B"), np.linspace(2, 0.5, num)),
    }
    assert set(sound) == set(LOSS_NAMES)
    values = {name: np.broadcast_to(curves.get(name, value), num) for name, value in sound.items()}
    return [{"nimg": step, **{name: float(value[step]) for name, value in values.items()}} for step in range(num)]


def test_a_sound_run_has_no_warnings():
    assert warnings(run()) == []
    assert warnings([]) == []


def around_balance(deviation: float) -> np.ndarray:
    """As a sound run of digits moved."""
    return np.random.default_rng(1).normal(0, deviation, 80)


def late(value: float, before: float, num: int = 80) -> np.ndarray:
    return np.where(np.arange(num) < num // 2, before, value)


@pytest.mark.parametrize("letter", ["A", "B"])
@pytest.mark.parametrize(
    ("curves", "words"),
    [
        ({"D": late(0.01, 0.2), "G": late(0.97, 0.3)}, ("the discriminator wins", "--d_learning_rate")),
        ({"D": 0.02, "G": 4.0}, ("the discriminator wins", "--d_learning_rate")),
        ({"D": late(0.251, 0.1), "G": late(0.249, 0.6)}, ("stand still", "raise --d_learning_rate")),
        ({"D": math.log(2), "G": math.log(2)}, ("stand still", "raise --d_learning_rate")),
        ({"cycle": 3.0}, ("cycle loss does not fall", "--lambda_")),
        ({"G": late(math.nan, 0.3)}, ("no numbers", "checkpoint")),
    ],
)
def test_failures_in_the_curves_are_told_with_what_helps(letter, curves, words):
    found = warnings(run(**{f"{name}_{letter}": curve for name, curve in curves.items()}))
    assert len(found) == 1
    assert found[0].startswith("AtoB: " if letter == "A" else "BtoA: ")
    assert all(word in found[0] for word in words)
    assert "\n" not in found[0]


@pytest.mark.parametrize(
    "curves",
    [
        {"D_A": late(0.2, 0.01), "G_A": late(0.3, 0.97)},  # it won, and does no more
        {"D_A": 0.02, "G_A": 0.3},  # G is not beaten
        {"D_A": 0.2, "G_A": 0.97},  # nor D sure of itself
        {"D_A": 0.25, "G_A": 0.4},
        {
            "D_A": np.random.default_rng(1).normal(0.25, 0.01, 80),
            "G_A": np.random.default_rng(2).normal(0.25, 0.016, 80),
        },
        {"D_A": np.resize([0.2, 0.3], 80), "G_A": 0.25},
        {"D_A": np.concatenate((np.full(79, 0.25), [0.15])), "G_A": 0.25},
    ],
)
def test_what_only_looks_like_a_failure_is_not_told(curves):
    assert warnings(run(**curves)) == []


def test_few_lines_say_nothing():
    assert warnings(run(19, D_A=0.0, G_A=1.0)) == []
    assert len(warnings(run(20, D_A=0.0, G_A=1.0))) == 1
