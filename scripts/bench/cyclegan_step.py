"""How long a training step of CycleGAN takes, and a translation: this package's and a PyTorch twin's.

    python scripts/bench/cyclegan_step.py [--rounds 5] [--steps 3] [--threads 2] [--sizes 64 128] [--quick]

Prints one line of JSON; README.md beside this file explains its fields. For each case both contenders live in processes
of their own (cyclegan_step_worker.py), as those of mnist_step.py do, and take turns: they never compute at once.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mnist_step
from mnist_step import about_machine, at_least_one, block_medians, extremes, middle, versions

from mindgan.cyclegan.translate import BATCH_PX
from mindgan.runtime.errors import UserError

WORKER = Path(__file__).with_name("cyclegan_step_worker.py")
CONTENDERS = ("mindgan", "pytorch")
NETWORKS = {64: (32, 6), 128: (64, 9)}  # by the size of the images, px: channels of the first layer, residual blocks
QUICK_NETWORK = (2, 1)
BATCHES = (1, 4)
WARM_UP_STEPS = 2  # compilation, thread pools, memory


@dataclass(frozen=True)
class Case:
    """What both do: a task, ``step`` or ``translate``, at a size."""

    task: str
    size: int
    batch: int = 1

    @property
    def field(self) -> str:
        """The name of its ratio."""
        if self.task == "translate":
            return f"ratio_translate_{self.size}" + ("" if self.batch == at_once(self.size) else "_alone")
        return f"ratio_to_pytorch_{self.size}" + (f"_batch{self.batch}" if self.batch > 1 else "")


def at_once(size: int) -> int:
    """How many images `mindgan translate` draws at a time."""
    return max(BATCH_PX // size**2, 1)


CASES = [
    *(Case("step", size, batch) for size in NETWORKS for batch in BATCHES),
    *(Case("translate", size, batch) for size in NETWORKS for batch in (1, at_once(size))),
]


class Worker(mnist_step.Worker):
    """One contender at one case."""

    def __init__(self, name: str, case: Case, network: tuple[int, int], threads: int):
        self.name = name
        numbers = (case.size, case.batch, *network, threads)
        command = [sys.executable, str(WORKER), name, case.task, *map(str, numbers)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def measure(case: Case, options: argparse.Namespace) -> tuple[dict[str, list], dict[str, dict]]:
    """Asks both in turn.

    Returns:
        By contender: its blocks, one a round, and what it told about its process.
    """
    network = QUICK_NETWORK if options.quick else NETWORKS[case.size]
    blocks: dict[str, list] = {name: [] for name in CONTENDERS}
    with ExitStack() as stack:
        workers = []
        for name in CONTENDERS:
            workers.append(Worker(name, case, network, options.threads))
            stack.callback(workers[-1].stop)
            workers[-1].ask(f"run {WARM_UP_STEPS}")
        for turn in range(options.rounds):
            for worker in reversed(workers) if turn % 2 else workers:  # nobody is always first
                blocks[worker.name].append(worker.ask(f"run {options.steps}"))
        return blocks, {worker.name: worker.ask("tell") for worker in workers}


def summary(measured: dict[Case, tuple[dict[str, list], dict[str, dict]]]) -> dict[str, Any]:
    """Ratios are medians over the rounds of the ratio of the blocks' medians within a round; None if not measured."""
    ratios, ms, peak_mb, recompiled = {}, {}, {}, False
    for case, (blocks, told) in measured.items():
        medians = {name: block_medians(blocks[name], "steps") for name in CONTENDERS}
        ratios[case.field] = medians["mindgan"] / medians["pytorch"]
        ms[case.field] = {name: middle(medians[name]) for name in CONTENDERS}
        peak_mb[case.field] = {name: round(told[name]["peak_mb"]) for name in CONTENDERS}
        recompiled |= told["mindgan"]["num_graphs"] != 1
    return {
        **{case.field: middle(ratios.get(case.field)) for case in CASES},
        "ratio_range": {field: extremes(ratio) for field, ratio in ratios.items()},
        "ms": ms,
        "peak_mb": peak_mb,
        "recompiled": recompiled,
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=at_least_one, default=5, help="how often each contender is asked")
    parser.add_argument("--steps", type=at_least_one, default=3, help="of a block")
    parser.add_argument("--threads", type=at_least_one, default=min(2, os.cpu_count() or 1), help="of each contender")
    parser.add_argument("--sizes", type=int, nargs="+", choices=NETWORKS, default=list(NETWORKS), help="px")
    parser.add_argument("--quick", action="store_true", help="with tiny networks, for a look at the program itself")
    return parser.parse_args()


def main() -> int:
    options = parse()
    machine = about_machine()
    try:
        if importlib.util.find_spec("torch") is None:
            raise UserError("PyTorch is not installed; run: pip install -r scripts/bench/requirements.txt")
        measured = {case: measure(case, options) for case in CASES if case.size in options.sizes}
    except UserError as error:
        print(f"cyclegan_step: {error}", file=sys.stderr)
        return 2
    settings = {"threads": options.threads, "rounds": options.rounds, "steps": options.steps}
    print(json.dumps({**summary(measured), **settings, **machine, "versions": versions(list(CONTENDERS))}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
