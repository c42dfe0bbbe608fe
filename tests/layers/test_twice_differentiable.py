"""Gathers, sums and patch products: values, and gradients of gradients against finite differences in float64."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from mindgan.layers.twice_differentiable import AddRows, ConvolutionProduct, GatherRows, ignored

random = np.random.default_rng(1)
ROWS, CHANNELS, OUTPUTS, TAPS = 7, 3, 4, 2
PLACES = np.array([0, 6, 3, 3, 3, 1, 2, 0, 5, 4], np.int32)  # some rows come several times
TAKEN = np.array([0, 6, 7, 3, 3, 1, 2, 7, 5, 4], np.int32)  # ROWS for zeros


class Gathered(nn.Cell):
    def __init__(self):
        super().__init__()
        self.cell = GatherRows()

    def construct(self, rows):
        return self.cell(rows, Tensor(PLACES))


class Added(nn.Cell):
    def __init__(self):
        super().__init__()
        self.cell = AddRows()

    def construct(self, rows):
        return self.cell(rows, Tensor(PLACES), ROWS)


class Convolved(nn.Cell):
    keeps_patches = True

    def __init__(self):
        super().__init__()
        self.cell = ConvolutionProduct(keeps_patches=self.keeps_patches)

    def construct(self, rows, weight):
        return self.cell(rows, Tensor(TAKEN), ignored(Tensor(TAKEN), ROWS), weight)


class ConvolvedAgain(Convolved):
    keeps_patches = False


class Cubes(nn.Cell):
    """sum y^3 / 6 of what a Cell gives."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def construct(self, *inputs):
        return (self.cell(*inputs) ** 3).sum() / 6


class SecondGradient(nn.Cell):
    """The gradients, in all inputs, of the weighted squares of the gradients of the cubes."""

    def __init__(self, cell, num):
        super().__init__()
        places = tuple(range(num)) if num > 1 else 0
        self.first, self.second = ms.grad(Cubes(cell), places), ms.grad(self.squares, places)

    def squares(self, *inputs):
        gradients = self.first(*inputs)
        if len(inputs) == 1:
            return ops.square(gradients).sum()
        return ops.square(gradients[0]).sum() + 2 * ops.square(gradients[1]).sum()

    def construct(self, *inputs):
        return self.second(*inputs)


def by_differences(function, inputs, step=1e-5):
    """Central differences of a function of float64 arrays, in each of them."""
    found = []
    for index, array in enumerate(inputs):
        gradient = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            sides = []
            for sign in (1, -1):
                moved = [other.copy() for other in inputs]
                moved[index][place] += sign * step
                sides.append(function(*moved))
            gradient[place] = (sides[0] - sides[1]) / (2 * step)
        found.append(gradient)
    return found


def matrix_of(places, num):
    matrix = np.zeros((len(places), num))
    matrix[np.arange(len(places)), places] = 1
    return matrix


def squares_of_linear(matrix):
    """Of y = matrix rows: |matrix' y^2 / 2|^2."""
    return lambda rows: np.square(matrix.T @ ((matrix @ rows) ** 2 / 2)).sum()


def product(rows, weight):
    patches = np.vstack([rows, np.zeros((1, CHANNELS))])[TAKEN].reshape(-1, TAPS * CHANNELS)
    return patches @ weight.T, patches


def squares_of_product(rows, weight):
    y, patches = product(rows, weight)
    of_patches = (y**2 / 2 @ weight).reshape(-1, CHANNELS)
    of_rows = matrix_of(TAKEN, ROWS + 1).T @ of_patches
    return np.square(of_rows[:-1]).sum() + 2 * np.square((y**2 / 2).T @ patches).sum()


CASES = {
    "gather": (Gathered, squares_of_linear(matrix_of(PLACES, ROWS)), [(ROWS, CHANNELS)]),
    "add": (Added, squares_of_linear(matrix_of(PLACES, ROWS).T), [(len(PLACES), CHANNELS)]),
    "convolve": (Convolved, squares_of_product, [(ROWS, CHANNELS), (OUTPUTS, TAPS * CHANNELS)]),
    "convolve, with patches made again": (
        ConvolvedAgain,
        squares_of_product,
        [(ROWS, CHANNELS), (OUTPUTS, TAPS * CHANNELS)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_gradients_of_gradients(name):
    cell, function, shapes = CASES[name]
    arrays = [random.standard_normal(shape) for shape in shapes]
    second = SecondGradient(cell(), len(shapes))
    for _ in range(2):  # the second call meets what the first kept
        found = second(*(Tensor(array.astype(np.float32)) for array in arrays))
    found = found if len(shapes) > 1 else (found,)
    for gradient, expected in zip(found, by_differences(function, arrays), strict=True):
        np.testing.assert_allclose(gradient.asnumpy(), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.usefixtures("pynative")
def test_values():
    rows, weight = (random.standard_normal(shape).astype(np.float32) for shape in CASES["convolve"][2])
    np.testing.assert_array_equal(Gathered()(Tensor(rows)).asnumpy(), rows[PLACES])
    np.testing.assert_allclose(Convolved()(Tensor(rows), Tensor(weight)).asnumpy(), product(rows, weight)[0], rtol=1e-5)
    many = random.standard_normal((len(PLACES), CHANNELS)).astype(np.float32)
    np.testing.assert_allclose(Added()(Tensor(many)).asnumpy(), matrix_of(PLACES, ROWS).T @ many, rtol=1e-5)
