"""Every command on a small run, and on what is none."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageSequence
from runs import TINY, mindgan, pixels

from mindgan.cli.main import main, parse


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of one epoch."""
    root = tmp_path_factory.mktemp("run") / "result"
    assert main(["mnist", *TINY, "--epochs", "1", "--train_url", str(root)]) == 0
    return root


def failing(arguments, capsys):
    """The one line that the command ends with."""
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("mindgan: ")
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("source", [".", "checkpoints/Generator0.ckpt", "model/Generator.mindir"])
def test_generate_from_each_kind_of_source(run, source, tmp_path):
    assert main(["generate", "--source", str(run / source), "--out", str(tmp_path), "--num", "7", "--seed", "3"]) == 0
    digits = sorted(tmp_path.glob("digit_*.png"))
    assert len(digits) == 7
    assert pixels(digits[0]).shape == (28, 28)
    other = tmp_path / "again"
    assert main(["generate", "--source", str(run), "--out", str(other), "--num", "9", "--seed", "3"]) == 0
    one, same = (pixels(path) for path in (digits[6], other / digits[6].name))
    assert np.abs(one - same).max() <= 1  # the MindIR's rounding may differ in the last bit


def test_another_seed_gives_other_digits(run, tmp_path):
    for seed in "01":
        assert (
            main(["generate", "--source", str(run), "--out", str(tmp_path / seed), "--num", "1", "--seed", seed]) == 0
        )
    one, other = (pixels(tmp_path / seed / "digit_0000.png") for seed in "01")
    assert np.abs(one - other).max() > 10


def test_a_walk_is_a_gif_that_closes(run, tmp_path):
    arguments = ["--source", str(run), "--out", str(tmp_path), "--num", "1", "--walk_frames", "12"]
    assert main(["generate", *arguments]) == 0
    with Image.open(tmp_path / "walk.gif") as walk:
        frames = [np.asarray(frame.convert("L"), np.float64) for frame in ImageSequence.Iterator(walk)]
    assert len(frames) == 12
    steps = [np.abs(frames[index] - frames[index - 1]).mean() for index in range(12)]
    assert steps[0] < 3 * np.median(steps)  # from the last frame to the first is a step like the others


def test_render_again(run, capsys):
    before = (run / "loss.png").read_bytes()
    for name in ("loss.png", "train_test.gif", "report.html"):
        (run / name).unlink()
    assert main(["render", "--run", str(run)]) == 0
    assert (run / "loss.png").read_bytes() == before
    assert (run / "report.html").exists()
    assert capsys.readouterr().out.splitlines() == [str(run / n) for n in ("loss.png", "train_test.gif", "report.html")]


def test_export_takes_any_batch_and_loads_without_mindgan(run, tmp_path, capsys):
    out = tmp_path / "with a space" / "G.mindir"
    assert main(["export", "--source", str(run), "--out", str(out)]) == 0
    assert "largest difference" in capsys.readouterr().out
    from mindgan.mlp_gan import sample

    sampler = sample.load_sampler(out)
    latents = sample.random_latents(0, 5, 8)
    expected = sample.load_sampler(run).generate(latents)
    np.testing.assert_allclose(sampler.generate(latents), expected, atol=1e-6)


def test_a_failed_comparison_is_an_error_and_leaves_no_file(run, tmp_path, monkeypatch, capsys):
    from mindgan import export

    real = export._reload
    monkeypatch.setattr(export, "_reload", lambda *a: {k: v + 0.01 for k, v in real(*a).items()})
    said = failing(["export", "--source", run, "--out", tmp_path / "G.mindir"], capsys)
    assert "differs by 1.0e-02" in said
    assert list(tmp_path.iterdir()) == []


