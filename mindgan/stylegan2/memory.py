"""What a training on a CPU takes of memory, as far as it can be told before it begins."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import psutil

from mindgan.runtime.errors import UserError
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.shape import Shape
from mindgan.training.state import TrainState

GIB = 2**30
FRAMEWORK_BYTES = 0.95 * GIB  # MindSpore, and the phases as they were compiled
# How often the features of the generator, [N, H, W, C] at each level, fit into what the phases hold at their peak.
# Measured at 32, 64, 128 and 256 px with batches of 8: 1.0, 1.7, 5.4 and 8.1 to 9.9 GiB, and at 256 px in parts of 4:
# 5.9; this makes 1.1, 1.7, 5.4, 9.4 and 5.8.
FEATURES_HELD = 32
FLOAT_BYTES = 4


def needed_bytes(state: TrainState, batch_size: int, part_size: int) -> float:
    """Of the process at its peak, about: float32 networks, gradients, moments, features.

    Args:
        state: of the training.
        batch_size: images of a step.
        part_size: images that are computed at once.
    """
    G, D = (sum(math.prod(parameter.shape) for parameter in state.cells[name].get_parameters()) for name in "GD")
    sums = G + D if part_size < batch_size else 0
    weights = 5 * G + 4 * D + sums  # themselves, gradients and two moments; of G the average too
    return FRAMEWORK_BYTES + FLOAT_BYTES * (weights + FEATURES_HELD * part_size * _features(state.cells["G"].shape))


def tell_memory(config: StyleGanConfig, state: TrainState, target: str, say: Callable[[str], None]) -> None:
    """Warns where a CPU's training would be ended by the system; what an accelerator needs is not known.

    Args:
        config: resolved settings.
        state: of the training.
        target: where it will run.
        say: is told.
    """
    warning = warning_of_memory(config, state, free_bytes()) if target == "CPU" else None
    if warning:
        say(warning)


def free_bytes() -> int:
    """What this process can have: what it has, and what is there for all."""
    return int(psutil.virtual_memory().available + psutil.Process().memory_info().rss)


def warning_of_memory(config: StyleGanConfig, state: TrainState, free: float) -> str | None:
    """None where the `free` bytes of this machine will do; `config` is resolved."""
    needed = needed_bytes(state, config.batch_size, config.batch_gpu or config.batch_size)
    if needed <= free:
        return None
    fitting = [size for size in _smaller_parts(config) if needed_bytes(state, config.batch_size, size) <= free]
    parts = f"--batch_gpu {fitting[0]}, which computes a step in parts, " if fitting else ""
    return (
        f"warning: this may need about {needed / GIB:.1f} GB of memory, and there are {free / GIB:.1f}; "
        f"{parts}a smaller --resolution or a smaller --channel_base take less"
    )


def _features(shape: Shape) -> int:
    """Numbers of one image at all levels of the generator."""
    return sum(math.prod(shape.size(level)) * shape.channels(level) for level in shape.levels)


def _smaller_parts(config: StyleGanConfig) -> list[int]:
    """Values of --batch_gpu that are possible and smaller than the present one, the largest first."""
    found = []
    for size in range((config.batch_gpu or config.batch_size) - 1, 0, -1):
        if config.batch_size % size == 0:
            with suppress(UserError):
                found.append(replace(config, batch_gpu=size).batch_gpu)
    return found
