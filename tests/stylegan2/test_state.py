"""Networks and optimisers from settings: rates, betas, what is frozen, what the average begins with."""

import dataclasses

import numpy as np
import pytest
from stylegan2_small import small_config

from mindgan.runtime.errors import UserError
from mindgan.stylegan2.networks import Discriminator
from mindgan.stylegan2.state import copy_parameters, freeze, make_shape, make_state


@pytest.fixture(scope="module")
def config():
    return small_config(resolution=16, lr=0.0025)


@pytest.fixture(scope="module")
def state(config):
    return make_state(config, 2)


@pytest.mark.parametrize(("name", "share"), [("G", 4 / 5), ("D", 16 / 17)])
def test_lazy_regularisation_slows_the_optimisers_down(state, name, share):
    optimiser = state.cells[f"optim_{name}"]
    assert float(optimiser.learning_rate.asnumpy()) == pytest.approx(0.0025 * share)
    assert float(optimiser.beta1.asnumpy()) == 0
    assert float(optimiser.beta2.asnumpy()) == pytest.approx(0.99**share)
    assert float(optimiser.eps if isinstance(optimiser.eps, float) else optimiser.eps.asnumpy()) == pytest.approx(1e-8)
    assert [p.name for p in optimiser.parameters] == [p.name for p in state.cells[name].trainable_params()]


def test_every_number_has_a_name_of_its_own(state):
    arrays = state.arrays()
    names = [name.split("/", 1)[1] for name in arrays]
    assert len(set(names)) == len(names)
    assert {"G/G.mapping.w_avg", "D/D.b16.fromrgb.weight", "G_ema/G_ema.synthesis.b4.const"} <= set(arrays)
    assert {"ada/p", "ada/sum_signs", "ada/num_signs", "path_length/pl_mean", "moments/moments"} <= set(arrays)
    assert "optim_D/optim_D.moment2.D.b4.out.bias" in arrays


def test_the_average_begins_as_the_generator(state):
    arrays = state.arrays()
    for name, array in arrays.items():
        if name.startswith("G/G."):
            np.testing.assert_array_equal(array, arrays[name.replace("G/G.", "G_ema/G_ema.")], err_msg=name)


def test_the_seed_makes_the_weights(config, state):
    same = make_state(config, 2).arrays()
    other = make_state(dataclasses.replace(config, seed=config.seed + 1), 2).arrays()
    for name, array in state.arrays().items():
        np.testing.assert_array_equal(same[name], array, err_msg=name)
    name = "D/D.b16.conv0.weight"
    assert not np.array_equal(other[name], same[name])


def test_at_first_nothing_is_augmented_unless_it_is_fixed(state):
    assert state.cells["ada"].probability == 0
    assert make_state(small_config(aug="fixed", p=0.25), 0).cells["ada"].probability == 0.25


FROZEN = ("b16.fromrgb", "b16.conv0", "b16.conv1", "b16.skip", "b8.conv0", "b8.conv1", "b8.skip")


@pytest.mark.parametrize("num", [0, 1, 3, 4, 5, 7])
def test_freezing_counts_from_the_image(config, num):
    discriminator = Discriminator(make_shape(config, 0))
    everything = {parameter.name for parameter in discriminator.trainable_params()}
    freeze(discriminator, num)
    left = {parameter.name for parameter in discriminator.trainable_params()}
    assert (
        everything - left == {name for name in everything if name.startswith(FROZEN[:num])}
        if num
        else everything == left
    )


@pytest.mark.parametrize(
    ("architecture", "first"),
    [
        ("skip", ("b16.fromrgb", "b16.conv0", "b16.conv1", "b8.fromrgb")),
        ("orig", ("b16.fromrgb", "b16.conv0", "b16.conv1", "b8.conv0")),
    ],
)
def test_freezing_by_architecture(config, architecture, first):
    discriminator = Discriminator(make_shape(config, 0), architecture=architecture)
    freeze(discriminator, 4)
    frozen = {p.name for p in discriminator.get_parameters() if not p.requires_grad}
    assert frozen == {f"{layer}.{kind}" for layer in first for kind in ("weight", "bias")}


def test_copies_do_not_change_with_the_original(config):
    networks = [Discriminator(make_shape(config, 0)) for _ in range(2)]
    copy_parameters(*networks)
    first, second = (network.b4.out.weight for network in networks)
    np.testing.assert_array_equal(first.asnumpy(), second.asnumpy())
    first.set_data(first * 2)
    assert not np.array_equal(first.asnumpy(), second.asnumpy())


def test_no_more_layers_are_frozen_than_there_are(config):
    discriminator = Discriminator(make_shape(config, 0))
    num = len([layer for block in discriminator.blocks for layer in block.layers()])
    with pytest.raises(UserError, match=rf"--freezed {num + 1}: the discriminator has {num} layers"):
        freeze(discriminator, num + 1)
    freeze(discriminator, num)
    assert all(parameter.name.startswith("b4.") for parameter in discriminator.trainable_params())
