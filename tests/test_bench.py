"""The benchmark of the step, and the tutorial's loop that it measures against."""

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bench import mnist_step, tutorial_loop
from check_golden import frobenius_error
from mindspore import Parameter, Tensor, load_checkpoint

from mindgan.mlp_gan import recipe
from mindgan.mlp_gan.config import MlpGanConfig
from mindgan.mlp_gan.step import TrainStep
from mindgan.runtime import device
from mindgan.runtime.errors import UserError
from mindgan.training.adam import make_adam

ROOT = Path(__file__).parents[1]
BENCH = ROOT / "scripts" / "bench" / "mnist_step.py"
BETA2 = 0.999
NO_TRUE_GRADIENT = ("model.2.bias", "model.5.bias", "model.8.bias")  # of the generator: a BatchNorm follows


def run_bench(*options: str, program: str = BENCH.name) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, BENCH.with_name(program), *options], env=env, capture_output=True, text=True, timeout=300
    )


def batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = (rng.integers(0, 256, (128, 1, 28, 28)).astype(np.float32) - 127.5) / 127.5
    return images, rng.standard_normal((128, 100), dtype=np.float32)


def parameters(*networks) -> list[tuple[str, Parameter]]:
    """Those of both networks, without what the optimisers have put before their names."""
    return [
        (f"{letter}.model.{parameter.name.partition('model.')[2]}", parameter)
        for letter, network in zip("GD", networks, strict=True)
        for parameter in network.get_parameters()
    ]


def values(*networks) -> dict[str, np.ndarray]:
    return {name: parameter.asnumpy().copy() for name, parameter in parameters(*networks)}


@pytest.fixture(autouse=True)
def _tutorials_mode():
    device.configure("CPU", "pynative")
    yield
    device.configure("CPU", "graph")


class OneStep:
    """A step of the tutorial's loop: the weights before and after it, and its losses."""

    def __init__(self) -> None:
        device.configure("CPU", "pynative")
        device.seed_initialisation(3)
        loop = tutorial_loop.TutorialLoop()
        self.before = values(loop.generator, loop.discriminator)
        self.losses = [float(loss.asnumpy()) for loss in loop.step(*map(Tensor, batch()))]
        self.after = values(loop.generator, loop.discriminator)


@pytest.fixture(scope="module")
def tutorial() -> OneStep:
    return OneStep()


def package_step(before: dict[str, np.ndarray], mode: str, eps: float) -> tuple[list[float], dict[str, np.ndarray]]:
    """Losses and weights after the package's step from the weights `before`."""
    device.configure("CPU", mode)
    cells = recipe.make_state(MlpGanConfig()).cells
    networks = cells["generator"], cells["discriminator"]
    for name, parameter in parameters(*networks):
        parameter.set_data(Tensor(before[name]))
    adam = {"lr": 2e-4, "beta1": 0.5, "beta2": BETA2, "eps": eps}
    step = TrainStep(*networks, make_adam(networks[0], "g", **adam), make_adam(networks[1], "d", **adam))
    losses = [float(loss.asnumpy()) for loss in step(*map(Tensor, batch()))]
    return losses, values(*networks)


@pytest.mark.parametrize("mode", ["pynative", "graph"])
def test_a_step_of_the_package_is_a_step_of_the_tutorial(tutorial, mode):
    """But for eps: nn.Adam adds it before the bias of v is corrected, which is at the first step as if it were
    1/sqrt(1 - beta2) times as large after the correction. Given that eps, the updates are the same to rounding;
    they are compared, and not the weights, in whose norm an update is one part in a hundred.
    """
    losses, after = package_step(tutorial.before, mode, eps=1e-8 / np.sqrt(1 - BETA2))
    np.testing.assert_allclose(losses, tutorial.losses, rtol=1e-6)
    errors = {
        name: frobenius_error(after[name] - before, tutorial.after[name] - before)
        for name, before in tutorial.before.items()
        if name.removeprefix("G.") not in NO_TRUE_GRADIENT
    }
    assert len(errors) == 25
    assert max(errors.values()) < 1e-4, errors


def test_with_its_own_eps_the_package_takes_nearly_the_tutorials_step(tutorial):
    """The first step of nn.Adam is smaller where gradients are near its eps of 3e-7, as the generator's are."""
    losses, after = package_step(tutorial.before, "graph", eps=1e-8)
    assert losses[0] == pytest.approx(tutorial.losses[0], rel=1e-6)  # before any update
    assert losses[1] == pytest.approx(tutorial.losses[1], rel=1e-4)  # after D's
    weights = [name for name in after if name.endswith("weight")]
    assert max(frobenius_error(after[name], tutorial.after[name]) for name in weights) < 2e-3


