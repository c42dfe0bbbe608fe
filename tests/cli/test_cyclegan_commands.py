"""The commands of CycleGAN in this process: what they take, write and say."""

import re
import zipfile

import numpy as np
import pytest
from cyclegan_runs import SMALL, contents, failing, run_here, tiny_networks, train_tiny, whole_run
from image_files import encoded, pixels, some, write
from PIL import Image

from mindgan.cli.main import main, parse
from mindgan.cyclegan import checkpoints
from mindgan.cyclegan.checkpoints import Architecture
from mindgan.cyclegan.config import CycleGanConfig
from mindgan.runtime import device

CONFIG = CycleGanConfig(image_height=16, image_width=16, ngf=2, num_blocks=1, num_layers=1)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A checkpoint of two real generators."""
    cells = {name: Architecture.of(CONFIG).make_generator() for name in ("G_A", "G_B")}
    for name, cell in cells.items():
        cell.update_parameters_name(f"{name}.")
    path = tmp_path_factory.mktemp("networks") / 'it\'s "ü" 猫' / "g.ckpt"
    checkpoints.save(path, cells, Architecture.of(CONFIG))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return whole_run(tmp_path_factory)


def translate(networks, source, out, *arguments):
    return run_here("translate", "--network", networks, "--input", source, "--output", out, *arguments)


def test_help_of_the_commands(capsys):
    for command in (["cyclegan"], ["train", "cyclegan"], ["translate"]):
        with pytest.raises(SystemExit) as stop:
            main([*command, "--help"])
        assert stop.value.code == 0
        shown = capsys.readouterr().out
        assert "(default:" in shown or command == ["translate"]
        assert "Raises" not in shown
    assert "--direction" in shown


def test_translate_a_file_a_folder_and_an_archive(networks, tmp_path):
    write(tmp_path / "in", {"a b.png": encoded(pixels(1, 70, 90)), "deep/猫.jpg": encoded(pixels(2, 30, 20), "JPEG")})
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name, data in contents(tmp_path / "in").items():
            archive.writestr(name, data)
    before = contents(tmp_path / "in")
    assert translate(networks, tmp_path / "in", tmp_path / "1", "--tile=64") == 0
    assert translate(networks, tmp_path / "in.zip", tmp_path / "2") == 0
    assert translate(networks, tmp_path / "in" / "a b.png", tmp_path / "3", "--direction", "BtoA") == 0
    assert contents(tmp_path / "in") == before
    one, two, three = (contents(tmp_path / name) for name in "123")
    assert one.keys() == two.keys() == before.keys()
    assert three.keys() == {"a b.png"}
    tiled, whole, other = (_pixels(tmp_path / name / "a b.png") for name in "123")
    assert tiled.shape == (70, 90, 3)
    assert np.abs(tiled - whole).max() <= 1  # no seam
    assert np.abs(tiled - other).max() > 10


def _pixels(path):
    with Image.open(path) as image:
        return np.asarray(image, np.int16)


def test_both_spellings_of_options():
    one = parse(["translate", "--input", "a", "--network=b", "--device-target", "CPU"])
    assert one == parse(["translate", "--input=a", "--network", "b", "--device_target=CPU"])
    one = parse(["cyclegan", "--data_url", "a", "--g-learning-rate=0.1", "--do-validation", "False"])
    assert one == parse(["train", "cyclegan", "--data-url=a", "--g_learning_rate", "0.1", "--do_validation=False"])


def test_what_cannot_be_translated_is_told(networks, folder, tmp_path, capsys):
    write(tmp_path / "in", some(2))
    (tmp_path / "file").write_text("")
    (tmp_path / "cut.ckpt").write_bytes(networks.read_bytes()[:900])
    for arguments, message in (
        ((networks, tmp_path / "nowhere", tmp_path / "out"), "--input .*nowhere cannot be read: it does not exist"),
        ((tmp_path / "no.ckpt", tmp_path / "in", tmp_path / "out"), r"no\.ckpt does not exist"),
        ((tmp_path / "x.pb", tmp_path / "in", tmp_path / "out"), r"--network .*x\.pb is a frozen TensorFlow graph"),
        ((tmp_path / "cut.ckpt", tmp_path / "in", tmp_path / "out"), r"cut\.ckpt is no whole"),
        ((tmp_path, tmp_path / "in", tmp_path / "out"), "holds no model/"),
        ((networks, tmp_path / "in", tmp_path / "in"), "--output .* holds the originals"),
        ((networks, tmp_path / "in", tmp_path / "file"), "file.* cannot be written"),
        ((networks, tmp_path / "in", tmp_path / "out", "--tile", "3"), "--tile 3 is too small; use 64"),
        ((networks, tmp_path / "in", tmp_path / "out", "--direction", "AtoC"), "AtoC.*AtoB.*BtoA"),
        ((networks, "", tmp_path / "out"), "--input is empty"),
    ):
        assert re.search(message, failing(translate(*arguments), capsys)), message
        assert not (tmp_path / "out").exists()
    assert "--input" in failing(run_here("translate"), capsys)
    assert len(contents(tmp_path / "in")) == 2


def test_networks_of_another_kind_are_told(tmp_path, networks, capsys):
    from mindspore import nn

    from mindgan.training import checkpoint

    write(tmp_path / "in", some(1))
    checkpoint.save_network(tmp_path / "Generator0.ckpt", nn.Dense(2, 3))
    checkpoints.save(tmp_path / "d.ckpt", {"D_A": nn.Dense(2, 3)}, Architecture.of(CONFIG))
    said = failing(translate(tmp_path / "Generator0.ckpt", tmp_path / "in", tmp_path / "out"), capsys)
    assert "is no checkpoint of CycleGAN" in said
    said = failing(translate(tmp_path / "d.ckpt", tmp_path / "in", tmp_path / "out"), capsys)
    assert "holds no G_A, the generator of --direction AtoB" in said


def test_render_again(folder, capsys):
    result = folder / "result"
    before = contents(result)
    capsys.readouterr()
    assert run_here("render", "--run", result) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(result / name) for name in ("loss.png", "train_test.gif", "report.html")
    ]
    assert contents(result)["loss.png"] == before["loss.png"]


def test_commands_of_digits_on_a_run_of_cyclegan_say_so(folder, capsys):
    for source in (folder / "result", folder / "result" / "model" / "CYcleGan_epoch_3.ckpt"):
        said = failing(run_here("generate", "--source", source), capsys)
        assert f"--source {source} is of CycleGAN, which draws from images; use mindgan translate" in said
    said = failing(run_here("metrics", "mnist", "--source", folder / "result"), capsys)
    assert "is no run of the MLP GAN but of CycleGAN; use mindgan metrics cyclegan" in said


def test_a_run_that_another_process_holds_is_told(folder, capsys):
    import fcntl

    with open(folder / "result" / "log.txt", "a") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        before = contents(folder / "result")
        arguments = ["--data_url", folder / "domain A", "--target_data_url", folder / "domain B"]
        code = train_tiny(*arguments, "--train_url", folder / "result")
        assert "another training is writing" in failing(code, capsys)
        assert contents(folder / "result") == before


def test_nothing_but_the_command_trains_on_digits(tmp_path, monkeypatch):
    """`mindgan cyclegan`, and no more, is a whole sentence."""
    monkeypatch.chdir(tmp_path)
    options = parse(["cyclegan"])
    assert (options.data_url, options.size, options.max_epoch) == (None, (32, 32), 10)
    assert parse(["train", "cyclegan"]) == options
    seen = []
    with tiny_networks():
        monkeypatch.setattr("mindgan.modelarts.operators.cyclegan", lambda config: seen.append(config) or True)
        assert run_here("cyclegan") == 0
        monkeypatch.setattr("mindgan.modelarts.operators.cyclegan", lambda config: False)
        assert run_here("cyclegan", *SMALL) == 130
    assert seen == [options]
    device.configure("CPU", "graph")
