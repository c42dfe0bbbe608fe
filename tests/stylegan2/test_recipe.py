"""How a training is divided, what its snapshots are called, and what its doctor knows of an earlier process."""

import json
import math
from functools import partial

import pytest
from stylegan2_small import Training

from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import checkpoints, recipe
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.doctor import Doctor
from mindgan.stylegan2.hooks import due_ticks
from mindgan.stylegan2.recipe import make_schedule, names_have_fractions
from mindgan.training.trainer import Schedule


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, False),
        ({"total_kimg": 3, "kimg_per_tick": 1, "batch_size": 16, "snap": 1}, False),  # after 1,008, 2,016 and 3,024
        ({"total_kimg": 4, "kimg_per_tick": 0.5, "batch_size": 16, "snap": 2}, False),  # 1,024, 2,048, 3,072 and 4,096
        ({"total_kimg": 3.5, "kimg_per_tick": 0.5, "batch_size": 16, "snap": 2}, True),  # 3,072 and 3,584
        ({"total_kimg": 3.3, "kimg_per_tick": 0.55, "batch_size": 10, "snap": 2}, False),  # 1,100, 2,200 and 3,300
        ({"total_kimg": 2.2, "kimg_per_tick": 0.55, "batch_size": 10, "snap": 3}, False),  # 1,650 and 2,200
        ({"total_kimg": 2.75, "kimg_per_tick": 0.55, "batch_size": 10, "snap": 4}, True),  # 2,200 and 2,750
        ({"total_kimg": 0.5, "kimg_per_tick": 0.1, "batch_size": 10, "snap": 1}, True),
        ({"total_kimg": 0.5}, True),  # its only one would be that of the untrained network
        ({"total_kimg": 2, "kimg_per_tick": 0.9, "batch_size": 10, "snap": 1}, False),
    ],
)
def test_names_have_fractions_where_two_snapshots_would_have_one(settings, expected, tmp_path):
    config = StyleGanConfig(**settings)
    schedule = make_schedule(config)
    assert names_have_fractions(RunDirectory(tmp_path), config.snap, schedule) == expected
    nimgs = [tick * schedule.nimg_per_epoch for tick in range(schedule.epochs + 1)]
    snaps = [nimg for tick, nimg in enumerate(nimgs) if tick % config.snap == 0 or tick == schedule.epochs]
    assert [tick * schedule.nimg_per_epoch for tick in due_ticks(config.snap, schedule.epochs)] == snaps[1:]
    assert (len({nimg // 1000 for nimg in snaps}) < len(snaps)) == expected


@pytest.mark.parametrize(
    ("batch_size", "total_kimg", "kimg_per_tick", "ticks", "nimg"),
    [
        (8, 300, 4.0, 75, 300_000),
        (64, 25000, 4.0, 6201, 25_000_000),
        (48, 300, 4.0, 75, 300_000),
        (64, 1, 0.1, 8, 1024),
    ],
)
def test_a_training_is_as_long_as_was_asked_for(batch_size, total_kimg, kimg_per_tick, ticks, nimg):
    """To the batch."""
    settings = {"batch_size": batch_size, "total_kimg": total_kimg, "kimg_per_tick": kimg_per_tick}
    schedule = make_schedule(StyleGanConfig(**settings))
    assert (schedule.epochs, schedule.total_nimg) == (ticks, nimg)
    assert 0 < schedule.total_steps - (ticks - 1) * schedule.steps_per_epoch <= schedule.steps_per_epoch


def test_a_run_stays_with_fractions(tmp_path):
    run, config = RunDirectory(tmp_path), StyleGanConfig()
    for path in (run.fakes(12), run.snapshot(12)):
        path.parent.mkdir()
        path.touch()
    assert not names_have_fractions(run, config.snap, make_schedule(config))
    run.snapshot(1.504).touch()
    assert names_have_fractions(run, config.snap, make_schedule(config))


@pytest.mark.parametrize("snap", [1, 3])
def test_the_doctor_is_asked_after_every_tick_and_knows_what_was_told(snap, tmp_path, monkeypatch):
    """Of ticks of 8 images, two are over, and the losses are lost since the second."""
    run, training, hooks = RunDirectory(tmp_path), Training(snap=snap), []
    losses = [("Loss/G/loss", value) for value in (1.0, math.nan, math.nan)]
    lines = [{"nimg": 8 * (n + 1), "epoch": n, "step": 2 * (n + 1), **dict([loss])} for n, loss in enumerate(losses)]
    run.stats.write_text("".join(json.dumps(line) + "\n" for line in lines))
    training.state.nimg = 16

    def stop_at_once(state, step, schedule, given):
        hooks.extend(given)
        for hook in given:
            hook.on_stop(state)

    monkeypatch.setattr(recipe, "train_loop", stop_at_once)
    with Console() as console:
        recipe._train(run, training.config, training.state, training.data, Schedule(4, 2, 5), console)
    (doctor,) = (hook.act for hook in hooks if isinstance(getattr(hook, "act", None), Doctor))
    assert doctor.told.keys() == {"not finite"}
    (asked,) = (hook.due for hook in hooks if getattr(hook, "act", None) is doctor)
    assert asked == {1, 2, 3, 4, 5}


def test_a_run_that_is_to_end_where_its_state_is_gets_a_snapshot(tmp_path, monkeypatch):
    run, training = RunDirectory(tmp_path), Training(snap=5)
    train_on = partial(recipe._train, run, training.config, training.state, training.data)
    training.state.nimg = 16
    with Console() as console:
        assert train_on(Schedule(4, 2, 2), console)
        assert [path.name for _, path in run.snapshots()] == ["network-snapshot-000000.016.ckpt"]
        assert checkpoints.read(run.snapshot(0.016)).about.nimg == 16
        assert run.fakes(0.016).is_file()
        training.state.nimg = 20  # stopped after it, and then to end there
        assert train_on(Schedule(4, 2, 2), console)
        assert [kimg for kimg, _ in run.snapshots()] == [0.016, 0.02]
        monkeypatch.setattr(recipe, "save_snapshot", lambda *_: pytest.fail("it is there already"))
        assert train_on(Schedule(4, 2, 2), console)


def test_a_snapshot_by_a_whole_name_is_not_made_again_by_another(tmp_path, monkeypatch):
    run, training = RunDirectory(tmp_path), Training(snap=1, keep=1)
    training.state.nimg = 4000
    recipe.save_snapshot(run, training.config, training.state, training.data, 4)
    monkeypatch.setattr(recipe, "save_snapshot", lambda *_: pytest.fail("it is there already"))
    schedule = Schedule(4, 100, 10)
    assert names_have_fractions(run, 1, schedule)
    with Console() as console:
        assert recipe._train(run, training.config, training.state, training.data, schedule, console)
