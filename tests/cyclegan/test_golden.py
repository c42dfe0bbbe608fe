"""The golden check of a CycleGAN step fails where a number is wrong; that all are right, the script is called for."""

import json
from pathlib import Path

import golden_cyclegan
import numpy as np
import pytest
from check_golden import check_cyclegan, largest_gradient_error

FOLDER = Path(__file__).parents[1] / "golden" / "cyclegan"


@pytest.fixture
def golden():
    with np.load(FOLDER / "cyclegan_step.npz") as file:
        return dict(file)


def failures(monkeypatch, numbers):
    """The names of the rows that are not ok, where the package computes `numbers`."""
    monkeypatch.setattr(golden_cyclegan, "step_numbers", lambda config, golden: numbers)
    rows = list(check_cyclegan(FOLDER, "graph"))
    assert len(rows) == 17
    return [row.name.removeprefix("cyclegan/graph/") for row in rows if not row.ok]


def test_the_numbers_themselves_are_right(golden, monkeypatch):
    assert failures(monkeypatch, golden) == []


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("out.rec_A", "out.rec_A"),
        ("out.D_A(real_B)", "out.D_A(real_B)"),
        ("loss.idt_B", "loss.idt_B"),
        ("grad.G_A.model.1.weight", "grad.G_A"),
        ("grad.G_B.model.19.bias", "grad.G_B"),  # the last, where no norm follows
        ("grad.D_A.model.0.bias", "grad.D_A"),
        ("grad.D_B.model.8.bias", "grad.D_B"),
    ],
)
@pytest.mark.parametrize("wrong", [lambda value: value * np.float32(1 + 2e-4), lambda value: value * np.float32("nan")])
def test_one_wrong_number_fails(golden, monkeypatch, name, row, wrong):
    assert failures(monkeypatch, {**golden, name: wrong(golden[name])}) == [row]


def test_where_there_is_no_true_gradient_rounding_is_right_and_more_is_not(golden, monkeypatch):
    name = "grad.G_A.model.4.bias"
    largest = max(np.linalg.norm(value) for key, value in golden.items() if key.startswith("grad.G_A."))
    assert np.linalg.norm(golden[name]) < 1e-6 * largest
    rounding = np.full_like(golden[name], 1e-6 * largest)
    assert failures(monkeypatch, {**golden, name: rounding}) == []
    assert failures(monkeypatch, {**golden, name: 1000 * rounding}) == ["grad.G_A"]


def test_the_largest_error_counts():
    expected = {"grad.D_A.0.bias": np.ones(2), "grad.D_A.2.bias": np.zeros(2), "grad.D_A.5.bias": np.full(2, 10.0)}
    actual = {"grad.D_A.0.bias": np.ones(2), "grad.D_A.2.bias": np.full(2, 0.1), "grad.D_A.5.bias": np.full(2, 10.5)}
    assert largest_gradient_error(actual, expected) == pytest.approx(0.05)
    assert largest_gradient_error(expected | {"grad.D_A.2.bias": np.full(2, 0.1)}, expected) == pytest.approx(0.01)


def test_the_file_is_what_the_program_makes(golden):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")
    from make_golden_cyclegan import all_numbers

    torch.set_num_threads(1)  # more of them wait for each other most of the time, where another process works too
    made = all_numbers(json.loads((FOLDER / "config.json").read_text()))
    assert made.keys() == golden.keys()
    for name, array in made.items():
        np.testing.assert_allclose(array, golden[name], rtol=1e-5, atol=1e-7, err_msg=name)
