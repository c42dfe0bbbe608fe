"""What a phase does beside its gradients: updates, sums over parts, freezing, the mean style, the moving average."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from stylegan2_small import Training, small_config

from mindgan.layers.torch_layout import load_torch, to_torch
from mindgan.runtime import device
from mindgan.stylegan2.networks import Generator
from mindgan.stylegan2.phases import NETWORK_OF, Phases
from mindgan.stylegan2.state import freeze, lazy_adam, make_shape
from mindgan.stylegan2.step import ApplySums, FollowWeights, Sums, follow, sanitised

random = np.random.default_rng(7)


class Sanitised(nn.Cell):
    def construct(self, *gradients):
        return sanitised(gradients)


WRONG = np.array([np.nan, np.inf, -np.inf, 3e5, -3e5, 0.25, -0.0, 1e-30], np.float32)
RIGHT = np.array([0, 1e5, -1e5, 3e5, -3e5, 0.25, 0, 1e-30], np.float32)


def test_what_is_no_number_is_replaced_and_the_rest_stays():
    cell = Sanitised()
    for _ in range(2):
        found = cell(Tensor(WRONG), Tensor(WRONG.reshape(2, 4)))
        np.testing.assert_array_equal(found[0].asnumpy(), RIGHT)
        np.testing.assert_array_equal(found[1].asnumpy(), RIGHT.reshape(2, 4))


class Weights(nn.Cell):
    def __init__(self):
        super().__init__()
        self.one = ms.Parameter(np.zeros(8, np.float32), name="one")
        self.two = ms.Parameter(np.zeros((2, 3), np.float32), name="two")


class Add(nn.Cell):
    def __init__(self, sums):
        super().__init__(auto_prefix=False)
        self.sums = sums

    def construct(self, *gradients):
        return self.sums(gradients)


def test_sums_of_parts_become_one_update_and_are_forgotten():
    """Adam's first moment, without a beta1, is the gradient it was given."""
    weights = Weights()
    optimiser = lazy_adam(weights, "optim.", lr=0.1, interval=4)
    sums = Sums(optimiser, 3)
    add, apply = Add(sums), ApplySums(optimiser, sums)
    for _ in range(2):
        parts = [[random.standard_normal(size).astype(np.float32) for size in (8, (2, 3))] for _ in range(3)]
        for part in parts:
            before = weights.two.asnumpy().copy()
            add(*map(Tensor, part))
            np.testing.assert_array_equal(weights.two.asnumpy(), before)
        apply()
        for moment, array in zip(optimiser.moment1, zip(*parts, strict=True), strict=True):
            np.testing.assert_allclose(moment.asnumpy(), np.mean(array, 0), rtol=1e-5, atol=1e-6)
    assert not any(value.asnumpy().any() for value in sums.values)
    add(Tensor(WRONG), Tensor(np.zeros((2, 3), np.float32)))
    apply()  # what is no number goes no further
    expected = np.where(np.isfinite(WRONG), RIGHT / 3, RIGHT)
    np.testing.assert_allclose(optimiser.moment1[0].asnumpy(), expected, rtol=1e-5, atol=2e-2)
    assert not any(value.asnumpy().any() for value in sums.values)


def test_the_moving_average():
    """beta 0 copies; else the average is a step nearer; the mean style and the noise are copied in any case."""
    shape = make_shape(small_config(), 0)
    networks = {"ema.": Generator(shape), "G.": Generator(shape)}
    for name, network in networks.items():
        network.update_parameters_name(name)
        load_torch(network, {n: random.standard_normal(a.shape) for n, a in to_torch(network).items()})
    before, originals = (list(to_torch(network).values()) for network in networks.values())
    names = [parameter.name for parameter in networks["G."].get_parameters()]
    copied = [name == "G.mapping.w_avg" or name.endswith("noise_const") for name in names]
    update = FollowWeights(*networks.values())
    update(Tensor(0.75, ms.float32))
    after = list(to_torch(networks["ema."]).values())
    for name, is_copied, old, new, found in zip(names, copied, before, originals, after, strict=True):
        expected = new if is_copied else 0.75 * old + 0.25 * new
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=name)
    update(Tensor(0.0, ms.float32))
    for name, new, found in zip(names, originals, to_torch(networks["ema."]).values(), strict=True):
        np.testing.assert_array_equal(found, new, err_msg=name)


def test_the_mean_style_follows_slowly():
    found = follow(Tensor([1.0, 2.0]), Tensor([3.0, -2.0])).asnumpy()
    np.testing.assert_allclose(found, [0.995 + 0.015, 1.99 - 0.01], rtol=1e-6)


def inputs_of(training, phase, num):
    """Random inputs of a phase for `num` images without labels."""
    shape, config = training.state.cells["G"].shape, training.config
    normal = lambda *size: random.standard_normal(size).astype(np.float32)  # noqa: E731
    unread = np.zeros((1, 1), np.float32)
    c = np.zeros((num, 1), np.float32)
    images = normal(num, config.image_channel, *config.size)
    fakes = (normal(2 * num, shape.z_dim), c, np.zeros(shape.num_ws, np.float32), normal(num, shape.num_noise))
    return {
        "Gmain": (*fakes, unread, unread),
        "Greg": (*fakes, images),
        "Dmain": (*fakes, images, c, unread, unread),
        "Dreg": (images, c, unread, unread),
    }[phase]


