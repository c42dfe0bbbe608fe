"""Learning rates over the epochs, as a factor of the first one; an epoch keeps its factor to its end."""

import math
from typing import Literal

Policy = Literal["linear", "step", "cosine", "constant"]

STEP_FACTOR = 0.1  # of the step policy, each time


def factor(policy: Policy, epoch: int, *, epochs: int, decay_epochs: int, step_epochs: int) -> float:
    """What the learning rate is multiplied by in `epoch`; the formulas of CycleGAN's published code.

    Args:
        policy: ``linear`` is 1 but for the last `decay_epochs`, in which it goes to 0 in a line (Zhu et al. 2017,
            section 4); ``step`` is a tenth after every `step_epochs`; ``cosine`` half a wave from 1 to 0 (Loshchilov
            and Hutter 2017); ``constant`` 1.
        epoch: counted from 0.
        epochs: of the whole training.
        decay_epochs: see ``linear``.
        step_epochs: see ``step``.
    """
    if policy == "linear":
        return 1 - max(0, epoch + 1 - (epochs - decay_epochs)) / (decay_epochs + 1)
    if policy == "step":
        return STEP_FACTOR ** (epoch // step_epochs)
    if policy == "cosine":
        return 0.5 * (1 + math.cos(math.pi * epoch / epochs))
    return 1.0
