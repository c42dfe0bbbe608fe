"""`mindgan metrics cyclegan`: what is measured on which images, and what it says."""

import json
import os
import shutil
from functools import partial

import numpy as np
import pytest
from cyclegan_runs import NUM_SOURCE, NUM_TARGET, failing, run_here, tiny_networks, whole_run
from image_files import encoded, pixels, write

from mindgan.cyclegan import scoring
from mindgan.metrics.domain_features import domain_network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return whole_run(tmp_path_factory)


@pytest.fixture
def score(folder, tmp_path, monkeypatch):
    """Measures a copy of the run, by a network of two steps of training."""
    monkeypatch.setattr(scoring, "domain_network", partial(domain_network, steps=2, cache=tmp_path / "cache"))
    run = shutil.copytree(folder / "result", tmp_path / "run")

    def measure(*arguments):
        with tiny_networks():
            return run_here("metrics", "cyclegan", "--source", run, *arguments), run / "metrics.json"

    return measure


def test_a_run_without_test_images_is_measured_on_its_own(score, capsys):
    code, path = score()
    said = capsys.readouterr().out
    assert code == 0
    assert "no testA and testB" in said
    scores = json.loads(path.read_bytes())
    assert scores["network"] == "CYcleGan_epoch_3.ckpt"
    assert not scores["comparable"]
    assert (scores["AtoB"]["num_source"], scores["AtoB"]["num_target"]) == (NUM_SOURCE, NUM_TARGET)
    assert (scores["BtoA"]["num_source"], scores["BtoA"]["num_target"]) == (NUM_TARGET, NUM_SOURCE)
    assert scores["AtoB"]["num_pairs"] == 0
    assert "retrieval accuracy" not in said
    for label in ("FID", "KID", "cycle error, of 2", "identity error, of 2"):
        assert f"\n{label:<28}" in said
    assert said.splitlines()[-1] == "6 lines of losses are too few to judge the curves by; 20 are needed"
    assert "no known failure" not in said


def test_other_test_images_pair_by_name(score, tmp_path, capsys):
    for name, first in (("testA", 0), ("testB", 50)):
        write(tmp_path / "tests" / name, {f"{index}.png": encoded(pixels(first + index, 30, 20)) for index in range(3)})
    arguments = ["--data_url", tmp_path / "tests" / "testA", "--target_data_url", tmp_path / "tests" / "testB"]
    code, path = score(*arguments, "--num", "2")
    assert code == 0
    assert "no testA" not in capsys.readouterr().out
    scores = json.loads(path.read_bytes())
    assert scores["AtoB"]["num_source"] == scores["AtoB"]["num_pairs"] == 2
    assert 0 <= scores["AtoB"]["retrieval_accuracy"] <= 1
    assert -1 <= scores["AtoB"]["ssim"] <= 1
    assert np.isfinite(scores["BtoA"]["psnr"])


def test_test_sets_are_preferred(folder, capsys):
    domains = scoring.digit_domains()
    assert scoring._test_sets(domains, True, print) == (domains.source_test, domains.target_test)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--inception", "nowhere.pth"], "nowhere.pth"),
        (["--lpips", "nowhere.pth", "alex.pth"], "nowhere.pth"),
        (["--data_url", "nowhere"], "--data_url nowhere"),
        (["--num", "1"], "--num 1 is too small"),
    ],
)
def test_what_is_not_there_is_named(score, arguments, said, capsys):
    code, path = score(*arguments)
    assert said in failing(code, capsys)
    assert not path.exists()


def test_what_is_no_run_is_told(tmp_path, capsys):
    assert "is no run" in failing(run_here("metrics", "cyclegan", "--source", tmp_path), capsys)
    config = {
        "settings": {},
        "run": {"family": "mlp_gan", "data": "x", "device": "CPU", "nimg_per_epoch": 1},
        "versions": {},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    said = failing(run_here("metrics", "cyclegan", "--source", tmp_path), capsys)
    assert "no run of CycleGAN" in said


def settle(folder, **named):
    """Has config.json of a run name other places for the images: `named`, by the keys of its parts."""
    config = json.loads((folder / "config.json").read_text())
    for part, values in named.items():
        config[part] |= values
    (folder / "config.json").write_text(json.dumps(config))


def test_from_another_folder_the_images_of_the_run_are_found(score, folder, tmp_path, monkeypatch):
    """The options may have been relative paths; config.json has them whole too."""
    monkeypatch.chdir(tmp_path)
    settle(tmp_path / "run", settings={"data_url": "domain A", "target_data_url": "domain B"})
    assert score()[0] == 0


def test_where_the_images_of_the_run_are_gone_the_way_out_is_told(score, folder, tmp_path, capsys):
    moved = {"data_url": str(tmp_path / "gone"), "target_data_url": str(tmp_path / "gone too")}
    settle(tmp_path / "run", run=moved)
    said = failing(score()[0], capsys)
    assert "run/config.json names the images of the run: --data_url " in said
    assert "if they were moved name them with --data_url" in said
    code, _ = score("--data_url", folder / "domain A", "--target_data_url", folder / "domain B")
    assert code == 0
    assert "the images of the run are gone (" in capsys.readouterr().out


def test_images_that_the_validation_dropped_are_passed_over(score, folder, tmp_path, capsys):
    for name in ("A", "B"):
        shutil.copytree(folder / f"domain {name}", tmp_path / name)
    (tmp_path / "A" / "0 broken.png").write_bytes(b"no image")
    settle(tmp_path / "run", run={"data_url": str(tmp_path / "A"), "target_data_url": str(tmp_path / "B")})
    code, path = score()
    assert code == 0
    said = capsys.readouterr().out
    assert said.count("broken.png") == 1
    assert f"1 of {tmp_path}/A passed over; the first: {tmp_path}/A/0 broken.png cannot be decoded" in said
    assert json.loads(path.read_bytes())["AtoB"]["num_source"] == NUM_SOURCE
    for image in (tmp_path / "A").iterdir():
        image.write_bytes(b"no image" + os.urandom(4))
    assert f"{tmp_path}/A: not one of its images is whole" in failing(score()[0], capsys)


def test_weights_of_lpips_are_read_before_anything_is_trained(score, monkeypatch, capsys):
    monkeypatch.setattr(scoring, "domain_network", lambda *args, **named: pytest.fail("trained"))
    assert "nowhere.pth" in failing(score("--lpips", "nowhere.pth", "alex.pth")[0], capsys)


def test_the_verdict_of_a_run(tmp_path):
    (tmp_path / "stats.jsonl").write_text("".join(f'{{"nimg": {nimg}, "epoch": 0, "step": 0}}\n' for nimg in range(20)))
    assert scoring.verdict(str(tmp_path), []) == "no known failure shows"
    assert scoring.verdict(str(tmp_path), ["AtoB: a", "BtoA: b"]) == "warning: AtoB: a\nwarning: BtoA: b"
