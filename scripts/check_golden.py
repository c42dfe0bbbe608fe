"""Compares the package with golden vectors: numbers of independent implementations, laid out as in tests/golden.

    python scripts/check_golden.py DIR

For every set found under DIR it prints `name  largest relative error  ok|FAIL` a line; exit code 1 on any FAIL and
2 where DIR holds no set. The file formats are described where each is read.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mindgan.runtime.device import configure

MODES = ("pynative", "graph")


@dataclass(frozen=True)
class Row:
    """One comparison: its name, the error found and the largest one that is right."""

    name: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        return bool(self.error <= self.tolerance)  # NaN is not ok

    def __str__(self) -> str:
        return f"{self.name:<44} {self.error:.3e}  {'ok' if self.ok else 'FAIL'}"


def largest_relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """max |actual - expected| / |expected|, element by element; for numbers that stay away from zero."""
    return float(np.max(np.abs(actual - expected) / np.abs(expected)))


def frobenius_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """||actual - expected|| / ||expected||; of zeros the difference itself."""
    return float(np.linalg.norm(actual - expected) / (np.linalg.norm(expected) or 1))


def fill_weights(network, seed: int) -> None:
    """The golden weights of the MLP GAN: one standard normal draw a trainable parameter, in the order of the layers.

    A matrix [out, in] is multiplied by 1/sqrt(in), a BatchNorm gamma is 1 + 0.02 v, biases and betas are 0.05 v.
    """
    from mindspore import Tensor

    random = np.random.RandomState(seed)
    for parameter in network.trainable_params():
        value = random.standard_normal(parameter.shape).astype(np.float32)
        if value.ndim == 2:
            value = value * np.float32(1 / np.sqrt(value.shape[1]))
        elif parameter.name.endswith("gamma"):
            value = 1 + np.float32(0.02) * value
        else:
            value = np.float32(0.05) * value
        parameter.set_data(Tensor(value))


def mlp_trajectory(config: dict) -> dict[str, np.ndarray]:
    """The package's losses over the golden steps, the first running statistics and four images in inference mode."""
    from mindspore import Tensor

    from mindgan.data.batches import normalise
    from mindgan.mlp_gan.networks import Discriminator, Generator
    from mindgan.mlp_gan.step import TrainStep
    from mindgan.training.adam import make_adam

    generator, discriminator = Generator(config["latent"]), Discriminator()
    generator.update_parameters_name("generator")
    discriminator.update_parameters_name("discriminator")
    fill_weights(generator, config["weight_seed_G"])
    fill_weights(discriminator, config["weight_seed_D"])
    adam = {"lr": 2e-4, "beta1": 0.5, "beta2": 0.999}
    optim_g = make_adam(generator, "optim_g", **adam)
    optim_d = make_adam(discriminator, "optim_d", **adam)
    step = TrainStep(generator, discriminator, optim_g, optim_d)
    image_random, latent_random = (np.random.RandomState(config[key]) for key in ("image_seed", "latent_seed"))
    losses = []
    for _ in range(config["steps"]):
        images = normalise(image_random.randint(0, 256, (config["batch"], 784)))
        latents = latent_random.standard_normal((config["batch"], config["latent"])).astype(np.float32)
        losses.append([float(loss.asnumpy()) for loss in step(Tensor(images), Tensor(latents))])
    loss_d, loss_g = np.array(losses).T
    latents = latent_random.standard_normal((4, config["latent"])).astype(np.float32)
    generator.set_train(False)
    images = generator(Tensor(latents)).asnumpy().reshape(4, 784)
    running = {parameter.name.split("model.")[1]: parameter.asnumpy() for parameter in generator.get_parameters()}
    return {
        "loss_d": loss_d,
        "loss_g": loss_g,
        "eval_images": images,
        "bn1.running_mean": running["3.moving_mean"],
        "bn1.running_var": running["3.moving_variance"],
    }


