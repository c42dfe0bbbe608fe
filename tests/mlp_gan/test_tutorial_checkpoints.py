"""Checkpoints go both ways between the package and the tutorial's code, retold in scripts/bench/tutorial_loop.py."""

import mindspore as ms
import numpy as np
import pytest
from bench.tutorial_loop import make_networks
from mindspore import Tensor

from mindgan.mlp_gan import recipe, sample
from mindgan.mlp_gan.config import MlpGanConfig
from mindgan.mlp_gan.step import TrainStep
from mindgan.training.checkpoint import save_network

TANH = 1.5e-4  # the error of MindSpore's own tanh on CPU, which the tutorial uses
LATENTS = np.random.RandomState(0).randn(5, 100).astype(np.float32)


def disturb(network):
    """Statistics and weights that are not those of a start."""
    random = np.random.RandomState(1)
    for parameter in network.get_parameters():
        noise = np.abs(random.randn(*parameter.shape)).astype(np.float32)
        parameter.set_data(Tensor(parameter.asnumpy() + np.float32(0.05) * noise))


@pytest.fixture
def cells():
    """The package's networks, named as in training: the step is built too."""
    cells = recipe.make_state(MlpGanConfig()).cells
    TrainStep(**cells)
    return cells


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_the_names_are_the_tutorials(cells, name):
    theirs = dict(zip(("generator", "discriminator"), make_networks()[:2], strict=True))[name]
    ours = [(parameter.name, parameter.shape) for parameter in cells[name].get_parameters()]
    assert ours == [(parameter.name, parameter.shape) for parameter in theirs.get_parameters()]


def test_the_tutorial_loads_ours(cells, tmp_path):
    generator = cells["generator"]
    disturb(generator)
    save_network(tmp_path / "Generator7.ckpt", generator)
    theirs = make_networks()[0]
    missing, unused = ms.load_param_into_net(theirs, ms.load_checkpoint(str(tmp_path / "Generator7.ckpt")))
    assert (missing, unused) == ([], [])
    theirs.set_train(False)
    np.testing.assert_allclose(theirs(Tensor(LATENTS)).asnumpy(), sample.sample_with(generator, LATENTS), atol=TANH)


def test_we_load_the_tutorials(tmp_path):
    theirs = make_networks()[0]
    disturb(theirs)
    ms.save_checkpoint(theirs, str(tmp_path / "Generator7.ckpt"))
    sampler = sample.load_sampler(tmp_path / "Generator7.ckpt")
    theirs.set_train(False)
    np.testing.assert_allclose(sampler.generate(LATENTS), theirs(Tensor(LATENTS)).asnumpy(), atol=TANH)


def test_the_discriminators_too(cells, tmp_path):
    theirs = make_networks()[1]
    disturb(theirs)
    ms.save_checkpoint(theirs, str(tmp_path / "Discriminator7.ckpt"))
    path = tmp_path / "Discriminator7.ckpt"
    sample.load_network(cells["discriminator"], sample.read_network(path), path)
    images = np.random.RandomState(2).uniform(-1, 1, (4, 1, 28, 28)).astype(np.float32)
    np.testing.assert_allclose(
        cells["discriminator"](Tensor(images)).asnumpy(), theirs(Tensor(images)).asnumpy(), rtol=1e-4
    )


def test_a_checkpoint_without_prefixes_loads(tmp_path):
    generator = sample.Generator(100)
    ms.save_checkpoint(generator, str(tmp_path / "plain.ckpt"))
    assert sample.load_sampler(tmp_path / "plain.ckpt").latent_size == 100
