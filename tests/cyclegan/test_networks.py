"""Networks: the paper's sizes, names and shapes; what a score sees. PyNative, as sizes change at every call."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from mindgan.cyclegan.networks import PatchDiscriminator, PixelDiscriminator, ResnetGenerator, UnetGenerator
from mindgan.layers.normalisation import InstanceNorm
from mindgan.layers.torch_layout import to_torch
from mindgan.runtime import device

pytestmark = pytest.mark.usefixtures("pynative")


def shapes(network):
    """Names and shapes as PyTorch has them."""
    return {name: array.shape for name, array in to_torch(network).items()}


def num_parameters(network):
    return sum(int(np.prod(shape)) for shape in shapes(network).values())


def with_biases(weights):
    """Each weight's name and shape and its bias after it; a transposed convolution's weight is IOHW."""
    found = {}
    for name, (shape, outputs) in weights.items():
        found |= {f"{name}.weight": shape, f"{name}.bias": (outputs,)}
    return found


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def enlarge(network, seed=1):
    """Weights large enough that every layer counts."""
    random = np.random.default_rng(seed)
    for parameter in network.get_parameters():
        parameter.set_data(Tensor((0.2 * random.standard_normal(parameter.shape)).astype(np.float32)))
    return network


def test_numbers_of_parameters_are_the_papers():
    assert num_parameters(ResnetGenerator()) == 11_378_179
    assert num_parameters(PatchDiscriminator()) == 2_764_737


def test_names_of_the_resnet_generator():
    assert shapes(ResnetGenerator(3, ngf=2, num_blocks=2)) == with_biases(
        {
            "model.1": ((2, 3, 7, 7), 2),
            "model.4": ((4, 2, 3, 3), 4),
            "model.7": ((8, 4, 3, 3), 8),
            "model.10.conv_block.1": ((8, 8, 3, 3), 8),
            "model.10.conv_block.5": ((8, 8, 3, 3), 8),
            "model.11.conv_block.1": ((8, 8, 3, 3), 8),
            "model.11.conv_block.5": ((8, 8, 3, 3), 8),
            "model.12": ((8, 4, 3, 3), 4),
            "model.15": ((4, 2, 3, 3), 2),
            "model.19": ((3, 2, 7, 7), 3),
        }
    )


def test_names_of_the_patch_discriminator():
    assert shapes(PatchDiscriminator(3, ndf=2, num_layers=5)) == with_biases(
        {
            "model.0": ((2, 3, 4, 4), 2),
            "model.2": ((4, 2, 4, 4), 4),
            "model.5": ((8, 4, 4, 4), 8),
            "model.8": ((16, 8, 4, 4), 16),
            "model.11": ((16, 16, 4, 4), 16),
            "model.14": ((16, 16, 4, 4), 16),
            "model.17": ((1, 16, 4, 4), 1),
        }
    )


def test_names_of_the_pixel_discriminator():
    assert shapes(PixelDiscriminator(1, ndf=3)) == with_biases(
        {"net.0": ((3, 1, 1, 1), 3), "net.2": ((6, 3, 1, 1), 6), "net.5": ((1, 6, 1, 1), 1)}
    )


def test_names_of_the_unet_generator():
    assert shapes(UnetGenerator(3, ngf=2, num_down=5)) == with_biases(
        {
            "model.model.0": ((2, 3, 4, 4), 2),
            "model.model.1.model.1": ((4, 2, 4, 4), 4),
            "model.model.1.model.3.model.1": ((8, 4, 4, 4), 8),
            "model.model.1.model.3.model.3.model.1": ((16, 8, 4, 4), 16),
            "model.model.1.model.3.model.3.model.3.model.1": ((16, 16, 4, 4), 16),
            "model.model.1.model.3.model.3.model.3.model.3": ((16, 16, 4, 4), 16),
            "model.model.1.model.3.model.3.model.5": ((32, 8, 4, 4), 8),
            "model.model.1.model.3.model.5": ((16, 4, 4, 4), 4),
            "model.model.1.model.5": ((8, 2, 4, 4), 2),
            "model.model.3": ((4, 3, 4, 4), 3),
        }
    )


def test_no_two_layers_share_their_weights():
    weights = [p.asnumpy() for p in ResnetGenerator(3, ngf=2, num_blocks=3).get_parameters() if p.shape == (72, 8)]
    assert len({weight.tobytes() for weight in weights}) == 6


# image channels, then N, H and W
SIZES = [(3, 1, 16, 24), (1, 3, 24, 16)]
GENERATORS = [
    lambda channels: ResnetGenerator(channels, ngf=2, num_blocks=1),
    lambda channels: UnetGenerator(channels, ngf=2, num_down=3),
]
# and the shape of the scores of images of 16 by 24
DISCRIMINATORS = [
    (lambda channels: PatchDiscriminator(channels, ndf=2, num_layers=1), (6, 10)),
    (lambda channels: PatchDiscriminator(channels, ndf=2, num_layers=2), (2, 4)),
    (lambda channels: PixelDiscriminator(channels, ndf=2), (16, 24)),
]


@pytest.mark.parametrize(("channels", "num", "height", "width"), SIZES)
@pytest.mark.parametrize("make", GENERATORS, ids=["resnet", "unet"])
def test_generators_keep_the_shape(make, channels, num, height, width):
    made = enlarge(make(channels))(Tensor(images(num, channels, height, width))).asnumpy()
    assert made.shape == (num, channels, height, width)
    assert np.abs(made).max() <= 1
    assert np.ptp(made) > 0.5


@pytest.mark.parametrize(("channels", "num", "height", "width"), SIZES)
@pytest.mark.parametrize(("make", "expected"), DISCRIMINATORS, ids=["patch1", "patch2", "pixel"])
def test_discriminators_give_a_map_of_raw_scores(make, expected, channels, num, height, width):
    scores = enlarge(make(channels))(Tensor(10 * images(num, channels, height, width))).asnumpy()
    assert scores.shape == (num, 1, *(expected if height < width else expected[::-1]))
    assert scores.min() < 0  # no sigmoid


@pytest.mark.parametrize("make", [*GENERATORS, *(make for make, _ in DISCRIMINATORS[1:])])
def test_images_of_a_batch_do_not_influence_each_other(make):
    network = enlarge(make(3))
    first, second = images(2, 3, 16, 16)
    alone = network(Tensor(second[None])).asnumpy()[0]
    for other in (first, np.zeros_like(first), 30 * first):
        beside = network(Tensor(np.stack([other, second]))).asnumpy()[1]
        np.testing.assert_allclose(beside, alone, atol=1e-5 * np.abs(alone).max())


def test_training_and_inference_are_the_same():
    network, image = enlarge(ResnetGenerator(3, ngf=2, num_blocks=1)), Tensor(images(1, 3, 16, 16))
    values = [network.set_train(training)(image).asnumpy() for training in (True, False)]
    np.testing.assert_array_equal(*values)


def seen_pixels(network, size, place):
    """The rows and columns that the score at `place` depends on: where its gradient is not 0.

    Without the instance norms, which tell every score the mean and the variance of its whole channel.
    """
    (cells,) = (cell for cell in network.cells() if isinstance(cell, nn.SequentialCell))
    plain = nn.SequentialCell([cell for cell in cells if not isinstance(cell, InstanceNorm)])

    def score(image):
        return plain(image.transpose(0, 2, 3, 1))[0, place[0], place[1], 0]

    gradient = ms.grad(score)(Tensor(images(1, 3, *size))).asnumpy()[0]
    rows, columns = (np.flatnonzero(np.abs(gradient).max((0, axis))) for axis in (2, 1))
    assert len(rows) == rows[-1] - rows[0] + 1
    assert len(columns) == columns[-1] - columns[0] + 1
    return (rows[0], columns[0]), (len(rows), len(columns))


@pytest.mark.parametrize(
    ("num_layers", "start", "side"), [(1, (3, 5), 16), (2, (5, 9), 34), (3, (9, 17), 70)], ids=["16px", "34px", "70px"]
)
def test_a_score_of_a_patch_discriminator_sees_its_patch(num_layers, start, side):
    """From pixel 2 i - 5, 4 i - 11 or 8 i - 23 on, for the score in row i: strides and paddings added up."""
    network = enlarge(PatchDiscriminator(3, ndf=2, num_layers=num_layers))
    assert seen_pixels(network, (96, 104), (4, 5)) == (start, (side, side))


def test_a_score_of_a_pixel_discriminator_sees_its_pixel():
    assert seen_pixels(enlarge(PixelDiscriminator(3, ndf=2)), (8, 9), (3, 5)) == ((3, 5), (1, 1))


class Weighted(nn.Cell):
    """The network's output times any numbers, summed."""

    def __init__(self, network, factors):
        super().__init__(auto_prefix=False)
        self.network, self.factors = network, factors.ravel()

    def construct(self, x):
        y = self.network(x).reshape(-1)
        return (y * Tensor(self.factors[: len(y)])).sum()


