"""Cells that are one in all places."""

from collections import Counter

import pytest
from mindspore import nn

from mindgan.layers import native
from mindgan.layers.convolution import Conv2d, ConvTranspose2d
from mindgan.layers.normalisation import InstanceNorm
from mindgan.layers.sharing import shared
from mindgan.layers.twice_differentiable import AddBias, AddRows, GatherRows
from mindgan.stylegan2.kernels import kernel_of
from mindgan.stylegan2.networks import Discriminator, Generator
from mindgan.stylegan2.ops import BiasAct, Resample
from mindgan.stylegan2.shape import Shape


def test_one_for_the_same_options():
    assert shared(AddBias, 2.0) is shared(AddBias, 2.0)
    assert shared(BiasAct, 2.0, clamp=1.0, is_linear=True) is shared(BiasAct, 2.0, clamp=1.0, is_linear=True)


def test_options_reach_it():
    assert shared(AddBias, 3.0).gain == 3.0
    assert shared(Resample, (4, 5), up=2).out_size == Resample((4, 5), up=2).out_size


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (shared(AddBias, 2.0), shared(AddBias, 3.0)),
        (shared(AddBias, 2.0), shared(AddBias, 2)),  # which compile to other graphs
        (shared(GatherRows), shared(AddRows)),
        (shared(GatherRows, depth=1), shared(GatherRows, depth=2)),
    ],
)
def test_others_for_others(one, other):
    assert one is not other


def test_what_is_shared_has_no_parameters():
    small = Shape(8, 8, 3, 0, 8, 8, 2, 64, 8)
    networks = (Generator(small), Discriminator(small), Conv2d(3, 8, 3), ConvTranspose2d(3, 8, 3), InstanceNorm())
    in_network = [{id(cell): cell for _, cell in network.cells_and_names()} for network in networks]
    times = Counter(key for cells in in_network for key in cells)
    common = [cell for cells in in_network for key, cell in cells.items() if times[key] > 1]
    assert common
    assert not [cell for cell in common if list(cell.get_parameters())]


def distinct(network: nn.Cell, kind: type) -> int:
    return len({id(cell) for _, cell in network.cells_and_names() if isinstance(cell, kind)})


def test_layers_of_one_network_share():
    discriminator = Discriminator(Shape(32, 32, 3, 0, 8, 8, 2, 256, 8))
    assert distinct(discriminator, BiasAct) <= 5  # of 10 layers
    assert distinct(nn.SequentialCell(InstanceNorm(), InstanceNorm()), InstanceNorm) == 2
    halves = nn.SequentialCell(InstanceNorm(), InstanceNorm())
    assert halves[0].standardise is halves[1].standardise
    assert Conv2d(16, 8, 3).multiply_patches is Conv2d(32, 16, 3).multiply_patches


def test_layers_of_all_sizes_share_a_kernel():
    blocks = Generator(Shape(32, 32, 3, 0, 8, 8, 2, 256, 8)).synthesis
    assert blocks.b8.conv1.kernel is blocks.b32.conv1.kernel
    assert blocks.b8.conv0.kernel is blocks.b32.conv0.kernel
    assert blocks.b8.conv0.kernel is not blocks.b8.conv1.kernel


def test_the_device_and_the_images_decide_how_a_kernel_works(monkeypatch):
    small, large = kernel_of((8, 3, 8), (4, 4)), kernel_of((8, 3, 8), (8, 8))
    assert small.convolved is large.convolved
    assert kernel_of((8, 3, 128), (4, 4)).convolved is not kernel_of((8, 3, 128), (8, 8)).convolved
    assert small.native is None
    monkeypatch.setattr(native, "is_wanted", lambda: True)
    assert kernel_of((8, 3, 8), (4, 4)).native is not None
