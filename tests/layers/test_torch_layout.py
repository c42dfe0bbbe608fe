"""PyTorch's layouts against the layers' matrices: shapes, places, the way back, and what does not fit."""

import numpy as np
import pytest
from mindspore import nn

from mindgan.layers.convolution import Conv2d, ConvTranspose2d
from mindgan.layers.torch_layout import from_torch, load_torch, to_torch


def network():
    layers = [Conv2d(3, 5, 4), Conv2d(8, 2, 3), ConvTranspose2d(2, 4, 3), nn.PReLU(4)]
    return nn.SequentialCell(layers)


SHAPES = {
    **{"0.weight": (5, 3, 4, 4), "0.bias": (5,)},
    **{"1.weight": (2, 8, 3, 3), "1.bias": (2,)},  # narrowing: the other matrix
    **{"2.weight": (2, 4, 3, 3), "2.bias": (4,)},
    "3.w": (4,),
}


def numbered(shapes):
    return {name: np.arange(np.prod(shape), dtype=np.float32).reshape(shape) for name, shape in shapes.items()}


def test_names_and_shapes_are_pytorchs():
    assert {name: array.shape for name, array in to_torch(network()).items()} == SHAPES


def test_each_number_keeps_its_meaning():
    """A weight by output, input, row and column, found where the matrix has it."""
    arrays = numbered(SHAPES)
    matrices = from_torch(network(), arrays)
    weights = arrays["0.weight"], arrays["1.weight"], arrays["2.weight"]
    output, inside, row, column = 1, 0, 2, 1
    assert matrices["0.weight"].shape == (4 * 4 * 3, 5)
    assert matrices["0.weight"][(row * 4 + column) * 3 + inside, output] == weights[0][output, inside, row, column]
    assert matrices["1.weight"].shape == (8, 3 * 3 * 2)
    assert matrices["1.weight"][inside, (column * 3 + row) * 2 + output] == weights[1][output, inside, row, column]
    assert matrices["2.weight"].shape == (2, 3 * 3 * 4)
    assert matrices["2.weight"][inside, (row * 3 + column) * 4 + output] == weights[2][inside, output, row, column]


def test_there_and_back():
    cell, arrays = network(), numbered(SHAPES)
    load_torch(cell, arrays)
    found = to_torch(cell)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        np.testing.assert_array_equal(to_torch(cell, from_torch(cell, {name: array}))[name], array)


def test_names_with_something_before_them():
    cell, arrays = network(), numbered(SHAPES)
    cell.update_parameters_name("G_A.")
    load_torch(cell, {f"G_A.{name}": array for name, array in arrays.items()})
    np.testing.assert_array_equal(to_torch(cell)["G_A.1.weight"], arrays["1.weight"])


def test_what_is_not_named_stays():
    cell = network()
    before = to_torch(cell)
    load_torch(cell, {"0.bias": np.ones(5)})
    after = to_torch(cell)
    np.testing.assert_array_equal(after["0.bias"], np.ones(5))
    np.testing.assert_array_equal(after["1.weight"], before["1.weight"])


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match=r"0.weight has the shape \(5, 4, 3, 4\), not \(5, 3, 4, 4\)"):
        from_torch(network(), {"0.weight": np.zeros((5, 4, 3, 4))})
    with pytest.raises(KeyError, match=r"0\.kernel"):
        from_torch(network(), {"0.kernel": np.zeros(5)})
