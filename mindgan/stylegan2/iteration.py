"""A training iteration: what chance decides, the phases that are due, then the moving average and ADA's p.

Every draw depends on the seed, the images seen and its purpose alone (mindgan/runtime/randomness.py).
"""

import gc

import mindspore as ms
import numpy as np
from mindspore import Tensor

from mindgan.data.batches import batch_indices, normalise
from mindgan.data.labelled import LabelledImages
from mindgan.runtime import randomness
from mindgan.stylegan2 import ada
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.objectives import REPORTS
from mindgan.stylegan2.phases import NETWORK_OF, Phases, make_augment, make_lengths, make_sums
from mindgan.stylegan2.step import FollowWeights
from mindgan.training.state import TrainState
from mindgan.training.trainer import Losses

Arrays = tuple[np.ndarray, ...]


class Iteration:
    """A function of the images seen: trains the state on one batch and returns the mean of each report."""

    def __init__(self, state: TrainState, data: LabelledImages, config: StyleGanConfig):
        """
        Args:
            state: of `make_state`.
            data: what is trained on.
            config: resolved settings.
        """
        self.cells, self.data, self.config = state.cells, data, config
        self.shape = state.cells["G"].shape
        self.part_size = config.batch_gpu or config.batch_size
        self.num_parts = config.batch_size // self.part_size
        self.augment = make_augment(config)
        self.sums = make_sums(state.cells, self.num_parts)
        self.follow = FollowWeights(state.cells["G_ema"], state.cells["G"])
        self.lengths = make_lengths(state.cells, config, self.sums)
        self._phases: dict[bool, Phases] = {}

    def __call__(self, nimg: int) -> Losses:
        config, index = self.config, nimg // self.config.batch_size
        reals = self._reals(nimg)
        reports = self.run("Gmain", self._fakes_inputs("Gmain", nimg))
        has_lengths, has_penalty = phases_due(config, index)
        if has_lengths:
            reports |= self.run("Greg", self._lengths_inputs(nimg))
        reports |= self.run("Dmain", self._both_inputs(nimg, reals))
        if has_penalty:
            reports |= self.run("Dreg", self._reals_inputs(nimg, reals))
        self.follow(Tensor(self._ema_beta(nimg), ms.float32))
        self._adapt(index)
        return {name: float(values.mean()) for name, values in reports.items()}

    def phases(self) -> Phases:
        """Those that are due: augmentation that is never done is not computed either, so they are compiled apart."""
        augmented = self.augment is not None and self.probability > 0
        if augmented not in self._phases:
            augment = self.augment if augmented else None
            self._phases[augmented] = Phases(self.cells, self.config, augment, self.sums, self.lengths)
        return self._phases[augmented]

    @property
    def probability(self) -> float:
        """p, of the augmentation."""
        return self.cells["ada"].probability

    def run(self, name: str, inputs: list[Arrays]) -> dict[str, np.ndarray]:
        """A phase, on the inputs of each part of the batch: its reports, [N] each."""
        phases = self.phases()
        is_first = not phases.cells[name].compile_cache
        parts = [phases.cells[name](*map(Tensor, part)).asnumpy() for part in inputs]
        if self.num_parts > 1:
            phases.apply[NETWORK_OF[name]]()
        if is_first and phases.cells[name].compile_cache:  # what compiling made stays to the end, unsearched
            gc.collect()
            gc.freeze()
        reports = dict(zip(REPORTS[name], np.concatenate(parts, 1), strict=True))
        self.cells["moments"].add(reports)
        if "Loss/scores/real" in reports:
            self.cells["ada"].see(reports["Loss/scores/real"])
        return reports

    def _adapt(self, index: int) -> None:
        config = self.config
        if config.aug == "ada" and (index + 1) % ada.INTERVAL == 0:
            self.cells["ada"].change(
                target=ada.TARGET if config.target is None else config.target,
                nimg=config.batch_size * ada.INTERVAL,
                ada_kimg=config.ada_kimg or 0.0,
                p_max=config.p_max,
            )

    def _ema_beta(self, nimg: int) -> float:
        """Half of the average is of the last `ema_kimg`, or of the last part of what was seen (appendix B)."""
        ema_nimg = (self.config.ema_kimg or 0.0) * 1000
        if self.config.ema_rampup:
            ema_nimg = min(ema_nimg, nimg * self.config.ema_rampup)
        return 0.5 ** (self.config.batch_size / max(ema_nimg, 1e-8))

    def _fakes_inputs(self, phase: str, nimg: int) -> list[Arrays]:
        fakes, draws = self._latents(phase, nimg, self.part_size), self._augmentation(phase, nimg, 1)
        return [(*part, *drawn) for part, drawn in zip(fakes, draws, strict=True)]

    def _lengths_inputs(self, nimg: int) -> list[Arrays]:
        num = self.part_size // self.config.pl_batch_shrink
        shape = (self.num_parts, num, self.config.image_channel, *self.config.size)
        noise = self._random("path length noise", nimg).standard_normal(shape, dtype=np.float32)
        return [(*part, one) for part, one in zip(self._latents("Greg", nimg, num), noise, strict=True)]

    def _both_inputs(self, nimg: int, reals: list[Arrays]) -> list[Arrays]:
        fakes, draws = self._latents("Dmain", nimg, self.part_size), self._augmentation("Dmain", nimg, 2)
        return [(*fake, *real, *drawn) for fake, real, drawn in zip(fakes, reals, draws, strict=True)]

    def _reals_inputs(self, nimg: int, reals: list[Arrays]) -> list[Arrays]:
        draws = self._augmentation("Dreg", nimg, 1)
        return [(*real, *drawn) for real, drawn in zip(reals, draws, strict=True)]

    def _reals(self, nimg: int) -> list[Arrays]:
        """Of each part: images [N, C, H, W] in [-1, 1] and labels [N, K]."""
        indices = batch_indices(self.config.seed, nimg, self.config.batch_size, len(self.data))
        parts = np.split(indices, self.num_parts)
        return [(normalise(self.data.pixels(part)), self._labels(part)) for part in parts]

    def _labels(self, indices: np.ndarray) -> np.ndarray:
        """Labels [N, K]; zeros [N, 1], which nothing reads, where there are none."""
        labels = self.data.labels_of(indices)
        return np.zeros((len(indices), 1), np.float32) if labels is None else labels

    def _latents(self, phase: str, nimg: int, num: int) -> list[Arrays]:
        """Of each part with `num` images: z, c, the layers of the second latents, and noise."""
        config, shape, parts = self.config, self.shape, range(self.num_parts)
        per_image = 2 if config.style_mixing > 0 else 1
        z = self._random(f"{phase} latents", nimg)
        labels, noise = self._random(f"{phase} labels", nimg), self._random(f"{phase} noise", nimg)
        mixing = self._random(f"{phase} mixing", nimg)
        return [
            (
                z.standard_normal((per_image * num, shape.z_dim), dtype=np.float32),
                self._labels(labels.integers(len(self.data), size=num)),
                mixed_layers(mixing, config.style_mixing, shape.num_ws),
                noise.standard_normal((num, shape.num_noise), dtype=np.float32),
            )
            for _ in parts
        ]

    def _augmentation(self, phase: str, nimg: int, per_image: int) -> list[Arrays]:
        """Of each part: the rows of the augmentation of `per_image` sets of images, and their noise."""
        unread = np.zeros((1, 1), np.float32)
        if self.augment is None or not self.probability > 0:
            return [(unread, unread)] * self.num_parts
        num = per_image * self.part_size
        random, noise = self._random(f"{phase} augmentation", nimg), self._random(f"{phase} augmentation noise", nimg)
        return [
            (
                self.augment.draw(random, self.probability, num),
                self.augment.draw_noise(noise, num) if self.augment.has_noise else unread,
            )
            for _ in range(self.num_parts)
        ]

    def _random(self, purpose: str, nimg: int) -> np.random.Generator:
        return randomness.generator(self.config.seed, purpose, nimg=nimg)


def phases_due(config: StyleGanConfig, index: int) -> tuple[bool, bool]:
    """Whether Greg and Dreg are due in an iteration, counted from 0; a weight of 0 leaves a phase out."""
    has_lengths = config.pl_weight > 0 and index % config.G_interval == 0
    return has_lengths, config.gamma != 0 and index % config.D_interval == 0


def mixed_layers(random: np.random.Generator, probability: float, num_ws: int) -> np.ndarray:
    """float32 [num_ws]: 1 for the layers from a random one on with `probability`, else 0 for all."""
    mixes, first = random.random() < probability, random.integers(1, num_ws)
    return (np.arange(num_ws) >= (first if mixes else num_ws)).astype(np.float32)
