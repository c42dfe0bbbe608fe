"""A contender of mnist_step.py, in a process of its own.

    python scripts/bench/mnist_step_worker.py {mindgan,tutorial,pytorch} FOLDER THREADS

A line on stdin is a question, a line of JSON on stdout its answer: ``run N`` does and times N steps, ``tell`` tells
about the process. Between questions it sleeps; it ends with its input.
"""

import inspect
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mindgan.data import idx
from mindgan.data.batches import Batches
from mindgan.runtime import device, randomness

IMAGES = "train-images-idx3-ubyte"
BATCH_SIZE = 128
LATENT_SIZE = 100
SEED = 1
LOG_FREQUENCY = 10  # the tutorial's loop reads its losses at every tenth step

StepFunction = Callable[[int], object]
"""Does the step with this index; it is done when the function returns."""


@dataclass(frozen=True)
class Contender:
    """What is measured."""

    step: StepFunction
    draw: StepFunction | None = None
    """The part of a step that makes its batch and latents, on its own."""
    num_graphs: Callable[[], int] | None = None
    """How many graphs were compiled for the step so far."""


def mindgan(folder: Path, threads: int) -> Contender:
    """The step that `mindgan mnist` runs, upload of the batch included."""
    device.configure("CPU", "graph")
    from mindgan.mlp_gan import recipe
    from mindgan.mlp_gan.config import MlpGanConfig

    config = MlpGanConfig(batch_size=BATCH_SIZE, latent_size=LATENT_SIZE, seed=SEED)
    images = read_images(folder)
    batches = Batches(images, batch_size=BATCH_SIZE, seed=SEED)
    run_step = recipe.make_step(recipe.make_state(config), batches, config)
    cell = inspect.getclosurevars(run_step).nonlocals["step"]
    others = Batches(images, batch_size=BATCH_SIZE, seed=SEED + 1)  # images that no step has left in the cache
    return Contender(
        step=lambda index: run_step(index * BATCH_SIZE),
        draw=lambda index: draw(others, index),
        num_graphs=lambda: len(cell.compile_cache),
    )


def tutorial(folder: Path, threads: int) -> Contender:
    """A turn of the tutorial's loop: the next batch of its pipeline, the step, the losses read now and then."""
    device.configure("CPU", "pynative")
    from tutorial_loop import TutorialLoop

    loop = TutorialLoop(folder)

    def epochs() -> Iterator[tuple]:
        while True:
            yield from loop.batches()

    batches = epochs()

    def step(index: int) -> None:
        losses = loop.step(*next(batches))
        if index % LOG_FREQUENCY == 0:
            for loss in losses:
                loss.asnumpy()

    return Contender(step)


def pytorch(folder: Path, threads: int) -> Contender:
    """The twin's step, on the batches and latents that this package's step gets."""
    import torch
    from torch_twin import Twin

    torch.set_num_threads(threads)
    twin = Twin(SEED)
    batches = Batches(read_images(folder).reshape(-1, 784), batch_size=BATCH_SIZE, seed=SEED)
    return Contender(lambda index: twin.step(*draw(batches, index)))


def read_images(folder: Path) -> np.ndarray:
    """uint8 [N, 1, 28, 28]."""
    path = folder / IMAGES
    return idx.parse(path.read_bytes(), path, ndim=3)[:, None]


def draw(batches: Batches, index: int) -> tuple[np.ndarray, np.ndarray]:
    nimg = index * BATCH_SIZE
    return batches.batch(nimg), randomness.latents(SEED, nimg, BATCH_SIZE, LATENT_SIZE)


def limit_threads(threads: int) -> None:
    """To be called before a framework is imported: they size their pools by the processors they may use."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if hasattr(os, "sched_setaffinity"):  # not on macOS
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def run_block(contender: Contender, first: int, num: int) -> dict[str, Any]:
    """Milliseconds: of each step, of each draw, and of all processors together for a step."""
    steps, draws, start = [], [], time.process_time()
    for index in range(first, first + num):
        steps.append(milliseconds(contender.step, index))
        if contender.draw:
            draws.append(milliseconds(contender.draw, index))
    processors = 1000 * (time.process_time() - start) - sum(draws)
    return {"steps": steps, "draws": draws, "cpu": processors / num}


def milliseconds(function: StepFunction, index: int) -> float:
    start = time.perf_counter()
    function(index)
    return 1000 * (time.perf_counter() - start)


def about_process(contender: Contender) -> dict[str, Any]:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes in ru_maxrss' unit
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return {"peak_mb": peak_mb, "num_graphs": contender.num_graphs() if contender.num_graphs else None}


def main() -> None:
    name, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints is no answer
    limit_threads(threads)
    contender = {"mindgan": mindgan, "tutorial": tutorial, "pytorch": pytorch}[name](folder, threads)
    num_done = 0
    for line in sys.stdin:
        match line.split():
            case ["run", num]:
                answer = run_block(contender, num_done, int(num))
                num_done += int(num)
            case _:
                answer = about_process(contender)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
