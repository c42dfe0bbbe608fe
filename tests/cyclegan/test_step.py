"""The training step over a few steps: both modes, what is updated by what, what the discriminators see."""

import numpy as np
import pytest
from golden_cyclegan import WithGradients
from mindspore import Tensor, nn

from mindgan.cyclegan.image_pool import Exchange, ImagePool, exchange
from mindgan.cyclegan.losses import discriminator_loss, least_squares
from mindgan.cyclegan.networks import PatchDiscriminator, ResnetGenerator
from mindgan.cyclegan.step import LOSS_NAMES, DiscriminatorLosses, GeneratorLosses, TrainStep, Weights
from mindgan.layers.activations import LeakyReLU, Tanh
from mindgan.layers.convolution import Conv2d, ConvTranspose2d
from mindgan.layers.normalisation import InstanceNorm
from mindgan.layers.torch_layout import load_torch, to_torch
from mindgan.runtime import device
from mindgan.training.adam import Adam
from mindgan.training.state import TrainState

LR, BETAS, EPS = 2e-4, (0.5, 0.999), 1e-8
SHAPE = (2, 3, 24, 28)  # the smallest that three layers of a discriminator leave a score of
NUM, POOL_SIZE = SHAPE[0], 3
FRESH = Exchange(POOL_SIZE + 1 + np.arange(NUM, dtype=np.int32), np.full(NUM, POOL_SIZE, np.int32))


