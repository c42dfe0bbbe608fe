"""A run measured on test images: what `mindgan metrics cyclegan` does."""

from collections.abc import Callable

import numpy as np

from mindgan.cyclegan import checkpoints
from mindgan.cyclegan.measure import MIN_LINES, CycleScores, TestImages, measure, warnings
from mindgan.cyclegan.translate import load_translator
from mindgan.data.decode import decode_item
from mindgan.data.digit_domains import digit_domains
from mindgan.data.image_set import ImageSet, shown
from mindgan.data.unpaired import Domains, find_domains
from mindgan.metrics.domain_features import domain_network
from mindgan.metrics.feature_network import FeatureNetwork
from mindgan.metrics.inception import load_inception
from mindgan.metrics.lpips import load_lpips, with_lpips
from mindgan.runtime import files, jsonl
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training.run_config import read_config

Say = Callable[[str], None]

MAX_TRAINING = 2000  # images a domain that the small feature network is trained on


def score_run(
    source: str,
    data_url: str | None = None,
    target_data_url: str | None = None,
    *,
    inception: str | None = None,
    lpips: tuple[str, str] | None = None,
    num: int = 1000,
    seed: int = 0,
    say: Say = print,
) -> tuple[CycleScores, list[str]]:
    """Measures the newest checkpoint of a run and writes metrics.json.

    Args:
        source: the run's folder.
        data_url: test images, as `find_domains` takes them; None for the data of the run.
        target_data_url: of the target domain.
        inception: file of the weights of FID's network; None for a small one, trained here.
        lpips: files of the weights of LPIPS, AlexNet's and the linear layers'; None for a distance in the same network.
        num: at most so many test images a domain.
        seed: of the small network and of KID's subsets.
        say: is told what is measured on.

    Returns:
        The scores, and the known failures that curves and images show, a line each.

    Raises:
        UserError: the run, the images or the weights cannot be read.
    """
    run = RunDirectory(source)
    config = read_config(run)
    if config["run"].get("family") != "cyclegan":
        raise UserError(f"--source {source} is no run of CycleGAN; for digits it is `mindgan metrics mnist`")
    translators = [load_translator("--source", source, direction) for direction in ("AtoB", "BtoA")]
    channels, size = translators[0].image_channel, translators[0].size
    weights = None if lpips is None else load_lpips(*(user_path("--lpips", file) for file in lpips))
    given = None if data_url is None else find_domains(data_url, target_data_url, say=say)
    training = _domains_of(run, config, given, say)
    domains = given or training
    tests = [_test_images(images, channels, size, num, say) for images in _test_sets(domains, data_url is None, say)]
    network = _feature_network(inception, training, channels, size, seed, say)
    if weights is not None:
        network = with_lpips(network, weights)
    scores = measure(translators[0].batch, translators[1].batch, tests[0], tests[1], network, seed=seed)
    found = warnings(jsonl.read_stats(run.stats), scores)
    network_file = checkpoints.newest(run.root).name
    files.write_json(run.metrics, {"network": network_file, **scores.as_dict(), "warnings": found})
    return scores, found


def _domains_of(run: RunDirectory, config: dict, given: Domains | None, say: Say) -> Domains:
    """The data of the run, wherever it was started from; where they are gone, those that are `given` instead."""
    named = {**config["settings"], **config["run"]}  # absolute in the second
    if named.get("data_url") is None:
        return digit_domains()
    try:
        return find_domains(named["data_url"], named.get("target_data_url"), say=lambda line: None)
    except UserError as error:
        if given is None:
            message = f"{run.config} names the images of the run: {error}; if they were moved name them with --data_url"
            raise UserError(message) from error
        say(f"the images of the run are gone ({error}): the small network is trained on those given")
        return given


def _test_sets(domains: Domains, is_of_run: bool, say: Say) -> tuple[ImageSet, ImageSet]:
    """The sets to measure on: those for tests or, where there are none, all."""
    if domains.source_test is not None and domains.target_test is not None:
        return domains.source_test, domains.target_test
    if is_of_run:
        say("the data have no testA and testB: measuring on the training images, which flatters")
    return domains.source, domains.target


def _test_images(images: ImageSet, channels: int, size: tuple[int, int], num: int, say: Say) -> TestImages:
    """The first `num` images of a set that can be decoded."""
    pixels: list[np.ndarray] = []
    names: list[str] = []
    failed: list[str] = []
    for item in images.items:
        if len(pixels) == num:
            break
        try:
            pixels.append(decode_item(item, channels=channels, size=size))
            names.append(item.name)
        except UserError as error:
            failed.append(str(error))
    if not pixels:
        raise UserError(
            f"{images.option} {shown(images.source)}: not one of its images is whole; the first: {failed[0]}"
        )
    if failed:
        say(f"{len(failed)} of {shown(images.source)} passed over; the first: {failed[0]}")
    return TestImages(np.stack(pixels), names)


def _feature_network(
    inception: str | None, training: Domains, channels: int, size: tuple[int, int], seed: int, say: Say
) -> FeatureNetwork:
    if inception is not None:
        return load_inception(user_path("--inception", inception))
    sets = [
        _test_images(images, channels, size, MAX_TRAINING, lambda line: None)  # validation has told of the others
        for images in (training.source, training.target)
    ]
    return domain_network([images.images for images in sets], seed=seed, say=say)


def verdict(source: str, found: list[str]) -> str:
    """The failures that `score_run` found of a run, a line each, and whether its curves are long enough to tell."""
    num = len(jsonl.read_stats(RunDirectory(source).stats))
    lines = [f"warning: {failure}" for failure in found]
    if num < MIN_LINES:
        lines.append(f"{num} lines of losses are too few to judge the curves by; {MIN_LINES} are needed")
    return "\n".join(lines) or "no known failure shows"


def scores_text(scores: CycleScores) -> str:
    """Both directions side by side, a measure a line."""
    compares = "; comparable with published numbers" if scores.comparable else ""  # the name says so where it is not
    rows = [
        f"features: {scores.feature_network}{compares}",
        f"{'':<28}{'A to B':>12}{'B to A':>12}",
        *(_row(label, name, scores) for label, name in LINES),
    ]
    return "\n".join(row for row in rows if row)


LINES = (
    ("FID", "fid"),
    ("FID of doing nothing", "fid_untranslated"),
    ("KID", "kid"),
    ("KID, deviation", "kid_deviation"),
    ("cycle error, of 2", "cycle_error"),
    ("identity error, of 2", "identity_error"),
    ("test images", "num_source"),
    ("pairs by name", "num_pairs"),
    ("retrieval accuracy", "retrieval_accuracy"),
    ("perceptual distance", "perceptual_distance"),
    ("SSIM", "ssim"),
    ("PSNR, dB", "psnr"),
)


def _row(label: str, name: str, scores: CycleScores) -> str:
    values = [getattr(direction, name) for direction in (scores.AtoB, scores.BtoA)]
    if all(value is None for value in values):
        return ""
    return f"{label:<28}" + "".join(f"{_number(value):>12}" for value in values)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4g}"