def test_onnx_gives_the_same_images(run, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from mindgan.mlp_gan import sample

    out = tmp_path / "G.onnx"
    assert main(["export", "--source", str(run), "--format", "onnx", "--batch_size", "4", "--out", str(out)]) == 0
    session = runtime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    latents = sample.random_latents(0, 4, 8)
    images = session.run(None, {session.get_inputs()[0].name: latents})[0]
    np.testing.assert_allclose(images, sample.load_sampler(run).generate(latents), atol=1e-5)


def test_data_counts_and_previews(tmp_path, capsys):
    preview = tmp_path / "digits.png"
    assert main(["data", "--dataset", "digits", "--preview", str(preview)]) == 0
    told = capsys.readouterr().out
    assert "1497 training images" in told
    assert "UCI" in told
    assert pixels(preview).shape == (10 * 58 + 2, 10 * 58 + 2)


def test_what_is_no_generator_is_told(run, tmp_path, capsys):
    out = ["--out", tmp_path / "out"]
    assert "does not exist" in failing(["generate", "--source", tmp_path / "no.ckpt", *out], capsys)
    assert "holds no checkpoints" in failing(["generate", "--source", tmp_path, *out], capsys)
    discriminator = run / "checkpoints" / "Discriminator0.ckpt"
    assert "is a discriminator" in failing(["generate", "--source", discriminator, *out], capsys)
    assert "is exported already; name a run or a .ckpt" in failing(
        ["export", "--source", run / "model" / "Generator.mindir"], capsys
    )
    for name, data in (("a.ckpt", b"text"), ("b.ckpt", b""), ("c.mindir", b"text"), ("d.mindir", b"")):
        (tmp_path / name).write_bytes(data)
        assert name in failing(["generate", "--source", tmp_path / name, *out], capsys)
    whole = (run / "checkpoints" / "Generator0.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    assert "cut.ckpt" in failing(["generate", "--source", tmp_path / "cut.ckpt", *out], capsys)
    assert not (tmp_path / "out").exists()


def test_metrics_tell_of_the_source_before_they_read_the_data(tmp_path, capsys):
    missing = ["--data_url", tmp_path / "nowhere"]
    assert "--source is empty" in failing(["metrics", "--source", "", *missing], capsys)
    assert "no.ckpt does not exist" in failing(["metrics", "--source", tmp_path / "no.ckpt", *missing], capsys)


def test_what_is_no_run_is_told(tmp_path, capsys):
    assert "no config.json" in failing(["render", "--run", tmp_path], capsys)
    (tmp_path / "config.json").write_text("{")
    assert "is damaged" in failing(["render", "--run", tmp_path], capsys)
    for other in (
        "[]",
        '{"name": "an app"}',
        '{"settings": {}, "run": {}, "versions": {}}',
        '{"settings": [], "run": 0}',
    ):
        (tmp_path / "config.json").write_text(other)
        assert "is not of mindgan" in failing(["render", "--run", tmp_path], capsys)


def test_more_images_a_batch_than_there_are(tmp_path, capsys):
    arguments = ["mnist", "--dataset", "digits", "--batch_size", "5000", "--train_url", tmp_path / "result"]
    assert "--batch_size 5000 is more than the 1497 images" in failing(arguments, capsys)


def test_a_train_url_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    arguments = ["mnist", "--dataset", "digits", "--train_url", tmp_path / "file" / "result"]
    assert "--train_url" in failing(arguments, capsys)


def test_a_train_url_that_cannot_be_written_is_told_before_the_data_are_read(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    arguments = ["mnist", "--data_url", tmp_path / "nowhere", "--train_url", tmp_path / "file" / "result"]
    assert "--train_url" in failing(arguments, capsys)


def test_scores_compare_with_the_data_of_the_run(run, tmp_path):
    from mindgan.cli.metrics import _data_of_the_run
    from mindgan.data.mnist import DigitOptions

    def chosen(*arguments):
        return _data_of_the_run(parse(["metrics", *map(str, arguments)]))

    assert chosen("--source", run) == DigitOptions(dataset="digits")
    assert chosen("--source", run, "--dataset", "mnist").dataset == "mnist"
    assert chosen("--source", run, "--data_url", tmp_path).data_url == str(tmp_path)
    assert chosen("--source", run / "checkpoints" / "Generator0.ckpt").dataset == "auto"
    config = json.loads((run / "config.json").read_text())
    config["run"]["dataset"], config["settings"]["data_url"] = "mnist", str(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert chosen("--source", tmp_path) == DigitOptions(str(tmp_path), "mnist")


def test_errors_of_the_data_reach_the_person(tmp_path):
    done = mindgan("mnist", "--data_url", str(tmp_path / "nowhere"), cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


IMPORT_THAT_SWALLOWS = """
import os, signal, sys

class Swallower:
    def find_spec(self, name, path=None, target=None):
        if name == "mindgan.cli.main":
            try:
                os.kill(os.getpid(), signal.SIGINT)
                sum(range(10))
            except KeyboardInterrupt:
                pass

sys.meta_path.insert(0, Swallower())
sys.argv = ["mindgan", "--help"]
from mindgan.__main__ import main
sys.exit(main())
"""


def test_ctrl_c_while_modules_are_loaded_is_not_lost():
    """Code that runs within an import may catch whatever is raised there."""
    done = subprocess.run([sys.executable, "-c", IMPORT_THAT_SWALLOWS], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "mindgan: stopped\n")
