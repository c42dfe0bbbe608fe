"""Iterations: what is drawn, which phases come when, exact restarts, and that nothing is compiled twice."""

import dataclasses
import gc

import numpy as np
import pytest
from mindspore import Tensor
from stylegan2_small import Training, recorded_inputs, small_config, small_data

from mindgan.data.batches import batch_indices, normalise
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import phases as phases_module
from mindgan.stylegan2.augment import FLIPS, ROTATIONS
from mindgan.stylegan2.iteration import Iteration, mixed_layers
from mindgan.stylegan2.objectives import Regularisation
from mindgan.training.checkpoint import read_state, save_state

PARTS = {"batch_gpu": 2, "G_interval": 3, "D_interval": 4}
ADAPTIVE = {"aug": "ada", "augpipe": "color", "ada_kimg": 0.16}  # each change of p is by 0.1
CERTAIN = 1000  # scores above 0, as if seen before the first iteration


@pytest.fixture(scope="module")
def training():
    """In parts, augmented after the fourth iteration."""
    training = Training(**PARTS, **ADAPTIVE)
    for name in ("sum_signs", "num_signs"):
        training.start[f"ada/{name}"] = np.float32(CERTAIN)
    return training


def as_bytes(arrays):
    return {name: array.tobytes() for name, array in arrays.items()}


@pytest.fixture(scope="module")
def unbroken(training):
    """The reports and the last state of six iterations, and p after each."""
    training.restart()
    reports, ps, training.frozen = [], [], []
    for _ in range(6):
        reports += training.train(1)
        ps.append(training.iteration.probability)
        training.frozen.append(gc.get_freeze_count())
    return reports, training.state.arrays(), ps


def test_augmentation_begins_within_the_run(unbroken):
    reports, arrays, ps = unbroken
    assert ps == pytest.approx([0, 0, 0, 0.1, 0.1, 0.1])
    assert all(np.isfinite(list(report.values())).all() for report in reports)
    assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.parametrize("stop", [2, 4, 5])
def test_a_restart_changes_no_bit(training, unbroken, tmp_path, stop):
    """Before p changes, as it has just changed, and after."""
    reports, arrays, _ = unbroken
    found = training.restart().train(stop)
    run = RunDirectory(str(tmp_path))
    run.create()
    save_state(run, training.state)
    training.train(1)  # what a process lost
    saved, nimg, _ = read_state(run.states()[-1][1])
    training.state.load(saved, nimg)
    found += training.train(6 - stop)
    assert found == reports
    assert as_bytes(training.state.arrays()) == as_bytes(arrays)


def test_nothing_is_compiled_twice(training, unbroken):
    """Each phase at most once with and once without augmentation, at whatever p; Greg is not due with it here."""
    training.state.load(unbroken[1], 4 * training.config.batch_size)
    for p in (0.05, 0.7, 1.2):
        training.state.cells["ada"].p.set_data(Tensor(np.float32(p)))
        training.state.nimg = 4 * training.config.batch_size
        training.train(1)
    augmented = training.iteration.phases()
    training.state.cells["ada"].p.set_data(Tensor(np.float32(0)))
    plain = training.iteration.phases()
    assert augmented is not plain
    for found in (augmented, plain):
        for name, cell in {**found.cells, **found.apply}.items():
            assert len(cell.compile_cache) == 1 or (name == "Greg" and found is augmented)
    assert len(training.iteration.follow.compile_cache) == 1


@pytest.mark.usefixtures("unbroken")
def test_what_compiling_makes_is_not_searched_for_garbage_ever_after(training):
    """Iterations 1 and 5 compile, without augmentation and with it."""
    assert training.frozen[0] > 0
    assert list(np.diff(training.frozen) > 0) == [False, False, False, True, False]


