"""The Cell that applies the draws: colours, octaves, noise and cutouts, derivatives of both orders, pictures."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from mindgan.data.batches import normalise
from mindgan.runtime import device
from mindgan.stylegan2.augment import Augment
from mindgan.stylegan2.augment_cells import AugmentImages, augmented, octave_filters, octave_matrices

HEIGHT, WIDTH = 5, 6


@pytest.fixture(params=["graph", "pynative"])
def mode(request):
    device.configure("CPU", request.param)
    yield request.param
    device.configure("CPU", "graph")


def made(spec, num, *, channels=3, height=HEIGHT, width=WIDTH, seed=0, p=1.0):
    """An augmentation with draws and images for it, and noise."""
    random = np.random.default_rng(seed)
    augment = Augment(spec, channels=channels, height=height, width=width)
    images = random.standard_normal((num, channels, height, width)).astype(np.float32)
    return augment, images, augment.draw(random, p, num), augment.draw_noise(random, num)


def apply(augment, images, draws, *noise):
    return AugmentImages(augment)(*map(Tensor, (images, draws, *noise))).asnumpy()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_colors(channels, mode):
    augment, images, draws, _ = made("color", 5, channels=channels)
    found = apply(augment, images, draws)
    if channels == 1:
        expected = images * draws[:, 0, None, None, None] + draws[:, 1, None, None, None]
    else:
        matrices = draws.reshape(-1, 3, 4).astype(np.float64)
        expected = images.astype(np.float64)
        expected[:, :3] = np.einsum("nij,njhw->nihw", matrices[..., :3], images[:, :3]) + matrices[..., 3:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_noise(mode):
    augment, images, draws, noise = made("noise", 5)
    np.testing.assert_allclose(
        apply(augment, images, draws, noise), images + noise * draws[:, :, None, None], atol=1e-6
    )


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_cutouts(p, mode):
    augment, images, draws, _ = made("cutout", 9, p=p)
    found = apply(augment, images, draws)
    for n, c, i, j in np.ndindex(images.shape):
        left, right, top, bottom = draws[n]
        is_cut_out = left < j + 0.5 < right and top < i + 0.5 < bottom
        assert found[n, c, i, j] == (0 if is_cut_out else images[n, c, i, j])
    assert (found == 0).any() == (p == 1)


def test_octaves_are_bands_of_frequency_that_add_up_to_1():
    filters = octave_filters()
    assert filters.shape == (4, 43)
    np.testing.assert_allclose(filters, filters[:, ::-1], atol=1e-15)
    np.testing.assert_allclose(filters.sum(0), np.eye(43)[21], atol=1e-12)
    response = np.abs(np.fft.rfft(filters, 1024))  # of frequencies up to half the number of pixels
    for band, middle in enumerate([0, 96, 192, 384]):
        assert response[:, middle].argmax() == band


@pytest.mark.parametrize("size", [2, 5, 16, 60])
def test_octaves_continue_the_image_by_mirrors(size):
    """As a convolution of the pixels with enough mirrors on either side; NumPy, too, mirrors more than once."""
    row = np.random.default_rng(0).standard_normal(size)
    for taps, matrix in zip(octave_filters(), octave_matrices(size).reshape(4, size, size), strict=True):
        expected = np.convolve(np.pad(row, 21, "reflect"), taps, "valid")
        np.testing.assert_allclose(matrix @ row, expected, atol=1e-5)


def test_every_image_is_filtered_by_its_own_gains(mode):
    augment, images, draws, _ = made("filter", 3, height=9, width=20)
    down, across = (octave_matrices(size).reshape(4, size, size) for size in (9, 20))
    for image, gains, found in zip(images, draws, apply(augment, images, draws), strict=True):
        expected = np.tensordot(gains, down, 1) @ image @ np.tensordot(gains, across, 1).T
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_p_0_leaves_images_as_they_are(channels, mode):
    augment, images, draws, noise = made("bgcfnc", 2, channels=channels, p=0.0)
    np.testing.assert_allclose(apply(augment, images, draws, noise), images, atol=2e-5)


@pytest.mark.usefixtures("pynative")
def test_the_order_is_geometry_color_filter_noise_cutout():
    whole, images, draws, noise = made("bgcfnc", 4)
    expected = images
    for group in ("bg", "color", "filter", "noise", "cutout"):
        part = Augment(group, channels=3, height=HEIGHT, width=WIDTH)
        (name,) = part.fields
        rows = draws[:, whole.fields[name]]
        expected = apply(part, expected, rows, *([noise] if part.has_noise else []))
    np.testing.assert_allclose(apply(whole, images, draws, noise), expected, atol=1e-5)


def test_what_a_spec_lacks_is_not_there():
    cells = {type(cell).__name__ for _, cell in AugmentImages(made("color", 1)[0]).cells_and_names()}
    assert cells == {"AugmentImages", "Recolor"}
    assert not AugmentImages(made("bgcfnc", 1)[0]).trainable_params()


def test_other_draws_compile_nothing_again():
    augment, images, _, _ = made("bgcf", 2)
    cell = AugmentImages(augment)
    for p in (0.0, 0.5, 1.0):
        cell(Tensor(images), Tensor(augment.draw(np.random.default_rng(1), p, 2)))
    assert len(cell.compile_cache) == 1


class Score(nn.Cell):
    """sum(tanh(augmented(x) w))."""

    def __init__(self, augment):
        super().__init__(auto_prefix=False)
        self.augment = AugmentImages(augment)

    def construct(self, x, w, draws, noise):
        y = self.augment(x, draws, noise)
        return ops.tanh(y * w).sum()


class Penalty(nn.Cell):
    """The sum of squares of the score's gradient for x; and that gradient."""

    def __init__(self, augment):
        super().__init__(auto_prefix=False)
        self.gradient = ms.grad(Score(augment), 0)

    def construct(self, x, w, draws, noise):
        gradient = self.gradient(x, w, draws, noise)
        return ops.square(gradient).sum(), gradient


