"""Training from the weights of another: all of them, or with consent what fits."""

import shutil

import numpy as np
import pytest
from stylegan2_small import SMALLEST, small_config
from stylegan_runs import write_classes

from mindgan.layers.torch_layout import to_torch
from mindgan.runtime.errors import UserError
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import checkpoints, dry_run, recipe, resume
from mindgan.stylegan2.checkpoints import About
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.state import NETWORKS, make_state
from mindgan.training import checkpoint

OTHER = {"seed": 9}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return saved_as(tmp_path_factory.mktemp("saved") / "x.ckpt")


def saved_as(path, **changes):
    """The checkpoint of networks of such settings."""
    cells = make_state(small_config(**changes), 2).cells
    cells["G"].mapping.w_avg.set_data(cells["G"].mapping.w_avg + 3)
    checkpoints.save(path, {name: cells[name] for name in NETWORKS}, About(cells["G"].shape, ("a", "b"), p=0.5))
    return path


def started(path, config, num_classes, *, partial=False, names=("a", "b")):
    """The state, as it was at first, and what was said."""
    state, said = make_state(config, num_classes), []
    first = state.arrays()
    resume.start_from(resume.read(str(path)), state, names, partial=partial, say=said.append)
    return state, first, said


def test_weights_are_taken_and_the_rest_begins_anew(path):
    state, first, said = started(path, small_config(**OTHER), 2)
    saved = checkpoints.read(path).arrays
    for name in NETWORKS:
        for key, array in to_torch(state.cells[name]).items():
            np.testing.assert_array_equal(array, saved[key], err_msg=key)
    assert said == [f"starting from {path}: {len(saved)} tensors"]
    for name, array in state.arrays().items():
        if not name.startswith(tuple(f"{network}/" for network in NETWORKS)):
            np.testing.assert_array_equal(array, first[name], err_msg=name)
    assert (state.nimg, state.cells["ada"].probability) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "num_classes", "message"),
    [
        ({"resolution": 16}, 2, "is not in it, and"),
        ({"channel_max": 5}, 2, "has the shape (6, 4, 4) there and (5, 4, 4) here, and"),
        ({"image_channel": 1}, 2, "torgb.weight has the shape (3, 6, 1, 1) there and (1, 6, 1, 1) here"),
        ({}, 3, "mapping.embed.weight has the shape (5, 2) there and (5, 3) here"),
    ],
)
def test_what_does_not_fit_is_told_or_left_with_consent(path, changes, num_classes, message):
    config = small_config(**OTHER, **changes)
    with pytest.raises(UserError) as caught:
        started(path, config, num_classes)
    assert message in str(caught.value)
    assert "add --resume_partial True to take what fits" in str(caught.value)
    state, first, said = started(path, config, num_classes, partial=True)
    saved, num_taken, num_left, names = checkpoints.read(path).arrays, 0, 0, set()
    for network in NETWORKS:
        for name, array in to_torch(state.cells[network]).items():
            names.add(name)
            if name in saved and saved[name].shape == array.shape:
                np.testing.assert_array_equal(array, saved[name], err_msg=name)
                num_taken += 1
            else:
                ours = state.arrays()[f"{network}/{name}"]
                np.testing.assert_array_equal(ours, first[f"{network}/{name}"], err_msg=name)
                num_left += 1
    unused = f", {len(saved.keys() - names)} of its own have no place here" if saved.keys() - names else ""
    assert said == [f"starting from {path}: {num_taken} tensors, {num_left} begin anew{unused}"]
    assert num_taken > 5
    assert num_left > 0


@pytest.mark.parametrize(
    ("of", "changes", "unused"),
    [
        ({"map_depth": 3}, {"map_depth": 1}, "mapping.fc2."),
        ({"resolution": 16, "architecture": "skip"}, {"architecture": "skip"}, "b16.conv1."),
        ({}, {"architecture": "orig"}, "skip."),
    ],
)
def test_what_would_be_left_out_of_it_is_told(of, changes, unused, tmp_path):
    """Without it the network would be another function."""
    path, config = saved_as(tmp_path / "x.ckpt", **of), small_config(**OTHER, **changes)
    with pytest.raises(UserError, match="does not fit: ") as caught:
        started(path, config, 2)
    assert "has no place here" in str(caught.value) or "is not in it" in str(caught.value)
    state, _, said = started(path, config, 2, partial=True)
    names = {name for network in NETWORKS for name in to_torch(state.cells[network])}
    without = [name for name in checkpoints.read(path).arrays if name not in names]
    assert f", {len(without)} of its own have no place here" in said[0]
    assert any(unused in name for name in without)


@pytest.mark.parametrize(
    ("names", "told"),
    [(("a", "b"), None), (("b", "c"), "the images have the classes b, c: "), ((), "labels of 2 numbers")],
)
def test_classes_of_other_names_are_told(path, names, told):
    said = started(path, small_config(**OTHER), 2, names=names)[2][1:]
    assert said == [] if told is None else told in said[0] and "trained with the classes a, b and" in said[0]


def test_nothing_that_fits(path):
    saved = checkpoints.Saved(path, {"other": np.zeros(3, np.float32)}, checkpoints.read(path).about)
    with pytest.raises(UserError, match="holds nothing that fits; name another"):
        resume.start_from(saved, make_state(small_config(), 0), (), partial=True, say=print)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("graph.pb", "is a frozen TensorFlow graph"),
        ("net.mindir", "cannot be trained; name the .ckpt beside it, or add --predict True"),
        ("no.ckpt", "does not exist"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path, name, message):
    with pytest.raises(UserError) as caught:
        resume.read(str(tmp_path / name))
    assert message in str(caught.value)


