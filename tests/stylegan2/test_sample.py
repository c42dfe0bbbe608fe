"""Drawing: truncation and its cutoff by hand, noise, batches of any size, the latents of the grids."""

import numpy as np
import pytest
from mindspore import Tensor
from stylegan2_small import small_config

from mindgan.layers.torch_layout import load_torch, to_torch
from mindgan.render.grids import to_uint8
from mindgan.stylegan2.networks import Generator
from mindgan.stylegan2.sample import Draw, Drawer, TruncatedStyles, grid_latents, grid_rows
from mindgan.stylegan2.state import make_shape

random = np.random.default_rng(6)


@pytest.fixture(scope="module")
def generator():
    """Of noise that shows, and a mean style."""
    generator = Generator(make_shape(small_config(), 2))
    generator.update_parameters_name("G.")
    arrays = {name: np.float32(0.5) for name in to_torch(generator) if name.endswith("noise_strength")}
    arrays = {name: np.array(value) for name, value in arrays.items()}
    load_torch(generator, arrays | {"G.mapping.w_avg": random.standard_normal(5).astype(np.float32)})
    return generator


def latents(num):
    return random.standard_normal((num, 6)).astype(np.float32), np.eye(2, dtype=np.float32)[np.arange(num) % 2]


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize(("cutoff", "layers"), [(None, 4), (0, 0), (1, 1), (3, 3), (4, 4), (9, 4)])
@pytest.mark.parametrize("psi", [0.0, 0.7, 1.0, -0.5])
def test_truncation(generator, cutoff, layers, psi):
    z, c = latents(3)
    w, average = generator.mapping(Tensor(z), Tensor(c)).asnumpy(), generator.mapping.w_avg.asnumpy()
    expected = np.repeat(w[:, None], 4, 1)
    expected[:, :layers] = average + psi * (expected[:, :layers] - average)
    found = TruncatedStyles(generator, cutoff=cutoff)(Tensor(z), Tensor(c), Tensor(np.float32(psi))).asnumpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("pynative")
def test_images_are_those_of_the_network(generator):
    z, c = latents(2)
    const = np.repeat(generator.synthesis.noise_const()[None], 2, 0)
    images = generator(Tensor(z), Tensor(c), Tensor(const)).asnumpy()
    drawn = Draw(generator)(Tensor(z), Tensor(c), Tensor(np.float32(1)), Tensor(const)).asnumpy()
    np.testing.assert_allclose(drawn, images, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(Drawer(generator, batch_size=2).draw(z, c), to_uint8(drawn))


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize(("num", "batch_size"), [(1, 4), (5, 2), (4, 4)])
def test_a_batch_makes_no_difference(generator, num, batch_size):
    z, c = latents(num)
    together = Drawer(generator, batch_size=batch_size).draw(z, c)
    one = Drawer(generator, batch_size=1)
    alone = np.concatenate([one.draw(z[i : i + 1], c[i : i + 1]) for i in range(num)])
    assert together.shape == (num, 3, 8, 8)
    assert np.abs(together.astype(int) - alone).max() <= 1


@pytest.mark.usefixtures("pynative")
def test_noise_modes(generator):
    z, c = latents(2)
    z[1], c[1] = z[0], c[0]
    drawer = Drawer(generator, batch_size=2)
    const, none = drawer.draw(z, c), drawer.draw(z, c, noise_mode="none")
    drawn = [drawer.draw(z, c, noise_mode="random", random=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(const[0], const[1])
    np.testing.assert_array_equal(none[0], none[1])
    assert not np.array_equal(const, none)
    assert not np.array_equal(drawn[0][0], drawn[0][1])  # each image has its own
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_compiled_once_whatever_the_weights_number_and_psi(generator):
    drawer = Drawer(generator, batch_size=2)
    z, c = latents(5)
    first = drawer.draw(z, c)
    drawer.draw(z[:1], c[:1], psi=0.5, noise_mode="none")
    before = to_torch(generator)
    load_torch(generator, {name: array + np.float32(0.2) for name, array in before.items() if "torgb.bias" in name})
    assert drawer.draw(z, c).mean() > first.mean() + 10
    load_torch(generator, before)
    np.testing.assert_array_equal(drawer.draw(z, c), first)
    assert len(drawer.cell.compile_cache) == 1


def test_the_latents_of_grids():
    z, c = grid_latents(5, 3, 4, 6, None)
    assert (z.shape, z.dtype, c) == ((12, 6), np.float32, None)
    np.testing.assert_array_equal(z, grid_latents(5, 3, 4, 6, None)[0])
    assert not np.array_equal(z, grid_latents(6, 3, 4, 6, None)[0])
    labels = np.eye(2, dtype=np.float32)[[1, 1, 0, 1, 0]]
    _, c = grid_latents(5, 3, 2, 6, labels)
    np.testing.assert_array_equal(c.argmax(1), [0, 0, 1, 1, 0, 0])  # a class a row, in turn


def test_every_class_has_a_row_up_to_32():
    labels = np.eye(40, dtype=np.float32)
    assert [grid_rows(8, None), *(grid_rows(8, labels[:num]) for num in (2, 10, 40)), grid_rows(40, labels)] == [
        *(8, 8, 10, 32, 40),
    ]