class SecondOrder(nn.Cell):
    """The gradient of the score for x, the penalty and its gradients for x and w."""

    def __init__(self, augment):
        super().__init__(auto_prefix=False)
        self.compute = ms.value_and_grad(Penalty(augment), (0, 1), has_aux=True)

    def construct(self, x, w, draws, noise):
        (penalty, gradient), (of_x, of_w) = self.compute(x, w, draws, noise)
        return gradient, penalty, of_x, of_w


def as_matrix(augment, draws, noise):
    """A [P, P] and b [P] for one image of P numbers: augmented(x) = A x + b, by what it makes of each unit vector."""
    shape = augment.channels, augment.height, augment.width
    size = int(np.prod(shape))
    images = np.concatenate([np.zeros((1, size)), np.eye(size)]).astype(np.float32).reshape(-1, *shape)
    rows = (np.repeat(part, size + 1, 0) for part in (draws, noise))
    with device.in_mode("pynative"):
        found = apply(augment, images, *rows).reshape(size + 1, size).astype(np.float64)
    return (found[1:] - found[0]).T, found[0]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_derivatives(channels):
    """With u = A x + b and t = tanh(u w): the gradient is A' q, q = w (1 - t^2), and so on, all from A."""
    augment, images, draws, noise = made("bgcfnc", 2, channels=channels, seed=4)
    w = np.random.default_rng(5).standard_normal(images.shape).astype(np.float32)
    arguments = [Tensor(array) for array in (images, w, draws, noise)]
    gradient, penalty, of_x, of_w = (found.asnumpy() for found in SecondOrder(augment)(*arguments))
    total = 0.0
    for n in range(2):
        matrix, constant = as_matrix(augment, draws[n : n + 1], noise[n : n + 1])
        x, weights = images[n].reshape(-1).astype(np.float64), w[n].reshape(-1).astype(np.float64)
        u = matrix @ x + constant
        t = np.tanh(u * weights)
        q = weights * (1 - t**2)
        assert_close(gradient[n], matrix.T @ q)
        above = 2 * matrix @ (matrix.T @ q)
        assert_close(of_w[n], above * (1 - t**2) * (1 - 2 * weights * t * u))
        assert_close(of_x[n], matrix.T @ (above * weights * -2 * t * (1 - t**2) * weights))
        total += ((matrix.T @ q) ** 2).sum()
    assert penalty == pytest.approx(total, rel=1e-4)


def assert_close(found, expected):
    assert np.linalg.norm(found.reshape(-1) - expected) <= 1e-4 * np.linalg.norm(expected)


@pytest.mark.usefixtures("pynative")
def test_first_derivatives_in_pynative():
    augment, images, draws, noise = made("bgcfnc", 2, seed=4)
    w = np.random.default_rng(5).standard_normal(images.shape).astype(np.float32)
    arguments = [Tensor(array) for array in (images, w, draws, noise)]
    found = ms.grad(Score(augment), 0)(*arguments).asnumpy()
    with device.in_mode("graph"):
        expected = SecondOrder(augment)(*arguments)[0].asnumpy()
    assert_close(found, expected.reshape(-1))


def test_pictures():
    augment, _, draws, noise = made("bgcfnc", 3, height=12, width=10)
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 12, 10)).astype(np.uint8)
    found = augmented(images, augment, draws, noise)
    floats = augmented(normalise(images), augment, draws, noise)
    assert (found.dtype, found.shape, floats.dtype) == (np.uint8, images.shape, np.float32)
    np.testing.assert_array_equal(found, np.clip(np.rint(floats * 127.5 + 127.5), 0, 255))
    np.testing.assert_allclose(floats, apply(augment, normalise(images), draws, noise), atol=1e-4)
    same = augmented(images, augment, augment.draw(np.random.default_rng(0), 0.0, 3), noise)
    np.testing.assert_array_equal(same, images)
