"""How near images are to one another, cheaply: by the colours of areas, also where one is shifted or mirrored."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mindgan.data.labelled import LabelledImages
from mindgan.runtime import randomness

SIDE = 16  # areas along a side: strokes of a digit and the outline of a thing show, noise and texture average away
MAX_REALS = 4096  # compared with; a network that sees more images than these does not learn single ones by heart
# What a network has by heart it may draw elsewhere or mirrored, as augmentation shows it. Of outlines that are as sharp
# as a digit's, a shift by half an area looks like another image, so shifts are finer: by a pixel of 64 and fewer.
FINE_SIDE = 64
_SHIFT_SHARE = 14  # of a side: how far images are shifted, at most
_CANDIDATES = 16  # reals that are near at some shifts and are compared at all
# Twins in a set: of photographs, emoji and digits the nearest other image is not that much nearer than the second.
MAX_TWINS, TWIN_SHARE = 7, 0.25
_MOST_SHIFTED = 64  # images that are shifted at once
_CHUNK_BYTES = 32 << 20  # of pixels, as float32 at once


def area_means(images: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Means over areas of equal size: uint8 [N, C, H, W] to float32 [N, C, min(H, side), min(W, side)], in [0, 1]."""
    rows, columns = _shares(images.shape[2], side), _shares(images.shape[3], side)
    return rows @ (images.astype(np.float32) @ columns.T) / np.float32(255)


def _shares(length: int, side: int) -> np.ndarray:
    """How much each pixel of a side counts in the mean of each area, parts of pixels too: float32 [areas, length]."""
    num = min(length, side)
    edges, pixels = np.linspace(0, length, num + 1)[:, None], np.arange(length)
    overlap = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return (np.maximum(overlap, 0) * num / length).astype(np.float32)


