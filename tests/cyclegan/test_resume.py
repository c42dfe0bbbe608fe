"""A training killed anywhere and started again is bit-equal to one that never stopped; --resume in a new run."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from cyclegan_runs import (
    THREE_EPOCHS,
    contents,
    failing,
    same_arrays,
    small_config,
    tiny_networks,
    train_tiny,
    whole_run,
    without_pictures,
    write_domains,
)

from mindgan.cyclegan import checkpoints, recipe, results, resume
from mindgan.cyclegan.state import make_state
from mindgan.modelarts import operators
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint
from mindgan.training.hooks import SaveState
from mindgan.training.state import TrainState

REPRODUCIBLE = ("stats.jsonl", "samples/", "Data/")  # the pictures are made of these; see test_cyclegan_run.py
UNCOMPARED = ("events", "model/CYcleGan_epoch_2", "loss.png", "train_test.gif", "report.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return whole_run(tmp_path_factory)


class Killed(BaseException):
    """Nobody cleans up after it but `finally`."""


def kill_at(patch, owner, name, call):
    """Instead of the `call`-th call of a function, counted from 0, the process ends."""
    function, calls = getattr(owner, name), iter(range(10**6))

    def killed(*args, **named):
        if next(calls) == call:
            raise Killed
        return function(*args, **named)

    patch.setattr(owner, name, killed)


PLACES = {
    "in the second step of the second epoch": (recipe, "exchange", 7),  # two calls a step
    "as the samples of the second epoch are drawn": (results, "save_row", 3),
    "between the .ckpt and the .mindir": (recipe, "export_image_network", 0),
    "before the state of the second epoch": (checkpoint, "save_state", 1),
    "in the middle of translating": (operators, "save_jpeg", 4),
}


def states(run):
    return [checkpoint.read_state(path) for _, path in RunDirectory(run).states()]


@pytest.mark.parametrize("place", PLACES)
def test_killed_and_started_again_it_is_the_same(place, folder, tmp_path):
    arguments = [*write_domains(tmp_path), *THREE_EPOCHS, "--save_frequency", "5", "--train_url", tmp_path / "result"]
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, *PLACES[place])
        with pytest.raises(Killed):
            train_tiny(*arguments)
    run = RunDirectory(tmp_path / "result")
    assert not run.manifest.exists()
    before = {path: path.stat().st_mtime_ns for path in run.data.glob("*")}
    with without_pictures():
        assert train_tiny(*arguments) == 0
    assert before.items() <= {path: path.stat().st_mtime_ns for path in run.data.glob("*")}.items()
    whole, again = contents(folder / "result"), contents(tmp_path / "result")
    assert {name for name in whole if not name.startswith(UNCOMPARED)} <= again.keys()
    for name in whole:
        if name.startswith(REPRODUCIBLE):
            assert whole[name] == again[name], name
    assert len(before) == (4 if "translating" in place else 0)  # which are not translated again
    for (arrays, nimg, about), (others, other_nimg, other_about) in zip(
        states(folder / "result"), states(tmp_path / "result"), strict=True
    ):
        assert (nimg, about) == (other_nimg, other_about)
        assert {"pool_A/pool_A.images", "pool_B/pool_B.images"} <= arrays.keys()
        assert any("moment2" in name for name in arrays)
        assert same_arrays(arrays, others)
    one, other = (checkpoints.read(ckpt(root, 3)) for root in (folder, tmp_path))
    assert same_arrays(one.arrays, other.arrays)


def test_killed_after_a_state_in_the_middle_of_an_epoch(folder, tmp_path):
    arguments = [*write_domains(tmp_path), *THREE_EPOCHS, "--save_frequency", "5", "--train_url", tmp_path / "result"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "SaveState", lambda run: SaveState(run, seconds=-1.0))
        kill_at(patch, recipe, "exchange", 6)
        with pytest.raises(Killed):
            train_tiny(*arguments)
    assert [nimg for nimg, _ in RunDirectory(tmp_path / "result").states()] == [4, 6]
    with without_pictures():
        assert train_tiny(*arguments) == 0
    whole, again = contents(folder / "result"), contents(tmp_path / "result")
    assert {name for name in whole if name.startswith(REPRODUCIBLE) and whole[name] != again[name]} == set()
    assert same_arrays(states(folder / "result")[-1][0], states(tmp_path / "result")[-1][0])


def test_a_whole_state_holds_what_a_step_changes(folder):
    """Every array but the first ones differs between two epochs: what did not would not have been saved."""
    (before, _, _), (after, _, _) = states(folder / "result")
    same = {name for name in after if before[name].tobytes() == after[name].tobytes()}
    constant = {name for name in same if not name.startswith(("G_", "D_", "pool_")) and "moment" not in name}
    assert same == constant
    assert np.abs(after["pool_A/pool_A.images"]).min(axis=(1, 2, 3))[:3].max() > 0


def ckpt(folder, epoch):
    return folder / "result" / "model" / f"CYcleGan_epoch_{epoch}.ckpt"


def data(folder):
    return ["--data_url", folder / "domain A", "--target_data_url", folder / "domain B"]


def test_a_new_run_goes_on_exactly_where_the_state_is_there(folder, tmp_path, capsys):
    """Two epochs in one folder and the third in another are the three of one run."""
    arguments = [*data(folder), *THREE_EPOCHS]
    code = train_tiny(*arguments, "--resume", ckpt(folder, 2), "--train_url", tmp_path / "more")
    assert code == 0
    assert "optimisers and pools included" in capsys.readouterr().out
    (*_, (arrays, nimg, about)), (*_, (others, other_nimg, other_about)) = (
        states(root) for root in (folder / "result", tmp_path / "more")
    )
    assert (nimg, about) == (other_nimg, other_about)
    assert same_arrays(arrays, others)
    one, other = contents(folder / "result"), contents(tmp_path / "more")
    assert one["stats.jsonl"].splitlines()[4:] == other["stats.jsonl"].splitlines()
    assert {name: one[name] for name in one if name.startswith("Data/")} == {
        name: other[name] for name in other if name.startswith("Data/")
    }
    before = other["stats.jsonl"]
    assert train_tiny(*arguments, "--resume", ckpt(folder, 2), "--train_url", tmp_path / "more") == 0
    assert contents(tmp_path / "more")["stats.jsonl"] == before  # its own state comes before --resume


def test_without_the_state_it_goes_on_with_the_networks(folder, tmp_path, capsys):
    shutil.copy(ckpt(folder, 2), tmp_path)
    code = train_tiny(
        *data(folder), *THREE_EPOCHS, "--resume", tmp_path / ckpt(folder, 2).name, "--train_url", tmp_path / "more"
    )
    assert code == 0
    assert "after 8 images; optimisers and pools begin anew" in capsys.readouterr().out
    assert (tmp_path / "more" / "stats.jsonl").read_bytes().count(b"\n") == 2


def test_a_state_of_another_run_is_not_taken_for_the_checkpoints(folder):
    """A checkpoint that was copied beside the states of another run goes on without them."""
    saved, said = resume.read(str(ckpt(folder, 3))), []
    with tiny_networks():
        state = make_state(small_config())
        state.about = {"--seed": "9"}
        resume.go_on(replace(saved, about=state.about), state, say=said.append)
    assert state.nimg == 12
    assert "optimisers and pools begin anew" in said[0]
    assert not state.arrays()["pool_A/pool_A.images"].any()


def test_nothing_left_to_train_is_told(folder, tmp_path, capsys):
    code = train_tiny(*data(folder), *THREE_EPOCHS, "--resume", ckpt(folder, 3), "--train_url", tmp_path / "more")
    assert "has 3 epochs behind it; use --max_epoch 4 or more" in failing(code, capsys)
    assert not (tmp_path / "more").exists()


def test_of_other_settings_the_networks_are_taken(folder):
    said = []
    with tiny_networks():
        state = make_state(small_config(seed=9))
        state.about = {"--seed": "9"}
        saved = resume.read(str(ckpt(folder, 3)))
        resume.go_on(saved, state, say=said.append)
    assert state.nimg == 0
    assert "counting from the first image" in said[0]
    for name in ("G_A", "G_B", "D_A", "D_B"):
        for parameter in state.cells[name].get_parameters():
            np.testing.assert_array_equal(parameter.asnumpy(), saved.arrays[parameter.name])


def test_of_other_sizes_the_option_is_named_and_nothing_is_left(folder, tmp_path, capsys):
    arguments = [*data(folder), "--resume", ckpt(folder, 3), "--train_url", tmp_path / "more"]
    for other, message in (
        (["--ngf", "4"], "is of --ngf 2, not 4; use --ngf 2"),
        (["--image_channel", "1"], "is of --image_channel 3, not 1; use --image_channel 3"),
        (["--num_blocks", "2"], "is of --num_blocks 1, not 2; use --num_blocks 1"),
        (["--discriminator", "pixel"], "does not hold D_A."),
    ):
        assert message in failing(train_tiny(*arguments, *other), capsys)
        assert not (tmp_path / "more").exists()


def test_a_run_may_be_named_instead_of_its_checkpoint(folder):
    assert resume.read(str(folder / "result")).path == ckpt(folder, 3)


def test_one_direction_is_not_enough_to_train_on(folder, tmp_path):
    with tiny_networks():
        cells = make_state(small_config()).cells
        checkpoints.save(tmp_path / "g.ckpt", {"G_A": cells["G_A"]}, checkpoints.Architecture.of(small_config()))
    with pytest.raises(UserError, match=r"holds no G_B; a training goes on from all of G_A, G_B, D_A, D_B"):
        resume.read(str(tmp_path / "g.ckpt"))


def test_another_folder_than_a_run_is_told(tmp_path):
    with pytest.raises(UserError, match=r"holds no model/CYcleGan_epoch_\*\.ckpt"):
        resume.read(str(tmp_path))


def test_the_state_of_a_training_has_one_name_each():
    with tiny_networks():
        state = make_state(small_config())
    assert isinstance(state, TrainState)
    optimised = [{parameter.name for parameter in state.cells[name].parameters} for name in ("optim_G", "optim_D")]
    expected = [
        {parameter.name for domain in "AB" for parameter in state.cells[f"{kind}_{domain}"].trainable_params()}
        for kind in "GD"
    ]
    assert optimised == expected
    assert all(name.split("/")[1].startswith(f"{name.split('/')[0]}.") for name in state.arrays())


def test_a_run_that_goes_on_does_not_read_what_it_was_started_from(folder, tmp_path):
    shutil.copytree(folder / "result", tmp_path / "result")
    arguments = [*write_domains(tmp_path), *THREE_EPOCHS, "--save_frequency", "5", "--train_url", tmp_path / "result"]
    with without_pictures():
        assert train_tiny(*arguments, "--resume", tmp_path / "gone.ckpt") == 0
