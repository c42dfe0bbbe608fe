"""ModelArts' CycleGAN operator after the training: Data/, its manifest, and --predict."""

import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from cyclegan_runs import (
    HEIGHT,
    NUM_SOURCE,
    SMALL,
    WIDTH,
    contents,
    failing,
    run_here,
    tiny_networks,
    train_tiny,
    whole_run,
    without_pictures,
)
from image_files import encoded, pixels, some, write
from PIL import Image

from mindgan.cyclegan import checkpoints
from mindgan.cyclegan.config import CycleGanConfig
from mindgan.data.image_source import list_images
from mindgan.modelarts import operators
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return whole_run(tmp_path_factory)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def network(folder, suffix):
    return folder / "result" / "model" / f"CYcleGan_epoch_3.{suffix}"


def predict(folder, suffix, *arguments):
    with tiny_networks():
        common = ["--predict", "True", "--resume", network(folder, suffix), "--mode", "pynative"]
        return run_here("cyclegan", *SMALL, *common, *arguments)


def drawn(path):
    with Image.open(path) as image:
        return np.asarray(image, np.float64)


def expected(folder, original, name="G_A", size=(HEIGHT, WIDTH)):
    """The translation of a file by the tiny network, restated in float64; see `TinyGenerator`."""
    arrays = checkpoints.read(network(folder, "ckpt")).arrays
    scale, shift, gain = (arrays[f"{name}.{part}"].astype(np.float64) for part in ("scale", "shift", "gain"))
    with Image.open(original) as image:
        pixels = np.asarray(image.convert("RGB").resize(size[::-1], Image.Resampling.BICUBIC), np.float64)
    y = np.tanh((pixels.transpose(2, 0, 1) / 127.5 - 1) * scale * (1 + gain.mean()) + shift)
    return y.transpose(1, 2, 0) * 127.5 + 127.5


def test_every_source_image_is_translated_in_order(folder):
    run = RunDirectory(folder / "result")
    originals = sorted((folder / "domain A").iterdir())
    places = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    assert sorted(os.listdir(run.data)) == [f"CYcleGan_{i}_{j}.jpg" for i, j in places]
    for original, place in zip(originals, places, strict=True):
        assert np.abs(drawn(run.translated(*place)) - expected(folder, original)).mean() < 4  # of JPEG


def test_the_manifest_is_as_promised(folder):
    run = RunDirectory(folder / "result")
    found = rows(run.manifest)
    assert [set(row) for row in found] == [{"id", "source", "usage"}] * NUM_SOURCE  # nobody knows a label
    assert {row["usage"] for row in found} == {"train"}
    assert len({row["id"] for row in found}) == NUM_SOURCE
    assert all(os.path.isabs(row["source"]) and os.path.isfile(row["source"]) for row in found)
    assert len(list_images(run.manifest, option="--data_url")) == NUM_SOURCE


