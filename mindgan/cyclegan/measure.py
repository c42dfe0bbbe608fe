"""How good the translations of a CycleGAN are, in both directions, and which of the known failures it shows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

import numpy as np

from mindgan.metrics.feature_network import FeatureNetwork
from mindgan.metrics.frechet import feature_distance
from mindgan.metrics.kernel import kernel_distance
from mindgan.metrics.pairs import WINDOW, peak_signal_to_noise, retrieval_accuracy, structural_similarity
from mindgan.runtime.errors import UserError

Translate = Callable[[np.ndarray], np.ndarray]

MIN_IMAGES = 2
MIN_PAIRED_SHARE = 0.5  # of the smaller set; file names that are numbers meet by chance where sets overlap a little

# Of the domains' distance. Colours that are a tenth stronger or weaker make 0.06 of it between two kinds of flowers.
MAX_UNCHANGED_SHARE = 0.05
# Nine of ten unrelated photographs lie between -0.23 and 0.39, with a mean near 0.1; with inverted lightness at -0.7.
MAX_INVERTED_CORRELATION = -0.3
# Of the untranslated images' FID. Which hundred of 700 images are taken moves it by 13 % (one standard deviation).
MIN_FID_SHARE = 0.9

TAIL_SHARE = 0.25  # of a run, at its end, which is judged; the same at its start, to compare with
MIN_LINES = 20  # fewer lines of losses say nothing
WINNING_D = 0.05  # balance is 0.25 for least squares, 0.69 for cross-entropy; here D is sure of nearly every patch
LOSING_G = 0.8  # for least squares 1 is every fake known, and 0.25 balance
BALANCES = (0.25, math.log(2))  # of D and G alike where all images score the same: least squares, cross-entropy
# Of the balance, at every line. Sound runs on digits come to balance too, but move around it by 4 % in D and 6 % in G.
BALANCE_WIDTH = 0.02
MIN_CYCLE_FALL = 0.95  # of the cycle loss at the start; sound runs fell to between 0.15 and 0.5 of it


@dataclass(frozen=True)
class TestImages:
    """The test set of a domain: images uint8 [N, C, H, W] and their N names in its folder."""

    __test__ = False  # pytest's collector takes the name for one of its own

    images: np.ndarray
    names: Sequence[str]


@dataclass(frozen=True)
class DirectionScores:
    """What is measured of one generator; errors are means of absolute differences of pixels in [-1, 1]."""

    fid: float
    """Frechet distance of the translated images to the target test set; 0 is best."""
    fid_untranslated: float
    """The same of the source images as they are: what doing nothing would get."""
    kid: float
    """Kernel distance to the target test set, the mean over subsets; 0 is best, and a little below is possible."""
    kid_deviation: float
    """Its standard deviation over the subsets; 0 where a subset is the whole set."""
    cycle_error: float
    """Of an image that is translated there and back to itself: 0 to 2. Images between are rounded to 8 bits."""
    identity_error: float | None
    """Of an image of the target domain, translated, to itself: 0 to 2. None where the domains differ in channels."""
    change: float | None
    """Of the translated image to the source image: 0 to 2. None as above."""
    domain_distance: float | None
    """Of source images to target images, without pairs: 0 to 2. None where the domains differ in shape."""
    correlation: float | None
    """Of the pixels of the translated image with those of the source image, the mean: -1 to 1. None as `change`."""
    num_source: int
    """Test images that were translated."""
    num_target: int
    """Test images they were compared with."""
    num_pairs: int
    """Of both, those with the same name; 0 where too few have."""
    retrieval_accuracy: float | None = None
    """Share of the pairs whose target is the nearest of all paired targets in features; chance is 1 / num_pairs."""
    perceptual_distance: float | None = None
    """Between translated image and target, the mean; `CycleScores.perceptual_distance` says which."""
    ssim: float | None = None
    """Structural similarity, the mean: 1 is equal."""
    psnr: float | None = None
    """Peak signal-to-noise ratio, the mean over pairs that differ, decibels."""


@dataclass(frozen=True)
class CycleScores:
    """Both directions, and what their numbers rest on."""

    feature_network: str
    """The network of FID, KID and retrieval."""
    comparable: bool
    """Whether FID and KID can be compared with published ones."""
    perceptual_distance: str
    """Which perceptual distance was measured."""
    AtoB: DirectionScores
    BtoA: DirectionScores

    def as_dict(self) -> dict:
        """For JSON: numbers, texts, None, dictionaries."""
        return asdict(self)


def measure(
    translate_AtoB: Translate,
    translate_BtoA: Translate,
    test_A: TestImages,
    test_B: TestImages,
    network: FeatureNetwork,
    *,
    seed: int = 0,
) -> CycleScores:
    """Translates both test sets there and back and measures the results.

    Args:
        translate_AtoB: an image uint8 [1, C, H, W] of domain A to one of B, uint8 [1, C', H, W].
        translate_BtoA: the reverse.
        test_A: of domain A.
        test_B: of domain B; pairs are images whose names in both are the same, suffixes and an ending ``_A`` or ``_B``
            not counted, where at least half of the smaller set has one.
        network: of FID, KID, retrieval and perceptual distances.
        seed: of KID's subsets.

    Raises:
        UserError: a test set has fewer than two images.
    """
    for name, test in (("A", test_A), ("B", test_B)):
        if len(test.images) < MIN_IMAGES:
            raise UserError(f"the test set of domain {name} has {len(test.images)} images; give {MIN_IMAGES} or more")
    features = [network.features(test.images) for test in (test_A, test_B)]
    return CycleScores(
        feature_network=network.name,
        comparable=network.is_comparable,
        perceptual_distance=network.distance_name,
        AtoB=_measure_direction(translate_AtoB, translate_BtoA, test_A, test_B, network, features, seed),
        BtoA=_measure_direction(translate_BtoA, translate_AtoB, test_B, test_A, network, features[::-1], seed),
    )


def _measure_direction(
    there: Translate,
    back: Translate,
    source: TestImages,
    target: TestImages,
    network: FeatureNetwork,
    features: Sequence[np.ndarray],
    seed: int,
) -> DirectionScores:
    translated = _each(there, source.images)
    of_source, of_target = features
    of_translated = network.features(translated)
    kid, kid_deviation = kernel_distance(of_translated, of_target, seed=seed)
    has_same_channels = source.images.shape[1] == target.images.shape[1]
    pairs = paired(source.names, target.names)
    return DirectionScores(
        fid=feature_distance(of_translated, of_target),
        fid_untranslated=feature_distance(of_source, of_target),
        kid=kid,
        kid_deviation=kid_deviation,
        cycle_error=difference(_each(back, translated), source.images),
        identity_error=difference(_each(there, target.images), target.images) if has_same_channels else None,
        change=difference(translated, source.images) if has_same_channels else None,
        domain_distance=_domain_distance(source.images, target.images),
        correlation=correlation(translated, source.images) if has_same_channels else None,
        num_source=len(source.images),
        num_target=len(target.images),
        num_pairs=len(pairs),
        **_measure_pairs(translated, of_translated, target.images, of_target, pairs, network),
    )


def _measure_pairs(
    translated: np.ndarray,
    of_translated: np.ndarray,
    target: np.ndarray,
    of_target: np.ndarray,
    pairs: list[tuple[int, int]],
    network: FeatureNetwork,
) -> dict[str, float | None]:
    if not pairs:
        return {}
    ours, theirs = (np.array(places) for places in zip(*pairs, strict=True))
    scores: dict[str, float | None] = {"retrieval_accuracy": retrieval_accuracy(of_translated[ours], of_target[theirs])}
    if translated.shape[1:] != target.shape[1:]:  # differences of pixels need the same ones
        return scores
    translated, target = translated[ours], target[theirs]
    ratios = peak_signal_to_noise(translated, target)
    finite = ratios[np.isfinite(ratios)]
    return scores | {
        "perceptual_distance": float(network.distances(translated, target).mean()),
        "ssim": float(structural_similarity(translated, target).mean()) if min(target.shape[2:]) >= WINDOW else None,
        "psnr": float(finite.mean()) if len(finite) else None,
    }


def paired(names_a: Sequence[str], names_b: Sequence[str]) -> list[tuple[int, int]]:
    """Places (in A, in B) of images with the same name; none where less than half of the smaller set has one."""
    places_b = {_stem(name, "_B"): place for place, name in reversed(list(enumerate(names_b)))}
    places_a = {_stem(name, "_A"): place for place, name in reversed(list(enumerate(names_a)))}
    pairs = sorted((place, places_b[stem]) for stem, place in places_a.items() if stem in places_b)
    is_meant = len(pairs) >= max(MIN_IMAGES, MIN_PAIRED_SHARE * min(len(names_a), len(names_b)))
    return pairs if is_meant else []


def _stem(name: str, ending: str) -> str:
    return str(PurePosixPath(name).with_suffix("")).removesuffix(ending)


def _each(translate: Translate, images: np.ndarray) -> np.ndarray:
    """One image after the other: a compiled generator takes one shape, and memory for one."""
    return np.concatenate([translate(images[place : place + 1]) for place in range(len(images))])


def difference(images_a: np.ndarray, images_b: np.ndarray) -> float:
    """mean |a - b| of images uint8 of one shape, as pixels in [-1, 1]: 0 to 2."""
    return (
        float(np.mean([np.abs(a.astype(np.int16) - b).mean() for a, b in zip(images_a, images_b, strict=True)])) / 127.5
    )


def _domain_distance(source: np.ndarray, target: np.ndarray) -> float | None:
    """The mean difference of each source image to a target image at the next place, so that pairs do not meet."""
    if source.shape[1:] != target.shape[1:]:
        return None
    places = (np.arange(len(source)) + 1) % len(target)
    return difference(source, target[places])


def correlation(images_a: np.ndarray, images_b: np.ndarray) -> float:
    """The mean over images of the correlation of their pixels, uint8 [N, C, H, W]; an image of one colour has 0."""
    values = []
    for a, b in zip(images_a, images_b, strict=True):
        x, y = a.astype(np.float64) - a.mean(), b.astype(np.float64) - b.mean()
        scale = np.sqrt((x * x).sum() * (y * y).sum())
        values.append((x * y).sum() / scale if scale else 0.0)
    return float(np.mean(values))


def warnings(stats: list[dict], scores: CycleScores | None = None) -> list[str]:
    """The known failures that a run shows, a line each, with what helps.

    Args:
        stats: the lines of stats.jsonl, with the losses of `mindgan.cyclegan.step.LOSS_NAMES`; fewer than 20 say
            nothing.
        scores: what was measured of the images, where it was.
    """
    found = [*_of_curves(stats, "A", "AtoB"), *_of_curves(stats, "B", "BtoA")]
    if scores is not None:
        found += [*_of_images(scores.AtoB, "AtoB"), *_of_images(scores.BtoA, "BtoA")]
    return found


def _of_curves(stats: list[dict], letter: str, direction: str) -> list[str]:
    curves = {name: _curve(stats, f"{name}_{letter}") for name in ("D", "G", "cycle")}
    d, g, cycle = (curves[name] for name in ("D", "G", "cycle"))
    if min(len(d), len(g), len(cycle)) < MIN_LINES:
        return []
    if not all(np.isfinite(curve).all() for curve in curves.values()):
        return [
            f"{direction}: losses are no numbers any more; go back to an earlier checkpoint with lower learning rates"
        ]
    found = []
    if _tail(d).mean() < WINNING_D and _tail(g).mean() > LOSING_G:
        found.append(
            f"{direction}: the discriminator wins (D {_tail(d).mean():.3f}, G {_tail(g).mean():.2f}), so the generator "
            f"learns little from it; lower --d_learning_rate, keep --pool_size at 50, and give more images"
        )
    if _is_stuck(np.concatenate((_tail(d), _tail(g)))):
        found.append(
            f"{direction}: generator and discriminator stand still (both losses {_tail(d).mean():.2f}): the "
            f"discriminator gives all images one score; raise --d_learning_rate, and see that the domains differ"
        )
    if _tail(cycle).mean() > MIN_CYCLE_FALL * _head(cycle).mean():
        found.append(
            f"{direction}: the cycle loss does not fall ({_head(cycle).mean():.2f} at first, {_tail(cycle).mean():.2f} "
            f"now), so the way back is not learned; train longer, or raise --lambda_{letter} or --g_learning_rate"
        )
    return found


def _curve(stats: list[dict], name: str) -> np.ndarray:
    return np.array([line[name] for line in stats if name in line], np.float64)


def _tail(curve: np.ndarray) -> np.ndarray:
    return curve[-max(1, int(TAIL_SHARE * len(curve))) :]


def _head(curve: np.ndarray) -> np.ndarray:
    return curve[: max(1, int(TAIL_SHARE * len(curve)))]


def _is_stuck(losses: np.ndarray) -> bool:
    return any(np.abs(losses - balance).max() < BALANCE_WIDTH * balance for balance in BALANCES)


def _of_images(scores: DirectionScores, direction: str) -> list[str]:
    found = []
    if (
        scores.change is not None
        and scores.domain_distance is not None
        and scores.change < MAX_UNCHANGED_SHARE * scores.domain_distance
    ):
        found.append(
            f"{direction}: images come back almost unchanged (by {scores.change:.3f}; the domains differ by "
            f"{scores.domain_distance:.2f}); lower --lambda_identity, or --lambda_A and --lambda_B"
        )
    if scores.correlation is not None and scores.correlation < MAX_INVERTED_CORRELATION:
        found.append(
            f"{direction}: colours are inverted (correlation {scores.correlation:.2f} with the source), unless the "
            f"domains are each other's negatives; raise --lambda_identity, or start again with another --seed"
        )
    if scores.fid > MIN_FID_SHARE * scores.fid_untranslated:
        found.append(
            f"{direction}: translated images are no nearer to the target domain (FID {scores.fid:.4g}) than "
            f"untranslated ones ({scores.fid_untranslated:.4g}); train longer, or give more images"
        )
    return found