def test_biases_before_a_batch_norm_have_no_true_gradient(tutorial):
    """Why they are left out above: any value of theirs gives the same images, so Adam follows rounding there."""
    generator = tutorial_loop.make_networks()[0].set_train()
    latents = Tensor(batch()[1])
    images = generator(latents).asnumpy()
    for parameter in generator.get_parameters():
        if parameter.name.endswith(NO_TRUE_GRADIENT):
            parameter.set_data(parameter + 0.5)
    np.testing.assert_allclose(generator(latents).asnumpy(), images, atol=1e-5)


def test_names_are_those_that_the_printed_code_leaves():
    net_g, net_d, optimizer_g, optimizer_d = tutorial_loop.make_networks(latent_size=10)
    names = [parameter.name for parameter in net_g.get_parameters()]
    assert names[:2] == ["optim_ggeneratormodel.0.weight", "optim_ggeneratormodel.0.bias"]
    assert names[4:7] == [
        "generatormodel.3.moving_mean",
        "generatormodel.3.moving_variance",
        "optim_ggeneratormodel.3.gamma",
    ]
    assert [parameter.name for parameter in net_d.get_parameters()] == [
        f"optim_ddiscriminatormodel.{layer}.{kind}" for layer in (0, 2, 4) for kind in ("weight", "bias")
    ]
    assert net_g.model[0].weight.shape == (128, 10)
    own = [parameter.name for parameter in (*optimizer_g.get_parameters(), *optimizer_d.get_parameters())]
    assert "optim_gmoment1.generatormodel.0.weight" in own
    assert "optim_dmoment2.discriminatormodel.4.bias" in own


def test_checkpoints_of_the_loop_hold_one_network_each(tmp_path):
    loop = tutorial_loop.TutorialLoop()
    loop.save(tmp_path / "checkpoints", 7)
    stored = load_checkpoint(str(tmp_path / "checkpoints" / "Generator7.ckpt"))
    assert len(stored) == 22
    np.testing.assert_array_equal(
        stored["optim_ggeneratormodel.0.weight"].asnumpy(), loop.generator.model[0].weight.asnumpy()
    )
    assert len(load_checkpoint(str(tmp_path / "checkpoints" / "Discriminator7.ckpt"))) == 6


def write_idx(folder: Path, num: int) -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (num, 28, 28), np.uint8)
    mnist_step.write_idx(folder / "train-images-idx3-ubyte", images)
    mnist_step.write_idx(folder / "train-labels-idx1-ubyte", np.zeros(num, np.uint8))
    return images


def test_batches_come_from_the_pipeline(tmp_path):
    images = write_idx(tmp_path, 300)
    batches = list(tutorial_loop.TutorialLoop(tmp_path).batches())
    assert len(batches) == 2  # the last 44 images are dropped
    real, latents = (np.concatenate([pair[part].asnumpy() for pair in batches]) for part in (0, 1))
    assert real.shape == (256, 1, 28, 28)
    assert latents.shape == (256, 100)
    known = {image.tobytes() for image in images}
    seen = [np.rint(image * 127.5 + 127.5).astype(np.uint8).tobytes() for image in real]
    assert len(set(seen)) == 256
    assert set(seen) <= known
    assert abs(latents.mean()) < 0.05
    assert abs(latents.std() - 1) < 0.05


def test_a_loop_without_a_folder_has_no_batches():
    with pytest.raises(ValueError, match="make it with a folder"):
        next(tutorial_loop.TutorialLoop().batches())


@pytest.mark.slow
def test_the_bench_measures():
    result = run_bench("--rounds", "1", "--steps", "2", "--skip-pytorch")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    measured = json.loads(result.stdout)
    assert set(measured) == {
        *("ratio_to_tutorial", "ratio_to_pytorch", "ratio_range", "ms", "ms_range", "cpu_ms", "peak_mb", "data_share"),
        *("recompiled", "threads", "rounds", "steps", "machine", "load_before", "versions"),
    }
    assert measured["recompiled"] is False
    assert 0 < measured["ratio_to_tutorial"] < 1
    assert 0 < measured["data_share"] < 0.5
    for name in ("mindgan", "tutorial"):
        assert measured["ms"][name] > 0
        assert measured["cpu_ms"][name] > 0
        assert 100 < measured["peak_mb"][name] < 4000
    for key in ("ms", "ms_range", "cpu_ms", "peak_mb", "ratio_range"):
        assert measured[key]["pytorch"] is None
    assert measured["ratio_to_pytorch"] is None
    assert (measured["rounds"], measured["steps"]) == (1, 2)


