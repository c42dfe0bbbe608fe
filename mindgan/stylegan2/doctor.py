"""What goes wrong with a training, seen in its curves and in its images, and what helps.

Each threshold stands here with its reason. A finding needs several ticks or snapshots in a row, so that one bad tick
says nothing.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mindgan.data.labelled import LabelledImages
from mindgan.runtime import jsonl, randomness
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2.neighbours import Reals, area_means, spacing
from mindgan.stylegan2.shape import num_layers

Stats = Sequence[Mapping[str, Any]]
Settings = Mapping[str, Any]

LOSSES = ("Loss/G/loss", "Loss/D/loss")
P, SIGNS = "Progress/augment", "Loss/signs/real"
VARIANCE, SPACING, NEAREST = "Doctor/fake_variance_ratio", "Doctor/fake_spacing_ratio", "Doctor/nearest_ratio"

P_STAGES = ("p climbs", "p leaks", "p above 1")
LEAKING_P = 0.8  # below it augmentations hardly ever leak into what is drawn (Karras et al. 2020b, section 2.2)
CERTAIN_P = 1.0  # each augmentation is done to every image then: there is nothing left to add
CLIMBING_P = 0.5  # below it a climb is how p is found: a few thousand images settle there
CLIMBING_SHARE = 0.9  # of the fastest climb: r_t was above its target at nearly every change
MIN_TICKS = 5  # in a row
TINY = 1e-6  # p is float32, which has no 0.8
# Balance is 2 log 2 = 1.39. Here D is sure by 95 % of reals and fakes alike, and log D's gradient is a twentieth.
WINNING_D = 0.1
SNAPSHOTS = 2  # in a row

# Measured with 64 images of the kind that were not trained on (digits, emoji, photographs; 20 to 2,000 to train on):
# variance 0.8 to 1.2 of the training images', spacing 0.8 to 1.1, nearest 0.85 to 1.4.
MIN_VARIANCE = 0.25  # copies of one image 0; a training that drew all digits alike, with some noise, 0.19 to 0.22
# Fakes of two kinds can vary as much as all reals do, but each has a twin: 0, with some noise 0.02 to 0.06. Digits that
# are blurred beyond use have 0.25.
MIN_SPACING = 0.15
EARLY_SHARE, EARLY_KIMG = 0.25, 100  # of a run, at most: at first fakes are alike and change together in sound runs too
# Copies 0, also shifted or mirrored, blurred or with strong noise 0.1 to 0.5, and a set of which half are copies
# 0.35 at most; averages of five neighbours, which are nearer to reals than new images are, 0.65 to 0.84.
MIN_NEAREST = 0.5

_MOST_SPACED = 64  # images whose distances to one another are taken at once
_SPACING_DRAWS = 8
_REALS_PER_SPACED = 4  # as many reals as fakes and more, so that few fakes by heart are seldom of the same image


def examine_images(fakes: np.ndarray, data: LabelledImages, seed: int) -> dict[str, float]:
    """What the images say, for stats.jsonl; compared are the colours of areas, 16 of them along a side.

    Args:
        fakes: of different latents, uint8 [N, C, H, W], of the size of the training images.
        data: the training images; of more than 4,096 so many are compared with.
        seed: chooses them.

    Returns:
        ``Doctor/fake_variance_ratio``: variance among the fakes, of that among reals: 0 where all are one image.
        ``Doctor/fake_spacing_ratio``: how far a fake's nearest other fake is, of the same among as many reals.
        ``Doctor/nearest_ratio``: how far a fake's nearest real is, of how far that one's own nearest other real is, the
        median: near 1 for new images, 0 for copies, also those that are shifted by up to a fourteenth of a side or
        mirrored. What cannot be said, as of one fake or of equal reals, is left out.
    """
    reals, means = Reals(data, seed), area_means(fakes).reshape(len(fakes), -1)
    found = {
        VARIANCE: _ratio(means.var(0).sum(), reals.means.var(0).sum()) if len(means) > 1 else None,
        SPACING: _spacing_ratio(means, reals.means, seed),
        NEAREST: _nearest_ratio(fakes, reals),
    }
    return {name: value for name, value in found.items() if value is not None}


def _ratio(value: float, of: float) -> float | None:
    return float(value / of) if of > 0 else None


def _spacing_ratio(means: np.ndarray, of_reals: np.ndarray, seed: int) -> float | None:
    """Of equal numbers of both, since the nearest of more is nearer."""
    num = min(len(means), max(2, len(of_reals) // _REALS_PER_SPACED), _MOST_SPACED)
    if num < 2:
        return None
    random = randomness.generator(seed, "doctor spacing")
    return _ratio(_mean_spacing(means, num, random), _mean_spacing(of_reals, num, random))


def _mean_spacing(means: np.ndarray, num: int, random: np.random.Generator) -> float:
    some = [means[random.permutation(len(means))[:num]] for _ in range(_SPACING_DRAWS)]
    return float(np.mean([spacing(each) for each in some]))


def _nearest_ratio(fakes: np.ndarray, reals: Reals) -> float | None:
    """By its own real's neighbour, since some kinds of images lie closer together than others."""
    rows, distances = reals.nearest(fakes)
    among_reals = reals.spacing(rows)
    says = among_reals > 0  # not where all training images are one
    return float(np.median(distances[says] / among_reals[says])) if says.any() else None


