"""ModelArts' StyleGan operator after the training: Data/, its manifest, and --predict."""

import json
import os

import numpy as np
import pytest
from cyclegan_runs import contents, failing, run_here
from image_files import encoded, pixels, write
from stylegan_runs import CLASSES as NAMES
from stylegan_runs import exported_run, save_network, shape

from mindgan.data.fitting import FitCounts
from mindgan.data.image_source import list_images
from mindgan.data.labelled import LabelledImages
from mindgan.modelarts import stylegan as operator
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2.config import StyleGanConfig


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return exported_run(tmp_path_factory)[0]


def predict(resume, out, *arguments):
    settings = ["--generate_num", "3", "--image_format", "png", "--mode", "pynative"]
    return run_here("stylegan", "--predict", "--resume", resume, "--train_url", out, *settings, *arguments)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_predict_draws_the_same_of_a_run_a_checkpoint_and_a_mindir(trained, tmp_path):
    before = contents(trained.root)
    for name, source in (("run", trained.root), ("ckpt", trained.snapshot(12)), ("mindir", trained.stylegan_mindir)):
        assert predict(source, tmp_path / name) == 0
    run = RunDirectory(tmp_path / "run")
    assert sorted(os.listdir(run.data)) == sorted(f"StyleGan_{name}_{i}.png" for name in NAMES for i in range(3))
    assert contents(run.data) == contents(tmp_path / "ckpt" / "Data") == contents(tmp_path / "mindir" / "Data")
    assert len(set(contents(run.data).values())) == 6
    assert not run.config.exists()
    assert not run.model.exists()
    assert contents(trained.root) == before


def test_the_manifest_is_as_promised(trained, tmp_path):
    assert predict(trained.root, tmp_path / "out") == 0
    run = RunDirectory(tmp_path / "out")
    found = rows(run.manifest)
    assert [row["annotation"] for row in found] == [
        [{"name": name, "type": "modelarts/image_classification"}] for name in NAMES for _ in range(3)
    ]
    assert {row["usage"] for row in found} == {"train"}
    assert len({row["id"] for row in found}) == 6
    assert all(os.path.isabs(row["source"]) and os.path.isfile(row["source"]) for row in found)
    images = list_images(run.manifest, option="--data_url")
    assert images.labels == NAMES


def test_without_classes_nobody_knows_a_label(tmp_path):
    save_network(tmp_path / "g.ckpt")
    assert predict(tmp_path / "g.ckpt", tmp_path / "out", "--trunc", "0", "--generate_num", "2") == 0
    found = rows(tmp_path / "out" / "output_0.manifest")
    assert [set(row) for row in found] == [{"id", "source", "usage"}] * 2
    one, other = contents(tmp_path / "out" / "Data").values()
    assert one == other  # the average, as psi is 0


def vectors(folder, length):
    names = {f"{index}.png": [0.5 * index, *[1.0] * (length - 1)] for index in range(4)}
    write(folder, {name: encoded(pixels(index, 9, 9)) for index, name in enumerate(names)})
    (folder / "dataset.json").write_text(json.dumps({"labels": list(map(list, names.items()))}))
    return folder


def test_vectors_come_from_the_data(tmp_path, capsys):
    save_network(tmp_path / "g.ckpt", of=shape(2))
    source, out = tmp_path / "g.ckpt", tmp_path / "out"
    assert "takes vectors of 2 numbers; add --data_url" in failing(predict(source, out), capsys)
    said = failing(predict(source, out, "--data_url", vectors(tmp_path / "three", 3)), capsys)
    assert "takes vectors of 2 numbers, and --data_url" in said
    assert not out.exists()
    assert predict(source, out, "--data_url", vectors(tmp_path / "two", 2)) == 0
    assert [set(row) for row in rows(out / "output_0.manifest")] == [{"id", "source", "usage"}] * 3


@pytest.mark.parametrize(
    ("resume", "message"),
    [
        ("no.mindir", "no.mindir does not exist"),
        ("frozen.pb", "--resume frozen.pb is a frozen TensorFlow graph"),
        ("", "--predict True needs a network to draw with; add --resume"),
        ("empty", "--predict True needs a network to draw with; add --resume"),
        ("StyleGan_mapping.mindir", "holds the mapping alone"),
    ],
)
def test_what_cannot_be_predicted_is_told_and_leaves_nothing(resume, message, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(trained.model)
    assert message in failing(predict(resume, tmp_path / "out"), capsys)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told_first(trained, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert "is no folder" in failing(predict("no.ckpt", tmp_path / "file" / "out"), capsys)


def images(class_names):
    labels = np.eye(2, dtype=np.float32)[[0, 1]]
    return LabelledImages(np.zeros((2, 3, 8, 8), np.uint8), labels, class_names, ("0", "1"), FitCounts())


@pytest.mark.parametrize("class_names", [NAMES, ()])
def test_after_a_training_its_newest_network_is_exported_and_drawn(class_names, tmp_path, monkeypatch):
    """Vectors are those that were trained with."""
    run, exported = RunDirectory(tmp_path / "run"), []

    def train(config, console):
        run.create()
        save_network(run.snapshot(1), class_names, of=shape(2), seed=1)
        save_network(run.snapshot(2), class_names, of=shape(2))
        return images(class_names)

    monkeypatch.setattr(operator.recipe, "train", train)
    monkeypatch.setattr(operator.exporting, "export_parts", lambda saved, out, *, say: exported.append((saved, out)))
    config = StyleGanConfig(train_url=str(run.root), generate_num=2)
    assert operator.stylegan(config)
    assert [(saved.path, out) for saved, out in exported] == [(run.snapshot(2), run.stylegan_mindir)]
    assert len(rows(run.manifest)) == (4 if class_names else 2)
    assert len(list(run.data.glob("*.jpg"))) == len(rows(run.manifest))


def test_a_training_that_was_stopped_draws_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(operator.recipe, "train", lambda config, console: None)
    assert not operator.stylegan(StyleGanConfig(train_url=str(tmp_path / "run")))
    assert run_here("stylegan", "--train_url", tmp_path / "run") == 130
    assert not (tmp_path / "run").exists()
