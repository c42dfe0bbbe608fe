"""What a network must offer to compare images in its features, and the perceptual distance of its feature maps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

EPS = 1e-10  # against places where no feature fires


@dataclass(frozen=True)
class FeatureNetwork:
    """A network, named, with the two things that measurements ask of it.

    Attributes:
        name: for reports: which network, of which weights.
        is_comparable: whether distances in its features can be compared with published ones.
        features: images uint8 [N, C, H, W], of any size, to float32 [N, D].
        distances: two batches of images uint8 [N, C, H, W], pair by pair, to their perceptual distances float64 [N].
        distance_name: for reports: what those are.
    """

    name: str
    is_comparable: bool
    features: Callable[[np.ndarray], np.ndarray]
    distances: Callable[[np.ndarray, np.ndarray], np.ndarray]
    distance_name: str = "difference of the unit feature maps of the same network; not LPIPS"


def perceptual_distance(maps_a: Sequence[np.ndarray], maps_b: Sequence[np.ndarray]) -> np.ndarray:
    """The squared difference of feature vectors of length 1, the mean over places and then over layers.

    Zhang et al. (2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", equation 1) with all
    channel weights 1; LPIPS proper has weights learned for its own networks.

    Args:
        maps_a: of each layer [N, H, W, channels], any real type.
        maps_b: the same shapes.

    Returns:
        float64 [N]; 0 for equal maps, 4 for opposite ones.
    """
    layers = []
    for a, b in zip(maps_a, maps_b, strict=True):
        difference = _unit(a.astype(np.float64)) - _unit(b.astype(np.float64))
        layers.append(np.square(difference).sum(axis=-1).mean(axis=(1, 2)))
    return np.mean(layers, axis=0)


def _unit(maps: np.ndarray) -> np.ndarray:
    return maps / (np.sqrt(np.square(maps).sum(axis=-1, keepdims=True)) + EPS)
