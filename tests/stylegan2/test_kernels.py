"""A batch that is convolved in parts: the same numbers as at once, and both derivatives."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from mindgan.stylegan2 import kernels
from mindgan.stylegan2.kernels import Kernel, kernel_of, parts_of

NUM, SIZE, INPUTS, OUTPUTS = 6, (7, 9), 3, 4  # stride 2 wants odd sides


class Convolved(nn.Cell):
    """The sum of the cubes of what a kernel gives, each times a number of its own, so that none may change places."""

    def __init__(self, down):
        super().__init__()
        # made anew: what another size of parts had compiled is not to be found again
        self.kernel = Kernel((INPUTS, 3, OUTPUTS), up=1, down=down, gathers_back=down == 1, is_native=False)
        shape = (NUM, SIZE[0] // down, SIZE[1] // down, OUTPUTS)
        self.factors = Tensor(np.random.default_rng(6).standard_normal(shape).astype(np.float32))

    def construct(self, x, weight):
        return (self.kernel(x, weight) ** 3 * self.factors).sum()


class Twice(nn.Cell):
    """The value, its gradients, and the gradients of the sum of their squares."""

    def __init__(self, cell):
        super().__init__()
        self.once, self.twice = ms.value_and_grad(cell, (0, 1)), ms.grad(self.squares, (0, 1))

    def squares(self, x, weight):
        _, (of_x, of_weight) = self.once(x, weight)
        return ops.square(of_x).sum() + ops.square(of_weight).sum()

    def construct(self, x, weight):
        value, once = self.once(x, weight)
        return value, once, self.twice(x, weight)


def inputs_of(down):
    random = np.random.default_rng(5)
    shape = kernel_of((INPUTS, 3, OUTPUTS), SIZE, down=down).weight_shape
    return [Tensor(random.standard_normal(shape).astype(np.float32)) for shape in ((NUM, *SIZE, INPUTS), shape)]


def assert_same(found, expected):
    if isinstance(found, tuple):
        for pair in zip(found, expected, strict=True):
            assert_same(*pair)
        return
    limit = 1e-5 * np.abs(expected.asnumpy()).max()
    np.testing.assert_allclose(found.asnumpy(), expected.asnumpy(), rtol=0, atol=limit)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("down", [1, 2])
def test_parts_are_the_whole(monkeypatch, down, size):
    inputs = inputs_of(down)
    expected = Twice(Convolved(down))(*inputs)
    pixels = (SIZE[0] // down) * (SIZE[1] // down)
    monkeypatch.setattr(kernels, "PATCHES_BYTES", size * pixels * 9 * INPUTS * 4)
    assert parts_of(NUM, pixels * 9 * INPUTS) == NUM // size
    for _ in range(2):
        assert_same(Twice(Convolved(down))(*inputs), expected)


@pytest.mark.usefixtures("pynative")
def test_parts_are_the_whole_in_pynative(monkeypatch):
    inputs = inputs_of(1)
    expected = ms.value_and_grad(Convolved(1), (0, 1))(*inputs)
    monkeypatch.setattr(kernels, "PATCHES_BYTES", 2 * SIZE[0] * SIZE[1] * 9 * INPUTS * 4)
    assert_same(ms.value_and_grad(Convolved(1), (0, 1))(*inputs), expected)


@pytest.mark.parametrize(
    ("num", "images_at_once", "expected"),
    [(8, 8, 1), (8, 7.9, 2), (8, 3, 4), (8, 0.5, 8), (9, 8, 3), (7, 6, 7), (1, 0.5, 1)],
)
def test_how_many_parts(num, images_at_once, expected):
    assert parts_of(num, kernels.PATCHES_BYTES / 4 / images_at_once) == expected
