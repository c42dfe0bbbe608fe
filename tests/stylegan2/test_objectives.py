"""Losses by hand, the mixing of styles, and the reports."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from stylegan2_small import small_config

from mindgan.stylegan2.losses import discriminator_loss, generator_loss, path_lengths, r1_penalty
from mindgan.stylegan2.networks import Generator
from mindgan.stylegan2.objectives import (
    DiscriminatorMain,
    DiscriminatorRegularisation,
    GeneratorRegularisation,
    Regularisation,
    Styles,
)
from mindgan.stylegan2.state import make_shape

random = np.random.default_rng(8)


def tensor(array):
    return Tensor(np.asarray(array, np.float32))


def log_sigmoid(x):
    return -np.logaddexp(0, -x)


@pytest.mark.usefixtures("pynative")
def test_losses():
    fake, real = random.standard_normal((2, 5, 1)) * 10
    np.testing.assert_allclose(generator_loss(tensor(fake)).asnumpy(), -log_sigmoid(fake), rtol=1e-4, atol=1e-6)
    found = discriminator_loss(tensor(fake), tensor(real)).asnumpy()
    np.testing.assert_allclose(found, -log_sigmoid(-fake) - log_sigmoid(real), rtol=1e-4, atol=1e-6)
    assert np.isfinite(generator_loss(tensor([[-1e4], [1e4]])).asnumpy()).all()


@pytest.mark.usefixtures("pynative")
def test_penalties():
    images, styles = random.standard_normal((3, 2, 4, 5)), random.standard_normal((3, 6, 7))
    np.testing.assert_allclose(r1_penalty(tensor(images)).asnumpy(), (images**2).sum((1, 2, 3)), rtol=1e-5)
    lengths = np.sqrt((styles**2).sum(2).mean(1))
    np.testing.assert_allclose(path_lengths(tensor(styles)).asnumpy(), lengths, rtol=1e-5)


@pytest.fixture(scope="module")
def generator():
    return Generator(make_shape(small_config(), 2))


@pytest.mark.usefixtures("pynative")
def test_styles_are_mixed_from_a_layer_on(generator):
    """The first latents make the first layers and the mean style; labels are the same for both."""
    z, c = random.standard_normal((6, 6)), np.eye(2)[[0, 1, 1]]
    mixed = np.array([0, 0, 1, 1])
    ws, mean = Styles(generator, mixes=True)(tensor(z), tensor(c), tensor(mixed))
    first, second = (generator.mapping(tensor(part), tensor(c)).asnumpy() for part in (z[:3], z[3:]))
    assert np.abs(first - second).max() > 1e-2
    expected = np.stack([first, first, second, second], 1)
    np.testing.assert_allclose(ws.asnumpy(), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(mean.asnumpy(), first.mean(0), rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("pynative")
def test_styles_that_are_not_mixed(generator):
    z, c = random.standard_normal((3, 6)), np.eye(2)[[0, 1, 1]]
    ws, mean = Styles(generator, mixes=False)(tensor(z), tensor(c), tensor(np.zeros(4)))
    w = generator.mapping(tensor(z), tensor(c)).asnumpy()
    np.testing.assert_allclose(ws.asnumpy(), np.repeat(w[:, None], 4, 1), rtol=1e-5)
    np.testing.assert_allclose(mean.asnumpy(), w.mean(0), rtol=1e-4, atol=1e-6)


class Quadratic(nn.Cell):
    """In the place of a discriminator: the sum of a x + x^2 / 2, whose gradient is a + x."""

    def __init__(self):
        super().__init__()
        self.a = ms.Parameter(np.array(0.5, np.float32), name="a")

    def construct(self, images, c, num_parts=1):
        return (images * self.a + images * images / 2).sum((1, 2, 3)).reshape(-1, 1)


class Brighter(nn.Cell):
    """In the place of an augmentation: each image times its own number, plus its noise."""

    def construct(self, images, draws, noise):
        return images * draws.reshape(-1, 1, 1, 1) + noise


class WithGradient(nn.Cell):
    def __init__(self, loss, parameter):
        super().__init__(auto_prefix=False)
        self.compute = ms.value_and_grad(loss, None, ms.ParameterTuple([parameter]), has_aux=True)

    def construct(self, *inputs):
        return self.compute(*inputs)


def test_r1_is_of_the_images_before_augmentation():
    """y = d x + n, D = sum a y + y^2 / 2: dD/dx = d (a + y), and the penalty's gradient in a is 2 d sum d (a + y)."""
    critic, options = Quadratic(), Regularisation(r1_gamma=3.0, D_interval=5)
    x, draws, noise = (
        random.standard_normal((2, 3, 4, 4)),
        np.array([[1.5], [-0.5]]),
        random.standard_normal((2, 3, 4, 4)),
    )
    loss = WithGradient(DiscriminatorRegularisation(critic, Brighter(), options), critic.a)
    (total, reports), (of_a,) = loss(*map(tensor, (x, np.zeros((2, 1)), draws, noise)))
    d = draws[:, :, None, None]
    y = d * x + noise
    gradients = d * (0.5 + y)
    penalties = (gradients**2).sum((1, 2, 3))
    scores = (0.5 * y + y**2 / 2).sum((1, 2, 3))
    np.testing.assert_allclose(reports.asnumpy(), [scores, penalties, 1.5 * penalties], rtol=1e-4)
    assert float(total.asnumpy()) == pytest.approx(5 * 1.5 * penalties.mean(), rel=1e-4)
    assert float(of_a.asnumpy()) == pytest.approx(5 * 1.5 * (2 * d * gradients).sum() / 2, rel=1e-4)


@pytest.mark.usefixtures("pynative")
def test_path_lengths_count_as_often_as_they_are_left_out(generator):
    """Greg's loss and its reports by hand, from the lengths that the mean tells."""
    options, pl_mean = Regularisation(pl_weight=3.0, pl_decay=0.25, G_interval=5), ms.Parameter(0.5, name="pl_mean")
    loss = GeneratorRegularisation(generator, Styles(generator, mixes=False), options, pl_mean)
    noise = random.standard_normal((1, generator.shape.num_noise))
    inputs = (random.standard_normal((1, 6)), [[0, 1]], np.zeros(4), noise, random.standard_normal((1, 3, 8, 8)))
    total, reports, _, mean = (each.asnumpy() for each in loss(*map(tensor, inputs)))
    length = 0.5 + (mean - 0.5) / 0.25
    penalty = (length - mean) ** 2
    np.testing.assert_allclose(reports, [[penalty], [3 * penalty]], rtol=1e-4)
    assert float(total) == pytest.approx(5 * 3 * penalty, rel=1e-4)
    assert length > 0.001


@pytest.mark.usefixtures("pynative")
def test_fakes_come_first_in_what_the_discriminator_sees():
    critic = Quadratic()
    fakes, reals, noise = (random.standard_normal((n, 3, 4, 4)) for n in (2, 2, 4))
    draws = np.array([[1.5], [-0.5], [2.0], [0.1]])
    _, reports = DiscriminatorMain(critic, Brighter())(
        *map(tensor, (fakes, reals, np.zeros((2, 1)), np.zeros((2, 1)), draws, noise))
    )
    y = np.concatenate([fakes, reals]) * draws[:, :, None, None] + noise
    scores = (0.5 * y + y**2 / 2).sum((1, 2, 3))
    losses = -log_sigmoid(-scores[:2]) - log_sigmoid(scores[2:])
    np.testing.assert_allclose(reports.asnumpy(), [scores[:2], scores[2:], losses], rtol=1e-4, atol=1e-4)
