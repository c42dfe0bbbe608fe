"""A contender of stylegan2_step.py, in a process of its own.

    python scripts/bench/stylegan2_step_worker.py CONTENDER SIZE BATCH CHANNEL_BASE CHANNEL_MAX THREADS

CONTENDER is one of mindgan, pytorch, tuned_pytorch. It answers as mnist_step_worker.py does.
"""

import json
import os
import sys
from collections.abc import Iterator

import numpy as np
from mnist_step_worker import Contender, about_process, limit_threads, run_block

from mindgan.runtime import device

SEED = 1
NUM_IMAGES = 64
PROBABILITY = 0.2  # of augmentation, `bgc`


def mindgan(images: np.ndarray, size: int, batch: int, channel_base: int, channel_max: int, threads: int) -> Contender:
    """The iteration that `mindgan train stylegan` runs; draws, upload and all that comes back included."""
    device.configure("CPU", "graph")
    from mindgan.data.fitting import FitCounts
    from mindgan.data.labelled import LabelledImages
    from mindgan.stylegan2.config import StyleGanConfig
    from mindgan.stylegan2.iteration import Iteration
    from mindgan.stylegan2.state import make_state

    config = StyleGanConfig(
        resolution=size,
        batch_size=batch,
        channel_base=channel_base,
        channel_max=channel_max,
        aug="fixed",
        p=PROBABILITY,
        seed=SEED,
    ).resolved()
    names = tuple(map(str, range(len(images))))
    iteration = Iteration(make_state(config, 0), LabelledImages(images, None, (), names, FitCounts()), config)

    def num_graphs() -> int:
        """The most of any Cell."""
        cells = (*iteration.phases().cells.values(), iteration.follow)
        return max(len(cell.compile_cache) for cell in cells)

    return Contender(lambda index: iteration(index * batch), num_graphs=num_graphs)


def pytorch(images: np.ndarray, size: int, batch: int, channel_base: int, channel_max: int, threads: int) -> Contender:
    """The twin's iteration, of such images, in plain operators."""
    return twin(images, size, batch, channel_base, channel_max, threads, is_tuned=False)


def tuned_pytorch(
    images: np.ndarray, size: int, batch: int, channel_base: int, channel_max: int, threads: int
) -> Contender:
    """The same, tuned for speed."""
    return twin(images, size, batch, channel_base, channel_max, threads, is_tuned=True)


def twin(
    images: np.ndarray, size: int, batch: int, channel_base: int, channel_max: int, threads: int, is_tuned: bool
) -> Contender:
    import torch
    from stylegan2_twin import Twin

    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    training = Twin(size, channel_base, channel_max, batch, p=PROBABILITY, is_tuned=is_tuned)
    batches = endless(images, batch)
    return Contender(lambda index: training.step(index, next(batches)))


def endless(images: np.ndarray, batch: int) -> Iterator[np.ndarray]:
    """float32 [batch, 3, H, W] in [-1, 1], one after the other."""
    while True:
        for start in range(0, len(images), batch):
            yield (images[start : start + batch].astype(np.float32) - 127.5) / 127.5


def main() -> None:
    name, *numbers = sys.argv[1:]
    size, batch, channel_base, channel_max, threads = map(int, numbers)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints is no answer
    limit_threads(threads)
    images = np.random.default_rng(SEED).integers(0, 256, (NUM_IMAGES, 3, size, size), np.uint8)
    make = {"mindgan": mindgan, "pytorch": pytorch, "tuned_pytorch": tuned_pytorch}[name]
    contender, num_done = make(images, size, batch, channel_base, channel_max, threads), 0
    for line in sys.stdin:
        if line.startswith("run "):
            answer = run_block(contender, num_done, int(line.removeprefix("run ")))
            num_done += len(answer["steps"])
        else:
            answer = about_process(contender)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
