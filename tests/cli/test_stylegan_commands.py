"""The commands of StyleGAN2 in this process: what they take, write and say."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from cyclegan_runs import contents, failing, run_here
from image_files import encoded, pixels, some, write
from PIL import Image
from stylegan_runs import SMALL, exported_run, not_reloading, save_network, shape, write_classes

from mindgan.cli.families import family_of
from mindgan.cli.generate import parse_seeds
from mindgan.cli.main import main, parse
from mindgan.cli.stylegan import Options, in_plain_words
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.presets import PRESETS


def config(*arguments):
    """Without the preset, which is what makes the settings."""
    return replace(parse(["stylegan", *arguments]), cfg=None)


def test_nothing_but_the_command_trains_on_digits():
    options = parse(["stylegan"])
    assert options == parse(["train", "stylegan"]) == Options(**PRESETS["digits"])
    assert (options.data_url, options.size, options.image_channel) == (None, (32, 32), 1)
    assert (options.no_flip, options.no_rotate) == (True, True)


def test_with_data_the_defaults_are_the_operators():
    for arguments in (["--data_url", "x"], ["--data-url=x"], ["--data", "x"], ["--data=x"]):
        assert config(*arguments) == Options(data_url="x")
    assert config("--predict", "--resume", "a.ckpt") == Options(predict=True, resume="a.ckpt")
    defaults = StyleGanConfig()
    assert (defaults.resolution, defaults.batch_size, defaults.total_kimg, defaults.generate_num) == (256, 8, 300, 300)


@pytest.mark.parametrize("cfg", PRESETS)
def test_presets_come_before_what_is_asked_for(cfg):
    asked = {"data_url": "x", "total_kimg": 7.0, "batch_size": 64}
    options = parse(["stylegan", "--total-kimg=7", "--cfg", cfg, "--data", "x", "--batch", "64"])
    assert options == Options(cfg=cfg, **{**PRESETS[cfg], **asked})


def test_the_words_of_research():
    words = "--data x --outdir=y --kimg 2.5 --batch 16 --mirror --cond 0 --no-rotate=true --no-flip 1 --aug noaug"
    asked = Options(
        data_url="x", train_url="y", total_kimg=2.5, batch_size=16, mirror=True, cond=False, no_rotate=True,
        no_flip=True, aug="noaug", dry_run=True,
    )  # fmt: skip
    assert config(*words.split(), "--dry-run") == asked
    assert config("--data", "x", "--cond").cond is True
    assert config("--data", "x", "--cond", "None").cond is None
    assert config("--mirror", "FALSE", "--data", "x", "--resume-partial").resume_partial
    assert not config("--mirror", "FALSE", "--data", "x").mirror


def test_plain_words_leave_the_rest_as_it_is():
    words = ["--G-interval", "3", "--seed", "-1", "--nonsense", "--resume", "a=b", "--trunc", "stray"]
    assert in_plain_words(words) == ["--G_interval=3", "--seed=-1", "--nonsense", "--resume=a=b", "--trunc=stray"]
    assert in_plain_words(["--kimg", "--mirror"]) == ["--kimg", "--mirror=True"]
    assert in_plain_words(["loose", "-h"]) == ["loose", "-h"]


WRONG = {
    "--cfg paper300": "--cfg paper300: there is none of that name; use operator, auto",
    "--resolution 48": "--resolution 48 is no power of two; use 32 or 64",
    "--resolution 4": "--resolution 4 is out of range",
    "--mirror perhaps": "'perhaps'",
    "--cond yes": "'yes'",
    "--kimg": "--kimg",
    "--gamma abc": "--gamma 'abc' is no number, such as 0.0002",
    "--map_depth 1.5": "--map-depth '1.5' is no whole number, such as 100",
    "--kimg 0": "--total_kimg 0.0 is out of range",
    "--batch 3 --batch_gpu 2": "does not divide into parts of --batch_gpu 2; use a multiple of 2",
    "--batch_gpu 1": "leaves no image for the path-length phase",
    "--resolutoin 8": "did you mean --resolution",
    "--data_ulr x": "did you mean --data-url?",
    "--mode pynative": "cannot train StyleGAN2",
    "--aug fixed": "add --p 0.2",
    "--predict": "add --resume",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_a_wrong_value_is_one_line_with_the_way_out(arguments, capsys):
    assert WRONG[arguments] in failing(main(["stylegan", "--data", "x", *arguments.split()]), capsys)


def test_the_digits_have_one_size(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    said = failing(run_here("stylegan", "--cfg", "cpu-small", "--image_channel", "3"), capsys)
    assert "without --data_url there are the embedded digits, of --resolution 32 and --image_channel 1" in said
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two classes, a flat folder, one image a class, and a network of three classes at 16 px."""
    write_classes(tmp_path)
    write(tmp_path / "flat", some(6))
    write(tmp_path / "single", {f"{name}/1.png": encoded(pixels(index)) for index, name in enumerate("abc")})
    write(tmp_path / "labels", some(3))
    (tmp_path / "labels" / "dataset.json").write_text('{"labels": [["000.png", 0], ["nowhere.png", 1]]}')
    small = {"z_dim": 4, "w_dim": 4, "channel_base": 16, "channel_max": 2}
    save_network(tmp_path / "other.ckpt", tuple("abc"), of=shape(3, height=16, width=16, **small))
    save_network(tmp_path / "classes.ckpt", tuple("abc"), of=shape(3, **small))
    monkeypatch.chdir(tmp_path)
    return tmp_path


