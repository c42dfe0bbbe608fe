"""A network layer by layer in tiles against the network at once; PyNative, as every image has its own size."""

import numpy as np
import pytest
from mindspore import Tensor

from mindgan.cyclegan import streaming
from mindgan.cyclegan.networks import ResnetGenerator, UnetGenerator
from mindgan.cyclegan.streaming import Stream

pytestmark = pytest.mark.usefixtures("pynative")

NETWORKS = {
    "resnet": lambda channels: ResnetGenerator(channels, ngf=2, num_blocks=2),
    "unet": lambda channels: UnetGenerator(channels, ngf=2, num_down=3),
}


def made(kind, channels=3):
    """With weights large enough that every layer and every pixel of the padding counts."""
    network, random = NETWORKS[kind](channels), np.random.default_rng(1)
    for parameter in network.get_parameters():
        parameter.set_data(Tensor((0.3 * random.standard_normal(parameter.shape)).astype(np.float32)))
    return network.set_train(False)


def image(channels, height, width):
    """Brighter and more varied to one corner, so that no tile is like the whole."""
    random = np.random.default_rng(0)
    slope = np.linspace(0, 1, height)[:, None] * np.linspace(0.2, 1, width)
    return (2 * slope * random.random((channels, height, width)) - 1).astype(np.float32)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(("channels", "height", "width", "tile"), [(3, 24, 40, 8), (1, 40, 16, 12), (3, 16, 24, 64)])
def test_equals_the_network_at_once(kind, channels, height, width, tile, tmp_path):
    network, whole = made(kind, channels), image(channels, height, width)
    expected = network(Tensor(whole[None])).asnumpy()[0]
    before = whole.copy()
    drawn = Stream(network, tile, tmp_path).draw(whole)
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(drawn, expected, atol=2e-4)  # a step of uint8 is 8e-3
    np.testing.assert_array_equal(whole, before)


def test_tiles_by_themselves_would_not(tmp_path):
    """What the test above can tell: a tile that is normalised by itself is another picture."""
    network, whole = made("resnet"), image(3, 24, 40)
    expected = network(Tensor(whole[None])).asnumpy()[0]
    alone = network(Tensor(whole[None, :, :16, :16])).asnumpy()[0]
    assert np.abs(alone[:, :8, :8] - expected[:, :8, :8]).max() > 0.05


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_same_by_way_of_files(kind, tmp_path, monkeypatch):
    network, whole = made(kind), image(3, 24, 16)
    expected = Stream(network, 8, tmp_path).draw(whole)
    monkeypatch.setattr(streaming, "MAX_VALUES", 100)
    monkeypatch.setattr(streaming, "BAND_VALUES", 64)
    files = []
    memmap = np.memmap
    monkeypatch.setattr(np, "memmap", lambda *args, **named: files.append(1) or memmap(*args, **named))
    np.testing.assert_allclose(Stream(network, 8, tmp_path).draw(whole), expected, atol=1e-6)
    assert len(files) >= 6  # one a convolution
    assert list(tmp_path.iterdir()) == []


def test_no_layer_draws_more_than_a_tile_and_its_surroundings(tmp_path, monkeypatch):
    """What bounds the memory: pixels that go through one convolution at a time."""
    sizes = []
    call = streaming.Conv2d.__call__

    def noted(cell, x):
        sizes.append(x.shape[1] * x.shape[2] * x.shape[3])
        return call(cell, x)

    network = made("resnet")
    monkeypatch.setattr(streaming.Conv2d, "__call__", noted)
    Stream(network, 16, tmp_path).draw(image(3, 16, 96))
    assert 0 < max(sizes) <= (16 + 6) ** 2 * 4
