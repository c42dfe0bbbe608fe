"""New images of a generator: latents, truncation, noise, in batches."""

import numpy as np
from mindspore import Tensor, nn

from mindgan.render.grids import to_uint8
from mindgan.runtime import randomness
from mindgan.stylegan2.networks import Generator, for_all_layers
from mindgan.stylegan2.settings import NoiseMode

MOST_ROWS = 32  # of a sample grid, for its classes


class TruncatedStyles(nn.Cell):
    """Latents z [N, Z], labels c [N, K] and psi [] to styles ws [N, num_ws, D].

    They go to w_avg + psi (w - w_avg) (Karras et al. 2019, appendix B).
    """

    def __init__(self, generator: Generator, *, cutoff: int | None = None):
        """
        Args:
            generator: its parameters are used, and not changed.
            cutoff: only the styles of so many first layers are truncated; None for all.
        """
        super().__init__(auto_prefix=False)
        self.mapping = generator.mapping
        num_ws = generator.shape.num_ws
        self.truncated = Tensor((np.arange(num_ws) < (num_ws if cutoff is None else cutoff)).astype(np.float32))
        self.num_ws = num_ws

    def construct(self, z: Tensor, c: Tensor, psi: Tensor) -> Tensor:
        ws = for_all_layers(self.mapping(z, c), self.num_ws)
        average = self.mapping.w_avg
        shares = 1 + (psi - 1) * self.truncated.reshape(1, -1, 1)
        return average + (ws - average) * shares


class Draw(nn.Cell):
    """Latents z [N, Z], labels c [N, K], psi [] and noise [N, num_noise] to images [N, C, H, W], truncated."""

    def __init__(self, generator: Generator, *, cutoff: int | None = None):
        """Arguments are those of `TruncatedStyles`."""
        super().__init__(auto_prefix=False)
        self.styles, self.synthesis = TruncatedStyles(generator, cutoff=cutoff), generator.synthesis

    def construct(self, z: Tensor, c: Tensor, psi: Tensor, noise: Tensor) -> Tensor:
        return self.synthesis(self.styles(z, c, psi), noise)


class Drawer:
    """Draws images of a generator, whose weights may change between calls, `batch_size` at once."""

    def __init__(self, generator: Generator, *, batch_size: int, cutoff: int | None = None):
        self.cell = Draw(generator, cutoff=cutoff)
        self.synthesis, self.shape, self.batch_size = generator.synthesis, generator.shape, batch_size

    def draw(
        self,
        z: np.ndarray,
        c: np.ndarray | None = None,
        *,
        psi: float = 1.0,
        noise_mode: NoiseMode = "const",
        random: np.random.Generator | None = None,
    ) -> np.ndarray:
        """Images, whatever their number.

        Args:
            z: float32 [N, Z].
            c: float32 [N, K], where the generator takes labels.
            psi: of the truncation.
            noise_mode: const is the network's own noise, random draws it anew for each image, none leaves it out.
            random: where random noise comes from.

        Returns:
            uint8 [N, C, H, W].
        """
        c = np.zeros((len(z), 1), np.float32) if c is None else c
        images = []
        for start in range(0, len(z), self.batch_size):
            num = min(self.batch_size, len(z) - start)
            at = start + np.arange(self.batch_size) % num  # the last batch is filled up: one compilation
            noise = self._noise(num, noise_mode, random)
            drawn = self.cell(*map(Tensor, (z[at], c[at], np.float32(psi), noise[at - start])))
            images.append(to_uint8(drawn.asnumpy()[:num]))
        return np.concatenate(images)

    def _noise(self, num: int, noise_mode: NoiseMode, random: np.random.Generator | None) -> np.ndarray:
        if noise_mode == "random":
            assert random is not None, "random noise needs a generator"
            return random.standard_normal((num, self.shape.num_noise), dtype=np.float32)
        row = self.synthesis.noise_const() if noise_mode == "const" else np.zeros(self.shape.num_noise, np.float32)
        return np.broadcast_to(row, (num, self.shape.num_noise))


def grid_rows(grid: int, labels: np.ndarray | None) -> int:
    """Rows of a sample grid: `grid`, or one for each class up to 32, where there are more."""
    num_kinds = 0 if labels is None else len(np.unique(labels, axis=0))
    return max(grid, min(num_kinds, MOST_ROWS))


def grid_latents(seed: int, rows: int, columns: int, z_dim: int, labels: np.ndarray | None) -> tuple:
    """Latents float32 [rows columns, Z] of the sample grids, and labels [rows columns, K] or None, one class a row.

    Args:
        seed: of the run.
        rows: of the grid.
        columns: of the grid.
        z_dim: Z.
        labels: float32 [M, K] of the training images, None for none; rows go through the different ones in turn.
    """
    z = randomness.generator(seed, "grid latents").standard_normal((rows * columns, z_dim), dtype=np.float32)
    if labels is None:
        return z, None
    kinds = np.flip(np.unique(labels, axis=0), 0)  # one-hot labels so come in the order of the classes
    return z, np.repeat(kinds[np.arange(rows) % len(kinds)], columns, axis=0)
