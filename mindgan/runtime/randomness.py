"""Every random number of a run: NumPy generators keyed by (seed, rank, nimg, purpose).

A draw depends on its key alone, never on how many draws came before. So a resumed run is bit-equal to one that
never stopped and nothing about random state has to be saved. Draws happen outside the compiled step: on CPU
MindSpore's own random operators cannot be re-seeded once compiled.
"""

import zlib

import numpy as np


def generator(seed: int, purpose: str, *, nimg: int = 0, rank: int = 0) -> np.random.Generator:
    """The generator for one purpose at one point of a run.

    Args:
        seed: the run's seed, 0 or more.
        purpose: what the numbers are for, such as ``'latents'`` or ``'shuffle'``; two purposes never share draws.
        nimg: images seen when the draw is made.
        rank: the process that draws, for numbers that must differ between processes.
    """
    return np.random.default_rng([seed, rank, nimg, zlib.crc32(purpose.encode())])


def latents(seed: int, nimg: int, num: int, latent_size: int) -> np.ndarray:
    """Standard normal latents of the training step that starts at `nimg`: float32 [num, latent_size]."""
    return generator(seed, "latents", nimg=nimg).standard_normal((num, latent_size), dtype=np.float32)


def permutation(seed: int, nimg: int, num: int) -> np.ndarray:
    """The order in which the epoch that starts at `nimg` visits `num` images: int64 [num]."""
    return generator(seed, "shuffle", nimg=nimg).permutation(num)