class Shifts:
    """Where the middle of an image is looked for in others.

    Attributes:
        all: (down, right), in cells of the fine raster.
        some: of these, so many that each of the others is close to one.
    """

    def __init__(self, height: int, width: int):
        self.cells = [min(length, FINE_SIDE) for length in (height, width)]
        self.most = [max(1, num // _SHIFT_SHARE) for num in self.cells]
        self.areas = [max(1, num // SIDE) for num in self.cells]
        self.all = list(product(*(range(-most, most + 1) for most in self.most)))
        self.some = list(product(*(range(-most, most + 1, (most + 1) // 2) for most in self.most)))

    def middles(self, images: np.ndarray, shifts: Sequence[tuple[int, ...]] = ((0, 0),)) -> np.ndarray:
        """The middles of shifted images, as means of areas: uint8 [N, C, H, W] to float32 [len(shifts), N, D]."""
        means = area_means(images, FINE_SIDE)
        for axis, area in zip((2, 3), self.areas, strict=True):  # to those of the areas that begin at each cell
            means = sliding_window_view(means, area, axis).mean(-1)
        return np.stack([self._middle(means, shift).reshape(len(images), -1) for shift in shifts])

    def _middle(self, means: np.ndarray, shift: tuple[int, ...]) -> np.ndarray:
        sides = zip(self.cells, self.most, self.areas, shift, strict=True)
        rows, columns = (slice(most - by, cells - most - by - area + 1, area) for cells, most, area, by in sides)
        return means[:, :, rows, columns]


class Reals:
    """The training images to compare with: all, or 4,096 that the seed chooses.

    Attributes:
        means: of `area_means`, each as a row: float32 [R, D].
    """

    def __init__(self, data: LabelledImages, seed: int):
        self.data = data
        self.rows = np.sort(randomness.generator(seed, "doctor").permutation(len(data.images))[:MAX_REALS])
        self.shifts = Shifts(*data.images.shape[2:])
        self.chunk = max(1, _CHUNK_BYTES // (4 * data.images[0].size))
        means, middles = [], []
        for at in range(0, len(self.rows), self.chunk):
            pixels = data.pixels(self.rows[at : at + self.chunk])
            means.append(area_means(pixels).reshape(len(pixels), -1))
            middles.append(self.shifts.middles(pixels)[0])
        self.means, self.middles = np.concatenate(means), np.concatenate(middles)

    def pixels(self, numbers: np.ndarray) -> np.ndarray:
        """Reals by their numbers: whole [N] to uint8 [N, C, H, W]."""
        return self.data.pixels(self.rows[numbers])

    def nearest(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nearest real of each image, uint8 [N, C, H, W], which may be shifted or mirrored.

        Returns:
            Its number, whole [N], and how far the middle is, the root of the sum of squares: float [N].
        """
        numbers, distances = self._near(images, None)
        places = distances.argmin(1)[:, None]
        return np.take_along_axis(numbers, places, 1)[:, 0], np.take_along_axis(distances, places, 1)[:, 0]

    def spacing(self, numbers: np.ndarray) -> np.ndarray:
        """How far the nearest other real is from each of these, whole [N]: float [N].

        Twins do not count: up to seven others that are several times nearer than the next, such as images that the set
        holds twice, mirrored, shifted or packed anew.
        """
        _, distances = self._near(self.pixels(numbers), numbers)
        distances = np.sort(distances, axis=1)
        after = distances[:, 1 : MAX_TWINS + 1]
        gaps = distances[:, : after.shape[1]] < TWIN_SHARE * after
        num_twins = (gaps * np.arange(1, gaps.shape[1] + 1)).max(1, initial=0)  # those before the last gap
        return distances[np.arange(len(distances)), num_twins]

    def _near(self, images: np.ndarray, without: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and distances of reals near each image, whole and float [N, candidates], without one for each."""
        size = min(self.chunk, _MOST_SHIFTED)
        chunks = [slice(at, at + size) for at in range(0, len(images), size)]
        found = [self._near_some(images[chunk], None if without is None else without[chunk]) for chunk in chunks]
        numbers, distances = zip(*found, strict=True)
        return np.concatenate(numbers), np.concatenate(distances)

    def _near_some(self, images: np.ndarray, without: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        both = np.concatenate((images, images[:, :, :, ::-1]))
        candidates = self._candidates(self.shifts.middles(both, self.shifts.some), without)
        middles = self.shifts.middles(both, self.shifts.all)
        distances = np.empty(candidates.shape)
        for image, among in enumerate(candidates):
            shifted = middles[:, image :: len(images)].reshape(-1, middles.shape[2])
            best = shifted[_squared(shifted, self.middles[among]).argmin(0)]
            distances[image] = np.linalg.norm(best - self.middles[among], axis=1)  # exactly 0 of a copy
        return candidates, distances

    def _candidates(self, middles: np.ndarray, without: np.ndarray | None) -> np.ndarray:
        """The reals that are near each image at some shift: middles [S, 2 N, D] to whole [N, candidates]."""
        num = middles.shape[1] // 2
        least = np.full((num, len(self.middles)), np.inf, np.float32)
        for shifted in middles:
            distances = _squared(shifted, self.middles)
            np.minimum(least, np.minimum(distances[:num], distances[num:]), out=least)
        if without is not None:
            least[np.arange(num), without] = np.inf
        most = min(_CANDIDATES, len(self.middles) - (without is not None))
        return np.argpartition(least, most - 1, axis=1)[:, :most]


def _squared(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Squares of the distances between rows, but for rounding: [N, D] and [M, D] to [N, M]."""
    return np.square(one).sum(1)[:, None] - 2 * (one @ other.T) + np.square(other).sum(1)


def spacing(means: np.ndarray) -> float:
    """How far the nearest other image is, the median over the images [N, D], N at least 2."""
    distances = np.linalg.norm(means[:, None] - means, axis=2)
    np.fill_diagonal(distances, np.inf)
    return float(np.median(distances.min(1)))