def findings(stats: Stats, settings: Settings) -> list[str]:
    """What is wrong as of the last lines: of each, a sentence of what and one of what helps.

    Args:
        stats: lines of `jsonl.read_stats`.
        settings: the resolved settings.
    """
    return list(diagnose(stats, settings).values())


def diagnose(stats: Stats, settings: Settings) -> dict[str, str]:
    """The `findings` by a name each, which stays the same while the numbers in the sentences change."""
    if broken := _not_finite(stats, settings):
        return {"not finite": broken}  # of which the rest follows
    found = {
        **_of_p(stats, settings),
        "discriminator": _of_discriminator(stats, settings),
        "collapse": _of_variety(stats, settings),
        "memorising": _of_neighbours(stats, settings),
    }
    return {name: sentences for name, sentences in found.items() if sentences}


def _not_finite(stats: Stats, settings: Settings) -> str | None:
    is_broken = [any(not math.isfinite(line.get(name, 0.0)) for name in LOSSES) for line in stats]
    if not any(is_broken[-1:]):
        return None
    num_sound = max((place + 1 for place, broken in enumerate(is_broken) if not broken), default=0)
    return (
        f"The losses are no numbers since {stats[num_sound]['nimg'] / 1000:g} kimg, and nothing is learned any more. "
        + _in_new_run([f"a lower --lr than {settings.get('lr')}", *_larger_gamma(settings)])
    )


def _of_p(stats: Stats, settings: Settings) -> dict[str, str | None]:
    """One of three by a name each: who was told that p climbs is told that it leaks, and that it is above 1."""
    p = _last(stats, P, 1)
    if not p or settings.get("aug") == "noaug":
        return {}
    if p[0] > CERTAIN_P:
        what = f"p is {p[0]:.2f}, above 1: all images are augmented, and still the discriminator knows the reals. "
        return {P_STAGES[2]: what + _in_new_run([*_against_overfitting(settings), *_ceiling(settings)])}
    if p[0] > LEAKING_P + TINY:
        what = (
            f"p is {p[0]:.2f}, above {LEAKING_P}, where augmentations leak: look for fakes that are rotated or of "
            "false colours. "
        )
        helps = [*_ceiling(settings), *_guards(settings), *_against_overfitting(settings)]
        return {P_STAGES[1]: what + _in_new_run(helps)}
    return {P_STAGES[0]: _of_climb(stats, settings, p[0]) if settings.get("aug") == "ada" else None}


def _of_climb(stats: Stats, settings: Settings, p: float) -> str | None:
    """p rises at nearly every change, or cannot any more, since r_t stays above what it should be held at."""
    target = target_of(settings)
    signs, before = _last(stats, SIGNS, MIN_TICKS), [line for line in stats if P in line][-MIN_TICKS - 1 :]
    if len(signs) < MIN_TICKS or len(before) <= MIN_TICKS or not min(signs) > target:
        return None
    is_at_ceiling = settings.get("p_max") is not None and p >= settings["p_max"] - TINY
    per_nimg = (p - before[0][P]) / (before[-1]["nimg"] - before[0]["nimg"])
    if is_at_ceiling:
        what = f"p is at its ceiling of {p:.2f}, and r_t {signs[-1]:.2f} stays above its target of {target:g}. "
    elif p >= CLIMBING_P and per_nimg * 1000 * (settings.get("ada_kimg") or 0) >= CLIMBING_SHARE:
        kimg = (before[-1]["nimg"] + (LEAKING_P - p) / per_nimg) / 1000
        what = (
            f"p is {p:.2f} and climbs at full speed, since r_t {signs[-1]:.2f} stays above its target of {target:g}: "
            f"at {kimg:.0f} kimg it passes {LEAKING_P}, where augmentations leak. "
        )
    else:
        return None
    return what + _in_new_run([*_against_overfitting(settings), *_ceiling(settings)])


def _of_discriminator(stats: Stats, settings: Settings) -> str | None:
    losses = _last(stats, LOSSES[1], MIN_TICKS)
    if len(losses) < MIN_TICKS or not max(losses) < WINNING_D:
        return None
    return (
        f"The discriminator's loss is {losses[-1]:.2g}, near zero (balance is 1.39): it knows every image, and the "
        "generator learns little from it. " + _in_new_run(_against_overfitting(settings))
    )