def test_moments_and_signs_count_every_image(training):
    training.restart().train(2)
    size, cells = training.config.batch_size, training.state.cells
    assert float(cells["ada"].num_signs.asnumpy()) == CERTAIN + 3 * size  # Dmain twice, Dreg once
    taken = cells["moments"].take()
    assert {name: row["num"] for name, row in taken.items()} == {
        **dict.fromkeys(("Loss/scores/fake", "Loss/signs/fake"), 4 * size),
        **dict.fromkeys(("Loss/scores/real", "Loss/signs/real"), 3 * size),
        **dict.fromkeys(("Loss/G/loss", "Loss/D/loss"), 2 * size),
        **dict.fromkeys(("Loss/r1_penalty", "Loss/D/reg"), size),
        **dict.fromkeys(("Loss/pl_penalty", "Loss/G/reg"), size // 2),  # one image of each part of two
    }


def test_phases_come_when_they_are_due():
    """Greg every 4th, Dreg every 16th iteration, from the first on, in the order of the paper."""
    inputs = recorded_inputs(Training(), list(range(0, 17 * 4, 4)))
    order = [(name, nimg // 4) for name, nimg in inputs]
    assert order[:4] == [("Gmain", 0), ("Greg", 0), ("Dmain", 0), ("Dreg", 0)]
    assert [index for name, index in order if name == "Greg"] == [0, 4, 8, 12, 16]
    assert [index for name, index in order if name == "Dreg"] == [0, 16]
    assert [index for name, index in order if name == "Gmain"] == list(range(17))
    assert [name for name, index in order if index == 16] == ["Gmain", "Greg", "Dmain", "Dreg"]


def test_without_a_weight_there_is_no_path_length_phase():
    assert {name for name, _ in recorded_inputs(Training(pl_weight=0.0), [0, 4])} == {"Gmain", "Dmain", "Dreg"}


def test_without_a_weight_there_is_no_r1_phase():
    assert {name for name, _ in recorded_inputs(Training(gamma=0.0), [0, 4])} == {"Gmain", "Greg", "Dmain"}


def equal(first, second):
    return all(
        np.array_equal(a, b)
        for part, other in zip(first, second, strict=True)
        for a, b in zip(part, other, strict=True)
    )


FIXED = {"aug": "fixed", "p": 0.5, "augpipe": "bgcfn", "G_interval": 1, "D_interval": 1, "batch_gpu": 2}


def test_draws_depend_on_seed_images_seen_and_purpose_alone():
    many = recorded_inputs(Training(2, **FIXED), [0, 4, 8])
    one = recorded_inputs(Training(2, **FIXED), [8])
    other = recorded_inputs(Training(2, **FIXED, **{"seed": 4}), [8])
    for phase in ("Gmain", "Greg", "Dmain", "Dreg"):
        assert equal(many[phase, 8], one[phase, 8])
        assert not equal(many[phase, 4], one[phase, 8])
        assert not equal(other[phase, 8], one[phase, 8])
    latents = [part[0] for phase in ("Gmain", "Greg", "Dmain") for part in one[phase, 8]]
    rows = np.concatenate(latents)
    assert len(np.unique(rows, axis=0)) == len(rows)  # every phase and every part has its own
    for place in (0, 1):  # what the augmentation is, and its noise
        drawn = [part[at + place] for phase, at in (("Gmain", 4), ("Dmain", 6), ("Dreg", 2)) for part in one[phase, 8]]
        rows = np.concatenate([array.reshape(len(array), -1) for array in drawn])
        assert len(rows) == 4 + 8 + 4
        assert len(np.unique(rows, axis=0)) == len(rows)  # and every image, real or fake


def test_shapes_of_what_is_drawn():
    inputs = recorded_inputs(Training(2, **FIXED), [0])
    noise = 16 + 2 * 64
    assert all(len(parts) == 2 for parts in inputs.values())
    shapes = {name: [array.shape for array in parts[0]] for (name, _), parts in inputs.items()}
    numbers = shapes["Gmain"][4][1]
    fakes = [(4, 6), (2, 2), (4,), (2, noise)]
    assert shapes["Gmain"] == [*fakes, (2, numbers), (2, 3, 8, 8)]
    assert shapes["Greg"] == [(2, 6), (1, 2), (4,), (1, noise), (1, 3, 8, 8)]
    assert shapes["Dmain"] == [*fakes, (2, 3, 8, 8), (2, 2), (4, numbers), (4, 3, 8, 8)]
    assert shapes["Dreg"] == [(2, 3, 8, 8), (2, 2), (2, numbers), (2, 3, 8, 8)]


def test_reals_are_the_batch_and_the_same_in_both_phases():
    training = Training(2, **FIXED)
    config, data = training.config, training.data
    inputs = recorded_inputs(training, [8])
    indices = batch_indices(config.seed, 8, 4, len(data))
    images = np.concatenate([part[4] for part in inputs["Dmain", 8]])
    np.testing.assert_array_equal(images, normalise(data.pixels(indices)))
    np.testing.assert_array_equal(images, np.concatenate([part[0] for part in inputs["Dreg", 8]]))
    labels = np.concatenate([part[5] for part in inputs["Dmain", 8]])
    np.testing.assert_array_equal(labels, data.labels[indices])
    fake_labels = np.concatenate([part[1] for part in inputs["Dmain", 8]])
    assert (fake_labels.sum(1) == 1).all()


def test_without_mixing_there_are_no_second_latents():
    inputs = recorded_inputs(Training(style_mixing=0.0), [0])
    z, c, mixed, _, draws, noise = inputs["Gmain", 0][0]
    assert (z.shape, mixed.any()) == ((4, 6), False)
    assert (c.shape, draws.shape, noise.shape) == ((4, 1), (1, 1), (1, 1))


def test_layers_that_are_mixed():
    """With probability 0.9, from a layer on that is never the first."""
    random = np.random.default_rng(0)
    rows = np.array([mixed_layers(random, 0.9, 6) for _ in range(4000)])
    assert (np.diff(rows, axis=1) >= 0).all()
    counts = np.bincount(rows.sum(1).astype(int), minlength=7) / len(rows)
    np.testing.assert_allclose(counts, [0.1, *[0.9 / 5] * 5, 0], atol=0.025)
    assert not np.any([mixed_layers(random, 0.0, 6) for _ in range(50)])
    assert np.all([mixed_layers(random, 1.0, 6)[-1] for _ in range(50)])
    assert not np.any(rows[:, 0])


@pytest.mark.parametrize(
    ("changes", "nimg", "half_life"),
    [
        ({"ema_kimg": 1.0, "ema_rampup": 0.05}, 400, 20),
        ({"ema_kimg": 1.0, "ema_rampup": 0.05}, 40000, 1000),
        ({"ema_kimg": 0.5, "ema_rampup": 0.0}, 0, 500),
        ({"ema_kimg": 0.5, "resume": "a run"}, 400, 500),
    ],
)
def test_the_half_life_of_the_average(changes, nimg, half_life):
    assert betas(changes, nimg) == [pytest.approx(0.5 ** (4 / half_life))]


def betas(changes, nimg):
    training = Training(**changes)
    training.iteration.run, found = lambda name, inputs: {}, []
    training.iteration.follow = lambda beta: found.append(float(beta.asnumpy()))
    training.iteration(nimg)
    return found


def test_with_a_ramp_the_first_step_copies_the_generator():
    assert betas({"ema_kimg": 1.0, "ema_rampup": 0.05}, 0) == [0]


def test_augmentation_that_is_never_done_is_not_made(monkeypatch):
    made = []
    monkeypatch.setattr(phases_module, "AugmentImages", lambda augment: made.append(augment))
    adaptive = Training(aug="ada")
    assert adaptive.iteration.phases()
    assert not made
    inputs = recorded_inputs(adaptive, [0])
    assert inputs["Gmain", 0][0][4].shape == inputs["Dmain", 0][0][6].shape == (1, 1)
    adaptive.state.cells["ada"].p.set_data(Tensor(np.float32(0.01)))
    adaptive.iteration.phases()
    assert len(made) == 1
    for changes in ({"aug": "noaug"}, {"aug": "fixed", "p": 0.0}):
        never = Training(**changes)
        never.iteration.phases()
        assert never.iteration.augment is None
    assert len(made) == 1


def test_p_changes_every_fourth_iteration():
    training = Training(**ADAPTIVE)
    training.iteration.run = lambda name, inputs: training.state.cells["ada"].see(np.ones(4, np.float32)) or {}
    training.iteration.follow = lambda beta: None
    ps = []
    for nimg in range(0, 48, 4):
        training.iteration(nimg)
        ps.append(training.iteration.probability)
    np.testing.assert_allclose(ps, np.repeat([0, 0.1, 0.2, 0.3], [3, 4, 4, 1]), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, 0.0), ({"target": 0.4}, 0.3), ({"target": 0.4, "p_max": 0.25}, 0.25), ({"target": 0.5}, 0.0)],
)
def test_p_has_the_target_and_the_ceiling_that_were_asked_for(changes, expected):
    """Of signs whose mean is 0.5: 0.6, as published, is above it."""
    training = Training(**ADAPTIVE, **changes)
    signs = np.array([1, 1, 1, -1], np.float32)
    training.iteration.run = lambda name, inputs: training.state.cells["ada"].see(signs) or {}
    training.iteration.follow = lambda beta: None
    for nimg in range(0, 48, 4):
        training.iteration(nimg)
    assert training.iteration.probability == pytest.approx(expected, abs=1e-6)


def test_settings_of_the_regularisation_come_where_they_belong():
    config = small_config(gamma=7.0, pl_weight=0.5, G_interval=3, D_interval=5)
    assert phases_module.regularisation(config) == Regularisation(
        r1_gamma=7.0, pl_weight=0.5, pl_decay=0.01, G_interval=3, D_interval=5
    )


@pytest.mark.parametrize(("guard", "left_out"), [("no_rotate", ROTATIONS), ("no_flip", FLIPS)])
def test_guards_leave_out_what_they_are_named_after(guard, left_out):
    everything = phases_module.make_augment(small_config(aug="ada"))
    guarded = phases_module.make_augment(small_config(aug="ada", **{guard: True}))
    assert everything.multipliers.keys() - guarded.multipliers.keys() == set(left_out)
    assert (everything.channels, everything.height, everything.width) == (3, 8, 8)


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize(
    ("height", "width", "channels", "num_classes", "changes"),
    [
        (16, 32, 4, 0, {"aug": "fixed", "p": 0.9, "augpipe": "bgc"}),
        (24, 16, 1, 5, {"architecture": "skip", "conv_clamp": 256.0}),
        (8, 12, 3, 0, {"architecture": "orig", "batch_size": 6}),
    ],
)
def test_images_of_any_shape_are_trained_with(height, width, channels, num_classes, changes):
    """The two phases of first order, which PyNative mode does right."""
    shape = {"image_height": height, "image_width": width, "image_channel": channels}
    training = Training(num_classes, **shape, **changes)
    training.state.nimg = training.config.batch_size
    (reports,) = training.train(1)
    assert set(reports) == {"Loss/scores/fake", "Loss/G/loss", "Loss/scores/real", "Loss/D/loss"}
    assert np.isfinite(list(reports.values())).all()
    arrays = training.state.arrays()
    for name, array in arrays.items():
        assert np.isfinite(array).all(), name
        if name.startswith(("G/", "D/")) and name.endswith(".weight"):
            assert not np.array_equal(array, training.start[name]), name


def test_all_classes_come_among_the_fakes():
    """Labels of fakes are those of random images."""
    config = small_config(batch_size=64)
    training = Training(2, batch_size=64)
    data = dataclasses.replace(small_data(config, 2, 64), labels=np.eye(2, dtype=np.float32)[np.arange(64) % 4 // 3])
    training.iteration = Iteration(training.state, data, config)
    labels = np.concatenate([recorded_inputs(training, [nimg])["Gmain", nimg][0][1] for nimg in range(0, 640, 64)])
    np.testing.assert_allclose(labels.mean(0), [0.75, 0.25], atol=0.06)