@pytest.mark.parametrize("batch_size", [1, 2, 7])
@pytest.mark.parametrize("suffix", ["ckpt", "mindir"])
def test_predict_translates_as_the_training_did(folder, suffix, batch_size, tmp_path):
    code = predict(
        folder, suffix, "--data_url", folder / "domain A", "--train_url", tmp_path / "out", "--batch_size", batch_size
    )
    assert code == 0
    run = RunDirectory(tmp_path / "out")
    names = [f"CYcleGan_{index // batch_size}_{index % batch_size}.jpg" for index in range(NUM_SOURCE)]
    assert [os.path.basename(row["source"]) for row in rows(run.manifest)] == names
    whole = RunDirectory(folder / "result")
    for index, name in enumerate(names):
        assert np.abs(drawn(run.data / name) - drawn(whole.translated(index // 2, index % 2))).max() <= 8
    assert {path.name for path in run.root.iterdir()} == {
        "Data", "data.json", "log.txt", "output_0.manifest", "validation"
    }  # fmt: skip


def test_predict_of_the_other_direction_and_labels(folder, tmp_path):
    write(
        tmp_path / "in", {"cat/1.png": encoded(pixels(1)), "dog/2.png": encoded(pixels(2)), "3.png": encoded(pixels(3))}
    )
    before = contents(tmp_path / "in")
    out = tmp_path / "out"
    assert predict(folder, "ckpt", "--data_url", tmp_path / "in", "--train_url", out, "--direction", "BtoA") == 0
    labels = [row.get("annotation", [{}])[0].get("name") for row in rows(out / "output_0.manifest")]
    assert labels == [None, "cat", "dog"]
    image = drawn(out / "Data" / "CYcleGan_0_1.jpg")
    assert np.abs(image - expected(folder, tmp_path / "in" / "cat" / "1.png", "G_B")).mean() < 4
    assert contents(tmp_path / "in") == before


def test_of_two_classes_translations_are_of_the_second(tmp_path):
    """Given as folders or as labels of a manifest."""
    write(tmp_path, some(2, folder="horse/"))
    write(tmp_path, some(2, first=9, folder="zebra/"))
    lines = [
        {"source": f"{name}/{i:03d}.png", "annotation": [{"type": "modelarts/image_classification", "name": name}]}
        for name in ("horse", "zebra")
        for i in range(2)
    ]
    (tmp_path / "all.manifest").write_text("\n".join(map(json.dumps, lines)))
    arguments = ["--max_epoch", "1", "--num_samples", "0"]
    shutil.copytree(tmp_path / "horse", tmp_path / "both" / "horse")
    shutil.copytree(tmp_path / "zebra", tmp_path / "both" / "zebra")
    for source in ("both", "all.manifest"):
        root = tmp_path / "results" / source
        with without_pictures():
            assert train_tiny("--data_url", tmp_path / source, *arguments, "--train_url", root) == 0
        assert [row["annotation"] for row in rows(root / "output_0.manifest")] == [
            [{"name": "zebra", "type": "modelarts/image_classification"}]
        ] * 2


@pytest.mark.parametrize(("direction", "num"), [("AtoB", 3), ("BtoA", 2)])
def test_of_a_folder_of_both_domains_one_is_translated(direction, num, folder, tmp_path):
    write(tmp_path / "in", some(3, folder="trainA/") | some(2, first=9, folder="trainB/") | some(1, folder="testA/"))
    arguments = ["--data_url", tmp_path / "in", "--train_url", tmp_path / "out", "--direction", direction]
    assert predict(folder, "ckpt", *arguments) == 0
    assert len(rows(tmp_path / "out" / "output_0.manifest")) == num
    image = drawn(tmp_path / "out" / "Data" / "CYcleGan_0_0.jpg")
    name, part = {"AtoB": ("G_A", "trainA"), "BtoA": ("G_B", "trainB")}[direction]
    original = min((tmp_path / "in" / part).iterdir())
    assert np.abs(image - expected(folder, original, name)).mean() < 4


@pytest.mark.parametrize(("direction", "option"), [("AtoB", "--data_url"), ("BtoA", "--target_data_url")])
def test_without_data_the_digits_of_the_direction_are_translated(direction, option, folder, tmp_path):
    """Outlines are in colour, and what they are made of is not."""
    config = CycleGanConfig(predict=True, resume=str(network(folder, "ckpt")), direction=direction)
    with tiny_networks(), Console() as console:
        images, _, _ = operators._to_predict(config, RunDirectory(tmp_path), console)
    assert images.option == option
    assert len(images) > 700


def test_predict_again_with_other_images_leaves_none_of_the_first(folder, tmp_path):
    out = tmp_path / "out"
    write(tmp_path / "one", some(3))
    write(tmp_path / "other", some(2, first=9))
    assert predict(folder, "ckpt", "--data_url", tmp_path / "one", "--train_url", out) == 0
    first = contents(out / "Data")
    assert predict(folder, "ckpt", "--data_url", tmp_path / "other", "--train_url", out) == 0
    assert sorted(os.listdir(out / "Data")) == ["CYcleGan_0_0.jpg", "CYcleGan_0_1.jpg"]
    assert contents(out / "Data")["CYcleGan_0_0.jpg"] != first["CYcleGan_0_0.jpg"]


def test_images_of_the_same_names_and_sizes_are_told_apart(folder, tmp_path):
    """Uncompressed files of one shape have as many bytes, whatever is in them."""
    out = tmp_path / "out"
    for seed in (1, 2):
        write(tmp_path / "in", {"1.bmp": encoded(pixels(seed), "BMP")})
        assert predict(folder, "ckpt", "--data_url", tmp_path / "in", "--train_url", out) == 0
        image = drawn(out / "Data" / "CYcleGan_0_0.jpg")
        assert np.abs(image - expected(folder, tmp_path / "in" / "1.bmp")).mean() < 4, seed


def test_another_batch_size_names_the_images_anew(folder, tmp_path):
    for batch_size in (2, 3):
        arguments = ["--train_url", tmp_path / "out", "--batch_size", batch_size]
        assert predict(folder, "ckpt", "--data_url", folder / "domain A", *arguments) == 0
    original = sorted((folder / "domain A").iterdir())[3]
    assert np.abs(drawn(tmp_path / "out" / "Data" / "CYcleGan_1_0.jpg") - expected(folder, original)).mean() < 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume", "no.mindir"], "no.mindir does not exist"),
        (["--resume", "frozen.pb"], "--resume frozen.pb is a frozen TensorFlow graph"),
        (["--direction", "BtoA"], "--direction AtoB"),
        (["--data_url", "nowhere"], "--data_url nowhere cannot be read"),
    ],
)
def test_what_cannot_be_predicted_is_told_and_leaves_nothing(arguments, message, folder, tmp_path, capsys):
    code = predict(folder, "mindir", "--data_url", folder / "domain A", "--train_url", tmp_path / "out", *arguments)
    assert message in failing(code, capsys)
    assert not (tmp_path / "out").exists()


def test_a_prediction_does_not_come_among_the_images(folder, tmp_path, capsys):
    write(tmp_path, some(2))
    for out in (tmp_path, tmp_path / "out"):
        code = predict(folder, "ckpt", "--data_url", tmp_path, "--train_url", out)
        assert "lies in --data_url" in failing(code, capsys)
    assert sorted(os.listdir(tmp_path)) == ["000.png", "001.png"]


def test_sizes_that_a_network_does_not_take_are_told(tmp_path):
    from mindgan.cyclegan.translate import Translator
    from mindgan.runtime.errors import UserError

    translator = Translator("unet.ckpt", 3, (128, 128), 128, True, SimpleNamespace())
    with pytest.raises(UserError, match=r"unet\.ckpt takes heights and widths that are multiples of 128, not 64x128"):
        translator.require_size((64, 128))


def labels_of(out):
    return [row.get("annotation", [{}])[0].get("name") for row in rows(out / "output_0.manifest")]


def two_classes(folder):
    """As folders and as a manifest, of which the last row of each class is a test."""
    write(folder / "both", {**some(3, folder="horse/"), **some(4, first=9, folder="zebra/")})
    lines = [
        {
            "source": f"both/{name}/{index:03d}.png",
            "usage": "TEST" if index == num - 1 else "TRAIN",
            "annotation": [{"type": "modelarts/image_classification", "name": name}],
        }
        for name, num in (("horse", 3), ("zebra", 4))
        for index in range(num)
    ]
    (folder / "all.manifest").write_text("\n".join(map(json.dumps, lines)))


@pytest.mark.parametrize(
    ("source", "direction", "num", "original", "label"),
    [
        ("both", "AtoB", 3, "both/horse/000.png", "zebra"),
        ("both", "BtoA", 4, "both/zebra/000.png", "horse"),
        ("all.manifest", "AtoB", 2, "both/horse/000.png", "zebra"),
        ("all.manifest", "BtoA", 3, "both/zebra/000.png", "horse"),
    ],
)
def test_of_two_classes_one_is_predicted_and_gets_the_others_label(
    source, direction, num, original, label, folder, tmp_path
):
    two_classes(tmp_path)
    out = tmp_path / "out"
    code = predict(folder, "ckpt", "--data_url", tmp_path / source, "--train_url", out, "--direction", direction)
    assert code == 0
    assert labels_of(out) == [label] * num
    name = {"AtoB": "G_A", "BtoA": "G_B"}[direction]
    image = drawn(out / "Data" / "CYcleGan_0_0.jpg")
    assert np.abs(image - expected(folder, tmp_path / original, name)).mean() < 4


@pytest.mark.parametrize(("direction", "domain"), [("AtoB", "domain A"), ("BtoA", "domain B")])
def test_the_command_of_the_training_and_predict_take_the_domain_of_the_direction(direction, domain, folder, tmp_path):
    data = ["--data_url", folder / "domain A", "--target_data_url", folder / "domain B"]
    assert predict(folder, "ckpt", *data, "--train_url", tmp_path / "out", "--direction", direction) == 0
    originals = sorted((folder / domain).iterdir())
    assert len(rows(tmp_path / "out" / "output_0.manifest")) == len(originals)
    image = drawn(tmp_path / "out" / "Data" / "CYcleGan_0_0.jpg")
    name = {"AtoB": "G_A", "BtoA": "G_B"}[direction]
    assert np.abs(image - expected(folder, originals[0], name)).mean() < 4


def test_predicted_classes_get_no_run_among_them(folder, tmp_path, capsys):
    two_classes(tmp_path)
    code = predict(folder, "ckpt", "--data_url", tmp_path / "both", "--train_url", tmp_path / "both" / "out")
    assert "lies in --data_url" in failing(code, capsys)


def test_translations_of_two_manifests_are_of_the_targets_label(folder, tmp_path):
    for name, first in (("red", 0), ("blue", 9)):
        write(tmp_path, some(2, first=first, folder=f"{name} images/"))
        lines = [{"source": f"{name} images/{index:03d}.png", "annotation": [{"name": name}]} for index in range(2)]
        (tmp_path / f"{name}.manifest").write_text("\n".join(map(json.dumps, lines)))
    data = ["--data_url", tmp_path / "red.manifest", "--target_data_url", tmp_path / "blue.manifest"]
    with without_pictures():
        assert train_tiny(*data, "--max_epoch", "1", "--num_samples", "0", "--train_url", tmp_path / "result") == 0
    assert labels_of(tmp_path / "result") == ["blue", "blue"]
    assert predict(folder, "ckpt", *data, "--train_url", tmp_path / "out", "--direction", "BtoA") == 0
    assert labels_of(tmp_path / "out") == ["red", "red"]


@pytest.mark.parametrize("suffix", ["ckpt", "mindir"])
@pytest.mark.parametrize(("asked", "size"), [([], (HEIGHT, WIDTH)), (["--image_width", "64"], (256, 64))])
def test_a_prediction_has_the_size_of_the_network_where_no_other_is_asked_for(suffix, asked, size, folder, tmp_path):
    common = ["--data_url", folder / "domain A", "--train_url", tmp_path / "out", "--mode", "pynative", *asked]
    with tiny_networks():
        code = run_here("cyclegan", "--predict", "True", "--resume", network(folder, suffix), *common)
    assert code == 0
    assert drawn(tmp_path / "out" / "Data" / "CYcleGan_0_0.jpg").shape == (*size, 3)
