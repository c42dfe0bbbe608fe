"""How near images are to one another, cheaply: by their colours in a raster of 16 x 16 areas."""

import numpy as np

from mindgan.data.labelled import LabelledImages
from mindgan.runtime import randomness

SIDE = 16  # areas along a side: strokes of a digit and the outline of a thing show, noise and texture average away
MAX_REALS = 4096  # compared with; a network that sees more images than these does not learn single ones by heart
_CHUNK_BYTES = 32 << 20  # of pixels, or of distances, as float32 at once


def area_means(images: np.ndarray) -> np.ndarray:
    """Means over areas of equal size: uint8 [N, C, H, W] to float32 [N, C, min(H, 16), min(W, 16)], in [0, 1]."""
    rows, columns = _shares(images.shape[2]), _shares(images.shape[3])
    return rows @ (images.astype(np.float32) @ columns.T) / np.float32(255)


def _shares(length: int) -> np.ndarray:
    """How much each pixel of a side counts in the mean of each area, parts of pixels too: float32 [areas, length]."""
    num = min(length, SIDE)
    edges, pixels = np.linspace(0, length, num + 1)[:, None], np.arange(length)
    overlap = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return (np.maximum(overlap, 0) * num / length).astype(np.float32)


class Reals:
    """The training images to compare with: all, or 4,096 that the seed chooses, and their mirror images where trained.

    Attributes:
        means: of `area_means`, each as a row: float32 [R, D]; where mirrored, row i + R / 2 is row i flipped.
    """

    def __init__(self, data: LabelledImages, seed: int):
        rows = np.sort(randomness.generator(seed, "doctor").permutation(len(data.images))[:MAX_REALS])
        self.num = len(rows)
        size = max(1, _CHUNK_BYTES // (4 * data.images[0].size))
        chunks = [rows[at : at + size] for at in range(0, len(rows), size)]
        means = np.concatenate([area_means(data.pixels(chunk)) for chunk in chunks])
        both = np.concatenate((means, means[:, :, :, ::-1])) if data.mirrored else means
        self.means = both.reshape(len(both), -1)
        self._squares = np.square(self.means).sum(1)

    @property
    def unmirrored(self) -> np.ndarray:
        """The means without those of mirror images."""
        return self.means[: self.num]

    def nearest(self, means: np.ndarray, *, without: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The nearest real of each image.

        Args:
            means: of `area_means`: [N, D].
            without: one of the reals for each, which does not count, nor its mirror image: whole [N]; None for none.

        Returns:
            Its row in `self.means`, whole [N], and how far it is, the root of the sum of squares: float32 [N].
        """
        size = max(1, _CHUNK_BYTES // (4 * len(self.means)))
        chunks = [slice(at, at + size) for at in range(0, len(means), size)]
        rows = [self._nearest(means[chunk], None if without is None else without[chunk]) for chunk in chunks]
        nearest = np.concatenate(rows)
        return nearest, np.linalg.norm(means - self.means[nearest], axis=1)  # exact also for copies

    def _nearest(self, means: np.ndarray, without: np.ndarray | None) -> np.ndarray:
        distances = self._squares - 2 * (means @ self.means.T)  # squared, less |mean|^2, which a row shares
        if without is not None:
            of_real = np.arange(len(self.means)) % self.num
            distances[of_real == without[:, None] % self.num] = np.inf
        return distances.argmin(1)


def spacing(means: np.ndarray) -> float:
    """How far the nearest other image is, the median over the images [N, D], N at least 2."""
    distances = np.linalg.norm(means[:, None] - means, axis=2)
    np.fill_diagonal(distances, np.inf)
    return float(np.median(distances.min(1)))
