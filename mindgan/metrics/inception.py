"""Inception-v3 as FID and KID use it: the network of 2015 that Heusel et al. (2017) took, 2048 features an image.

The architecture is that of Szegedy et al. (2016, "Rethinking the Inception Architecture", table 1), with two ways of
its own: average pools do not count the padding, and the last block pools by the maximum. Names and layouts of the
weights are those of the file that the PyTorch port of FID publishes, ``pt_inception-2015-12-05-6726825d.pth``.

NumPy alone: patches and matrix products, channels last, the same numbers on every machine but for rounding.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mindgan.metrics.feature_network import FeatureNetwork, perceptual_distance
from mindgan.metrics.patches import channels_last, convolve_relu, max_pool, pad
from mindgan.runtime.errors import UserError
from mindgan.runtime.torch_file import read_state_dict

SHA256_PREFIX = "6726825d"  # of the published file, which carries it in its name
NUM_FEATURES = 2048
SIZE_PX = 299
BATCH_SIZE = 2  # more do not fit into the caches, fewer leave products small
BN_EPS = 1e-3

Maps = dict[str, np.ndarray]
_Layer = tuple[str, int, int, tuple[int, int]]  # name, channels in and out, kernel height and width


def _block_a(channels: int, pooled: int) -> list[_Layer]:
    return [
        ("branch1x1", channels, 64, (1, 1)),
        *[("branch5x5_1", channels, 48, (1, 1)), ("branch5x5_2", 48, 64, (5, 5))],
        *[("branch3x3dbl_1", channels, 64, (1, 1)), ("branch3x3dbl_2", 64, 96, (3, 3))],
        *[("branch3x3dbl_3", 96, 96, (3, 3)), ("branch_pool", channels, pooled, (1, 1))],
    ]


def _block_c(width: int) -> list[_Layer]:
    return [
        ("branch1x1", 768, 192, (1, 1)),
        *[("branch7x7_1", 768, width, (1, 1)), ("branch7x7_2", width, width, (1, 7))],
        *[("branch7x7_3", width, 192, (7, 1)), ("branch7x7dbl_1", 768, width, (1, 1))],
        *[("branch7x7dbl_2", width, width, (7, 1)), ("branch7x7dbl_3", width, width, (1, 7))],
        *[("branch7x7dbl_4", width, width, (7, 1)), ("branch7x7dbl_5", width, 192, (1, 7))],
        ("branch_pool", 768, 192, (1, 1)),
    ]


def _block_e(channels: int) -> list[_Layer]:
    return [
        *[("branch1x1", channels, 320, (1, 1)), ("branch3x3_1", channels, 384, (1, 1))],
        *[("branch3x3_2a", 384, 384, (1, 3)), ("branch3x3_2b", 384, 384, (3, 1))],
        *[("branch3x3dbl_1", channels, 448, (1, 1)), ("branch3x3dbl_2", 448, 384, (3, 3))],
        *[("branch3x3dbl_3a", 384, 384, (1, 3)), ("branch3x3dbl_3b", 384, 384, (3, 1))],
        ("branch_pool", channels, 192, (1, 1)),
    ]


_STEM: list[_Layer] = [
    ("Conv2d_1a_3x3", 3, 32, (3, 3)),
    ("Conv2d_2a_3x3", 32, 32, (3, 3)),
    ("Conv2d_2b_3x3", 32, 64, (3, 3)),
    ("Conv2d_3b_1x1", 64, 80, (1, 1)),
    ("Conv2d_4a_3x3", 80, 192, (3, 3)),
]
_BLOCKS: dict[str, list[_Layer]] = {
    "Mixed_5b": _block_a(192, 32),
    "Mixed_5c": _block_a(256, 64),
    "Mixed_5d": _block_a(288, 64),
    "Mixed_6a": [
        *[("branch3x3", 288, 384, (3, 3)), ("branch3x3dbl_1", 288, 64, (1, 1))],
        *[("branch3x3dbl_2", 64, 96, (3, 3)), ("branch3x3dbl_3", 96, 96, (3, 3))],
    ],
    "Mixed_6b": _block_c(128),
    "Mixed_6c": _block_c(160),
    "Mixed_6d": _block_c(160),
    "Mixed_6e": _block_c(192),
    "Mixed_7a": [
        *[("branch3x3_1", 768, 192, (1, 1)), ("branch3x3_2", 192, 320, (3, 3))],
        *[("branch7x7x3_1", 768, 192, (1, 1)), ("branch7x7x3_2", 192, 192, (1, 7))],
        *[("branch7x7x3_3", 192, 192, (7, 1)), ("branch7x7x3_4", 192, 192, (3, 3))],
    ],
    "Mixed_7b": _block_e(1280),
    "Mixed_7c": _block_e(2048),
}


def parameter_shapes() -> dict[str, tuple[int, ...]]:
    """The name and shape of every weight that the features need; the file has the classifier's besides."""
    inner = [(f"{block}.{layer[0]}", *layer[1:]) for block, layers in _BLOCKS.items() for layer in layers]
    shapes: dict[str, tuple[int, ...]] = {}
    for name, channels, out, kernel in [*_STEM, *inner]:
        shapes[f"{name}.conv.weight"] = (out, channels, *kernel)
        shapes |= {f"{name}.bn.{part}": (out,) for part in ("weight", "bias", "running_mean", "running_var")}
    return shapes


