"""How long a training cycle of StyleGAN2-ADA takes: this package's and a PyTorch twin's, plain and tuned.

    python scripts/bench/stylegan2_step.py [--rounds 3] [--threads 2] [--sizes 32 64] [--quick]

A cycle is 16 iterations with all four phases, augmentation `bgc` at p = 0.2, batch 8. Prints one line of JSON;
README.md beside this file explains its fields. For each size the contenders live in processes of their own
(stylegan2_step_worker.py) and take turns: they never compute at once.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import mnist_step
import numpy as np
from mnist_step import about_machine, at_least_one, extremes, middle, versions

from mindgan.runtime.errors import UserError

WORKER = Path(__file__).with_name("stylegan2_step_worker.py")
PEERS = ("pytorch", "tuned_pytorch")
CONTENDERS = ("mindgan", *PEERS)
CHANNELS = {32: (16384, 64), 64: (16384, 128)}  # by the size of the images, px: channel base and maximum
QUICK_CHANNELS = (64, 8)
CYCLE = 16  # iterations
BATCH_SIZE = 8


class Worker(mnist_step.Worker):
    """One contender at one size."""

    def __init__(self, name: str, size: int, options: argparse.Namespace):
        self.name = name
        channels = QUICK_CHANNELS if options.quick else CHANNELS[size]
        numbers = (size, BATCH_SIZE, *channels, options.threads)
        command = [sys.executable, str(WORKER), name, *map(str, numbers)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def measure(size: int, options: argparse.Namespace) -> tuple[dict[str, list], dict[str, dict]]:
    """Asks all in turn.

    Returns:
        By contender: its cycles, one a round after one that warms up, and what it told about its process.
    """
    cycles: dict[str, list] = {name: [] for name in CONTENDERS}
    with ExitStack() as stack:
        workers = []
        for name in CONTENDERS:
            workers.append(Worker(name, size, options))
            stack.callback(workers[-1].stop)
            cycles[name].append(workers[-1].ask(f"run {CYCLE}"))
        for turn in range(options.rounds):
            for worker in reversed(workers) if turn % 2 else workers:  # nobody is always first
                cycles[worker.name].append(worker.ask(f"run {CYCLE}"))
        return cycles, {worker.name: worker.ask("tell") for worker in workers}


def summary(measured: dict[int, tuple[dict[str, list], dict[str, dict]]]) -> dict[str, Any]:
    """Ratios are medians over the rounds of the ratio of the two cycles within a round; None if not measured."""
    by_ratio: dict[str, dict[str, Any]] = {"ratio_range": {}, "peak_ratio": {}}
    by_size: dict[str, dict[str, Any]] = {"sec_per_kimg": {}, "peak_mb": {}, "first_cycle_extra_seconds": {}}
    ratios, recompiled = dict.fromkeys(field(peer, size) for peer in PEERS for size in CHANNELS), False
    for size, (cycles, told) in measured.items():
        seconds = {name: np.array([sum(cycle["steps"]) / 1000 for cycle in cycles[name]]) for name in CONTENDERS}
        peak = {name: round(told[name]["peak_mb"]) for name in CONTENDERS}
        for peer in PEERS:
            ratio = seconds["mindgan"][1:] / seconds[peer][1:]
            name = field(peer, size)
            ratios[name] = middle(ratio)
            by_ratio["ratio_range"][name] = extremes(ratio)
            by_ratio["peak_ratio"][name] = round(peak["mindgan"] / peak[peer], 2)
        kimg = CYCLE * BATCH_SIZE / 1000
        by_size["sec_per_kimg"][str(size)] = {it: middle(seconds[it][1:] / kimg) for it in CONTENDERS}
        by_size["peak_mb"][str(size)] = peak
        extra = {it: float(seconds[it][0] - np.median(seconds[it][1:])) for it in CONTENDERS}
        by_size["first_cycle_extra_seconds"][str(size)] = {it: round(value, 1) for it, value in extra.items()}
        recompiled |= told["mindgan"]["num_graphs"] != 1
    return {**ratios, **by_ratio, **by_size, "recompiled": recompiled}


def field(peer: str, size: int) -> str:
    """The name of its ratio."""
    return f"ratio_to_{peer}_{size}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=at_least_one, default=3, help="how often each contender is asked for a cycle")
    parser.add_argument("--threads", type=at_least_one, default=min(2, os.cpu_count() or 1), help="of each contender")
    parser.add_argument("--sizes", type=int, nargs="+", choices=CHANNELS, default=list(CHANNELS), help="px")
    parser.add_argument("--quick", action="store_true", help="with tiny networks, for a look at the program itself")
    return parser.parse_args()


def main() -> int:
    options = parse()
    machine = about_machine()
    try:
        if importlib.util.find_spec("torch") is None:
            raise UserError("PyTorch is not installed; run: pip install -r scripts/bench/requirements.txt")
        measured = {size: measure(size, options) for size in options.sizes}
    except UserError as error:
        print(f"stylegan2_step: {error}", file=sys.stderr)
        return 2
    settings = {"threads": options.threads, "rounds": options.rounds}
    print(json.dumps({**summary(measured), **settings, **machine, "versions": versions(list(CONTENDERS))}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
