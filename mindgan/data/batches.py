"""uint8 images in memory to float32 batches, in an order that depends on (seed, nimg) alone."""

from functools import lru_cache

import numpy as np

from mindgan.runtime import randomness
from mindgan.runtime.errors import UserError


def normalise(images: np.ndarray) -> np.ndarray:
    """uint8 pixels to float32 in [-1, 1]: (x - 127.5) / 127.5, the shape unchanged."""
    batch = images.astype(np.float32)
    batch -= 127.5
    batch /= 127.5
    return batch


def batch_indices(seed: int, nimg: int, batch_size: int, num: int) -> np.ndarray:
    """Which of `num` images stand at positions `nimg` to `nimg + batch_size` of a stream without end.

    The stream is one epoch after the other, each with every image once, in an order of its own; a batch may begin in
    one epoch and end in another. The processes of a distributed run ask for parts of the batch at their own `nimg`.

    Returns:
        int64 [batch_size], which depends on the arguments alone.
    """
    positions = nimg + np.arange(batch_size, dtype=np.int64)
    indices = np.empty_like(positions)
    for epoch in range(int(positions[0]) // num, int(positions[-1]) // num + 1):
        here = positions // num == epoch
        indices[here] = _order(seed, epoch * num, num)[positions[here] % num]
    return indices


@lru_cache(maxsize=2)  # a batch may need the end of one epoch and the beginning of the next
def _order(seed: int, nimg: int, num: int) -> np.ndarray:
    return randomness.permutation(seed, nimg, num)


class Batches:
    """Epochs of shuffled batches; the incomplete last batch of an epoch is dropped.

    The position is `nimg`, images seen since the start of the run: `batch(nimg)` is the same whoever asks and
    whatever was asked before.
    """

    def __init__(self, images: np.ndarray, *, batch_size: int, seed: int):
        """
        Args:
            images: uint8 [N, C, H, W].
            batch_size: images a batch, at most N.
            seed: the run's seed.

        Raises:
            UserError: fewer images than a batch.
        """
        if len(images) < batch_size:
            raise UserError(f"--batch_size {batch_size} is more than the {len(images)} images there are; use fewer")
        self.images = images
        self.batch_size = batch_size
        self.seed = seed
        self.steps_per_epoch = len(images) // batch_size
        self.nimg_per_epoch = self.steps_per_epoch * batch_size
        self._order_nimg = -1
        self._order = np.empty(0, np.int64)

    def batch(self, nimg: int) -> np.ndarray:
        """The batch that is trained on when `nimg` images were seen: float32 [batch_size, C, H, W] in [-1, 1]."""
        start = nimg % self.nimg_per_epoch
        epoch_nimg = nimg - start
        if epoch_nimg != self._order_nimg:
            self._order = randomness.permutation(self.seed, epoch_nimg, len(self.images))
            self._order_nimg = epoch_nimg
        return normalise(self.images[self._order[start : start + self.batch_size]])