def test_a_bias_counts_only_where_no_norm_follows():
    for network, counting in (
        (ResnetGenerator(3, ngf=2, num_blocks=1), ["model.18"]),
        (PatchDiscriminator(3, ndf=2, num_layers=2), ["model.0", "model.8"]),
        (PixelDiscriminator(3, ndf=2), ["net.0", "net.5"]),
        (UnetGenerator(3, ngf=2, num_down=3), ["model.model.0", "model.model.1.model.3.model.1", "model.model.3"]),
    ):
        biases = [parameter for parameter in enlarge(network).get_parameters() if parameter.name.endswith(".bias")]
        weighted = Weighted(network, images(2, 3, 16, 16, seed=2))
        gradients = ms.grad(weighted, None, ms.ParameterTuple(biases))(Tensor(images(2, 3, 16, 16)))
        found = [bias.name for bias, gradient in zip(biases, gradients, strict=True) if gradient.asnumpy().any()]
        assert sorted(found) == [f"{name}.bias" for name in counting]


@pytest.mark.parametrize("make", GENERATORS, ids=["resnet", "unet"])
def test_exported_once_it_translates_images_of_any_number_and_size(make, tmp_path):
    network, path = enlarge(make(3)).set_train(False), tmp_path / "generator.mindir"
    device.configure("CPU", "graph")
    ms.export(network, Tensor(shape=[None, 3, None, None], dtype=ms.float32), file_name=str(path), file_format="MINDIR")
    exported = nn.GraphCell(ms.load(str(path)))
    for shape in ((1, 3, 16, 24), (3, 3, 40, 32), (1, 3, 16, 24)):
        batch = Tensor(images(*shape))
        np.testing.assert_allclose(exported(batch).asnumpy(), network(batch).asnumpy(), atol=1e-6)
