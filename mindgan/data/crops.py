"""Batches of two unpaired domains: resized, cropped and flipped by draws that depend on (seed, nimg) alone."""

import numpy as np

from mindgan.data.batches import normalise
from mindgan.data.decode import decode_item
from mindgan.data.image_set import ImageSet
from mindgan.runtime import randomness
from mindgan.runtime.errors import UserError

CACHE_BYTES = 1 << 30  # resized images of both domains that are kept in memory


class ResizedImages:
    """The images of a set at one size, decoded when first asked for and kept as long as there is room."""

    def __init__(self, images: ImageSet, *, channels: int, size: tuple[int, int], cache_bytes: int):
        """
        Args:
            images: what to read.
            channels: 3 for RGB, 1 for grey.
            size: (height, width) that every image is resized to, bicubic.
            cache_bytes: how many bytes of pixels may be kept.
        """
        self.images = images
        self.channels = channels
        self.size = size
        self._room = cache_bytes // (channels * size[0] * size[1])
        self._kept: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> np.ndarray:
        """Image `index`: uint8 [C, H, W], not to be written to.

        Raises:
            UserError: its file cannot be read or decoded; the message names it.
        """
        pixels = self._kept.get(index)
        if pixels is None:
            pixels = decode_item(self.images.items[index], channels=self.channels, size=self.size)
            if len(self._kept) < self._room:
                self._kept[index] = pixels
        return pixels


class UnpairedBatches:
    """Batches of a source and a target domain; the position is `nimg`, source images seen since the run began.

    The published rule of CycleGAN (J.-Y. Zhu et al. 2017, and its code): an epoch is as long as the larger domain; the
    source goes round in an order shuffled for every epoch, the target is drawn at random. The incomplete last batch
    of an epoch is dropped. `batch(nimg)` is the same whoever asks and whatever was asked before.
    """

    def __init__(
        self,
        source: ImageSet,
        target: ImageSet,
        *,
        batch_size: int,
        size: tuple[int, int],
        load_size: tuple[int, int] | None = None,
        flip: bool = True,
        channels: int,
        seed: int,
        cache_bytes: int = CACHE_BYTES,
    ):
        """
        Args:
            source: images of the source domain.
            target: images of the target domain.
            batch_size: images of each domain a batch, at most as many as the larger domain has.
            size: (height, width) of the batches, px.
            load_size: (height, width) that images are resized to before the random crop to `size`; None crops nothing.
            flip: whether each image is mirrored with probability 1/2.
            channels: 3 for RGB, 1 for grey.
            seed: the run's seed.
            cache_bytes: memory for resized images of both domains, shared by their numbers; the rest is decoded again.

        Raises:
            UserError: fewer images than a batch, or `load_size` below `size`.
        """
        load_size = size if load_size is None else load_size
        longest = max(len(source), len(target))
        if batch_size > longest:
            raise UserError(f"--batch_size {batch_size} is more than the {longest} images there are; use fewer")
        if load_size[0] < size[0] or load_size[1] < size[1]:
            raise UserError(
                f"--load_size {_by(load_size)} is smaller than the image size {_by(size)}; use more, or none"
            )
        shares = [cache_bytes * len(images) // (len(source) + len(target)) for images in (source, target)]
        self._source, self._target = (
            ResizedImages(images, channels=channels, size=load_size, cache_bytes=share)
            for images, share in zip((source, target), shares, strict=True)
        )
        self.batch_size = batch_size
        self.size = size
        self.load_size = load_size
        self.flip = flip
        self.seed = seed
        self.steps_per_epoch = longest // batch_size
        self.nimg_per_epoch = self.steps_per_epoch * batch_size

    def batch(self, nimg: int) -> tuple[np.ndarray, np.ndarray]:
        """The batches of the step that starts at `nimg`, a multiple of the batch size.

        Returns:
            Source and target, each float32 [batch_size, C, H, W] in [-1, 1].

        Raises:
            UserError: an image cannot be read or decoded; the message names it.
        """
        start = nimg % self.nimg_per_epoch
        order = randomness.permutation(self.seed, nimg - start, max(len(self._source), len(self._target)))
        source_indices = order[start : start + self.batch_size] % len(self._source)
        target_indices = self._generator("target", nimg).integers(len(self._target), size=self.batch_size)
        return self._crops(self._source, source_indices, self._generator("source crops", nimg)), self._crops(
            self._target, target_indices, self._generator("target crops", nimg)
        )

    def _generator(self, purpose: str, nimg: int) -> np.random.Generator:
        return randomness.generator(self.seed, purpose, nimg=nimg)

    def _crops(self, images: ResizedImages, indices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = self.size
        tops = rng.integers(self.load_size[0] - height, size=len(indices), endpoint=True)
        lefts = rng.integers(self.load_size[1] - width, size=len(indices), endpoint=True)
        flips = rng.random(len(indices)) < 0.5
        crops = []
        for index, top, left, flipped in zip(indices, tops, lefts, flips & self.flip, strict=True):
            crop = images[int(index)][:, top : top + height, left : left + width]
            crops.append(crop[:, :, ::-1] if flipped else crop)
        return normalise(np.stack(crops))


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
