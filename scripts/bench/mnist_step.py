"""How long a training step of the MNIST GAN takes: this package's, the tutorial's as printed, a PyTorch twin's.

    python scripts/bench/mnist_step.py [--rounds 10] [--steps 20] [--threads 2] [--data DIR] [--skip-pytorch]

Prints one line of JSON; README.md beside this file explains its fields. Each contender lives in a process of its own
(mnist_step_worker.py), since device mode, thread pools and peak memory belong to a process. They are asked in turn for
short blocks of steps and sleep otherwise, so that a drift of the machine meets all of them alike.
"""

import argparse
import importlib.util
import json
import os
import platform
import struct
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from mindgan.data import idx, mnist
from mindgan.runtime import device
from mindgan.runtime.errors import UserError

WORKER = Path(__file__).with_name("mnist_step_worker.py")
CONTENDERS = ("mindgan", "tutorial", "pytorch")
NUM_IMAGES = 60_000  # as MNIST has
WARM_UP_STEPS = 5  # compilation, thread pools, memory
TUTORIAL_SHARE = 4  # where the others are asked for so many steps, the tutorial is asked for one


class Worker:
    """A contender's process. It sleeps, waiting for input, unless `ask` is under way."""

    def __init__(self, name: str, folder: Path, threads: int):
        self.name = name
        command = [sys.executable, str(WORKER), name, str(folder), str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question: str) -> dict[str, Any]:
        """Raises UserError where the process has ended."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            print(question, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise UserError(f"the {self.name} worker ended with code {self.process.wait()}; see its message above")
        return json.loads(answer)

    def stop(self) -> None:
        self.process.kill()  # it holds nothing worth an orderly end
        self.process.communicate()


def measure(names: list[str], folder: Path, options: argparse.Namespace) -> tuple[dict[str, list], dict[str, dict]]:
    """Asks the workers in turn.

    Returns:
        By contender: its blocks, one a round, and what it told about its process.
    """
    num_steps = dict.fromkeys(names, options.steps)
    num_steps["tutorial"] = max(1, options.steps // TUTORIAL_SHARE)
    blocks: dict[str, list] = {name: [] for name in names}
    with ExitStack() as stack:
        workers = []
        for name in names:
            workers.append(Worker(name, folder, options.threads))
            stack.callback(workers[-1].stop)
            workers[-1].ask(f"run {WARM_UP_STEPS}")
        for turn in range(options.rounds):
            for worker in reversed(workers) if turn % 2 else workers:  # nobody is always first
                blocks[worker.name].append(worker.ask(f"run {num_steps[worker.name]}"))
        return blocks, {worker.name: worker.ask("tell") for worker in workers}


def summary(blocks: dict[str, list], told: dict[str, dict]) -> dict[str, Any]:
    """What was measured. Ratios are medians over the rounds of the ratio of the blocks' medians within a round."""
    own = block_medians(blocks["mindgan"], "steps")
    ratios = {name: own / block_medians(blocks[name], "steps") for name in blocks if name != "mindgan"}
    steps = {name: np.concatenate([block["steps"] for block in blocks[name]]) for name in blocks}
    cpu = {name: np.array([block["cpu"] for block in blocks[name]]) for name in blocks}
    return {
        "ratio_to_tutorial": middle(ratios["tutorial"]),
        "ratio_to_pytorch": middle(ratios.get("pytorch")),
        "ratio_range": {name: extremes(ratios.get(name)) for name in CONTENDERS[1:]},
        "ms": {name: middle(steps.get(name)) for name in CONTENDERS},
        "ms_range": {name: extremes(steps.get(name)) for name in CONTENDERS},
        "cpu_ms": {name: middle(cpu.get(name)) for name in CONTENDERS},
        "peak_mb": {name: round(told[name]["peak_mb"]) if name in told else None for name in CONTENDERS},
        "data_share": middle(block_medians(blocks["mindgan"], "draws") / own),
        "recompiled": told["mindgan"]["num_graphs"] != 1,
    }


def block_medians(blocks: list[dict], key: str) -> np.ndarray:
    return np.array([np.median(block[key]) for block in blocks])


def middle(values: np.ndarray | None) -> float | None:
    return None if values is None else round(float(np.median(values)), 4)


def extremes(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else [round(float(values.min()), 4), round(float(values.max()), 4)]


def write_training_set(folder: Path, data: Path | None) -> None:
    """The images of `data`, or random ones in MNIST's number, as the unpacked files that `ds.MnistDataset` reads."""
    if data is None:
        images = np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, 28, 28), np.uint8)
        labels = np.zeros(NUM_IMAGES, np.uint8)
    else:
        digits = mnist.load("mnist", str(data), verify=False)
        images, labels = digits.images[:, 0], digits.labels
    write_idx(folder / "train-images-idx3-ubyte", images)
    write_idx(folder / "train-labels-idx1-ubyte", labels)


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">I{array.ndim}I", idx.UBYTE << 8 | array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


def about_machine() -> dict[str, Any]:
    """The processor, and how busy it was before the measurement."""
    kind, cpuinfo = platform.processor(), Path("/proc/cpuinfo")
    if cpuinfo.exists():
        kinds = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        kind = kinds[0] if kinds else kind
    return {"machine": f"{kind}, {os.cpu_count()} processors", "load_before": round(os.getloadavg()[0], 2)}


def versions(names: list[str]) -> dict[str, str]:
    return {**device.versions(), **({"torch": metadata.version("torch")} if "pytorch" in names else {})}


def contenders(skip_pytorch: bool) -> list[str]:
    if not skip_pytorch and importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed and left out; pip install -r scripts/bench/requirements.txt", file=sys.stderr)
        skip_pytorch = True
    return [name for name in CONTENDERS if name != "pytorch" or not skip_pytorch]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=at_least_one, default=10, help="how often each contender is asked")
    parser.add_argument("--steps", type=at_least_one, default=20, help="of a block; a quarter of it for the tutorial")
    parser.add_argument("--threads", type=at_least_one, default=min(2, os.cpu_count() or 1), help="of each contender")
    parser.add_argument("--data", type=Path, help="folder with MNIST; without it, random images of its size")
    parser.add_argument("--skip-pytorch", action="store_true", help="leave PyTorch out")
    return parser.parse_args()


def at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too small; it must be 1 or more")
    return number


def main() -> int:
    options = parse()
    machine, names = about_machine(), contenders(options.skip_pytorch)
    try:
        with tempfile.TemporaryDirectory() as folder:
            write_training_set(Path(folder), options.data)
            measured = summary(*measure(names, Path(folder), options))
    except UserError as error:
        print(f"mnist_step: {error}", file=sys.stderr)
        return 2
    settings = {"threads": options.threads, "rounds": options.rounds, "steps": options.steps}
    print(json.dumps({**measured, **settings, **machine, "versions": versions(names)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
