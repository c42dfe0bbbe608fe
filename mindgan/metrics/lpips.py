"""LPIPS: the perceptual distance with learned weights (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep
Features as a Perceptual Metric"), version 0.1 on AlexNet, from the two files of weights that its authors use.

NumPy alone.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mindgan.metrics.feature_network import EPS, FeatureNetwork
from mindgan.metrics.patches import channels_last, convolve_relu, max_pool
from mindgan.runtime.errors import UserError
from mindgan.runtime.torch_file import read_state_dict

NAME = "LPIPS, version 0.1, AlexNet"
MIN_SIZE_PX = 31  # smaller, nothing is left after the second pool
SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)  # ImageNet's mean and deviation for pixels in [-1, 1]
SCALE = np.array([0.458, 0.448, 0.450], np.float32)
# Krizhevsky's (2014) network as torchvision has it: place in `features`, shape of the kernel, stride, padding
_CONVOLUTIONS = (
    (0, (64, 3, 11, 11), 4, 2),
    (3, (192, 64, 5, 5), 1, 2),
    (6, (384, 192, 3, 3), 1, 1),
    (8, (256, 384, 3, 3), 1, 1),
    (10, (256, 256, 3, 3), 1, 1),
)
_POOLED = (3, 6)  # convolutions behind a max pool


class Lpips:
    """The network with its weights."""

    def __init__(self, alexnet: dict[str, np.ndarray], linear: dict[str, np.ndarray]):
        """
        Args:
            alexnet: ``features.0.weight`` and so on, as torchvision's.
            linear: ``lin0.model.1.weight`` [1, channels, 1, 1] to lin4.
        """
        self._kernels = [channels_last(alexnet[f"features.{place}.weight"]) for place, *_ in _CONVOLUTIONS]
        self._biases = [alexnet[f"features.{place}.bias"].astype(np.float32) for place, *_ in _CONVOLUTIONS]
        self._weights = [linear[_linear(layer)].astype(np.float64).ravel() for layer in range(len(_CONVOLUTIONS))]

    def distances(self, images_a: np.ndarray, images_b: np.ndarray) -> np.ndarray:
        """Of each pair of images uint8 [N, C, H, W] of 1 or 3 channels, 31 pixels or more a side: float64 [N].

        Raises:
            UserError: the images are smaller.
            ValueError: their shapes disagree.
        """
        if images_a.shape != images_b.shape:
            raise ValueError(f"images have shapes {images_a.shape} and {images_b.shape}, which must be equal")
        if min(images_a.shape[2:]) < MIN_SIZE_PX:
            raise UserError(f"LPIPS takes images of {MIN_SIZE_PX} px or more; measure without its weights")
        pairs = zip(images_a, images_b, strict=True)
        return np.array([self._distance(a[None], b[None]) for a, b in pairs], np.float64)

    def _distance(self, image_a: np.ndarray, image_b: np.ndarray) -> float:
        total = 0.0
        for a, b, weights in zip(self.maps(image_a), self.maps(image_b), self._weights, strict=True):
            total += float((np.square(_unit(a) - _unit(b)) @ weights).mean())
        return total

    def maps(self, images: np.ndarray) -> list[np.ndarray]:
        """The five maps of images uint8 [N, C, H, W] behind their ReLU: float32 [N, H, W, channels]."""
        x: np.ndarray = (images.transpose(0, 2, 3, 1).astype(np.float32) / 127.5 - 1 - SHIFT) / SCALE
        maps = []
        layers = zip(_CONVOLUTIONS, self._kernels, self._biases, strict=True)
        for (place, _, stride, padding), kernel, bias in layers:
            x = max_pool(x, 2) if place in _POOLED else x
            x = convolve_relu(x, kernel, bias, stride=stride, padding=(padding, padding))
            maps.append(x)
        return maps


def _unit(maps: np.ndarray) -> np.ndarray:
    values = maps.astype(np.float64)
    return values / (np.sqrt(np.square(values).sum(axis=-1, keepdims=True)) + EPS)


def _linear(layer: int) -> str:
    return f"lin{layer}.model.1.weight"


def load_lpips(alexnet: Path, linear: Path) -> Lpips:
    """LPIPS with its published weights.

    Args:
        alexnet: torchvision's ``alexnet-owt-*.pth``.
        linear: ``alex.pth`` of version 0.1, of a few kilobytes.

    Raises:
        UserError: a file cannot be read or holds other weights.
    """
    weights = [read_state_dict(path) for path in (alexnet, linear)]
    for place, shape, *_ in _CONVOLUTIONS:
        _require(alexnet, weights[0], f"features.{place}.weight", shape)
        _require(alexnet, weights[0], f"features.{place}.bias", shape[:1])
    for layer, (_, shape, *_) in enumerate(_CONVOLUTIONS):
        _require(linear, weights[1], _linear(layer), (1, shape[0], 1, 1))
    return Lpips(*weights)


def with_lpips(network: FeatureNetwork, lpips: Lpips) -> FeatureNetwork:
    """The same network for features, with LPIPS in place of its perceptual distances."""
    return replace(network, distances=lpips.distances, distance_name=NAME)


def _require(path: Path, weights: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> None:
    if name not in weights or weights[name].shape != shape:
        raise UserError(
            f"{path} holds no {name} of shape {list(shape)}; give torchvision's AlexNet and the linear weights of "
            f"LPIPS 0.1 for it"
        )