def settings(folder, source, **changes):
    """Of a training on the two classes in a folder, from a checkpoint."""
    write_classes(folder)
    urls = {"data_url": str(folder / "my images"), "train_url": str(folder / "run"), "resume": str(source)}
    return StyleGanConfig(**{**SMALLEST, **urls, **changes})


def stopped(run, config, state, *_):
    """In place of a training, one that is stopped after a batch."""
    state.nimg += 4
    checkpoint.save_state(run, state)
    return False


@pytest.mark.parametrize(
    "changes",
    [
        {"resolution": 16},
        {"channel_max": 5},
        {"image_channel": 1},
        {"cond": False},
        {"do_validation": False, "w_dim": 4},
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_made(path, changes, tmp_path, monkeypatch):
    config = settings(tmp_path, path, **changes)
    with Console() as console, pytest.raises(UserError, match=r"x\.ckpt does not fit: "):
        recipe.train(config, console)
    assert [path.name for path in tmp_path.iterdir()] == ["my images"]
    monkeypatch.setattr(recipe, "_train", stopped)
    partly = settings(tmp_path, path, **changes, resume_partial=True)
    with Console() as console:
        recipe.train(partly, console)
    assert "begin anew" in (tmp_path / "run" / "log.txt").read_text()


def test_a_run_that_goes_on_does_not_need_it_any_more(path, tmp_path, monkeypatch, capsys):
    source = shutil.copy(path, tmp_path / "y.ckpt")
    config = settings(tmp_path, source)
    monkeypatch.setattr(recipe, "_train", stopped)
    monkeypatch.setattr(dry_run, "_costs", lambda *_: [])
    for going_on in (False, True):
        with Console() as console:
            recipe.train(config, console)
            dry_run.dry_run(config, console)
        said = capsys.readouterr().out
        assert ("going on after 4 images" in said, "starting from" in said) == (going_on, not going_on)
        source.unlink(missing_ok=True)
    shutil.rmtree(tmp_path / "run")
    with Console() as console, pytest.raises(UserError, match=r"y\.ckpt does not exist"):
        recipe.train(config, console)
    assert not (tmp_path / "run").exists()


def test_the_run_itself_is_no_other_to_begin_with(path, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recipe, "_train", stopped)
    run = tmp_path / "run"
    for source in ("", run):
        with Console() as console:
            recipe.train(settings(tmp_path, source), console)
    said = capsys.readouterr().out
    assert "--resume names the run itself, which goes on without it\n" in said
    assert "going on after 4 images" in said
    shutil.rmtree(run / "checkpoints")
    with Console() as console, pytest.raises(UserError, match=r"--resume .* is of --train_url .* itself; name another"):
        recipe.train(settings(tmp_path, run), console)


def test_more_frozen_layers_than_there_are_leave_nothing_behind(tmp_path):
    with Console() as console, pytest.raises(UserError, match=r"--freezed 99: the discriminator has \d+ layers"):
        recipe.train(settings(tmp_path, "", freezed=99), console)
    assert [path.name for path in tmp_path.iterdir()] == ["my images"]


def test_layers_that_are_frozen_as_they_were_drawn_are_told(path, tmp_path, monkeypatch, capsys):
    _, _, said = started(path, small_config(freezed=2), 2)
    assert len(said) == 1
    _, _, said = started(path, small_config(resolution=16, freezed=2), 2, partial=True)
    assert said[1].startswith("warning: ")
    assert "of them are frozen as they were drawn, such as D.b16.conv0.bias: --freezed is for layers that" in said[1]
    monkeypatch.setattr(recipe, "_train", stopped)
    monkeypatch.setattr(dry_run, "_costs", lambda *_: [])
    for command in (dry_run.dry_run, recipe.train):
        with Console() as console:
            command(settings(tmp_path, "", freezed=1), console)
        assert "warning: no --resume, and --freezed is for layers that are taken over" in capsys.readouterr().out
    new, told = RunDirectory(tmp_path / "new"), ["warning: --augpipe blit does nothing with --aug noaug"]
    assert recipe.warnings_of(small_config(), new) == []
    assert recipe.warnings_of(small_config(augpipe="blit"), new) == told
    assert recipe.warnings_of(small_config(augpipe="blit"), RunDirectory(tmp_path / "run")) == []  # which goes on


def test_a_run_that_began_with_another_goes_on_by_its_own_folder(path, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recipe, "_train", stopped)
    monkeypatch.setattr(dry_run, "_costs", lambda *_: [])
    for source in (path, tmp_path / "run", path):
        with Console() as console:
            recipe.train(settings(tmp_path, source, aug="ada"), console)
    assert capsys.readouterr().out.count("going on after") == 2
    with Console() as console:
        dry_run.dry_run(settings(tmp_path, tmp_path / "run", aug="ada"), console)
    for place in ("model", "checkpoints"):
        with Console() as console, pytest.raises(UserError, match="goes on from its newest state; leave --resume out"):
            recipe.train(settings(tmp_path, tmp_path / "run" / place / "x.ckpt", aug="ada"), console)


def test_another_run_within_the_folder_is_another(path, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recipe, "_train", stopped)
    (tmp_path / "run" / "before").mkdir(parents=True)
    source = shutil.copy(path, tmp_path / "run" / "before" / "x.ckpt")
    for goes_on in (False, True):
        with Console() as console:
            recipe.train(settings(tmp_path, source), console)
        said = capsys.readouterr().out
        assert ("starting from" in said, "going on after 4 images" in said) == (not goes_on, goes_on)
