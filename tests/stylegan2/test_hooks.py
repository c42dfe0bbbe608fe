"""What is recorded after ticks, and what comes every so many of them."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from mindspore import nn

from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2.ada import Ada
from mindgan.stylegan2.hooks import AfterTicks, Ticks
from mindgan.stylegan2.reporting import Moments
from mindgan.training.state import TrainState
from mindgan.training.trainer import Hook, Schedule, train

SCHEDULE = Schedule(batch_size=4, steps_per_epoch=3, epochs=4)


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(str(tmp_path))
    run.create()
    return run


def make_state():
    cells: dict[str, nn.Cell] = {"ada": Ada(0.25), "moments": Moments()}
    return TrainState(cells)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def trained(run, state, ticks):
    """The lines on the screen of so many ticks from where the state is."""

    def step(nimg):
        time.sleep(0.002)  # timing.jsonl has milliseconds
        state.cells["moments"].add({"Loss/G/loss": np.full(4, nimg, np.float32), "Loss/scores/fake": np.ones(4)})
        return {"Loss/G/loss": float(nimg), "Loss/D/loss": 0.5}

    said = []
    console = SimpleNamespace(
        say=said.append, start_bar=lambda *args: None, stop_bar=lambda: None, advance=lambda **losses: None
    )
    schedule = Schedule(SCHEDULE.batch_size, SCHEDULE.steps_per_epoch, ticks)
    assert train(state, step, schedule, [Ticks(run, console, schedule, start_nimg=state.nimg)])
    return said


def test_a_line_a_tick_under_the_names_the_field_knows(run):
    said = trained(run, make_state(), 2)
    assert [line.split()[:2] for line in said] == [["tick", "1"], ["tick", "2"]]
    assert all("augment 0.250" in line and "sec/kimg" in line and "cpumem" in line for line in said)
    first, second = lines(run.stats)
    assert (first["nimg"], first["step"], second["nimg"]) == (12, 3, 24)
    assert first["Loss/G/loss"] == {"num": 12, "mean": 4, "std": pytest.approx(np.std([0, 4, 8]))}
    assert second["Loss/G/loss"]["mean"] == 16  # of its own tick alone
    assert second["Progress/kimg"] == {"num": 1, "mean": 0.024, "std": 0}
    assert second["Progress/augment"]["mean"] == 0.25
    assert first["Loss/signs/fake"]["mean"] == 1
    names = {"Timing/sec_per_tick", "Timing/sec_per_kimg", "Timing/maintenance_sec", "Resources/cpu_mem_gb"}
    names |= {"Resources/peak_gpu_mem_gb"}
    assert names | {"Progress/tick", "timestamp"} <= first.keys()
    assert second["Timing/total_sec"]["mean"] >= second["Timing/sec_per_tick"]["mean"]


def test_what_comes_between_ticks_is_maintenance_and_part_of_the_time(run):
    class Slow(Hook):
        def on_epoch_end(self, epoch, seconds, state):
            time.sleep(0.05)

    state = make_state()
    state.cells["moments"].add({"Loss/G/loss": np.ones(1, np.float32)})
    console = SimpleNamespace(**dict.fromkeys(("say", "start_bar"), lambda *args: None), stop_bar=lambda: None)
    console.advance = lambda **losses: None
    hooks = [Slow(), Ticks(run, console, SCHEDULE, start_nimg=0), Slow()]
    train(state, lambda nimg: {"Loss/G/loss": 1.0, "Loss/D/loss": 1.0}, SCHEDULE, hooks)
    told = lines(run.stats)
    assert [line["Timing/maintenance_sec"]["mean"] > 0.1 for line in told] == [False, True, True, True]
    assert all(line["Timing/sec_per_tick"]["mean"] < 0.05 for line in told)
    assert 0.3 < told[-1]["Timing/total_sec"]["mean"] < 2
    assert sum(line["seconds"] for line in lines(run.timing)) == pytest.approx(
        told[-1]["Timing/total_sec"]["mean"], abs=0.01
    )


def test_a_restart_drops_what_comes_again_and_adds_to_the_time(run):
    state = make_state()
    trained(run, state, 2)
    before = lines(run.stats)
    state.nimg = 12  # the state that was saved
    trained(run, state, 3)
    after = lines(run.stats)
    assert after[0] == before[0]
    assert [line["nimg"] for line in after] == [12, 24, 36]
    assert after[1]["Timing/total_sec"]["mean"] > before[0]["Timing/total_sec"]["mean"]


def test_ticks_count_on_where_their_length_changes(run):
    state = make_state()
    trained(run, state, 2)
    longer = Schedule(SCHEDULE.batch_size, 6, 2)
    console = SimpleNamespace(**dict.fromkeys(("say", "start_bar"), lambda *args: None), stop_bar=lambda: None)
    console.advance = lambda **losses: None
    ticks = Ticks(run, console, longer, start_nimg=state.nimg)
    state.cells["moments"].add({"Loss/G/loss": np.ones(1, np.float32)})
    train(state, lambda nimg: {"Loss/G/loss": 1.0, "Loss/D/loss": 1.0}, longer, [ticks])
    assert [(line["nimg"], line["Progress/tick"]["mean"]) for line in lines(run.stats)] == [(12, 1), (24, 2), (48, 3)]
    assert [line["epoch"] for line in lines(run.timing)] == [0, 1, 2]


def test_the_real_console(run, capsys):
    with Console() as console:
        ticks = Ticks(run, console, SCHEDULE, start_nimg=0)
        train(make_state(), lambda nimg: {"Loss/G/loss": 1.0, "Loss/D/loss": 1.0}, SCHEDULE, [ticks])
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["1", "2", "3", "4"]
    assert len(lines(run.timing)) == 4


@pytest.mark.parametrize(("every", "expected"), [(1, [12, 24, 36, 48]), (3, [36, 48]), (2, [24, 48]), (9, [48])])
def test_every_so_many_ticks_and_at_the_end(every, expected):
    found = []
    hook = AfterTicks(lambda state: found.append(state.nimg), every=every, ticks=SCHEDULE.epochs)
    train(SimpleNamespace(nimg=0), lambda nimg: {"loss": 0.0}, SCHEDULE, [hook])
    assert found == expected
