"""What a training reports: numbers gathered over a tick, and the lines that tell them."""

from collections.abc import Mapping

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

REPORTED = (
    *("Loss/scores/fake", "Loss/signs/fake", "Loss/G/loss", "Loss/pl_penalty", "Loss/G/reg"),
    *("Loss/scores/real", "Loss/signs/real", "Loss/D/loss", "Loss/r1_penalty", "Loss/D/reg"),
)
SIGNS = {"Loss/scores/fake": "Loss/signs/fake", "Loss/scores/real": "Loss/signs/real"}


class Moments(nn.Cell):
    """Number, sum and sum of squares of what was reported since the last tick; a restart goes on with them."""

    def __init__(self) -> None:
        super().__init__()
        zeros = np.zeros((len(REPORTED), 3), np.float64)
        self.values = ms.Parameter(zeros, requires_grad=False, name="moments")

    def add(self, reports: Mapping[str, np.ndarray]) -> None:
        """Values by name, [N] each; of scores their signs too."""
        values = self.values.asnumpy().copy()
        signs = {SIGNS[name]: np.sign(array) for name, array in reports.items() if name in SIGNS}
        for name, array in {**reports, **signs}.items():
            numbers = array.astype(np.float64)
            values[REPORTED.index(name)] += (numbers.size, numbers.sum(), np.square(numbers).sum())
        self.values.set_data(Tensor(values))

    def take(self) -> dict[str, dict[str, float]]:
        """{num, mean, std} by name of what was reported, and forgets it."""
        values = self.values.asnumpy().copy()
        self.values.set_data(Tensor(np.zeros_like(values)))
        return {name: _summary(*row) for name, row in zip(REPORTED, values.tolist(), strict=True) if row[0]}


def _summary(num: float, total: float, squares: float) -> dict[str, float]:
    mean = total / num
    return {"num": int(num), "mean": mean, "std": float(np.sqrt(max(squares / num - mean**2, 0)))}