def changes(training, run):
    """Names of the parameters that `run` changes, by where they are."""
    before = training.state.arrays()
    run()
    after = training.state.arrays()
    return {name for name in before if not np.array_equal(before[name], after[name])}


@pytest.mark.usefixtures("pynative")
def test_which_phase_changes_what():
    training = Training()
    phases = Phases(training.state.cells, training.config, None, {}).cells
    trained = {name: {f"{name}/{p.name}" for p in training.state.cells[name].trainable_params()} for name in "GD"}
    w_avg = "G/G.mapping.w_avg"
    followed = {"Gmain": {w_avg}, "Dmain": {w_avg}, "Greg": {w_avg, "path_length/pl_mean"}, "Dreg": set()}
    for phase, others in followed.items():
        network = NETWORK_OF[phase]
        inputs = [Tensor(array) for array in inputs_of(training, phase, 2)]
        changed = changes(training, lambda phase=phase, inputs=inputs: phases[phase](*inputs))
        own = {name for name in changed if not name.startswith(f"optim_{network}/")}
        assert others <= own
        assert own - others <= trained[network]
        if phase.endswith("main"):  # a gradient may be zero by chance alone
            assert own - others >= {name for name in trained[network] if name.endswith("weight")}


@pytest.mark.parametrize("phase", ["Greg", "Dreg"])
def test_regularisation_trains(phase):
    """Compiled, as PyNative does not derive twice. Biases, and what follows the last of D's layers, may stay."""
    training, network = Training(), NETWORK_OF[phase]
    cell = Phases(training.state.cells, training.config, None, {}).cells[phase]
    changed = changes(training, lambda: cell(*map(Tensor, inputs_of(training, phase, 2))))
    weights = {f"{network}/{p.name}" for p in training.state.cells[network].trainable_params() if p.ndim > 1}
    assert len(changed & weights) > 0.8 * len(weights)


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize(("num", "frozen"), [(2, ("b8.fromrgb", "b8.conv0")), (4, ("b8.",))])
def test_frozen_layers_stay_and_the_others_learn(num, frozen):
    training = Training(freezed=num)
    phase = Phases(training.state.cells, training.config, None, {}).cells["Dmain"]
    inputs = [Tensor(array) for array in inputs_of(training, "Dmain", 2)]
    changed = changes(training, lambda: phase(*inputs))
    weights = {p.name for p in training.state.cells["D"].get_parameters() if p.name.endswith("weight")}
    kept = {name for name in weights if name.removeprefix("D.").startswith(frozen)}
    assert {name.removeprefix("D/") for name in changed if name in {f"D/{w}" for w in weights}} == weights - kept
    assert not any(name.removeprefix("D/D.").startswith(frozen) for name in changed)


@pytest.mark.usefixtures("pynative")
def test_a_frozen_network_has_nothing_to_learn_in_its_first_layers_only():
    training = Training(freezed=4)  # all before the last block
    left = {p.name for p in training.state.cells["D"].trainable_params()}
    assert left
    assert all(name.startswith("D.b4.") for name in left)
    freeze(training.state.cells["D"], 0)


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("phase", ["Gmain", "Dmain"])
def test_parts_of_a_batch_make_the_update_of_their_mean_gradient(phase):
    """Without a beta1 the optimiser's first moment is the gradient; every part compares its own images alone."""
    network = phase[0]
    parts = [[Tensor(array) for array in inputs_of(Training(), phase, 2)] for _ in range(2)]
    gradients = [moments_after(Training(), phase, [part], is_summed=False)[0] for part in parts]
    moments, training = moments_after(Training(), phase, parts, is_summed=True)
    optimiser = training.state.cells[f"optim_{network}"]
    rate = float(optimiser.learning_rate.asnumpy())
    for parameter, moment, first, second in zip(optimiser.parameters, moments, *gradients, strict=True):
        mean = (first + second) / 2
        np.testing.assert_allclose(moment, mean, rtol=1e-3, atol=1e-6)
        moved = parameter.asnumpy() - training.start[f"{network}/{parameter.name}"]
        big = np.abs(mean) > 1e-5  # the first step of Adam is the rate, with the gradient's sign
        np.testing.assert_allclose(moved[big], -rate * np.sign(mean[big]), rtol=2e-2, atol=1e-5)


def moments_after(training, phase, parts, *, is_summed):
    """The optimiser's first moments after one update from the first weights, and the training."""
    network, cells = phase[0], training.state.cells
    sums = {name: Sums(cells[f"optim_{name}"], len(parts)) for name in "GD"} if is_summed else {}
    phases = Phases(cells, training.config, None, sums)
    for part in parts:
        phases.cells[phase](*part)
    if is_summed:
        device.configure("CPU", "graph")
        phases.apply[network]()
        device.configure("CPU", "pynative")
    return [moment.asnumpy().copy() for moment in cells[f"optim_{network}"].moment1], training
