"""Adaptive discriminator augmentation: how probable augmentation is (Karras et al. 2020b, section 3.1)."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

INTERVAL = 4  # steps between two changes of p
TARGET = 0.6


class Ada(nn.Cell):
    """The probability p and what has been seen since it last changed; its parameters are what a restart needs."""

    def __init__(self, p: float = 0.0):
        super().__init__()
        self.p = ms.Parameter(np.array(p, np.float32), requires_grad=False, name="p")
        self.sum_signs = ms.Parameter(np.array(0, np.float32), requires_grad=False, name="sum_signs")
        self.num_signs = ms.Parameter(np.array(0, np.float32), requires_grad=False, name="num_signs")

    @property
    def probability(self) -> float:
        return float(self.p.asnumpy())

    @property
    def mean_sign(self) -> float:
        """r_t = mean sign D(real) since the last change; 0 before there is any."""
        return float(self.sum_signs.asnumpy()) / max(float(self.num_signs.asnumpy()), 1.0)

    def see(self, real_scores: np.ndarray) -> None:
        """Scores of reals, of any phase; what is no number counts for nothing, as p would be none for ever after."""
        signs = np.sign(real_scores[~np.isnan(real_scores)])
        _set(self.sum_signs, float(self.sum_signs.asnumpy()) + float(signs.sum()))
        _set(self.num_signs, float(self.num_signs.asnumpy()) + signs.size)

    def change(self, *, target: float, nimg: int, ada_kimg: float, p_max: float | None) -> None:
        """A step of p towards what holds r_t at the target.

        Args:
            target: of r_t.
            nimg: images since the last change.
            ada_kimg: thousands of images in which p can go from 0 to 1.
            p_max: the largest p; None for any.
        """
        step = np.sign(self.mean_sign - target) * nimg / (ada_kimg * 1000)
        p = max(self.probability + float(step), 0.0)
        _set(self.p, p if p_max is None else min(p, p_max))
        _set(self.sum_signs, 0.0)
        _set(self.num_signs, 0.0)


def _set(parameter: ms.Parameter, value: float) -> None:
    parameter.set_data(Tensor(value, ms.float32))
