import numpy as np
import pytest
from mindspore import Tensor, nn

from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint
from mindgan.training.adam import make_adam
from mindgan.training.state import TrainState


def small_state(width=3):
    network = nn.Dense(in_channels=2, out_channels=width)
    network.update_parameters_name("net.")
    return TrainState({"net": network, "optim": make_adam(network, "opt.", lr=1e-2, beta1=0.5, beta2=0.999)})


def advance(state):
    """One update, so that moments and counters are not what they start as."""
    parameters = state.cells["optim"].parameters
    state.cells["optim"](tuple(Tensor(np.ones(parameter.shape, np.float32)) for parameter in parameters))
    state.nimg += 8


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path)
    run.create()
    return run


def test_a_state_comes_back_bit_for_bit(run):
    state = small_state()
    advance(state)
    checkpoint.save_state(run, state)
    other, said = small_state(), []
    assert checkpoint.restore_newest(run, other, say=said.append)
    assert other.nimg == 8
    expected, actual = state.arrays(), other.arrays()
    assert expected.keys() == actual.keys()
    assert any("moment2" in name for name in expected)
    assert any("global_step" in name for name in expected)
    for name, array in expected.items():
        assert array.tobytes() == actual[name].tobytes(), name
    assert said == []


def test_keeps_the_newest_two(run):
    state = small_state()
    for _ in range(4):
        advance(state)
        checkpoint.save_state(run, state)
    assert [nimg for nimg, _ in run.states()] == [24, 32]


def flip(data):
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


@pytest.mark.parametrize("damage", [lambda data: data[:-7], flip, lambda data: b"", lambda data: b"text " * 99])
def test_a_damaged_state_falls_back_to_the_one_before_and_says_so(run, damage):
    state = small_state()
    for _ in range(2):
        advance(state)
        checkpoint.save_state(run, state)
    newest = run.states()[-1][1]
    newest.write_bytes(damage(newest.read_bytes()))
    other, said = small_state(), []
    assert checkpoint.restore_newest(run, other, say=said.append)
    assert other.nimg == 8
    assert len(said) == 1
    assert newest.name in said[0]
    assert "falling back" in said[0]
    assert "\n" not in said[0]


def test_all_states_damaged_is_an_error_and_not_a_new_start(run):
    state = small_state()
    for _ in range(2):
        advance(state)
        checkpoint.save_state(run, state)
    for _, path in run.states():
        path.write_bytes(path.read_bytes()[:500])
    said = []
    with pytest.raises(UserError, match=r"use another --train_url"):
        checkpoint.restore_newest(run, small_state(), say=said.append)
    assert len(said) == 1


def test_a_state_of_another_run_is_refused(run):
    state = small_state()
    state.about = {"--lr": "0.01", "data": "a"}
    checkpoint.save_state(run, state)
    other = small_state()
    other.about = {"--lr": "0.02", "data": "a"}
    with pytest.raises(UserError, match=r"holds a run with --lr 0\.01, not 0\.02"):
        checkpoint.restore_newest(run, other, say=print)


def test_nothing_to_restore(run):
    state = small_state()
    assert not checkpoint.restore_newest(run, state, say=pytest.fail)
    assert state.nimg == 0


def test_a_state_of_other_sizes_is_refused(run):
    state = small_state(width=4)
    advance(state)
    checkpoint.save_state(run, state)
    with pytest.raises(UserError, match=r"state-0.*of other sizes.*another --train_url"):
        checkpoint.restore_newest(run, small_state(width=3), say=print)


def test_a_network_checkpoint_is_readable_by_mindspore_and_writable_by_its_owner(run):
    import mindspore as ms

    network = small_state().cells["net"]
    path = run.network("Generator", 0)
    checkpoint.save_network(path, network)
    assert path.stat().st_mode & 0o777 == 0o644
    loaded = ms.load_checkpoint(str(path))
    np.testing.assert_array_equal(loaded["opt.net.weight"].asnumpy(), network.weight.asnumpy())
    checkpoint.save_network(path, network)  # over itself


def test_a_run_of_another_kind_is_not_gone_on_with(run):
    state = small_state()
    state.about = {"--latent_size": "8"}
    checkpoint.save_state(run, state)
    other = small_state()
    other.about = {"--image_width": "32"}
    with pytest.raises(UserError, match="a run of another kind, without --image_width; use another --train_url"):
        checkpoint.restore_newest(run, other, say=print)


def test_the_same_state_is_the_same_bytes(run):
    """safetensors' writer has its header in another order at every call."""
    state, written = small_state(), set()
    state.about = {"data": 'é "1"', "--lr": "0.01"}
    for _ in range(6):
        checkpoint.save_state(run, state)
        written.add(run.states()[-1][1].read_bytes())
    assert len(written) == 1
    arrays, nimg, about = checkpoint.read_state(run.states()[-1][1])
    assert (nimg, about) == (0, state.about)
    content = written.pop()
    assert int.from_bytes(content[:8], "little") % 8 == 0
    for name, array in state.arrays().items():
        assert arrays[name].tobytes() == array.tobytes(), name


def test_a_run_of_something_else_is_told_without_its_state(run):
    state = small_state()
    checkpoint.require_same_run(run, {"--lr": "0.02"})  # nothing there yet
    state.about = {"--lr": "0.01", "data": "a"}
    checkpoint.save_state(run, state)
    checkpoint.require_same_run(run, {"--lr": "0.01"})
    with pytest.raises(UserError, match=r"holds a run with data a, not b"):
        checkpoint.require_same_run(run, {"--lr": "0.01", "data": "b"})
