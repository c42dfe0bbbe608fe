"""The images of a training: what does not do is one line before anything is written; layouts; a run among images."""

import os
import re

import numpy as np
import pytest
from cyclegan_runs import contents, failing, train_tiny, whole_run, without_pictures
from image_files import encoded, raw_png, some, write

from mindgan.cyclegan import prepare
from mindgan.cyclegan.config import CycleGanConfig
from mindgan.runtime.run_directory import RunDirectory


@pytest.fixture
def _no_pictures():
    with without_pictures():
        yield


BAD_INPUTS = (
    "an empty domain",
    "one image",
    "a file",
    "the same folder",
    "nothing valid",
    "nothing whole",
    "nothing whole and no validation",
    "no such folder",
    "a broken link",
    "a loop",
    "a circle of links",
    "a large batch",
    "resume of nothing",
    "a frozen graph",
    "one generator",
    "a run among images",
    "a run for images",
    "a file as run",
)


def bad_inputs(folder):
    """Data that do not do, and what the line says of them."""
    good = write(folder / "good", some(3))
    write(folder / "other", some(4, first=9))
    write(folder / "one", {"1.png": encoded(np.zeros((4, 4, 3), np.uint8))})
    (folder / "none").mkdir()
    write(folder / "bombs", {f"{i}.png": raw_png(b"", 60_000, 60_000 + i, bits=8, colour_type=2) for i in range(3)})
    write(folder / "broken", {f"{i}.jpg": b"\xff\xd8\xff" + bytes([i]) for i in range(3)})
    (folder / "file.txt").write_text("text")
    (folder / "gone").symlink_to(folder / "nowhere")
    (folder / "loop").mkdir()
    (folder / "loop" / "again").symlink_to(folder / "loop")
    (folder / "circle").symlink_to(folder / "circle")
    return {
        "an empty domain": ([good, folder / "none"], "--target_data_url .*none holds no images"),
        "one image": ([folder / "one", good], "--data_url .*one holds 1 image"),
        "a file": ([folder / "file.txt", good], "--data_url .*file.txt is a file"),
        "the same folder": ([good, good], "are the same"),
        "nothing valid": ([good, folder / "bombs"], "--target_data_url .* nothing is left"),
        "nothing whole": ([folder / "broken", good], "--data_url .* nothing is left"),
        "nothing whole and no validation": (
            [good, folder / "broken", "--do_validation", "False"],
            "--target_data_url .*broken: not one of its images is whole",
        ),
        "no such folder": ([good, folder / "nowhere"], "nowhere cannot be read: it does not exist"),
        "a broken link": ([folder / "gone", good], "a broken symbolic link"),
        "a loop": ([folder / "loop", good], "holds no images .*again: a symbolic link to a folder that it lies in"),
        "a circle of links": ([good, folder / "circle"], "a loop of symbolic links"),
        "a large batch": ([good, folder / "other", "--batch_size", 5], "--batch_size 5 is more"),
        "resume of nothing": ([good, folder / "other", "--resume", folder / "no.ckpt"], "no.ckpt does not exist"),
        "a frozen graph": ([good, folder / "other", "--resume", "x.pb"], "--resume x.pb is a frozen TensorFlow graph"),
        "one generator": ([good, folder / "other", "--resume", "x.mindir"], "--resume x.mindir holds one generator"),
        "a run among images": ([good, folder / "other", "--train_url", good / "result"], "--train_url .* lies in"),
        "a run for images": ([good, folder / "other", "--train_url", folder / "other"], "--train_url .*other lies in"),
        "a file as run": ([good, folder / "other", "--train_url", folder / "file.txt"], "--train_url .* is no folder"),
    }


WRITTEN_BEFORE = ("nothing valid", "nothing whole")  # the reports of the validation


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_one_line_and_leaves_nothing(name, tmp_path, capsys):
    (source, target, *others), message = bad_inputs(tmp_path)[name]
    before = contents(tmp_path)
    train_url = [] if "--train_url" in others else ["--train_url", tmp_path / "result"]
    code = train_tiny("--data_url", source, "--target_data_url", target, *train_url, *others)
    assert re.search(message, failing(code, capsys))
    if name not in WRITTEN_BEFORE:
        assert contents(tmp_path) == before
        assert not (tmp_path / "result").exists()
    assert not (tmp_path / "result" / "config.json").exists()


@pytest.mark.parametrize("parts", [("trainA", "trainB"), ("horse", "zebra")])
@pytest.mark.usefixtures("_no_pictures")
def test_a_folder_of_both_domains(parts, tmp_path, capsys):
    root = tmp_path / 'it\'s "ü" 猫'
    for part, first in zip(parts, (0, 50), strict=True):
        write(root / part, some(2, first=first))
    arguments = ["--data_url", root, "--max_epoch", "1", "--num_samples", "1"]
    if parts[0] == "trainA":
        for _ in range(2):  # a run beside them is none of them
            assert train_tiny(*arguments, "--train_url", root / "result") == 0
    else:
        assert "lies in" in failing(train_tiny(*arguments, "--train_url", root / "result"), capsys)
        assert sorted(os.listdir(root)) == sorted(parts)
        assert train_tiny(*arguments, "--train_url", tmp_path / "result") == 0


def test_a_run_is_not_trained_on_its_own_translations(tmp_path_factory, capsys):
    folder = whole_run(tmp_path_factory)
    run = RunDirectory(folder / "result")
    before = contents(run.data)
    for source in (run.data, run.manifest):
        code = train_tiny("--data_url", source, "--target_data_url", folder / "domain B", "--train_url", run.root)
        assert "which this run would replace" in failing(code, capsys)
    assert contents(run.data) == before


def test_without_data_the_digits_are_the_domains():
    said = []
    domains = prepare.find(CycleGanConfig(), say=said.append)
    assert len(domains.source) > 700
    assert "embedded digits" in said[0]


def test_tests_of_which_nothing_is_whole_do_not_stop_a_training(tmp_path):
    for name, images in {"trainA": some(3), "trainB": some(3, first=9), "testA": {"x.png": b"broken"}}.items():
        write(tmp_path / "in" / name, images)
    write(tmp_path / "in" / "testB", some(2, first=20))
    config, run = CycleGanConfig(data_url=str(tmp_path / "in")), RunDirectory(tmp_path / "run")
    said = []
    domains = prepare.validated(config, run, prepare.find(config, say=said.append), say=said.append)
    assert (len(domains.source), domains.source_test) == (3, None)
    assert len(domains.target_test) == 2
    report = run.validation_report.read_text()
    assert "x.png: dropped" in report
    assert report.count(": kept") == 3 + 3 + 2  # one report on all four sets