BAD = {
    "--data nowhere": "--data_url nowhere cannot be read: it does not exist",
    "--data flat --cond": "--cond: --data_url flat holds no class folders or labels",
    "--data single": "--data_url single: every class has only one image (a, b, c)",
    "--data labels": "nowhere.png",
    "--data flat --batch 8": "8 is more than the 6 images there are; use fewer",
    "--data flat --subset 9": "--subset 9 of 6 images is not possible",
    "--data flat --outdir flat/out": "lies in --data_url flat",
    "--data flat --resume no.ckpt": "no.ckpt does not exist",
    "--data flat --resume x.pb": "--resume x.pb is a frozen TensorFlow graph",
    "--data flat --resume x.mindir": "cannot be trained; name the .ckpt beside it",
}


@pytest.mark.parametrize("arguments", BAD)
def test_bad_input_is_told_before_anything_is_written(arguments, folder, capsys):
    before = contents(folder)
    assert BAD[arguments] in failing(run_here("stylegan", *SMALL, "--outdir", "out", *arguments.split()), capsys)
    assert contents(folder) == before
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("network", "tensor"),
    [
        ("other.ckpt", r"G.synthesis.b16.const"),
        ("classes.ckpt", "G.mapping.embed.weight has the shape (4, 3) there and (4, 2) here"),
    ],
)
def test_a_resume_file_that_does_not_fit_names_the_tensor(network, tensor, folder, capsys):
    said = failing(run_here("stylegan", "--data", "my images", *SMALL, "--outdir", "out", "--resume", network), capsys)
    assert f"--resume {network} does not fit: " in said
    assert "add --resume_partial True to take what fits" in said
    if network == "classes.ckpt":
        assert tensor in said


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return exported_run(tmp_path_factory)[0]


@pytest.fixture(scope="module")
def exported(trained):
    return trained.stylegan_mindir


def test_export_and_what_of(trained, exported, tmp_path, capsys):
    out = tmp_path / "x y" / "z.mindir"
    with not_reloading():
        assert run_here("export", "--source", trained.root, "--out", out) == 0
    assert sorted(os.listdir(out.parent)) == ["z.mindir", "z_mapping.mindir", "z_synthesis.mindir"]
    assert out.read_bytes() == exported.read_bytes()
    before = contents(trained.root)
    assert run_here("export", "--source", trained.snapshot(12)) == 0  # all there
    assert contents(trained.root) == before
    for arguments, message in (
        (["--format", "onnx"], "StyleGAN2's generators are exported as mindir only"),
        (["--source", exported], "is exported already; name a run or a .ckpt"),
    ):
        assert message in failing(run_here("export", "--source", trained.root, *arguments), capsys)


def test_the_family_of_everything(trained, exported, tmp_path):
    from mindspore import nn

    from mindgan.training import checkpoint

    assert {family_of(path) for path in (trained.root, trained.snapshot(12), exported)} == {"stylegan2"}
    checkpoint.save_network(tmp_path / "Generator0.ckpt", nn.Dense(2, 3))
    for path in (tmp_path, tmp_path / "Generator0.ckpt"):
        assert family_of(path) == "mlp_gan"


