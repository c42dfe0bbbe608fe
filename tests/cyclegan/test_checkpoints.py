"""The networks on disk: what was saved comes back, and what is none of them is told in one line."""

import json

import numpy as np
import pytest
from cyclegan_runs import same_arrays
from mindspore import Tensor, nn

from mindgan.cyclegan import checkpoints
from mindgan.cyclegan.checkpoints import Architecture
from mindgan.cyclegan.config import CycleGanConfig
from mindgan.cyclegan.networks import ResnetGenerator, UnetGenerator
from mindgan.cyclegan.state import NETWORKS, make_state
from mindgan.layers.torch_layout import to_torch
from mindgan.runtime.errors import UserError
from mindgan.training import checkpoint

CONFIG = CycleGanConfig(image_height=16, image_width=32, ngf=2, ndf=2, num_blocks=1, num_layers=1)


@pytest.fixture(scope="module")
def state():
    return make_state(CONFIG)


@pytest.fixture(scope="module")
def path(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "CYcleGan_epoch_1.ckpt"
    cells = {name: state.cells[name] for name in NETWORKS}
    checkpoints.save(path, cells, Architecture.of(CONFIG), nimg=12, about={"--seed": "1", "a ü": '"'})
    return path


def values(cells):
    return {name: array for cell in cells.values() for name, array in to_torch(cell).items()}


def test_what_was_saved_comes_back(state, path):
    saved = checkpoints.read(path)
    assert (saved.nimg, saved.about, saved.path) == (12, {"--seed": "1", "a ü": '"'}, path)
    assert saved.architecture == Architecture("resnet", 3, 2, 1, 16, 32)
    networks = {name: state.cells[name] for name in NETWORKS}
    assert same_arrays(saved.arrays, values(networks))
    other = {name: make_state(CycleGanConfig(**{**CONFIG.settings(), "seed": 2})).cells[name] for name in NETWORKS}
    assert not same_arrays(values(other), values(networks))
    saved.fill(other)
    assert same_arrays(values(other), values(networks))


@pytest.mark.usefixtures("pynative")
def test_each_direction_has_its_generator(state, path):
    image = Tensor(np.random.default_rng(0).uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32))
    drawn = {}
    for direction, name in (("AtoB", "G_A"), ("BtoA", "G_B")):
        generator = checkpoints.read(path).generator(direction)
        drawn[direction] = generator(image).asnumpy()
        np.testing.assert_array_equal(drawn[direction], state.cells[name](image).asnumpy())
        assert not generator.training
    assert not np.array_equal(drawn["AtoB"], drawn["BtoA"])


def test_architectures():
    resnet = Architecture.of(CycleGanConfig(image_channel=1, ngf=2, num_blocks=1))
    assert isinstance(resnet.make_generator(), ResnetGenerator)
    assert resnet.multiple == 4
    unet = Architecture.of(CycleGanConfig(generator="unet_128", ngf=1))
    assert isinstance(unet.make_generator(), UnetGenerator)
    assert unet.multiple == 128


def test_a_checkpoint_of_other_sizes_names_the_tensor(path):
    wider = make_state(CycleGanConfig(**{**CONFIG.settings(), "ngf": 4})).cells
    before = values({"G_A": wider["G_A"]})
    with pytest.raises(UserError, match=r"of other sizes: G_A\.model\.1\.weight .*\(2, 3, 7, 7\).*\(4, 3, 7, 7\)"):
        checkpoints.read(path).fill({"G_A": wider["G_A"]})
    assert same_arrays(values({"G_A": wider["G_A"]}), before)


def test_a_checkpoint_of_another_depth_names_the_tensor(path):
    deeper = make_state(CycleGanConfig(**{**CONFIG.settings(), "num_blocks": 2})).cells
    with pytest.raises(UserError, match=r"G_A\.model\.\d+\.|does not hold G_A"):
        checkpoints.read(path).fill({"G_A": deeper["G_A"]})


def test_one_direction_alone(state, tmp_path):
    checkpoints.save(tmp_path / "one.ckpt", {"G_A": state.cells["G_A"]}, Architecture.of(CONFIG))
    saved = checkpoints.read(tmp_path / "one.ckpt")
    assert saved.generator("AtoB") is not None
    with pytest.raises(UserError, match=r"holds no G_B, the generator of --direction BtoA"):
        saved.generator("BtoA")


def test_what_is_no_checkpoint_is_told(state, path, tmp_path):
    whole = path.read_bytes()
    for name, data in (("cut", whole[: len(whole) // 2]), ("empty", b""), ("text", b"text"), ("zeros", bytes(5000))):
        (tmp_path / f"{name}.ckpt").write_bytes(data)
        with pytest.raises(UserError, match=rf"{name}\.ckpt is no whole MindSpore checkpoint") as raised:
            checkpoints.read(tmp_path / f"{name}.ckpt")
        assert "\n" not in str(raised.value)
    with pytest.raises(UserError, match="does not exist"):
        checkpoints.read(tmp_path / "no.ckpt")
    with pytest.raises(UserError, match=r"does not end in \.ckpt"):
        checkpoints.read(_copied(path, tmp_path / "it.pth"))
    checkpoint.save_network(tmp_path / "mlp.ckpt", nn.Dense(2, 3))
    with pytest.raises(UserError, match="is no checkpoint of CycleGAN"):
        checkpoints.read(tmp_path / "mlp.ckpt")


def _copied(path, to):
    to.write_bytes(path.read_bytes())
    return to


WHOLE = {"generator": "resnet", "image_channel": 3, "ngf": 2, "num_blocks": 1, "image_height": 16, "image_width": 32}


@pytest.mark.parametrize(
    "changes",
    [
        {"generator": "other"}, {"generator": []}, {"ngf": 0}, {"ngf": "2"}, {"ngf": 10**9}, {"num_blocks": -1},
        {"image_height": 2.5}, {"unknown": 1},
    ],
)  # fmt: skip
def test_an_architecture_that_is_none_is_told(changes, tmp_path):
    texts = {"family": "cyclegan", "nimg": "0", "about": "{}", "architecture": json.dumps(WHOLE | changes)}
    checkpoint.save_network(tmp_path / "x.ckpt", nn.Dense(2, 3), texts)
    with pytest.raises(UserError, match="is no checkpoint of CycleGAN"):
        checkpoints.read(tmp_path / "x.ckpt")


def test_the_newest_of_a_run(tmp_path):
    with pytest.raises(UserError, match=r"holds no model/CYcleGan_epoch_\*\.ckpt"):
        checkpoints.newest(tmp_path)
    (tmp_path / "model").mkdir()
    for name in ("CYcleGan_epoch_9.ckpt", "CYcleGan_epoch_10.ckpt", "CYcleGan_epoch_11.mindir", "zzz.ckpt"):
        (tmp_path / "model" / name).write_bytes(b"")
    assert checkpoints.newest(tmp_path).name == "CYcleGan_epoch_10.ckpt"
