"""FID's Inception against a restatement in PyTorch with random weights, and what is said of the file of weights."""

import hashlib

import numpy as np
import pytest
from safetensors.numpy import save_file

from mindgan.metrics import inception
from mindgan.metrics.inception import Inception, load_inception, parameter_shapes, prepared
from mindgan.runtime.errors import UserError


def images(num: int, channels: int = 3, height: int = 70, width: int = 90) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (num, channels, height, width), np.uint8)


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    """Random, of a size at which features neither vanish nor explode."""
    rng = np.random.default_rng(0)
    found = {}
    for name, shape in parameter_shapes().items():
        values = rng.standard_normal(shape, np.float32)
        if name.endswith("conv.weight"):
            found[name] = values * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        elif name.endswith(("bn.weight", "running_var")):
            found[name] = 1 + np.abs(values) / 2
        else:
            found[name] = values / 10
    return found


@pytest.fixture(scope="module")
def network(weights) -> Inception:
    return Inception(weights)


def test_has_the_published_number_of_weights():
    shapes = parameter_shapes()
    assert sum(name.endswith("conv.weight") for name in shapes) == 94
    learned = sum(int(np.prod(shape)) for name, shape in shapes.items() if "running" not in name)
    # PyTorch's Inception-v3 has 27,161,264, of them 3,326,696 in the auxiliary and 2,049,000 in the last classifier
    assert learned == 27_161_264 - 3_326_696 - 2_049_000


class Restated:
    """The network in PyTorch and float64, on the state dict; only strides and padding are written here."""

    def __init__(self, torch, weights):
        self.torch, self.functional = torch, torch.nn.functional
        self.weights = {name: torch.from_numpy(value).double() for name, value in weights.items()}

    def conv(self, x, name, stride=1, padding=0):
        w = self.weights
        x = self.functional.conv2d(x, w[f"{name}.conv.weight"], stride=stride, padding=padding)
        norm = [w[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return self.functional.batch_norm(x, *norm, eps=0.001).relu()

    def chain(self, x, *steps):
        for name, *options in steps:
            x = self.conv(x, name, *options)
        return x

    def average(self, x):
        return self.functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)

    def halve(self, x):
        return self.functional.max_pool2d(x, 3, stride=2)

    def a(self, x, m):
        return self.torch.cat(
            [
                self.conv(x, f"{m}.branch1x1"),
                self.chain(x, (f"{m}.branch5x5_1",), (f"{m}.branch5x5_2", 1, 2)),
                self.chain(x, (f"{m}.branch3x3dbl_1",), (f"{m}.branch3x3dbl_2", 1, 1), (f"{m}.branch3x3dbl_3", 1, 1)),
                self.conv(self.average(x), f"{m}.branch_pool"),
            ],
            1,
        )

    def b(self, x, m):
        double = self.chain(x, (f"{m}.branch3x3dbl_1",), (f"{m}.branch3x3dbl_2", 1, 1), (f"{m}.branch3x3dbl_3", 2))
        return self.torch.cat([self.conv(x, f"{m}.branch3x3", 2), double, self.halve(x)], 1)

    def c(self, x, m):
        row, column = (0, 3), (3, 0)
        single = [(f"{m}.branch7x7_1",), (f"{m}.branch7x7_2", 1, row), (f"{m}.branch7x7_3", 1, column)]
        paddings = (0, column, row, column, row)
        double = [(f"{m}.branch7x7dbl_{n}", 1, padding) for n, padding in enumerate(paddings, 1)]
        pooled = self.conv(self.average(x), f"{m}.branch_pool")
        parts = [self.conv(x, f"{m}.branch1x1"), self.chain(x, *single), self.chain(x, *double), pooled]
        return self.torch.cat(parts, 1)

    def d(self, x, m):
        small = self.chain(x, (f"{m}.branch3x3_1",), (f"{m}.branch3x3_2", 2))
        names = [f"{m}.branch7x7x3_{n}" for n in (1, 2, 3, 4)]
        large = self.chain(x, (names[0],), (names[1], 1, (0, 3)), (names[2], 1, (3, 0)), (names[3], 2))
        return self.torch.cat([small, large, self.halve(x)], 1)

    def e(self, x, m, pooled):
        single = self.conv(x, f"{m}.branch3x3_1")
        double = self.chain(x, (f"{m}.branch3x3dbl_1",), (f"{m}.branch3x3dbl_2", 1, 1))
        parts = [
            self.conv(x, f"{m}.branch1x1"),
            self.conv(single, f"{m}.branch3x3_2a", 1, (0, 1)),
            self.conv(single, f"{m}.branch3x3_2b", 1, (1, 0)),
            self.conv(double, f"{m}.branch3x3dbl_3a", 1, (0, 1)),
            self.conv(double, f"{m}.branch3x3dbl_3b", 1, (1, 0)),
            self.conv(pooled, f"{m}.branch_pool"),
        ]
        return self.torch.cat(parts, 1)

    def maps(self, images):
        x = self.torch.from_numpy(images).double() / 255
        x = 2 * self.functional.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False) - 1
        maps = [self.chain(x, ("Conv2d_1a_3x3", 2), ("Conv2d_2a_3x3",), ("Conv2d_2b_3x3", 1, 1))]
        maps.append(self.chain(self.halve(maps[-1]), ("Conv2d_3b_1x1",), ("Conv2d_4a_3x3",)))
        maps.append(self.a(self.a(self.a(self.halve(maps[-1]), "Mixed_5b"), "Mixed_5c"), "Mixed_5d"))
        x = self.b(maps[-1], "Mixed_6a")
        for name in "bcde":
            x = self.c(x, f"Mixed_6{name}")
        maps.append(x)
        x = self.d(x, "Mixed_7a")
        x = self.e(x, "Mixed_7b", self.average(x))
        maps.append(self.e(x, "Mixed_7c", self.functional.max_pool2d(x, 3, stride=1, padding=1)))
        return [each.permute(0, 2, 3, 1).numpy() for each in maps]


