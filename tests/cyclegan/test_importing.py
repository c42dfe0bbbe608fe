"""Published weights: the files of PyTorch's own torch.save, against the outputs that PyTorch gave."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor

from mindgan.cli.main import main
from mindgan.cyclegan import checkpoints
from mindgan.cyclegan.importing import architecture, find, import_networks
from mindgan.cyclegan.networks import UnetGenerator
from mindgan.layers.torch_layout import to_torch
from mindgan.runtime.errors import UserError

FILES = Path(__file__).with_name("imported")
GOLDEN = Path(__file__).parents[1] / "golden" / "cyclegan"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "cyclegan_step.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize(
    ("direction", "given", "expected"), [("AtoB", "real_A", "fake_B"), ("BtoA", "real_B", "fake_A")]
)
def test_imported_networks_draw_what_pytorch_drew(golden, direction, given, expected, tmp_path):
    out = tmp_path / "imported.ckpt"
    assert main(["import", "--source", str(FILES), "--out", str(out)]) == 0
    generator = checkpoints.read(out).generator(direction)
    drawn = generator(Tensor(golden[f"in.{given}"])).asnumpy()
    np.testing.assert_allclose(drawn, golden[f"out.{expected}"], atol=1e-5)


def test_the_architecture_is_read_from_the_shapes(tmp_path):
    config = json.loads((GOLDEN / "config.json").read_text())
    kind = import_networks(find(FILES, "latest"), tmp_path / "a.ckpt")
    assert (kind.generator, kind.ngf, kind.num_blocks, kind.image_channel) == (
        "resnet", config["ngf"], config["blocks"], 3
    )  # fmt: skip
    saved = checkpoints.read(tmp_path / "a.ckpt")
    assert {name.split(".")[0] for name in saved.arrays} == {"G_A", "G_B", "D_A", "D_B"}


@pytest.mark.parametrize(("levels", "name"), [(7, "unet_128"), (8, "unet_256")])
def test_a_unet_is_known_by_its_depth(levels, name):
    arrays = to_torch(UnetGenerator(1, ngf=2, num_down=levels))
    kind = architecture(arrays, Path("unet.pth"))
    assert (kind.generator, kind.ngf, kind.image_channel) == (name, 2, 1)


@pytest.mark.parametrize(
    ("name", "network"),
    [("latest_net_G_B.pth", "G_B"), ("horse2zebra.pth", "G_A"), ("D_A_200.pth", "D_A"), ("BIG_AB.pth", "G_A")],
)
def test_the_name_of_a_file_says_which_network_it_is(name, network, tmp_path):
    (tmp_path / name).touch()
    assert list(find(tmp_path / name, "latest")) == [network]


def test_one_file_gives_one_direction(tmp_path, capsys):
    out = tmp_path / "one.ckpt"
    assert main(["import", "--source", str(FILES / "latest_net_G_A.pth"), "--out", str(out)]) == 0
    assert "G_A (resnet, 2 blocks, ngf 3, 3 channels)" in capsys.readouterr().out
    with pytest.raises(UserError, match="holds no G_B, the generator of --direction BtoA"):
        checkpoints.read(out).generator("BtoA")


@pytest.mark.parametrize("name", ["mine.pth", "D_A.pth"])
def test_a_discriminator_is_no_generator(name, tmp_path, capsys):
    shutil.copy(FILES / "latest_net_D_A.pth", tmp_path / name)
    assert main(["import", "--source", str(tmp_path / name), "--out", str(tmp_path / "x.ckpt")]) == 2
    assert name in capsys.readouterr().err
    assert not (tmp_path / "x.ckpt").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "nowhere"], "nowhere does not exist"),
        (["--source", "."], "holds no latest_net_G_A.pth"),
        (["--source", str(FILES), "--out", "x.pth"], "must end in .ckpt"),
        (["--source", str(FILES), "--epoch", "../x"], "--epoch ../x is none"),
    ],
)
def test_wrong_sources_are_one_line(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["import", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(value, tmp_path, monkeypatch):
    arrays = to_torch(UnetGenerator(1, ngf=2, num_down=7))
    name = sorted(arrays)[3]
    arrays[name].flat[1] = value
    monkeypatch.setattr("mindgan.cyclegan.importing.read_state_dict", lambda path: arrays)
    with pytest.raises(UserError, match=rf"a\.pth holds NaN or infinite numbers, first in {name}; import"):
        import_networks({"G_A": tmp_path / "a.pth"}, tmp_path / "a.ckpt")
    assert not (tmp_path / "a.ckpt").exists()
