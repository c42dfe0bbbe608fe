"""The training step: golden vectors, both modes, and what it leaves alone."""

from pathlib import Path

import numpy as np
import pytest
from check_golden import check, mlp_trajectory
from mindspore import Tensor

from mindgan.data.batches import Batches
from mindgan.mlp_gan import recipe, sample
from mindgan.mlp_gan.config import MlpGanConfig
from mindgan.mlp_gan.step import TrainStep
from mindgan.runtime import device, randomness

GOLDEN = Path(__file__).parents[1] / "golden"


def test_golden_vectors():
    rows = list(check(GOLDEN / "mlp"))
    device.configure("CPU", "graph")
    assert len(rows) == 14
    assert [str(row) for row in rows if not row.ok] == []


def test_the_golden_check_fails_where_a_number_is_wrong(monkeypatch):
    import check_golden

    def other(config):
        return {name: value + 1e-3 for name, value in mlp_trajectory(config).items()}

    monkeypatch.setattr(check_golden, "mlp_trajectory", other)
    rows = list(check_golden.check_mlp(GOLDEN / "mlp", "graph"))
    assert [row.ok for row in rows if row.name.endswith("[:6]")] == [False, False]


SMALL = MlpGanConfig(batch_size=16, latent_size=10, epochs=1)


def images(num=64):
    return np.random.RandomState(0).randint(0, 256, (num, 1, 28, 28)).astype(np.uint8)


def losses_of(num_steps, *, config=SMALL, beside=lambda state: None):
    state = recipe.make_state(config)
    batches = Batches(images(4 * config.batch_size), batch_size=config.batch_size, seed=1)
    step = recipe.make_step(state, batches, config)
    found = []
    for index in range(num_steps):
        found.append(step(config.batch_size * index))
        beside(state)
    return found, state.arrays()


@pytest.mark.parametrize("config", [SMALL, MlpGanConfig()], ids=["small", "defaults"])
def test_pynative_and_graph_agree(config, pynative):
    eager, _ = losses_of(20, config=config)
    device.configure("CPU", "graph")
    compiled, _ = losses_of(20, config=config)
    for one, other in zip(eager, compiled, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_drawing_samples_changes_nothing():
    latents = sample.fixed_latents(10)
    plain, plain_state = losses_of(6)
    drawn, drawn_state = losses_of(6, beside=lambda state: sample.sample_with(state.cells["generator"], latents))
    assert plain == drawn
    for name, array in plain_state.items():
        assert array.tobytes() == drawn_state[name].tobytes(), name


def test_samples_are_those_of_the_present_weights():
    state = recipe.make_state(SMALL)
    step = recipe.make_step(state, Batches(images(), batch_size=16, seed=1), SMALL)
    generator, latents = state.cells["generator"], sample.fixed_latents(10)
    before = sample.sample_with(generator, latents)
    step(0)
    after = sample.sample_with(generator, latents)
    fresh = recipe.make_state(SMALL).cells["generator"]
    for mine, theirs in zip(fresh.get_parameters(), generator.get_parameters(), strict=True):
        mine.set_data(Tensor(theirs.asnumpy()))
    np.testing.assert_array_equal(after, sample.sample_with(fresh, latents))
    assert np.abs(after - before).max() > 1e-4


def test_the_second_call_does_not_recompile():
    state = recipe.make_state(SMALL)
    step = TrainStep(**state.cells)
    batches = Batches(images(), batch_size=16, seed=1)
    for nimg in (0, 16, 32):
        step(Tensor(batches.batch(nimg)), Tensor(randomness.latents(1, nimg, 16, 10)))
        sample.sample_with(state.cells["generator"], sample.fixed_latents(10))
    assert len(step.compile_cache) == 1


def test_running_statistics_move_twice_a_step():
    state = recipe.make_state(SMALL)
    generator = state.cells["generator"]
    batches = Batches(images(), batch_size=16, seed=1)
    latents = randomness.latents(1, 0, 16, 10).astype(np.float64)
    values = {sample.plain_name(p.name): p.asnumpy().astype(np.float64) for p in generator.get_parameters()}
    hidden = np.maximum(latents @ values["model.0.weight"].T + values["model.0.bias"], 0)
    mean = (hidden @ values["model.2.weight"].T + values["model.2.bias"]).mean(0)
    recipe.make_step(state, batches, SMALL)(0)
    running = generator.model[3].moving_mean.asnumpy()
    np.testing.assert_allclose(running, mean * (0.1 + 0.9 * 0.1), rtol=1e-4, atol=1e-6)


def test_the_same_seed_gives_the_same_start_and_another_seed_another():
    one, same = (recipe.make_state(SMALL).arrays() for _ in range(2))
    other = recipe.make_state(MlpGanConfig(batch_size=16, latent_size=10, seed=2)).arrays()
    name = "generator/optim_ggeneratormodel.0.weight"
    np.testing.assert_array_equal(one[name], same[name])
    assert not np.array_equal(one[name], other[name])