def _of_variety(stats: Stats, settings: Settings) -> str | None:
    variances, spacings = _last(stats, VARIANCE, SNAPSHOTS), _last(stats, SPACING, SNAPSHOTS)
    if not stats or stats[-1]["nimg"] < 1000 * min(EARLY_SHARE * settings.get("total_kimg", 0), EARLY_KIMG):
        return None
    if len(variances) == SNAPSHOTS and max(variances) < MIN_VARIANCE:
        what = f"Hardly any variance is left among the fakes: {variances[-1]:.2g} of that of the training images. "
    elif len(spacings) == SNAPSHOTS and max(spacings) < MIN_SPACING:
        what = f"The fakes are few images again and again: their distances are {spacings[-1]:.2g} of the real ones'. "
    else:
        return None
    lr = settings.get("lr")
    slower = [f"a lower --lr ({lr / 4:g})"] if lr else []
    return what + _in_new_run([*_larger_gamma(settings), *slower, *_transfer(settings), "more images"])


def _of_neighbours(stats: Stats, settings: Settings) -> str | None:
    ratios = _last(stats, NEAREST, SNAPSHOTS)
    if len(ratios) < SNAPSHOTS or not max(ratios) < MIN_NEAREST:
        return None
    return (
        f"The fakes are copies of training images: half of them are nearer to one than {ratios[-1]:.2g} of the "
        "distance between it and its own neighbour. " + _in_new_run(_against_overfitting(settings))
    )


def _last(stats: Stats, name: str, num: int) -> list[float]:
    """The last values of a series, `num` or fewer; none where one of them is not finite."""
    values = [line[name] for line in stats if name in line][-num:]
    return values if all(map(math.isfinite, values)) else []


def target_of(settings: Settings) -> float:
    """What ADA holds r_t at."""
    from mindgan.stylegan2 import ada  # brings MindSpore

    target = settings.get("target")
    return ada.TARGET if target is None else target


def _in_new_run(helps: Sequence[str]) -> str:
    """Most settings are fixed within a run."""
    return f"What helps, in a new run or one that starts from a good snapshot by --resume: {'; '.join(helps)}."


def _against_overfitting(settings: Settings) -> list[str]:
    adapt = ["--aug ada"] if settings.get("aug") == "noaug" else []
    mirror = [] if settings.get("mirror") else ["--mirror True where left and right do not matter"]
    return ["more images", *adapt, *mirror, *_transfer(settings), *_larger_gamma(settings)]


def _transfer(settings: Settings) -> list[str]:
    if settings.get("freezed"):
        return []
    freezed = f"--freezed {_layers_to_freeze(settings)}"
    return [freezed if settings.get("resume") else f"a network trained on other images (--resume, {freezed})"]


def _layers_to_freeze(settings: Settings) -> int:
    """What the field takes at 256 px and above, and of smaller discriminators half."""
    height, width = (settings.get(f"image_{side}") or settings.get("resolution") or 0 for side in ("height", "width"))
    return min(10, (num_layers(height, width, settings.get("architecture", "")) + 1) // 2)


def _larger_gamma(settings: Settings) -> list[str]:
    gamma = settings.get("gamma")
    return [f"a larger --gamma ({2 * gamma:g} to {4 * gamma:g})"] if gamma else ["a larger --gamma"]


def _ceiling(settings: Settings) -> list[str]:
    is_ada, p_max = settings.get("aug") == "ada", settings.get("p_max")
    return (
        [f"--p_max {LEAKING_P}" if is_ada else f"--p below {LEAKING_P}"] if p_max is None or p_max > LEAKING_P else []
    )


def _guards(settings: Settings) -> list[str]:
    left = [f"--{name} True" for name in ("no_rotate", "no_flip") if not settings.get(name)]
    return [f"{' and '.join(left)} where direction matters"] if left else []


class Doctor:
    """Tells, whenever it is asked, the findings that were not there the last times."""

    def __init__(self, run: RunDirectory, settings: Settings, say: Callable[[str], None]):
        """
        Args:
            run: whose stats.jsonl is read. What it holds already is of a process before this one, which told it.
            settings: the resolved ones.
            say: gets a line for each.
        """
        self.run, self.settings, self.say = run, settings, say
        self.told: dict[str, int] = {}
        self._remember(diagnose(jsonl.read_stats(run.stats), settings))

    def __call__(self, state: object) -> None:
        """After the line of a tick was written."""
        found = diagnose(jsonl.read_stats(self.run.stats), self.settings)
        for name, sentences in found.items():
            if name not in self.told:
                self.say(f"warning: {sentences}")
        self._remember(found)

    def _remember(self, found: Iterable[str]) -> None:
        """`told`: what need not be told again, and for how many ticks it was not found; after some it is forgotten.

        Whoever knows that p is high knows the lower stages too.
        """
        highest = max((place for place, stage in enumerate(P_STAGES) if stage in found), default=0)
        known = {*found, *P_STAGES[:highest]}
        counted = {name: 0 if name in known else self.told[name] + 1 for name in {*self.told, *known}}
        self.told = {name: num for name, num in counted.items() if num < MIN_TICKS}