class ChannelsLast(nn.Cell):
    """Layers that work with channels last, on images with channels first."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.SequentialCell([*layers])

    def construct(self, images):
        return self.layers(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def small_generator():
    """A layer of each kind: the whole network takes many seconds to compile, and to run operation by operation."""
    down = [Conv2d(3, 4, 4, stride=2, padding=1), InstanceNorm(), LeakyReLU()]
    return ChannelsLast(*down, ConvTranspose2d(4, 3, 4), Tanh())


def small_discriminator():
    return ChannelsLast(Conv2d(3, 4, 4, stride=2, padding=1), LeakyReLU(), Conv2d(4, 1, 4, padding=1))


class Training:
    """Four networks, their optimisers and pools, and the step; the weights come from one seed."""

    def __init__(self, mode, *, weights=None, generator=small_generator, discriminator=small_discriminator):
        device.configure("CPU", mode)
        device.seed_initialisation(1)
        cells = {name: generator() for name in ("G_A", "G_B")}
        cells |= {name: discriminator() for name in ("D_A", "D_B")}
        cells |= {name: ImagePool(POOL_SIZE, SHAPE[1:]) for name in ("pool_A", "pool_B")}
        for name, cell in cells.items():
            cell.update_parameters_name(f"{name}.")
        for kind in "GD":
            networks = cells[f"{kind}_A"], cells[f"{kind}_B"]
            parameters = [parameter for network in networks for parameter in network.trainable_params()]
            adam = Adam(parameters, learning_rate=LR, beta1=BETAS[0], beta2=BETAS[1], eps=EPS)
            cells[f"optim_{kind}"] = adam
            for parameter in adam.get_parameters():
                if not any(parameter is other for other in parameters):
                    parameter.name = f"optim_{kind}.{parameter.name}"
        self.cells, self.state = cells, TrainState(cells)
        networks = [cells[name] for name in ("G_A", "G_B", "D_A", "D_B")]
        self.losses_G = GeneratorLosses(*networks, least_squares, weights or Weights())
        self.losses_D = DiscriminatorLosses(*networks[2:], least_squares)
        others = (cells[name] for name in ("optim_G", "optim_D", "pool_A", "pool_B"))
        self.step = TrainStep(self.losses_G, self.losses_D, *others)
        self.start = self.state.arrays()
        for name, array in self.start.items():
            if name.endswith(".weight") and not name.startswith("optim"):
                self.start[name] = 5 * array  # at the start of a training the scores hardly depend on the images
        self.restart()

    def restart(self):
        """From the same weights again; the step stays compiled."""
        self.state.load(self.start, 0)
        return self

    def run(self, real_A, real_B, exchange_A=FRESH, exchange_B=FRESH):
        changes = (exchange_A.taken, exchange_A.places, exchange_B.taken, exchange_B.places)
        return self.step(*(Tensor(array) for array in (real_A, real_B, *changes))).asnumpy()


def images(index):
    """Two batches, of A and B, that differ at every step; B is brighter, and A has an edge."""
    random = np.random.default_rng(index)
    real_A, real_B = (random.uniform(-1, 0.6, SHAPE).astype(np.float32) for _ in "AB")
    real_A[..., :10] -= 0.3
    return np.clip(real_A, -1, 1), np.clip(real_B + 0.4, -1, 1)


def losses_of(training, num_steps):
    """With the pools in use: full after the second step."""
    found = []
    for index in range(num_steps):
        changes = [exchange(1, NUM * index, NUM, POOL_SIZE, f"fakes of {domain}") for domain in "AB"]
        found.append(training.run(*images(index), *changes))
    return np.array(found)


@pytest.fixture(scope="module")
def compiled():
    return Training("graph")


@pytest.fixture(autouse=True)
def _graph_again():
    yield
    device.configure("CPU", "graph")


def test_pynative_and_graph_agree_and_nothing_is_compiled_twice(compiled):
    losses = losses_of(compiled.restart(), 5)
    assert losses.shape == (5, len(LOSS_NAMES))
    assert len(compiled.step.compile_cache) == 1
    after = compiled.state.arrays()
    eager = Training("pynative")
    for name, array in eager.start.items():
        np.testing.assert_array_equal(array, compiled.start[name], err_msg=name)
    np.testing.assert_allclose(losses_of(eager, 5), losses, rtol=1e-5)
    for domain in "AB":
        name = f"pool_{domain}/pool_{domain}.images"
        np.testing.assert_allclose(eager.state.arrays()[name][:-1], after[name][:-1], atol=1e-5)


def test_the_same_start_gives_the_same_bytes(compiled):
    runs = [(losses_of(compiled.restart(), 3), compiled.state.arrays()) for _ in range(2)]
    assert runs[0][0].tobytes() == runs[1][0].tobytes()
    for name, array in runs[0][1].items():
        assert array.tobytes() == runs[1][1][name].tobytes(), name


def gradients_by_hand(training, real_A, real_B):
    """Of the generators' sum for the generators alone and of the discriminators' sum for the discriminators alone.

    All from the weights before the step: the fakes are drawn once, by the generators before their update.
    """
    inputs = Tensor(real_A), Tensor(real_B)
    found = {}
    parameters = training.cells["optim_G"].parameters
    outputs, grads = WithGradients(training.losses_G, list(parameters))(*inputs)
    found |= {parameter.name: grad.asnumpy() for parameter, grad in zip(parameters, grads, strict=True)}
    parameters = training.cells["optim_D"].parameters
    _, grads = WithGradients(training.losses_D, list(parameters))(*inputs, outputs[9], outputs[7])
    return found | {parameter.name: grad.asnumpy() for parameter, grad in zip(parameters, grads, strict=True)}


def test_each_network_gets_the_update_of_its_own_gradient(compiled):
    """After one step Adam's mean of the gradients is 1 - beta1 times the gradient, and its step lr g / (|g| + eps)."""
    real_A, real_B = images(0)
    compiled.restart().run(real_A, real_B)
    after = compiled.state.arrays()
    eager = Training("pynative")
    grads = gradients_by_hand(eager, real_A, real_B)
    assert len(grads) == sum(len(eager.cells[name].trainable_params()) for name in ("G_A", "G_B", "D_A", "D_B"))
    largest = {name: max(np.linalg.norm(g) for key, g in grads.items() if key.startswith(name)) for name in "GD"}
    for name, grad in grads.items():
        cell, kind = name[:3], name[0]
        mean = after[f"optim_{kind}/optim_{kind}.moment1.{name}"] / (1 - BETAS[0])
        assert np.linalg.norm(mean - grad) <= 1e-4 * np.linalg.norm(grad) + 1e-7 * largest[kind], name
        moved = after[f"{cell}/{name}"] - compiled.start[f"{cell}/{name}"]
        expected = -LR * mean / (np.abs(mean) + EPS)
        np.testing.assert_allclose(moved, expected, rtol=1e-3, atol=1e-3 * LR, err_msg=name)


def scores(network, batch):
    return network(Tensor(batch))


def test_the_discriminators_see_what_the_pools_give(compiled):
    """The second step's losses, by hand: one fake is fresh, one comes from the first step."""
    compiled.restart()
    keep_both = Exchange(FRESH.taken, np.array([0, 1], np.int32))
    compiled.run(*images(0), keep_both, keep_both)
    device.configure("CPU", "pynative")
    kept = {domain: compiled.cells[f"pool_{domain}"].images.asnumpy()[:NUM].copy() for domain in "AB"}
    real = dict(zip("AB", images(1), strict=True))
    fresh = {
        "B": scores(compiled.cells["G_A"], real["A"]).asnumpy(),
        "A": scores(compiled.cells["G_B"], real["B"]).asnumpy(),
    }
    seen = {"A": np.stack([kept["A"][1], fresh["A"][1]]), "B": np.stack([fresh["B"][0], kept["B"][0]])}
    expected = []
    for name, domain in (("D_A", "B"), ("D_B", "A")):
        critic = compiled.cells[name]
        loss = discriminator_loss(least_squares, scores(critic, real[domain]), scores(critic, seen[domain]))
        expected.append(float(loss.asnumpy()))
    device.configure("CPU", "graph")
    change_A = Exchange(np.array([1, POOL_SIZE + 2], np.int32), np.array([1, POOL_SIZE], np.int32))
    change_B = Exchange(np.array([POOL_SIZE + 1, 0], np.int32), np.array([2, 0], np.int32))
    losses = compiled.run(real["A"], real["B"], change_A, change_B)
    np.testing.assert_allclose(losses[6:], expected, rtol=1e-5)
    pool_A, pool_B = (compiled.cells[f"pool_{domain}"].images.asnumpy() for domain in "AB")
    for place, image in ((0, kept["A"][0]), (1, fresh["A"][0])):
        np.testing.assert_allclose(pool_A[place], image, atol=1e-5)
    for place, image in ((0, fresh["B"][1]), (1, kept["B"][1]), (2, fresh["B"][0])):
        np.testing.assert_allclose(pool_B[place], image, atol=1e-5)


