"""The golden check of StyleGAN2 fails where a number is wrong; that all are right, the script is called for.

Called here is what the script's own test leaves out: the two other architectures of the discriminator.
"""

import json
from pathlib import Path

import golden_stylegan2
import numpy as np
import pytest
from check_golden import (
    check_augment,
    check_stylegan2_networks,
    check_upfirdn2d,
    frobenius_error,
    largest_phase_error,
    read_arrays,
)
from golden_stylegan2 import Phased, noise_deviation, phase_numbers, settings_of
from mindspore import Tensor

from mindgan.runtime import device

FOLDER = Path(__file__).parents[1] / "golden" / "stylegan2"
FILES = {name: FOLDER / f"networks_{name}.npz" for name in ("uncond", "cond", "orig", "skip")}


@pytest.fixture(scope="module")
def golden():
    return read_arrays(FILES["cond"])


def failures(monkeypatch, numbers, mode="graph"):
    """The names of the rows that are not ok, where the package computes `numbers`."""
    monkeypatch.setattr(golden_stylegan2, "network_numbers", lambda config, golden, mode: numbers)
    rows = list(check_stylegan2_networks(FILES["cond"], mode))
    assert len(rows) == {"graph": 29, "pynative": 18}[mode]
    return [row.name.removeprefix(f"stylegan2/{mode}/cond/") for row in rows if not row.ok]


def first_order(golden):
    names = ("out.ws", "out.img", "out.D_real", "out.Gmain.", "out.Dmain.", "grad.Gmain.", "grad.Dmain.")
    return {name: value for name, value in golden.items() if name.startswith(names)}


def test_the_numbers_themselves_are_right(golden, monkeypatch):
    assert failures(monkeypatch, golden) == []
    assert failures(monkeypatch, first_order(golden), "pynative") == []


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("out.ws_psi0.7_cutoff4", None),
        ("out.img_noise_const", None),
        ("out.D_real", None),
        ("out.Gmain.Loss/scores/fake", None),
        ("out.Dmain.w_avg_after", None),
        ("out.Greg.pl_mean_after", None),
        ("grad.Gmain.mapping.embed.bias", "grad.Gmain"),
        ("grad.Greg.synthesis.b8.conv0.weight", "grad.Greg"),
        ("grad.Dmain.b4.out.bias", "grad.Dmain"),
        ("grad.Dreg.mapping.fc7.weight", "grad.Dreg"),
    ],
)
@pytest.mark.parametrize("wrong", [lambda value: value * np.float32(1 + 2e-3), lambda value: value * np.float32("nan")])
def test_one_wrong_number_fails(golden, monkeypatch, name, row, wrong):
    assert failures(monkeypatch, {**golden, name: wrong(golden[name])}) == [row or name]


def test_first_order_is_held_to_more(golden, monkeypatch):
    slightly = {name: value * np.float32(1 + 3e-4) for name, value in golden.items()}
    found = set(failures(monkeypatch, slightly))
    assert found >= {"grad.Gmain", "grad.Dmain", "out.ws", "out.D_real", "out.Gmain.Loss/G/loss"}
    assert not any("Greg" in name or "Dreg" in name for name in found)


def test_what_has_no_gradient_must_have_none(golden, monkeypatch):
    name = "grad.Gmain.synthesis.b4.conv1.noise_strength"
    assert failures(monkeypatch, {**golden, name: np.array(0, np.float32)}) == []
    assert failures(monkeypatch, {**golden, name: np.array(1e-3, np.float32)}) == ["grad.Gmain"]


def test_a_gradient_that_is_not_computed_fails(golden, monkeypatch):
    without = {name: value for name, value in golden.items() if name != "grad.Dreg.b4.fc.weight"}
    with pytest.raises(KeyError, match=r"grad\.Dreg\.b4\.fc\.weight"):
        failures(monkeypatch, without)