def test_ratios_are_those_of_a_round():
    """A machine that is ten times slower in the last round changes no ratio."""

    def blocks(milliseconds: float) -> list[dict]:
        return [{"steps": [slow * milliseconds] * 3, "draws": [slow * 0.5], "cpu": 7.0} for slow in (1, 1, 10)]

    measured = {"mindgan": blocks(20), "tutorial": blocks(200), "pytorch": blocks(40)}
    told = {name: {"peak_mb": 500.4, "num_graphs": None} for name in measured}
    told["mindgan"]["num_graphs"] = 1
    result = mnist_step.summary(measured, told)
    assert result["ratio_to_tutorial"] == 0.1
    assert result["ratio_to_pytorch"] == 0.5
    assert result["ratio_range"] == {"tutorial": [0.1, 0.1], "pytorch": [0.5, 0.5]}
    assert result["ms"] == {"mindgan": 20, "tutorial": 200, "pytorch": 40}
    assert result["ms_range"]["mindgan"] == [20, 200]
    assert result["peak_mb"]["tutorial"] == 500
    assert result["data_share"] == 0.025
    assert result["recompiled"] is False
    told["mindgan"]["num_graphs"] = 2
    assert mnist_step.summary(measured, told)["recompiled"] is True


@pytest.fixture
def cyclegan_step(monkeypatch):
    """The program, which finds its neighbours as it does where it is run."""
    monkeypatch.syspath_prepend(str(BENCH.parent))
    return importlib.import_module("cyclegan_step")


def test_ratios_of_cyclegan_are_those_of_a_round(cyclegan_step):
    def measured(own: float, torch: float, num_graphs: int = 1) -> tuple[dict, dict]:
        pairs = {"mindgan": own, "pytorch": torch}
        blocks = {name: [{"steps": [slow * ms] * 3} for slow in (1, 1, 10)] for name, ms in pairs.items()}
        told = {name: {"peak_mb": 500.4, "num_graphs": num_graphs} for name in pairs}
        return blocks, told

    case, other = cyclegan_step.Case("step", 64, 4), cyclegan_step.Case("translate", 128, 4)
    result = cyclegan_step.summary({case: measured(30, 20), other: measured(8, 10)})
    assert result["ratio_to_pytorch_64_batch4"] == 1.5
    assert result["ratio_translate_128"] == 0.8
    assert result["ratio_to_pytorch_64"] is None
    assert result["ratio_range"] == {"ratio_to_pytorch_64_batch4": [1.5, 1.5], "ratio_translate_128": [0.8, 0.8]}
    assert result["ms"]["ratio_translate_128"] == {"mindgan": 8, "pytorch": 10}
    assert result["peak_mb"]["ratio_translate_128"] == {"mindgan": 500, "pytorch": 500}
    assert result["recompiled"] is False
    assert cyclegan_step.summary({case: measured(1, 1), other: measured(1, 1, num_graphs=2)})["recompiled"] is True


@pytest.mark.slow
def test_the_bench_of_cyclegan_measures():
    pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")
    options = ("--quick", "--rounds", "1", "--steps", "1", "--sizes", "64", "--threads", "1")
    result = run_bench(*options, program="cyclegan_step.py")
    assert result.returncode == 0, result.stderr
    measured = json.loads(result.stdout)
    ratios = {name for name, value in measured.items() if name.startswith("ratio_") and isinstance(value, float)}
    translations = {"ratio_translate_64", "ratio_translate_64_alone"}
    assert ratios == {"ratio_to_pytorch_64", "ratio_to_pytorch_64_batch4"} | translations
    assert measured["ratio_to_pytorch_128_batch4"] is None
    assert measured["recompiled"] is False
    assert set(measured["ms"]) == set(measured["peak_mb"]) == ratios
    for name in ratios:
        assert measured["ms"][name]["mindgan"] > 0
        assert 100 < measured["peak_mb"][name]["mindgan"] < 4000
    assert measured["threads"] == 1


def test_the_bench_of_cyclegan_needs_pytorch_and_says_so(cyclegan_step, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["cyclegan_step.py"])
    assert cyclegan_step.main() == 2
    assert "PyTorch is not installed" in capsys.readouterr().err


@pytest.fixture
def stylegan2_step(monkeypatch):
    """As `cyclegan_step`."""
    monkeypatch.syspath_prepend(str(BENCH.parent))
    return importlib.import_module("stylegan2_step")