class Inception:
    """The network, its normalisations folded into the convolutions."""

    def __init__(self, weights: dict[str, np.ndarray]):
        """
        Args:
            weights: at least those of `parameter_shapes`, any floating type.
        """
        self._layers = {
            name.removesuffix(".conv.weight"): _folded(weights, name.removesuffix(".conv.weight"))
            for name in parameter_shapes()
            if name.endswith(".conv.weight")
        }

    def features(self, images: np.ndarray) -> np.ndarray:
        """Images uint8 [N, C, H, W] of 1 or 3 channels and any size to float32 [N, 2048]."""
        parts = [self.maps(batch)[-1].mean(axis=(1, 2)) for batch in _batches(images)]
        return np.concatenate(parts) if parts else np.zeros((0, NUM_FEATURES), np.float32)

    def distances(self, images_a: np.ndarray, images_b: np.ndarray) -> np.ndarray:
        """The perceptual distance of each pair of images uint8 [N, C, H, W], in the maps of `maps`: float64 [N]."""
        pairs = zip(_batches(images_a), _batches(images_b), strict=True)
        return np.concatenate([perceptual_distance(self.maps(a), self.maps(b)) for a, b in pairs])

    def maps(self, images: np.ndarray) -> list[np.ndarray]:
        """The maps before each halving of the size, and the last: float32 [N, H, W, channels], 64 to 2048 channels."""
        x = self._conv(prepared(images), "Conv2d_1a_3x3", stride=2, is_padded=False)
        x = self._conv(x, "Conv2d_2a_3x3", is_padded=False)
        maps = [self._conv(x, "Conv2d_2b_3x3")]
        x = self._conv(max_pool(maps[-1], 2), "Conv2d_3b_1x1")
        maps.append(self._conv(x, "Conv2d_4a_3x3", is_padded=False))
        x = max_pool(maps[-1], 2)
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self._a(x, name)
        maps.append(x)
        x = self._b(x, "Mixed_6a")
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self._c(x, name)
        maps.append(x)
        x = self._e(self._d(x, "Mixed_7a"), "Mixed_7b", _average_pool)
        maps.append(self._e(x, "Mixed_7c", _same_max_pool))
        return maps

    def _a(self, x: np.ndarray, block: str) -> np.ndarray:
        ways = (("branch1x1",), ("branch5x5_1", "branch5x5_2"), _numbered("branch3x3dbl", 3))
        return self._joined(x, block, ways, self._conv(_average_pool(x), f"{block}.branch_pool"))

    def _b(self, x: np.ndarray, block: str) -> np.ndarray:
        direct = self._conv(x, f"{block}.branch3x3", stride=2, is_padded=False)
        double = self._way(x, block, _numbered("branch3x3dbl", 2))
        double = self._conv(double, f"{block}.branch3x3dbl_3", stride=2, is_padded=False)
        return np.concatenate((direct, double, max_pool(x, 2)), axis=-1)

    def _c(self, x: np.ndarray, block: str) -> np.ndarray:
        ways = (("branch1x1",), _numbered("branch7x7", 3), _numbered("branch7x7dbl", 5))
        return self._joined(x, block, ways, self._conv(_average_pool(x), f"{block}.branch_pool"))

    def _d(self, x: np.ndarray, block: str) -> np.ndarray:
        small = self._way(x, block, ("branch3x3_1",))
        large = self._way(x, block, _numbered("branch7x7x3", 3))
        small = self._conv(small, f"{block}.branch3x3_2", stride=2, is_padded=False)
        large = self._conv(large, f"{block}.branch7x7x3_4", stride=2, is_padded=False)
        return np.concatenate((small, large, max_pool(x, 2)), axis=-1)

    def _e(self, x: np.ndarray, block: str, pool: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        once = self._way(x, block, ("branch3x3_1",))
        twice = self._way(x, block, _numbered("branch3x3dbl", 2))
        parts = [
            self._conv(x, f"{block}.branch1x1"),
            *(self._conv(once, f"{block}.branch3x3_{part}") for part in ("2a", "2b")),
            *(self._conv(twice, f"{block}.branch3x3dbl_{part}") for part in ("3a", "3b")),
            self._conv(pool(x), f"{block}.branch_pool"),
        ]
        return np.concatenate(parts, axis=-1)

    def _joined(self, x: np.ndarray, block: str, ways: tuple[tuple[str, ...], ...], pooled: np.ndarray) -> np.ndarray:
        return np.concatenate([*(self._way(x, block, way) for way in ways), pooled], axis=-1)

    def _way(self, x: np.ndarray, block: str, names: tuple[str, ...]) -> np.ndarray:
        for name in names:
            x = self._conv(x, f"{block}.{name}")
        return x

    def _conv(self, x: np.ndarray, name: str, *, stride: int = 1, is_padded: bool = True) -> np.ndarray:
        """Convolution, normalisation and ReLU of x [N, H, W, C]; padded, it keeps the size."""
        kernel, bias = self._layers[name]
        padding = (kernel.shape[0] // 2, kernel.shape[1] // 2) if is_padded else (0, 0)
        return convolve_relu(x, kernel, bias, stride=stride, padding=padding)


def _folded(weights: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [height, width, channels, out] and bias [out] of a convolution and its normalisation."""
    kernel = weights[f"{name}.conv.weight"].astype(np.float64)  # [out, channels, height, width]
    gain, shift, mean, variance = (
        weights[f"{name}.bn.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / np.sqrt(variance + BN_EPS)
    return channels_last(kernel * scale[:, None, None, None]), (shift - mean * scale).astype(np.float32)


def prepared(images: np.ndarray) -> np.ndarray:
    """uint8 [N, C, H, W] to float32 [N, 299, 299, 3] in [-1, 1]: bilinear, without antialiasing, as the PyTorch port.

    Pixels are areas: the outermost samples lie half a pixel inside, and nothing is read beyond the border.
    """
    x: np.ndarray = images.transpose(0, 2, 3, 1).astype(np.float32)
    for axis in (1, 2):
        num = x.shape[axis]
        places = np.maximum((np.arange(SIZE_PX) + 0.5) * (num / SIZE_PX) - 0.5, 0)
        low = places.astype(np.int64)
        high = np.minimum(low + 1, num - 1)
        share = (places - low).astype(np.float32).reshape((-1, 1, 1) if axis == 1 else (-1, 1))
        x = x.take(low, axis) * (1 - share) + x.take(high, axis) * share
    return np.broadcast_to(x / 127.5 - 1, (*x.shape[:3], 3))


def _batches(images: np.ndarray) -> list[np.ndarray]:
    return [images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)]


def _numbered(name: str, num: int) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" for number in range(1, num + 1))


def _same_max_pool(x: np.ndarray) -> np.ndarray:
    return max_pool(pad(x, (1, 1), -np.inf), 1)


def _average_pool(x: np.ndarray) -> np.ndarray:
    """The mean over the 3 by 3 places around each, of those that lie inside."""
    sums = _sum_of_nine(x)
    return sums / _sum_of_nine(np.ones((1, *x.shape[1:3], 1), np.float32))


def _sum_of_nine(x: np.ndarray) -> np.ndarray:
    x = pad(x, (1, 1), 0.0)
    rows = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
    return rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]


def load_inception(path: Path) -> FeatureNetwork:
    """The network with the weights of a file: comparable with published numbers if it is the published file.

    Args:
        path: ``pt_inception-2015-12-05-6726825d.pth``, or another with weights of these names and shapes.

    Raises:
        UserError: the file cannot be read or holds other weights.
    """
    weights = read_state_dict(path)
    for name, shape in parameter_shapes().items():
        if name not in weights or weights[name].shape != shape:
            found = f"has the shape {list(weights[name].shape)}" if name in weights else "is missing"
            raise UserError(
                f"{path} holds no weights of FID's Inception: {name} {found}, not {list(shape)}; "
                f"give pt_inception-2015-12-05-6726825d.pth"
            )
    network = Inception(weights)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    is_published = digest.startswith(SHA256_PREFIX)
    name = "Inception-v3 of 2015" if is_published else f"Inception-v3 with other weights (SHA-256 {digest[:8]})"
    return FeatureNetwork(name, is_published, network.features, network.distances)
