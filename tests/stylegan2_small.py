"""A training of StyleGAN2-ADA small enough to be compiled in seconds."""

import numpy as np

from mindgan.data.fitting import FitCounts
from mindgan.data.labelled import LabelledImages
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.iteration import Iteration
from mindgan.stylegan2.state import make_state

SMALLEST = {
    **{"resolution": 8, "z_dim": 6, "w_dim": 5, "channel_base": 32, "channel_max": 6, "map_depth": 1},
    **{"batch_size": 4, "aug": "noaug", "seed": 3},
}


def small_config(**changes) -> StyleGanConfig:
    """Resolved."""
    return StyleGanConfig(**{**SMALLEST, **changes}).resolved()


def small_data(config: StyleGanConfig, num_classes: int = 0, num: int = 10) -> LabelledImages:
    random = np.random.default_rng(4)
    images = random.integers(0, 256, (num, config.image_channel, *config.size), dtype=np.uint8)
    labels = np.eye(num_classes, dtype=np.float32)[np.arange(num) % num_classes] if num_classes else None
    names = tuple(f"class {index}" for index in range(num_classes))
    return LabelledImages(images, labels, names, tuple(map(str, range(num))), FitCounts())


class Training:
    """Data, state and iteration; `start` is the state before any of it."""

    def __init__(self, num_classes: int = 0, **changes):
        self.config = small_config(**changes)
        self.data = small_data(self.config, num_classes)
        self.state = make_state(self.config, num_classes)
        self.iteration = Iteration(self.state, self.data, self.config)
        self.start = self.state.arrays()

    def restart(self) -> "Training":
        """From the first weights again; what is compiled stays so."""
        self.state.load(self.start, 0)
        return self

    def train(self, num: int) -> list[dict[str, float]]:
        """So many iterations: what each reports."""
        reports = []
        for _ in range(num):
            reports.append(self.iteration(self.state.nimg))
            self.state.nimg += self.config.batch_size
        return reports


def recorded_inputs(training: Training, nimgs: list[int]) -> dict[tuple[str, int], list]:
    """What each phase would be run on, by its name and the images seen; nothing is computed."""
    found: dict[tuple[str, int], list] = {}

    def record(name: str, inputs: list) -> dict[str, np.ndarray]:
        found[name, nimg] = inputs
        return {}

    iteration = training.iteration
    iteration.run, iteration.follow = record, lambda beta: None
    for nimg in nimgs:
        iteration(nimg)
    return found