def test_what_comes_back_from_the_pool_changes_the_discriminators_alone(compiled):
    real_A, real_B = images(0)
    fresh = compiled.restart().run(real_A, real_B)
    plain = compiled.state.arrays()
    empty = Exchange(np.array([0, 1], np.int32), FRESH.places)  # the zeros that a new pool holds
    pooled = compiled.restart().run(real_A, real_B, empty, empty)
    np.testing.assert_array_equal(pooled[:6], fresh[:6])
    assert (np.abs(pooled[6:] - fresh[6:]) > 1e-4).all()
    for name, array in compiled.state.arrays().items():
        if name.startswith(("G_", "optim_G")):
            np.testing.assert_array_equal(array, plain[name], err_msg=name)
        elif name.startswith("optim_D/optim_D.moment1") and name.endswith("weight"):
            assert not np.array_equal(array, plain[name]), name


@pytest.mark.parametrize("identity", [0.0, 0.25])
def test_the_weights_of_the_losses(identity, pynative):
    """Each loss as it goes into the sum; without the identity losses nothing else changes."""
    inputs = [Tensor(batch) for batch in images(0)]
    plain = [float(x.asnumpy()) for x in Training("pynative").losses_G(*inputs)[:7]]
    weights = Weights(cycle_A=3.0, cycle_B=7.0, identity=identity)
    total, *losses = (float(x.asnumpy()) for x in Training("pynative", weights=weights).losses_G(*inputs)[:7])
    # idt_A compares images of B, so it goes with cycle_B; and the other way round
    factors = (1, 0.3, 0.7 * identity / 0.5, 1, 0.7, 0.3 * identity / 0.5)
    np.testing.assert_allclose(losses, np.multiply(plain[1:], factors), rtol=1e-5)
    assert total == pytest.approx(sum(losses), rel=1e-5)


def test_a_step_without_identity_losses(compiled):
    """Compiled: the same images, the other losses as with them, and generators that learn from those alone."""
    without = Training("graph", weights=Weights(identity=0.0))
    found = np.array([without.run(*images(0)) for _ in range(2)])
    assert len(without.step.compile_cache) == 1
    with_identity = compiled.restart().run(*images(0))
    identity = [LOSS_NAMES.index("idt_A"), LOSS_NAMES.index("idt_B")]
    np.testing.assert_array_equal(found[:, identity], 0)
    others = [index for index in range(len(LOSS_NAMES)) if index not in identity]
    np.testing.assert_allclose(found[0, others], with_identity[others], rtol=1e-5)
    assert np.abs(found[1, others] / found[0, others] - 1).min() > 1e-5


def torch_weights(network, name):
    return {f"{name}.{key}": value.detach().numpy().copy() for key, value in network.named_parameters()}


def test_three_steps_are_those_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")
    from bench.cyclegan_twin import Twin

    torch.set_num_threads(1)  # more of them wait for each other most of the time, where another process works too
    torch.manual_seed(2)
    twin = Twin(ngf=2, num_blocks=1)
    training = Training(
        "pynative",  # three steps take less than compiling one
        generator=lambda: ResnetGenerator(3, ngf=2, num_blocks=1),
        discriminator=lambda: PatchDiscriminator(3, ndf=2),
    )
    start = {}
    for name in ("G_A", "G_B", "D_A", "D_B"):
        theirs = getattr(twin, name)
        for parameter in theirs.parameters():
            parameter.data.mul_(5)
        start |= {name: torch_weights(theirs, name)}
        load_torch(training.cells[name], start[name])
    for index in range(3):
        np.testing.assert_allclose(training.run(*images(index)), twin.step(*images(index)), rtol=1e-4)
    for network, weights in start.items():
        ours, theirs = to_torch(training.cells[network]), torch_weights(getattr(twin, network), network)
        for name in (name for name in weights if name.endswith("weight")):  # a bias before a norm follows rounding
            moved, expected = ours[name] - weights[name], theirs[name] - weights[name]
            assert np.linalg.norm(moved - expected) < 2e-2 * np.linalg.norm(expected), name
