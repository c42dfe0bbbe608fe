"""Fakes of the past: the discriminators also see what the generators drew earlier (Shrivastava et al. 2017).

The images live in the compiled step. Which of them come back is drawn outside, from (seed, nimg) alone, so a resumed
training makes the choices of one that never stopped.
"""

from dataclasses import dataclass

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from mindgan.runtime import randomness


@dataclass(frozen=True)
class Exchange:
    """What happens to the N fakes of one step.

    Attributes:
        taken: int32 [N]: what the discriminator sees in place of each fake: an image of the pool by its place, or, from
            the pool's size + 1 on, a fake of this step.
        places: int32 [N]: where each fake is put; the pool's size stands for nowhere.
    """

    taken: np.ndarray
    places: np.ndarray


def exchange(seed: int, nimg: int, num: int, pool_size: int, purpose: str) -> Exchange:
    """The published rule: until the pool is full every fake is kept, and seen; then one half, drawn, are seen only.

    The other half take the place of a random image of the pool each, which is seen instead.

    Args:
        seed: the run's.
        nimg: fakes that came before.
        num: fakes of this step.
        pool_size: images a full pool holds; 0 for none.
        purpose: of the random numbers: one a pool.
    """
    draw = randomness.generator(seed, purpose, nimg=nimg)
    holds = np.arange(pool_size)  # what lies at each place: where it came from, counted as `taken` does
    taken, places = np.empty(num, np.int32), np.full(num, pool_size, np.int32)
    for index in range(num):
        fake, earlier = pool_size + 1 + index, nimg + index
        swaps, place = draw.random() < 0.5, int(draw.integers(max(pool_size, 1)))
        taken[index] = fake
        if earlier < pool_size:
            place = earlier
        elif not (pool_size and swaps):
            continue
        else:
            taken[index] = holds[place]
        holds[place] = fake
        places[places == place] = pool_size  # a fake of this step that lay there is gone again
        places[index] = place
    return Exchange(taken, places)


class ImagePool(nn.Cell):
    """Keeps `size` images [C, H, W], and one place more, which nobody reads."""

    def __init__(self, size: int, image_shape: tuple[int, int, int]):
        super().__init__()
        self.size = size
        self.images = ms.Parameter(np.zeros((size + 1, *image_shape), np.float32), requires_grad=False)

    def construct(self, fakes: Tensor, taken: Tensor, places: Tensor) -> Tensor:
        """Exchanges `fakes` [N, C, H, W] as an `Exchange` says; what the discriminator sees, of the same shape."""
        kept = ops.gather(self.images, ops.minimum(taken, self.size), 0)
        fresh = ops.gather(fakes, ops.maximum(taken - (self.size + 1), 0), 0)
        seen = ops.where((taken > self.size).reshape(-1, 1, 1, 1), fresh, kept)
        places = ops.depend(places, seen)  # first read, then write
        return ops.depend(seen, ops.scatter_update(self.images, places, fakes))