def test_a_run_without_a_snapshot_yet_is_of_its_family(tmp_path, capsys):
    about = {"family": "stylegan2", "data": "x", "device": "CPU", "nimg_per_epoch": 8}
    (tmp_path / "config.json").write_text(json.dumps({"settings": {}, "run": about, "versions": {}}))
    assert family_of(tmp_path) == "stylegan2"
    message = "holds no model/network-snapshot-*.ckpt"
    assert message in failing(generate(tmp_path, tmp_path / "out", "--seeds", "1"), capsys)


def generate(source, out, *arguments):
    return run_here("generate", "--source", source, "--out", out, *arguments)


def test_generate_by_seeds_of_a_class(trained, exported, tmp_path, capsys):
    arguments = ["--trunc=0.7", "--class", "犬", "--noise-mode", "const"]
    assert generate(trained.root, tmp_path / "a", "--seeds", "0-2,9", *arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "a" / name) for name in ("grid.png", "seed0000.png", "seed0009.png")
    ]
    names = {"grid.png", *(f"seed{seed:04d}.png" for seed in (0, 1, 2, 9))}
    drawn = contents(tmp_path / "a")
    assert drawn.keys() == names
    assert generate(trained.snapshot(12), tmp_path / "b", "--seed", "1", "--num", "2", *arguments) == 0
    again = contents(tmp_path / "b")
    assert {name: again[name] for name in ("seed0001.png", "seed0002.png")} == {
        name: drawn[name] for name in ("seed0001.png", "seed0002.png")
    }
    assert generate(exported, tmp_path / "c", "--seeds=9", *arguments) == 0
    with Image.open(tmp_path / "c" / "seed0009.png") as one, Image.open(tmp_path / "a" / "seed0009.png") as other:
        assert np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max() <= 1


def test_what_cannot_be_generated_is_told(trained, exported, tmp_path, capsys):
    half = tmp_path / "half.mindir"
    half.write_bytes(exported.read_bytes()[: exported.stat().st_size // 2])
    for source, arguments, message in (
        (trained.root, ["--class", "dog"], "--class dog is none of"),
        (trained.root, ["--walk-frames", "3"], "--walk_frames is of the MLP GAN"),
        (exported, ["--noise-mode", "none"], "--noise-mode none: "),
        (exported, ["--trunc_cutoff", "1"], "truncates all layers; name a run or a .ckpt"),
        (trained.root, ["--trunc_cutoff", "-1"], "--trunc_cutoff"),
        (exported.with_stem("StyleGan_synthesis"), [], "holds the synthesis alone"),
        (tmp_path, ["--seeds", "1"], "--seeds is of StyleGAN2"),
        (trained.root, ["--seeds", "1", "--seed", "3"], "leave --num and --seed out"),
        (trained.root, ["--seed", str(2**32 - 3), "--num", "4"], "--num 4 from --seed 4294967293 on is out of range"),
        (half, ["--seeds", "1"], "half.mindir is no whole MindIR file; export it again"),
        (tmp_path / "no.mindir", ["--seeds", "1"], "no.mindir does not exist"),
    ):
        assert message in failing(generate(source, tmp_path / "out", *arguments), capsys)
        assert not (tmp_path / "out").exists()


def test_a_place_for_images_is_looked_at_first(trained, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    said = failing(generate(trained.root, tmp_path / "file" / "out", "--seeds", "1"), capsys)
    assert f"--out {tmp_path}/file/out cannot be written: {tmp_path}/file is no folder; name another" in said


def test_seeds_as_they_are_written():
    assert parse_seeds("0-3,9, 5 ,7 - 8") == [0, 1, 2, 3, 9, 5, 7, 8]
    assert parse_seeds("4294967295") == [2**32 - 1]


def test_a_run_of_another_kind_in_the_folder_is_told(trained, tmp_path, capsys):
    shutil.copytree(trained.root, tmp_path / "run")
    from mindgan.training import checkpoint
    from mindgan.training.state import TrainState

    run = RunDirectory(tmp_path / "run")
    checkpoint.save_state(run, TrainState({}, {"--batch_size": "1"}, nimg=8))
    write(tmp_path / "flat", some(6))
    said = failing(run_here("stylegan", "--data", tmp_path / "flat", *SMALL, "--outdir", run.root), capsys)
    assert "use " in said
    assert "another --train_url" in said
