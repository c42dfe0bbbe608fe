"""`mindgan metrics` finds the family of a run, and says so where another was asked for."""

import json

import pytest
from cyclegan_runs import failing, run_here
from stylegan_runs import save_network

from mindgan.cli import metrics, metrics_cyclegan, metrics_stylegan
from mindgan.cli.main import parse
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory

FAMILIES = {
    None: ("mnist", "the MLP GAN", metrics.Options),
    "cyclegan": ("cyclegan", "CycleGAN", metrics_cyclegan.Options),
    "stylegan2": ("stylegan", "StyleGAN2", metrics_stylegan.Options),
}


def make_run(root, family) -> RunDirectory:
    """A run of which nothing is there but what it is of; the MLP GAN's does not tell."""
    run = RunDirectory(root)
    run.create()
    about = {"data": "x", "device": "CPU", "nimg_per_epoch": 1} | ({"family": family} if family else {})
    run.config.write_text(json.dumps({"settings": {}, "run": about, "versions": {}}))
    return run


@pytest.mark.parametrize("family", FAMILIES)
def test_the_family_is_that_of_the_run(family, tmp_path):
    run = make_run(tmp_path / "a run", family)
    _, _, options = FAMILIES[family]
    assert type(parse(["metrics", "--source", str(run.root)])) is options
    assert type(parse(["metrics", f"--source={run.root}", "--seed", "3"])) is options
    assert type(parse(["metrics", "--source", "elsewhere", "--source", str(run.root)])) is options


def test_what_tells_nothing_is_taken_for_digits(tmp_path):
    (tmp_path / "config.json").write_text("{")
    for source in (tmp_path, tmp_path / "x.npy", tmp_path / "nowhere", ""):
        assert type(parse(["metrics", "--source", str(source)])) is metrics.Options
    assert type(parse(["metrics"])) is type(parse(["metrics", "--seed", "1"])) is metrics.Options
    save_network(RunDirectory(tmp_path).snapshot(3))
    assert type(parse(["metrics", "--source", str(tmp_path)])) is metrics_stylegan.Options
    make_run(tmp_path / "other", ["no family"])
    assert type(parse(["metrics", "--source", str(tmp_path / "other")])) is metrics.Options


def test_options_of_other_families_are_refused(tmp_path):
    run = make_run(tmp_path, None)
    with pytest.raises(UserError, match="--all-snapshots"):
        parse(["metrics", "--source", str(run.root), "--all-snapshots", "True"])


@pytest.mark.parametrize("asked", FAMILIES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_of_another_family_is_told_with_its_command(family, asked, tmp_path, capsys):
    run = make_run(tmp_path, family)
    said = failing(run_here("metrics", FAMILIES[asked][0], "--source", run.root), capsys)
    told = (
        f"is no run of {FAMILIES[asked][1]} but of {FAMILIES[family][1]}; use mindgan metrics {FAMILIES[family][0]}\n"
    )
    assert said.endswith(told) == (family != asked)
    assert ("but of" in said) == (family != asked)


def test_a_checkpoint_of_another_family(tmp_path, capsys):
    save_network(tmp_path / "x.ckpt")
    said = failing(run_here("metrics", "--source", tmp_path / "x.ckpt"), capsys)
    assert "x.ckpt is no run of the MLP GAN but of StyleGAN2; use mindgan metrics stylegan" in said
    said = failing(run_here("metrics", "stylegan", "--source", tmp_path / "x.ckpt"), capsys)
    assert "x.ckpt is no run: it has no config.json" in said
    for word in ("stylegan", "cyclegan"):
        assert "is no run: it has no config.json" in failing(run_here("metrics", word, "--source", tmp_path), capsys)