def test_the_largest_error_counts():
    zero, one, ten = np.zeros(3), np.ones(3), np.full(3, 10.0)
    expected = {"a": one, "b": zero, "c": ten, "d": one * 1e-6}
    assert largest_phase_error(expected, expected) == 0
    assert largest_phase_error({**expected, "a": one * 1.1}, expected) == pytest.approx(0.1)
    assert largest_phase_error({**expected, "b": one}, expected) == pytest.approx(0.1)  # of the largest gradient
    assert largest_phase_error({**expected, "d": zero}, expected) == pytest.approx(1e-7)
    assert largest_phase_error({**expected, "e": one * 2}, expected) == pytest.approx(0.2)
    assert np.isnan(largest_phase_error({**expected, "b": zero * np.nan}, expected))
    assert frobenius_error(zero, zero) == 0
    assert frobenius_error(one, zero) == pytest.approx(3**0.5)


def test_settings_follow_from_the_weights():
    config = json.loads((FOLDER / "config.json").read_text())
    found = {name: settings_of(config, read_arrays(file)) for name, file in FILES.items()}
    assert [found[name].architecture for name in FILES] == ["resnet", "resnet", "orig", "skip"]
    assert {(c.size, c.image_channel, c.mbstd_group, c.map_depth, c.z_dim) for c in found.values()} == {
        ((16, 16), 3, 4, 2, 32)
    }
    golden = read_arrays(FILES["orig"])
    six = settings_of(config, {**golden, "in.real": golden["in.real"][[0, 1, 2, 3, 0, 1]]})
    assert (six.batch_size, six.mbstd_group) == (6, 3)


@pytest.mark.parametrize("name", ["orig", "skip"])
def test_other_discriminators(name):
    """First order in PyNative mode, second order compiled."""
    golden, config = read_arrays(FILES[name]), json.loads((FOLDER / "config.json").read_text())
    labels = np.zeros((4, 1), np.float32)
    networks = Phased(settings_of(config, golden), 0)
    networks.load(golden)
    found = phase_numbers(networks, "Dreg", golden, labels)
    device.configure("CPU", "pynative")
    networks = Phased(settings_of(config, golden), 0)
    networks.load(golden)
    scores = networks.networks["D"](Tensor(golden["in.real"]), Tensor(labels)).asnumpy()
    found |= phase_numbers(networks, "Dmain", golden, labels) | {"out.D_real": scores.reshape(4, 1)}
    device.configure("CPU", "graph")
    for key, array in golden.items():
        if key.startswith("out.D"):
            assert frobenius_error(found[key].reshape(array.shape), array) <= 1e-5, key
    for phase in ("Dmain", "Dreg"):
        grads = [{k: v for k, v in numbers.items() if k.startswith(f"grad.{phase}.")} for numbers in (found, golden)]
        assert len(grads[0]) == len(grads[1]) == {"orig": 16, "skip": 20}[name]
        assert largest_phase_error(*grads) <= 1e-4


@pytest.mark.usefixtures("pynative")
def test_resampling_and_augmentation_fail_too(monkeypatch):
    x = read_arrays(FOLDER / "upfirdn2d.npz")["0.x"]
    monkeypatch.setattr(golden_stylegan2, "resampled", lambda case, x: np.zeros((1,)))
    assert not any(row.ok for row in check_upfirdn2d(FOLDER / "upfirdn2d.npz", "pynative"))
    assert x.any()
    expected = read_arrays(FOLDER / "augment.npz")
    monkeypatch.setattr(golden_stylegan2, "augmented", lambda key, golden, mode: expected[key])
    numbers = {name: value for name, value in expected.items() if name.startswith("second_order.") and name[-1] != "w"}
    monkeypatch.setattr(golden_stylegan2, "second_order_numbers", lambda golden, mode: numbers)

    def passed():
        return {row.name.rpartition("/")[2] for row in check_augment(FOLDER / "augment.npz", "graph") if row.ok}

    assert passed() == {key for key in expected if "@" in key} | set(numbers)
    numbers["second_order.penalty"] = expected["second_order.penalty"] * np.float32(1 + 2e-4)
    monkeypatch.setattr(golden_stylegan2, "augmented", lambda key, golden, mode: expected[key] * np.float32(1 + 2e-4))
    amounts = {"noise@0.1", "noise@0.35"}  # compared by their deviation, which another noise has too
    assert passed() == {*amounts, "second_order.grad_x"}
    monkeypatch.setattr(golden_stylegan2, "noise_deviation", lambda key, golden: 1.05 * noise_deviation(key, golden))
    assert passed() == {"second_order.grad_x"}
