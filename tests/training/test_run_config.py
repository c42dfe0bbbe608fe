"""config.json: what is written is read, what is none is told."""

import json

import pytest

from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training.run_config import (
    Warnings,
    epoch_seconds,
    read_config,
    tell_other_versions,
    warnings_in,
    write_config,
)

ABOUT = {"family": "cyclegan", "data": "a to b", "device": "CPU", "nimg_per_epoch": 4}


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path)
    write_config(run, {"seed": 1, "resume": ""}, ABOUT)
    return run


def test_what_was_written_is_read(run):
    config = read_config(run)
    assert config["settings"] == {"seed": 1, "resume": ""}
    assert config["run"] == ABOUT
    assert {"python", "mindspore", "numpy", "mindgan"} <= config["versions"].keys()


def test_warnings_are_said_and_kept_by_a_run_that_goes_on(run, tmp_path):
    said = []
    say = Warnings(run, said.append)
    for line in ("warning: few", "training", "warning: small", "warning: few"):
        say(line)
    assert said == ["warning: few", "training", "warning: small", "warning: few"]
    write_config(run, {}, {**ABOUT, "warnings": say.kept})
    again = Warnings(run, said.append)
    again("warning: small")
    again("warning: new")
    assert again.kept == ["few", "small", "new"]
    assert Warnings(RunDirectory(tmp_path / "new"), said.append).kept == []


@pytest.mark.parametrize("kept", [{}, {"warnings": None}, {"warnings": "few"}, {"warnings": []}])
def test_a_run_that_kept_none_has_none(kept):
    assert warnings_in(kept) == []


def test_the_same_versions_are_not_told(run):
    said = []
    tell_other_versions(run, said.append)
    assert said == []


def test_other_versions_are_told(run):
    config = json.loads(run.config.read_text())
    config["versions"] |= {"numpy": "1.0", "gone": "3"}
    run.config.write_text(json.dumps(config))
    said = []
    tell_other_versions(run, said.append)
    assert len(said) == 1
    assert "(was 1.0)" in said[0]
    assert "gone None (was 3)" in said[0]


def test_without_a_config_nothing_is_told(tmp_path):
    said = []
    tell_other_versions(RunDirectory(tmp_path), said.append)
    assert said == []


def test_what_is_none_is_told(tmp_path):
    run = RunDirectory(tmp_path)
    with pytest.raises(UserError, match=r"it has no config\.json"):
        read_config(run)
    for text, message in (
        ("{", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ("\xff", "is not of mindgan|is damaged"),
        ("[1]", "is not of mindgan"),
        (json.dumps({"settings": {}, "versions": {}, "run": {**ABOUT, "nimg_per_epoch": 0}}), "is not of mindgan"),
        (json.dumps({"settings": {}, "versions": {}, "run": {**ABOUT, "device": 1}}), "is not of mindgan"),
        (json.dumps({"settings": [], "versions": {}, "run": ABOUT}), "is not of mindgan"),
    ):
        run.config.write_text(text, encoding="latin-1")
        with pytest.raises(UserError, match=message) as raised:
            read_config(run)
        assert "\n" not in str(raised.value)


def test_the_parts_of_an_interrupted_epoch_add_up():
    timing = [{"epoch": 0, "seconds": 1.5}, {"epoch": 2, "seconds": 4.0}, {"epoch": 1, "seconds": 2.0}]
    assert epoch_seconds([*timing, {"epoch": 1, "seconds": 0.25}]) == [1.5, 2.25, 4.0]
