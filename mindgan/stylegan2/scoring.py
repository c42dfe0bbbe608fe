"""A run measured on its images, a snapshot or all of them: what `mindgan metrics stylegan` does."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from mindspore import Tensor

from mindgan.data.labelled import LabelledImages
from mindgan.metrics.feature_network import FeatureNetwork
from mindgan.metrics.frechet import feature_distance
from mindgan.metrics.inception import load_inception
from mindgan.metrics.kernel import kernel_distance
from mindgan.runtime import files, randomness
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import checkpoints, prepare
from mindgan.stylegan2.checkpoints import About, classes_text
from mindgan.stylegan2.generate import draw_batch_size
from mindgan.stylegan2.networks import Generator
from mindgan.stylegan2.reference import (
    CHUNK,
    Say,
    chunks_of,
    features_of,
    load_reals,
    load_whole,
    network_of_others,
    settings_of,
    small_network,
)
from mindgan.stylegan2.sample import Drawer

# Fakes, where nobody asks for others: a covariance of 128 features wants several times as many, however few the reals
# are; and of large images a processor draws ten thousand in hours.
MIN_FAKES, MAX_FAKES = 1000, 10_000
MIN_HALVED = 4  # images: a half needs two


@dataclass(frozen=True)
class SnapshotScore:
    """One snapshot: its file in model/, the thousands of images it saw, the distances of its fakes to the reals."""

    network: str
    kimg: float
    fid: float
    kid: float
    kid_deviation: float


@dataclass(frozen=True)
class Scores:
    """What was measured, and on what.

    Attributes:
        snapshots: oldest first.
        floor_fid: FID between two halves of the reals, `floor_num` images each, drawn at random: about what a perfect
            generator would get from as few; None of fewer than four images.
        floor_num: images of a half.
        feature_network: whose features were compared.
        comparable: whether the distances compare with published ones, of equal numbers of fakes.
        data: where the reals are from.
        num_images: reals, each once.
        held_out: whether they are those that the run was not trained on.
        num_fakes: of each snapshot.
        psi: truncation of the fakes.
        seed: of the fakes, the halves, KID's subsets and the small network.
    """

    snapshots: tuple[SnapshotScore, ...]
    floor_fid: float | None
    floor_num: int
    feature_network: str
    comparable: bool
    data: str
    num_images: int
    held_out: bool
    num_fakes: int
    psi: float
    seed: int

    @property
    def best(self) -> SnapshotScore:
        """The one with the smallest FID."""
        return min(self.snapshots, key=lambda score: score.fid)

    def as_dict(self) -> dict[str, object]:
        """For metrics.json."""
        return {"network": self.snapshots[-1].network, "best": self.best.network, **asdict(self)}


def score_run(
    source: str,
    data_url: str | None = None,
    *,
    inception: str | None = None,
    feature_data_url: str | None = None,
    num: int | None = None,
    psi: float = 1.0,
    all_snapshots: bool = False,
    held_out: bool = False,
    seed: int = 0,
    say: Say = print,
) -> Scores:
    """Measures the newest snapshot of a run, or all, and writes metrics.json.

    The reals are all images of the data, as they are: also where the run was trained on a --subset of them, or on their
    mirror images too. The small network is trained on them, so that runs on subsets of one data set compare. Fakes have
    random noise.

    Args:
        source: the run's folder.
        data_url: the reals, as `train stylegan` takes them; None for the data of the run.
        inception: file of the weights of FID's network; None for a small one, trained here.
        feature_data_url: images that the small network is trained on; None for the reals.
        num: fakes of each snapshot, 2 or more; None for as many as there are images, 1,000 to 10,000. Distances fall as
            it grows: those of equal numbers compare.
        psi: truncation of the fakes.
        all_snapshots: measure each snapshot of model/; damaged ones are passed over.
        held_out: the reals are those images alone that a run on a --subset was not trained on; the small network is
            still trained on all.
        seed: of the fakes, which all snapshots draw from the same latents and labels, and of all else drawn at random.
        say: is told what is measured on.

    Returns:
        The scores.

    Raises:
        UserError: the run, the images or the weights cannot be read, or do not belong together.
    """
    if inception is not None and feature_data_url is not None:
        raise UserError("--feature_data_url is for the small network and --inception names another; leave one out")
    if held_out and data_url is not None:
        raise UserError("--held_out True is about the run's own images and --data_url names others; leave one out")
    run = RunDirectory(user_path("--source", source))
    config = settings_of(run, source)
    checkpoints.newest(run.root)
    paths = [path for _, path in run.snapshots()][0 if all_snapshots else -1 :]
    if not all_snapshots:
        first = checkpoints.read(paths[0])  # what is damaged is said before the images are read
    given = None if inception is None else load_inception(user_path("--inception", inception))
    with files.scratch_folder() as folder:
        if held_out:
            data, rows = load_whole(run, config, folder, say)
        else:
            data, rows = load_reals(run, config, data_url, folder, say)
        if feature_data_url is not None:
            given = network_of_others(feature_data_url, config, folder, seed, say)
        fakes = Fakes(data, num or min(max(len(rows), MIN_FAKES), MAX_FAKES), psi, seed, draw_batch_size(config))
        if not all_snapshots:
            _require_fits(paths[0], first.about, fakes)  # before minutes go into the small network
        network = given or small_network(data, seed, say)
        reals = features_of(chunks_of(data, rows), network, len(rows), "reals")
        snapshots = tuple(_score_snapshots(paths, fakes, network, reals, say))
    if not snapshots:
        raise UserError(f"{run.model} holds not one whole snapshot; train on, or name another run with --source")
    scores = Scores(
        snapshots,
        _floor(reals, seed) if len(rows) >= MIN_HALVED else None,
        len(rows) // 2,
        network.name,
        network.is_comparable and psi == 1 and not held_out,
        str(data_url or prepare.name_of(config)),
        len(rows),
        held_out,
        fakes.num,
        psi,
        seed,
    )
    files.write_json(run.metrics, scores.as_dict())
    return scores


class Fakes:
    """The images that every snapshot draws, of the same latents, labels and random noise.

    A smaller `num` draws the first of them.
    """

    def __init__(self, data: LabelledImages, num: int, psi: float, seed: int, batch_size: int):
        """
        Args:
            data: the reals; each fake gets the label of one of them, drawn at random.
            num: of images.
            psi: of the truncation.
            seed: of latents, labels and noise.
            batch_size: images that are drawn at once.
        """
        self.data, self.num, self.psi, self.seed, self.batch_size = data, num, psi, seed, batch_size
        self.generator: Generator | None = None

    def features(self, generator: Generator, network: FeatureNetwork, what: str) -> np.ndarray:
        """float32 [num, D]."""
        self._take(generator)
        return features_of(self.images(), network, self.num, what)

    def _take(self, generator: Generator) -> None:
        if self.generator is None:
            self.generator = generator
            self.drawer = Drawer(generator, batch_size=self.batch_size)
        else:  # into the one that is compiled
            for mine, other in zip(self.generator.get_parameters(), generator.get_parameters(), strict=True):
                mine.set_data(Tensor(other.asnumpy()))

    def images(self) -> Iterator[np.ndarray]:
        """uint8 [at most 200, C, H, W] each."""
        latents = randomness.generator(self.seed, "latents of metrics")
        noise = randomness.generator(self.seed, "noise of metrics")
        rows = randomness.generator(self.seed, "labels of metrics").integers(len(self.data.images), size=self.num)
        for at in range(0, self.num, CHUNK):
            some = rows[at : at + CHUNK]
            z = latents.standard_normal((len(some), self.drawer.shape.z_dim), dtype=np.float32)
            yield self.drawer.draw(z, self.data.labels_of(some), psi=self.psi, noise_mode="random", random=noise)


def _score_snapshots(
    paths: list[Path], fakes: Fakes, network: FeatureNetwork, reals: np.ndarray, say: Say
) -> Iterator[SnapshotScore]:
    """Of several, those that cannot be read, or fit neither the images nor one another, are passed over."""
    for path in paths:
        try:
            saved = checkpoints.read(path)
            _require_fits(path, saved.about, fakes)
            generator = saved.generator()
        except UserError as error:
            if len(paths) == 1:
                raise
            say(f"passed over: {error}")
            continue
        features = fakes.features(generator, network, path.stem)
        kid, deviation = kernel_distance(features, reals, seed=fakes.seed)
        yield SnapshotScore(path.name, saved.about.nimg / 1000, feature_distance(features, reals), kid, deviation)


def _require_fits(path: Path, about: About, fakes: Fakes) -> None:
    """Raises UserError where a network draws other images than there are, or has other classes."""
    data, shape = fakes.data, about.shape
    drawn, there = (shape.image_channels, shape.height, shape.width), data.images.shape[1:]
    if drawn != there:
        raise UserError(f"{path} draws images {drawn} and the run's config.json tells of {there}; mend its folder")
    if (about.class_names, shape.num_classes) != (data.class_names, data.num_classes):
        raise UserError(
            f"{path} knows {classes_text(about.class_names, shape.num_classes)} and the images have "
            f"{classes_text(data.class_names, data.num_classes)}; name those it was trained on with --data_url"
        )
    if fakes.generator is not None and fakes.generator.shape != shape:
        raise UserError(f"{path} has layers of other sizes than the snapshots before it; move it away")


def _floor(reals: np.ndarray, seed: int) -> float:
    """FID between two halves of the images."""
    order = randomness.generator(seed, "halves of reals").permutation(len(reals))
    size = len(reals) // 2
    return feature_distance(reals[order[:size]], reals[order[size : 2 * size]])


def scores_text(scores: Scores) -> str:
    """What was measured on, then a line a snapshot."""
    compares = "; comparable with published numbers of as many fakes" if scores.comparable else ""
    width = max(len(score.network) for score in scores.snapshots)
    held_out = " held out" if scores.held_out else ""
    rows = [
        f"features: {scores.feature_network}{compares}",
        f"reals:    {scores.num_images}{held_out}, of {scores.data}",
        f"fakes:    {scores.num_fakes} of each snapshot, psi {scores.psi:g}, seed {scores.seed}",
        f"{'':<{width}}{'kimg':>10}{'FID':>10}{'KID':>10}{'deviation':>11}",
        *(_row(score, width, scores) for score in scores.snapshots),
    ]
    if scores.floor_fid is not None:
        label = f"{scores.floor_num} reals, of {scores.floor_num} others"
        rows.append(f"{label:<{width}}{'':>10}{scores.floor_fid:>10.4g}")
    return "\n".join(rows)


def _row(score: SnapshotScore, width: int, scores: Scores) -> str:
    best = "  best" if score is scores.best and len(scores.snapshots) > 1 else ""
    numbers = f"{score.kimg:>10g}{score.fid:>10.4g}{score.kid:>10.4g}{score.kid_deviation:>11.4g}"
    return f"{score.network:<{width}}{numbers}{best}"