def check_mlp(folder: Path, mode: str) -> Iterator[Row]:
    """`config.json` and `mlp_trajectory.npz`: losses of the training steps, then images in inference mode.

    Rounding alone moves the last losses by 2e-3. It moves the images by 1e-2: the biases before a BatchNorm have no
    true gradient, so Adam follows rounding there, and in inference the running mean lags behind them.
    """
    expected = dict(np.load(folder / "mlp_trajectory.npz"))
    actual = mlp_trajectory(json.loads((folder / "config.json").read_text()))
    for name in ("loss_d", "loss_g"):
        yield Row(f"mlp/{mode}/{name}[:6]", largest_relative_error(actual[name][:6], expected[name][:6]), 1e-4)
        yield Row(f"mlp/{mode}/{name}", largest_relative_error(actual[name], expected[name]), 5e-3)
    for name in ("eval_images", "bn1.running_mean", "bn1.running_var"):
        yield Row(f"mlp/{mode}/{name}", frobenius_error(actual[name], expected[name]), 1e-2)


def largest_gradient_error(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """The largest relative Frobenius error of the gradients of one network.

    Instance norm takes every constant out again, so a bias before one has no true gradient, and what an implementation
    finds is rounding: there the difference counts in comparison with the largest gradient of the network.

    Args:
        actual: by the names of the parameters.
        expected: by the same names, in the order of the layers.
    """
    scale = max(float(np.linalg.norm(value)) for value in expected.values())
    biases = [name for name in expected if name.endswith("bias")]
    normed = biases[:-1] if biases[0].startswith("grad.G") else biases[1:-1]
    errors = [
        float(np.linalg.norm(actual[name] - value)) / scale if name in normed else frobenius_error(actual[name], value)
        for name, value in expected.items()
    ]
    return float(np.max(errors))  # NaN, where there is one


def check_cyclegan(folder: Path, mode: str) -> Iterator[Row]:
    """`config.json` and `cyclegan_step.npz`: outputs, losses and gradients of one step, from the weights in the file.

    The names of the weights are those of the paper's implementation after the network: ``G_A.model.1.weight``.
    """
    from golden_cyclegan import NETWORKS, step_numbers

    with np.load(folder / "cyclegan_step.npz") as file:
        expected = dict(file)
    actual = step_numbers(json.loads((folder / "config.json").read_text()), expected)
    for name in expected:
        if name.startswith(("out.", "loss.")):
            yield Row(f"cyclegan/{mode}/{name}", frobenius_error(actual[name], expected[name]), 1e-4)
    for network in NETWORKS:
        grads = {name: value for name, value in expected.items() if name.startswith(f"grad.{network}.")}
        yield Row(f"cyclegan/{mode}/grad.{network}", largest_gradient_error(actual, grads), 1e-4)


NO_GRADIENT = 1e-6  # of the largest of a phase: what is less is rounding where there is none


def largest_phase_error(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """The largest relative Frobenius error of a phase's gradients.

    Where there is no gradient, as for a bias that the penalty on a piecewise linear network does not see, the
    difference counts in comparison with the largest one. What `expected` lacks has none.

    Args:
        actual: by the names of all parameters that the phase trains.
        expected: by some of these; a KeyError where `actual` lacks one.
    """
    scale = max(float(np.linalg.norm(value)) for value in expected.values())
    zeros = {name: np.zeros_like(value) for name, value in actual.items() if name not in expected}
    errors = []
    for name, value in {**expected, **zeros}.items():
        size, difference = (float(np.linalg.norm(array)) for array in (value, actual[name] - value))
        errors.append(difference / (size if size > NO_GRADIENT * scale else scale))
    return float(np.max(errors))  # NaN, where there is one


def check_stylegan2_networks(file: Path, mode: str) -> Iterator[Row]:
    """`config.json` and `networks_*.npz`: styles, images, scores; reports and gradients of the four phases.

    The names of the weights are those of the reference's networks after ``G.`` and ``D.``. The second gradients of two
    phases are computed compiled only: MindSpore's are wrong in PyNative.
    """
    from golden_stylegan2 import FIRST_ORDER, network_numbers

    expected = read_arrays(file)
    actual = network_numbers(json.loads(file.with_name("config.json").read_text()), expected, mode)
    start = f"stylegan2/{mode}/{file.stem.removeprefix('networks_')}"
    for name, value in expected.items():
        if name.startswith("out.") and not name.endswith("_before") and (mode == "graph" or name in actual):
            yield Row(f"{start}/{name}", frobenius_error(actual[name].reshape(value.shape), value), tolerance_of(name))
    for phase in FIRST_ORDER if mode == "pynative" else ("Gmain", "Greg", "Dmain", "Dreg"):
        found, grads = (
            {name: grad for name, grad in numbers.items() if name.startswith(f"grad.{phase}.")}
            for numbers in (actual, expected)
        )
        yield Row(f"{start}/grad.{phase}", largest_phase_error(found, grads), tolerance_of(phase))


def tolerance_of(name: str) -> float:
    """1e-3 where a gradient has been differentiated, else 1e-4."""
    return 1e-3 if any(word in name for word in ("Greg", "Dreg", "second_order.grad_w")) else 1e-4


def check_upfirdn2d(file: Path, mode: str) -> Iterator[Row]:
    """`upfirdn2d.json`, a list of cases, and `upfirdn2d.npz`: images `<number of the case>.x` and `.y`."""
    from golden_stylegan2 import resampled

    expected = read_arrays(file)
    for number, case in enumerate(json.loads(file.with_suffix(".json").read_text())):
        y = resampled(case, expected[f"{number}.x"])
        yield Row(f"stylegan2/{mode}/upfirdn2d.{number}", frobenius_error(y, expected[f"{number}.y"]), 1e-4)


def check_augment(file: Path, mode: str) -> Iterator[Row]:
    """`augment.npz`: `x`, `x_gray` and what is made of them with every draw at a percentile, `<spec>[_gray]@<q>`.

    Noise is compared at the last percentile, whose `noise.unit` is in the file; of the others, which have another
    noise, only how much of it there is can be: 9216 numbers tell the deviation to 1 %.
    """
    from golden_stylegan2 import augmented, noise_deviation, second_order_numbers

    expected = read_arrays(file)
    keys = [key for key in expected if "@" in key]
    without = [key for key in keys if key.startswith("noise")][:-1]
    for key in keys:
        if key in without:
            error, tolerance = abs((expected[key] - expected["x"]).std() / noise_deviation(key, expected) - 1), 0.02
        else:
            error, tolerance = frobenius_error(augmented(key, expected, mode), expected[key]), 1e-4
        yield Row(f"stylegan2/{mode}/augment/{key}", float(error), tolerance)
    for name, number in second_order_numbers(expected, mode).items():
        yield Row(f"stylegan2/{mode}/augment/{name}", frobenius_error(number, expected[name]), tolerance_of(name))


def read_arrays(file: Path) -> dict[str, np.ndarray]:
    with np.load(file) as arrays:
        return dict(arrays)


# what is compared with what, and the file beside it that says how its numbers were made
SETS = (
    ("mlp_trajectory.npz", "config.json", lambda file, mode: check_mlp(file.parent, mode)),
    ("cyclegan_step.npz", "config.json", lambda file, mode: check_cyclegan(file.parent, mode)),
    ("networks_*.npz", "config.json", check_stylegan2_networks),
    ("upfirdn2d.npz", "upfirdn2d.json", check_upfirdn2d),
    ("augment.npz", "augment.npz", check_augment),
)


def check(folder: Path) -> Iterator[Row]:
    """Every comparison for the sets under `folder`, in PyNative and compiled."""
    for name, beside, check_set in SETS:
        for file in sorted(folder.rglob(name)):
            if not file.with_name(beside).is_file():
                sys.exit(f"{file.parent} lacks {beside}, which says how its numbers were made")
            for mode in MODES:
                configure("CPU", mode)
                yield from check_set(file, mode)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="DIR", type=Path)
    folder = parser.parse_args().folder
    rows = []
    for row in check(folder):
        rows.append(row)
        print(row, flush=True)
    if not rows:
        print(f"{folder} holds no golden vectors; expected for instance {folder}/mlp/{SETS[0][0]}")
        return 2
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
