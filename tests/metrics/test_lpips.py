"""LPIPS against a restatement in PyTorch with random weights, and the files it takes."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mindgan.metrics.feature_network import FeatureNetwork
from mindgan.metrics.lpips import Lpips, load_lpips, with_lpips
from mindgan.runtime.errors import UserError

SHAPES = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}


def images(num: int, seed: int, channels: int = 3, height: int = 40, width: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num, channels, height, width), np.uint8)


@pytest.fixture(scope="module")
def alexnet() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {}
    for place, shape in SHAPES.items():
        found[f"features.{place}.weight"] = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
        found[f"features.{place}.bias"] = rng.normal(0, 0.1, shape[0]).astype(np.float32)
    return found


@pytest.fixture(scope="module")
def linear() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    widths = [shape[0] for shape in SHAPES.values()]
    return {
        f"lin{layer}.model.1.weight": rng.uniform(0, 1, (1, width, 1, 1)).astype(np.float32)
        for layer, width in enumerate(widths)
    }


def restated(torch, alexnet, linear, a: np.ndarray, b: np.ndarray) -> list[float]:
    """As the paper has it, with PyTorch's layers in float64: normalise, subtract, square, weigh, average, add."""
    nn = torch.nn
    layers = [nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU()]
    layers += [nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1)]
    features = nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()).double()
    state = {name.removeprefix("features."): torch.from_numpy(value) for name, value in alexnet.items()}
    features.load_state_dict(state)
    shift = torch.tensor([-0.030, -0.088, -0.188]).double()[:, None, None]
    scale = torch.tensor([0.458, 0.448, 0.450]).double()[:, None, None]
    total = torch.zeros(len(a)).double()
    x, y = ((torch.from_numpy(each).double() / 127.5 - 1 - shift) / scale for each in (a, b))
    heads = iter(linear.values())
    with torch.no_grad():
        for layer in features:
            x, y = layer(x), layer(y)
            if isinstance(layer, nn.ReLU):
                difference = (nn.functional.normalize(x, eps=1e-10) - nn.functional.normalize(y, eps=1e-10)) ** 2
                weight = torch.from_numpy(next(heads)).double()
                total += nn.functional.conv2d(difference, weight).mean((1, 2, 3))
    return total.tolist()


def test_equals_the_restatement(alexnet, linear):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")
    a, b = images(3, 2), images(3, 3)
    b[0] = np.clip(a[0].astype(int) + 20, 0, 255)
    found = Lpips(alexnet, linear).distances(a, b)
    np.testing.assert_allclose(found, restated(torch, alexnet, linear, a, b), rtol=1e-5)
    assert found[0] < found[1] / 2


def test_is_a_distance(alexnet, linear):
    lpips = Lpips(alexnet, linear)
    a, b = images(2, 4, channels=1), images(2, 5, channels=1)
    assert (lpips.distances(a, a) == 0).all()
    np.testing.assert_allclose(lpips.distances(a, b), lpips.distances(b, a))
    np.testing.assert_allclose(lpips.distances(a, b), lpips.distances(a.repeat(3, 1), b.repeat(3, 1)))
    assert lpips.distances(a[:, :, :31, :31], b[:, :, :31, :31]).shape == (2,)
    with pytest.raises(UserError, match="31 px"):
        lpips.distances(a[:, :, :30], b[:, :, :30])
    with pytest.raises(ValueError, match="must be equal"):
        lpips.distances(a, b[:, :, :35])


NETWORK = FeatureNetwork("some", True, lambda images: images[:, 0, 0], lambda a, b: a[:, 0, 0, 0] * 0.0)


def saved(folder: Path, alexnet: dict, linear: dict) -> tuple[Path, Path]:
    paths = folder / "alexnet-owt.pth", folder / "alex.pth"
    save_file({**alexnet, "classifier.6.bias": np.zeros(1000, np.float32)}, paths[0])
    save_file(linear, paths[1])
    return paths


def test_replaces_the_distances_and_nothing_else(tmp_path, alexnet, linear):
    found = with_lpips(NETWORK, load_lpips(*saved(tmp_path, alexnet, linear)))
    assert (found.name, found.is_comparable, found.features) == (NETWORK.name, True, NETWORK.features)
    assert found.distance_name == "LPIPS, version 0.1, AlexNet"
    a, b = images(2, 6), images(2, 7)
    np.testing.assert_array_equal(found.distances(a, b), Lpips(alexnet, linear).distances(a, b))


def test_other_weights_are_refused(tmp_path, alexnet, linear):
    alexnet_path, linear_path = saved(tmp_path, alexnet, linear)
    with pytest.raises(UserError, match=r"alex.pth holds no features.0.weight of shape \[64, 3, 11, 11\]"):
        load_lpips(linear_path, alexnet_path)
    with pytest.raises(UserError, match=r"holds no lin0.model.1.weight of shape \[1, 64, 1, 1\]"):
        load_lpips(alexnet_path, alexnet_path)
