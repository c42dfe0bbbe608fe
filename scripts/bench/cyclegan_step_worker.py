"""A contender of cyclegan_step.py, in a process of its own.

    python scripts/bench/cyclegan_step_worker.py {mindgan,pytorch} {step,translate} SIZE BATCH NGF BLOCKS THREADS

It answers as mnist_step_worker.py does.
"""

import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mnist_step_worker import Contender, about_process, limit_threads, run_block

from mindgan.runtime import device

SEED = 1


def mindgan(
    task: str, images: Callable[[int], tuple], size: int, batch: int, ngf: int, blocks: int, threads: int
) -> Contender:
    """The step that `mindgan cyclegan` runs, or its generator's translation; uploads and all that comes back."""
    device.configure("CPU", "graph")
    from mindspore import Tensor

    from mindgan.cyclegan import recipe
    from mindgan.cyclegan.config import CycleGanConfig
    from mindgan.cyclegan.state import make_state

    config = CycleGanConfig(
        image_height=size, image_width=size, batch_size=batch, ngf=ngf, ndf=ngf, num_blocks=blocks, seed=SEED
    )
    state = make_state(config)
    if task == "translate":
        generator = state.cells["G_A"].set_train(False)
        return Contender(
            lambda index: generator(Tensor(images(index)[0])).asnumpy(),
            num_graphs=lambda: len(generator.compile_cache),
        )
    run_step = recipe.make_step(state, images, config)
    cell = inspect.getclosurevars(run_step).nonlocals["step"]
    return Contender(lambda index: run_step(index * batch), num_graphs=lambda: len(cell.compile_cache))


def pytorch(
    task: str, images: Callable[[int], tuple], size: int, batch: int, ngf: int, blocks: int, threads: int
) -> Contender:
    """The twin's step or translation, of the same images."""
    import torch

    sys.path.append(str(Path(__file__).parents[1]))  # of torch_cyclegan
    from cyclegan_twin import Twin

    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    twin = Twin(ngf, blocks)
    if task == "translate":
        return Contender(lambda index: twin.translate(images(index)[0]))
    return Contender(lambda index: twin.step(*images(index)))


def make_images(size: int, batch: int) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """By any number: a batch of each domain, float32 [N, 3, size, size] in [-1, 1], one of four in turn."""
    drawn = np.random.default_rng(SEED).uniform(-1, 1, (4, 2, batch, 3, size, size)).astype(np.float32)
    return lambda index: (drawn[index % 4, 0], drawn[index % 4, 1])


def main() -> None:
    name, task, *numbers = sys.argv[1:]
    size, batch, ngf, blocks, threads = map(int, numbers)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints is no answer
    limit_threads(threads)
    make = {"mindgan": mindgan, "pytorch": pytorch}[name]
    contender, num_done = make(task, make_images(size, batch), size, batch, ngf, blocks, threads), 0
    for line in sys.stdin:
        if line.startswith("run "):
            answer = run_block(contender, num_done, int(line.removeprefix("run ")))
            num_done += len(answer["steps"])
        else:
            answer = about_process(contender)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
