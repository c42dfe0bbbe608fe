"""Pictures of what the generators draw: rows while they learn, and a sheet of both directions at the end."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from mindspore import Tensor, nn

from mindgan.cyclegan import results
from mindgan.cyclegan.config import CycleGanConfig
from mindgan.data.batches import normalise
from mindgan.data.decode import decode_item
from mindgan.data.image_set import ImageSet
from mindgan.data.unpaired import Domains
from mindgan.render.grids import to_uint8
from mindgan.runtime import randomness
from mindgan.runtime.run_directory import RunDirectory

SHEET_COLUMNS = 8

Cells = dict[str, nn.Cell]


def drawing(run: RunDirectory, config: CycleGanConfig, cells: Cells, source: ImageSet) -> Callable[[int], None]:
    """A function that draws source, translated and reconstructed image side by side, after so many epochs."""
    images = _chosen(source, config, "samples", config.num_samples)

    def draw(epochs: int) -> None:
        for index, image in enumerate(images):
            fake, again = _there_and_back(cells["G_A"], cells["G_B"], image)
            results.save_row(run.sample_row(epochs, index), image, fake, again)

    return draw


def save_sheet(path: Path, config: CycleGanConfig, cells: Cells, domains: Domains) -> None:
    """Eight images of each domain, below them their translations, below these the way back; of the tests if there are.

    Raises:
        UserError: an image cannot be read, or the file cannot be written.
    """
    rows = []
    for images, tests, there, back in (
        (domains.source, domains.source_test, "G_A", "G_B"),
        (domains.target, domains.target_test, "G_B", "G_A"),
    ):
        chosen = _chosen(tests or images, config, "sheet", SHEET_COLUMNS)
        drawn = [_there_and_back(cells[there], cells[back], image) for image in chosen]
        rows += [chosen, [fake for fake, _ in drawn], [again for _, again in drawn]]
    results.save_sheet(path, rows)


def _chosen(images: ImageSet, config: CycleGanConfig, purpose: str, num: int) -> list[np.ndarray]:
    """Up to `num` images, the same in every call: uint8 [C, H, W]."""
    order = randomness.generator(config.seed, purpose).permutation(len(images))[:num]
    return [decode_item(images.items[i], channels=config.image_channel, size=config.size) for i in sorted(order)]


def _there_and_back(there: nn.Cell, back: nn.Cell, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The translation of an image uint8 [C, H, W], and that one's translation back; both uint8 [C, H, W]."""
    fake = there(Tensor(normalise(image[None])))
    return to_uint8(fake.asnumpy()[0]), to_uint8(back(fake).asnumpy()[0])
