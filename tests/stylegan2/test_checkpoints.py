"""The networks on disk: what was saved comes back, and what is none of them is told in one line."""

import json

import numpy as np
import pytest
from stylegan2_small import small_config

from mindgan.layers.torch_layout import to_torch
from mindgan.runtime.errors import UserError
from mindgan.stylegan2 import checkpoints
from mindgan.stylegan2.checkpoints import About
from mindgan.stylegan2.shape import Shape
from mindgan.stylegan2.state import NETWORKS, make_state
from mindgan.training import checkpoint

CONFIG = small_config(conv_clamp=256.0, image_height=8, image_width=12)


@pytest.fixture(scope="module")
def state():
    return make_state(CONFIG, 2)


@pytest.fixture(scope="module")
def about(state):
    return About(state.cells["G"].shape, ("a", "ü b"), 4000, "resnet", 2, 0.125)


@pytest.fixture(scope="module")
def path(state, about, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "network-snapshot-000004.ckpt"
    checkpoints.save(path, {name: state.cells[name] for name in NETWORKS}, about)
    return path


def test_what_was_saved_comes_back(state, about, path):
    saved = checkpoints.read(path)
    assert (saved.about, saved.path) == (about, path)
    expected = {name: array for network in NETWORKS for name, array in to_torch(state.cells[network]).items()}
    assert saved.arrays.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(saved.arrays[name], array, err_msg=name)


def test_names_and_layouts_are_the_fields(path):
    arrays = checkpoints.read(path).arrays
    assert arrays["G_ema.synthesis.b8.conv0.weight"].shape == (4, 6, 3, 3)  # OIHW, also of a transposed one
    assert arrays["G.mapping.w_avg"].shape == (5,)
    assert arrays["D.b8.skip.weight"].shape == (6, 4, 1, 1)
    assert arrays["D.b4.conv.weight"].shape == (6, 7, 3, 3)


def test_the_average_generator(state, path):
    generator = checkpoints.read(path).generator()
    found = to_torch(generator)
    for name, array in to_torch(state.cells["G_ema"]).items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert generator.shape == state.cells["G"].shape
    assert not generator.training


def test_a_network_that_is_not_whole_is_told(state, about, tmp_path):
    checkpoints.save(tmp_path / "d.ckpt", {"D": state.cells["D"]}, about)
    with pytest.raises(UserError, match=r"d\.ckpt does not hold G_ema\."):
        checkpoints.read(tmp_path / "d.ckpt").generator()
    arrays = to_torch(state.cells["G_ema"]) | {"G_ema.mapping.w_avg": np.zeros(3, np.float32)}
    saved = checkpoints.Saved(tmp_path / "x.ckpt", arrays, about)
    with pytest.raises(UserError, match=r"x\.ckpt is damaged: G_ema\.mapping\.w_avg has the shape \(3,\), not \(5,\)"):
        saved.generator()


WRONG_ABOUT = [
    "no json",
    "[]",
    "{}",
    '{"shape": {}}',
    '{"shape": {"height": "8", "width": 8}, "class_names": []}',
    '{"shape": {"height": -8, "width": 8}, "class_names": []}',
    '{"shape": {"height": 8, "width": 8, "deep": 1}, "class_names": []}',
    '{"shape": {"height": 8, "width": 8}, "class_names": [], "other": 1}',
    '{"shape": {"height": 8, "width": 8, "num_classes": 2}, "class_names": ["a"]}',
]


RIGHT = {"shape": {"height": 8, "width": 8}, "class_names": []}
WRONG_ABOUT += ["3", "null", "[" * 100_000]
WRONG_ABOUT += [
    json.dumps({**RIGHT, **changes})
    for changes in (
        {"nimg": "x"},
        {"nimg": -1},
        {"nimg": 1.5},
        {"p": "x"},
        {"p": float("nan")},
        {"mbstd_group": 0},
        {"architecture": "deep"},
        {"architecture": ["resnet"]},
        {"shape": {**RIGHT["shape"], "channel_base": 1}},
        {"shape": {**RIGHT["shape"], "z_dim": 0}},
        {"shape": {**RIGHT["shape"], "map_depth": 0}},
        {"shape": {**RIGHT["shape"], "conv_clamp": "x"}},
        {"shape": 8},
    )
]


def test_what_is_right_of_it_is_read():
    assert checkpoints.parse_about(RIGHT) == About(Shape(8, 8))


@pytest.mark.parametrize("text", WRONG_ABOUT)
def test_what_is_none_of_ours_is_told(tmp_path, text):
    arrays = {"G_ema.mapping.w_avg": np.zeros(3, np.float32)}
    checkpoint.save_network(tmp_path / "x.ckpt", arrays, {"family": "stylegan2", "about": text})
    with pytest.raises(UserError, match=r"x\.ckpt is no checkpoint of StyleGAN2") as caught:
        checkpoints.read(tmp_path / "x.ckpt")
    assert "\n" not in str(caught.value)


def test_another_familys_is_told(about, tmp_path):
    arrays, text = {"w": np.zeros(3, np.float32)}, json.dumps({})
    checkpoint.save_network(tmp_path / "x.ckpt", arrays, {"family": "cyclegan", "about": text})
    with pytest.raises(UserError, match="is no checkpoint of StyleGAN2"):
        checkpoints.read(tmp_path / "x.ckpt")


def test_of_a_run_the_newest(path, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    with pytest.raises(UserError, match=r"holds no model/network-snapshot-\*\.ckpt"):
        checkpoints.read_source(tmp_path)
    for name in ("network-snapshot-000012.ckpt", "network-snapshot-000004.ckpt"):
        (model / name).write_bytes(path.read_bytes())
    assert checkpoints.read_source(tmp_path).path == model / "network-snapshot-000012.ckpt"
    assert checkpoints.read_source(model / "network-snapshot-000004.ckpt").about.nimg == 4000
    for name in ("network-snapshot-000012.512.ckpt", "network-snapshot-000012.064.ckpt"):
        (model / name).write_bytes(path.read_bytes())
    assert checkpoints.read_source(tmp_path).path == model / "network-snapshot-000012.512.ckpt"
    with pytest.raises(UserError, match="does not exist"):
        checkpoints.read_source(tmp_path / "no.ckpt")