def test_ratios_of_stylegan2_are_those_of_a_round_of_whole_cycles(stylegan2_step):
    """The first cycle compiles and does not count; within a round the iterations differ, so they are added up."""
    cycles = {
        "mindgan": [{"steps": [9000, 1]}, {"steps": [30, 10]}, {"steps": [60, 20]}, {"steps": [30, 30]}],
        "pytorch": [{"steps": [30, 10]}, {"steps": [30, 10]}, {"steps": [30, 10]}, {"steps": [30, 10]}],
        "tuned_pytorch": [{"steps": [10, 10]}, {"steps": [10, 10]}, {"steps": [10, 10]}, {"steps": [10, 10]}],
    }
    peaks = {"mindgan": 900.4, "pytorch": 450.2, "tuned_pytorch": 300.1}
    told = {name: {"peak_mb": peak, "num_graphs": 1} for name, peak in peaks.items()}
    result = stylegan2_step.summary({32: (cycles, told)})
    assert result["ratio_to_pytorch_32"] == 1.5
    assert result["ratio_to_tuned_pytorch_32"] == 3
    assert result["ratio_to_pytorch_64"] is result["ratio_to_tuned_pytorch_64"] is None
    assert result["ratio_range"] == {"ratio_to_pytorch_32": [1, 2], "ratio_to_tuned_pytorch_32": [2, 4]}
    assert result["sec_per_kimg"] == {"32": {"mindgan": 0.4688, "pytorch": 0.3125, "tuned_pytorch": 0.1562}}
    assert result["peak_ratio"] == {"ratio_to_pytorch_32": 2, "ratio_to_tuned_pytorch_32": 3}
    assert result["first_cycle_extra_seconds"]["32"] == {"mindgan": 8.9, "pytorch": 0, "tuned_pytorch": 0}
    assert result["recompiled"] is False
    told["mindgan"]["num_graphs"] = 2
    assert stylegan2_step.summary({32: (cycles, told)})["recompiled"] is True


@pytest.mark.parametrize(("name", "is_tuned"), [("pytorch", False), ("tuned_pytorch", True)])
def test_each_pytorch_is_the_twin_of_its_name(stylegan2_step, monkeypatch, name, is_tuned):
    pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")
    twins, worker = importlib.import_module("stylegan2_twin"), importlib.import_module("stylegan2_step_worker")
    made = []

    class Kept(twins.Twin):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr(twins, "Twin", Kept)
    getattr(worker, name)(np.zeros((2, 3, 16, 16), np.uint8), 16, 2, 64, 8, 1)
    assert [twin.is_tuned for twin in made] == [is_tuned]


@pytest.mark.slow
def test_the_bench_of_stylegan2_measures():
    pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")
    options = ("--quick", "--rounds", "1", "--sizes", "32", "--threads", "1")
    result = run_bench(*options, program="stylegan2_step.py")
    assert result.returncode == 0, result.stderr
    measured = json.loads(result.stdout)
    assert measured["ratio_to_pytorch_32"] > 0
    assert measured["ratio_to_tuned_pytorch_32"] > 0
    assert measured["ratio_to_pytorch_64"] is None
    assert measured["recompiled"] is False
    assert set(measured["peak_mb"]["32"]) == {"mindgan", "pytorch", "tuned_pytorch"}
    assert all(100 < peak < 4000 for peak in measured["peak_mb"]["32"].values())


def test_without_pytorch_it_is_left_out_and_said_so(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert mnist_step.contenders(skip_pytorch=False) == ["mindgan", "tutorial"]
    assert "PyTorch is not installed and left out" in capsys.readouterr().err


def test_a_worker_that_dies_is_reported(tmp_path):
    worker = mnist_step.Worker("mindgan", tmp_path / "nowhere", 1)
    try:
        with pytest.raises(UserError, match=r"the mindgan worker ended with code 1"):
            worker.ask("tell")
    finally:
        worker.stop()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rounds", "0"], "0 is too small; it must be 1 or more"),
        (["--steps", "many"], "invalid"),
        (["--skip-pytorch", "--data", "no/such/folder"], "no/such/folder does not exist"),
    ],
)
def test_bad_options_are_told_in_a_line(options, message):
    result = run_bench(*options)
    assert result.returncode == 2
    assert message in result.stderr.splitlines()[-1]
    assert result.stdout == ""


def test_data_of_ones_own_is_measured_on(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    for folder in (source, out):
        folder.mkdir()
    images = write_idx(source, 5)
    mnist_step.write_idx(source / "t10k-images-idx3-ubyte", images)
    mnist_step.write_idx(source / "t10k-labels-idx1-ubyte", np.zeros(5, np.uint8))
    mnist_step.write_training_set(out, source)
    assert (out / "train-images-idx3-ubyte").read_bytes() == (source / "train-images-idx3-ubyte").read_bytes()


def test_threads_default_to_at_most_two(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mnist_step.py"])
    options: argparse.Namespace = mnist_step.parse()
    assert options.threads in (1, 2)
    assert (options.rounds, options.steps, options.data, options.skip_pytorch) == (10, 20, None, False)
