"""The draws for a batch of images: random ones, or all of them at one percentile."""

from statistics import NormalDist

import numpy as np


class Chance:
    """Draws for `num` images, independent of each other."""

    def __init__(
        self, num: int, *, random: np.random.Generator | None = None, p: float = 1.0, percentile: float | None = None
    ):
        """
        Args:
            num: of images.
            random: where draws come from, if no percentile is given.
            p: the probability of a transform whose multiplier is 1.
            percentile: q, where every draw is to be; then every transform with a probability above 0 takes place.
        """
        self.num, self.p, self.percentile = num, p, percentile
        self.random = np.random.default_rng(0) if random is None else random  # unused at a percentile

    def probability(self, multiplier: float) -> float:
        return min(multiplier * self.p, 1.0)

    def where(self, probability: float, values: np.ndarray, otherwise: float) -> np.ndarray:
        """`values` [num, ..], each with the probability, else `otherwise`."""
        if self.percentile is None:
            takes_place = self.random.random(self.num) < probability
        else:
            takes_place = np.full(self.num, probability > 0)
        return np.where(takes_place.reshape(-1, *[1] * (values.ndim - 1)), values, otherwise)

    def integers(self, below: int) -> np.ndarray:
        """[num]: 0 to `below` - 1."""
        if self.percentile is not None:
            return np.full(self.num, int(self.percentile * below))
        return self.random.integers(below, size=self.num)

    def uniform(self, bound: float, *shape: int) -> np.ndarray:
        """[num, ..] between -bound and bound."""
        if self.percentile is not None:
            return np.full((self.num, *shape), (2 * self.percentile - 1) * bound)
        return self.random.uniform(-bound, bound, (self.num, *shape))

    def normal(self, deviation: float, *shape: int) -> np.ndarray:
        """[num, ..] of mean 0."""
        if self.percentile is not None:
            return np.full((self.num, *shape), erfinv(2 * self.percentile - 1) * deviation)
        return self.random.standard_normal((self.num, *shape)) * deviation

    def half_normal(self, deviation: float) -> np.ndarray:
        """[num]: magnitudes of normal numbers."""
        if self.percentile is not None:
            return np.full(self.num, erfinv(self.percentile) * deviation)
        return np.abs(self.normal(deviation))


def erfinv(x: float) -> float:
    """The inverse of the error function, for x between -1 and 1, exclusive."""
    return NormalDist().inv_cdf((x + 1) / 2) / np.sqrt(2)