def test_equals_the_restatement(network, weights):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")
    torch.set_num_threads(1)
    some = images(3)
    expected = Restated(torch, weights).maps(some)
    for found, exact in zip(network.maps(some), expected, strict=True):
        assert found.shape == exact.shape
        np.testing.assert_allclose(found, exact, atol=1e-5 * exact.max())
    features = network.features(some)
    assert (features.shape, features.dtype) == ((3, 2048), np.float32)
    mean = expected[-1].mean((1, 2))
    np.testing.assert_allclose(features, mean, atol=1e-5 * mean.max())
    assert mean.std(0).max() > 1e-3 * mean.max()  # images differ by far more than the rounding


def test_sizes_of_the_maps_and_batches(network):
    some = images(3, height=300, width=40)
    shapes = [(147, 64), (71, 192), (35, 288), (17, 768), (8, 2048)]
    assert [each.shape for each in network.maps(some[:1])] == [(1, size, size, width) for size, width in shapes]
    np.testing.assert_allclose(network.features(some)[2:], network.features(some[2:]), rtol=1e-4, atol=1e-5)
    assert network.features(some[:0]).shape == (0, 2048)
    distances = network.distances(some, some[[0, 2, 1]])
    assert distances[0] == pytest.approx(0, abs=1e-9)
    assert distances[1] == pytest.approx(distances[2])
    assert distances[1] > 0.01


def test_grey_is_the_same_in_all_channels():
    grey = images(1, channels=1)
    np.testing.assert_array_equal(prepared(grey), prepared(np.repeat(grey, 3, 1)))


def test_prepared_by_hand():
    full = images(1, height=299, width=299)
    np.testing.assert_allclose(prepared(full), full.transpose(0, 2, 3, 1) / 127.5 - 1, atol=1e-6)
    edge = prepared(np.array([0, 255], np.uint8).reshape(1, 1, 1, 2))[0, 0, :, 0]
    expected = np.clip(((np.arange(299) + 0.5) * 2 / 299 - 0.5), 0, 1) * 2 - 1
    np.testing.assert_allclose(edge, expected, atol=1e-6)


def test_pools_by_hand():
    x = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    means = inception._average_pool(x)[0, :, :, 0]
    np.testing.assert_allclose(means, [[2, 2.5, 3], [3.5, 4, 4.5], [5, 5.5, 6]])
    assert inception._same_max_pool(x - 20)[0, :, :, 0].tolist() == [[-16, -15, -15], [-13, -12, -12], [-13, -12, -12]]


def test_the_published_file_is_known_by_its_digest(weights, network, tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    save_file({**weights, "fc.bias": np.zeros(1008, np.float32)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    other = load_inception(path)
    assert (other.name, other.is_comparable) == (f"Inception-v3 with other weights (SHA-256 {digest[:8]})", False)
    monkeypatch.setattr(inception, "SHA256_PREFIX", digest[:8])
    published = load_inception(path)
    assert (published.name, published.is_comparable) == ("Inception-v3 of 2015", True)
    some = images(1)
    np.testing.assert_array_equal(published.features(some), network.features(some))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, "Conv2d_1a_3x3.conv.weight is missing, not"),
        ({"Conv2d_1a_3x3.conv.weight": (32, 1, 3, 3)}, r"has the shape \[32, 1, 3, 3\], not \[32, 3, 3, 3\]"),
    ],
)
def test_other_weights_are_refused(tmp_path, changed, reason):
    path = tmp_path / "weights.pth"
    save_file({"x": np.zeros(1), **{name: np.zeros(shape, np.float32) for name, shape in changed.items()}}, path)
    with pytest.raises(UserError, match=reason):
        load_inception(path)
