"""The folder of a run: every output's name is here and nowhere else."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mindgan.runtime.errors import UserError
from mindgan.runtime.files import PART_PREFIX, require_writable, user_path, write_json


class RunDirectory:
    """Names of the outputs of a run under `root`.

    ::

        config.json          every setting, with versions, device and data
        log.txt              what the run told
        stats.jsonl          the losses of every logged step: {nimg, epoch, step, loss_d, loss_g, lr}; of StyleGAN2
                             {num, mean, std} of a tick by the names that the field knows, times among them
        timing.jsonl         {epoch, seconds} of every epoch or tick; apart, so that the losses are reproducible
        events/              TensorBoard
        images/test_3.png    samples after epoch 3 (counted from 0)
        checkpoints/         Generator3.ckpt, Discriminator3.ckpt and the state to resume from
        model/               Generator.mindir
        loss.png, samples.png, real.png, train_test.gif, report.html

    Of ModelArts' operators also::

        validation/          report.txt on every image, and the work folders source/, target/ and so on
        model/               CYcleGan_epoch_5.mindir and .ckpt, counted from 1
        samples/0001_0.jpg   source, translated and reconstructed image 0 after one epoch; 0000 is before the first
        Data/                CYcleGan_0_0.jpg: image 0 of batch 0, translated after the training
        output_0.manifest    the images of Data/

    Of StyleGAN2::

        model/               network-snapshot-000012.ckpt, after 12 kimg, and of the average generator StyleGan.mindir,
                             StyleGan_mapping.mindir and StyleGan_synthesis.mindir
        samples/             reals.png, fakes_init.png and fakes000012.png: grids of one set of latents
        Data/                StyleGan_cat_0.jpg: new image 0 of a class

    Where snapshots lie so close that two would share their kimg, it has thousandths, which are single images:
    network-snapshot-000000.512.ckpt and fakes000000.512.png.
    """

    def __init__(self, root: str | Path):
        self.root = user_path("--train_url", str(root))
        self.config = self.root / "config.json"
        self.log = self.root / "log.txt"
        self.stats = self.root / "stats.jsonl"
        self.timing = self.root / "timing.jsonl"
        self.events = self.root / "events"
        self.images = self.root / "images"
        self.checkpoints = self.root / "checkpoints"
        self.model = self.root / "model"
        self.mindir = self.model / "Generator.mindir"
        self.stylegan_mindir = self.model / "StyleGan.mindir"
        self.validation = self.root / "validation"
        self.validation_report = self.validation / "report.txt"
        self.sample_rows = self.root / "samples"
        self.reals = self.sample_rows / "reals.png"
        self.fakes_init = self.sample_rows / "fakes_init.png"
        self.data = self.root / "Data"
        self.data_of = self.root / "data.json"
        self.manifest = self.root / "output_0.manifest"
        self.metrics = self.root / "metrics.json"
        self.loss = self.root / "loss.png"
        self.samples = self.root / "samples.png"
        self.real = self.root / "real.png"
        self.gif = self.root / "train_test.gif"
        self.report = self.root / "report.html"

    def check(self) -> None:
        """Makes nothing, and raises UserError where the folder could not be made or written."""
        require_writable("--train_url", self.root)

    def create(self) -> None:
        """Makes the folder.

        Raises:
            UserError: it cannot be made or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"--train_url {self.root} cannot be written: {error.strerror}; name another folder"
            ) from error

    def remove_parts(self) -> None:
        """Removes what a killed run left half-written; only who holds the run's log may."""
        for folder in (self.root, self.images, self.checkpoints, self.model, self.sample_rows, self.data):
            _remove_all(folder.glob(f"{PART_PREFIX}*"))
        _remove_all(self.validation.rglob(f"{PART_PREFIX}*"))

    def image(self, epoch: int) -> Path:
        """The samples drawn after `epoch`."""
        return self.images / f"test_{epoch}.png"

    def sample_images(self) -> list[tuple[int, Path]]:
        """The samples there are: (epoch, path), in the order of the epochs."""
        return _numbered(self.images, r"test_(\d+)\.png")

    def sample_row(self, epochs: int, index: int) -> Path:
        """Source, translated and reconstructed image `index` after so many epochs."""
        return self.sample_rows / f"{epochs:04d}_{index}.jpg"

    def sample_rows_of(self, index: int) -> list[tuple[int, Path]]:
        """The rows there are of one image: (epochs, path), in the order of the epochs."""
        return _numbered(self.sample_rows, rf"(\d+)_{index}\.jpg")

    def operator_model(self, epochs: int, suffix: str) -> Path:
        """The model of an operator after so many epochs; the suffix is ``.mindir`` or ``.ckpt``."""
        return self.model / f"CYcleGan_epoch_{epochs}{suffix}"

    def operator_models(self, suffix: str) -> list[tuple[int, Path]]:
        """The models there are: (epochs, path), oldest first."""
        return _numbered(self.model, rf"CYcleGan_epoch_(\d+){re.escape(suffix)}")

    def keep_operator_checkpoints(self, keep: int) -> None:
        """Removes the oldest .ckpt of model/ beyond the newest `keep`."""
        _remove_oldest(self.operator_models(".ckpt"), keep)

    def snapshot(self, kimg: float) -> Path:
        """The networks of StyleGAN2 after so many thousand images; a float is told with thousandths."""
        return self.model / f"network-snapshot-{_kimg(kimg)}.ckpt"

    def snapshots(self) -> list[tuple[Any, Path]]:
        """The snapshots there are: (kimg as of `snapshot`, path), oldest first."""
        return _numbered(self.model, rf"network-snapshot-({_KIMG})\.ckpt")

    def keep_snapshots(self, keep: int) -> None:
        """Removes the oldest snapshots beyond the newest `keep`."""
        _remove_oldest(self.snapshots(), keep)

    def fakes(self, kimg: float) -> Path:
        """The grid drawn after so many thousand images; a float is told with thousandths."""
        return self.sample_rows / f"fakes{_kimg(kimg)}.png"

    def fakes_of_run(self) -> list[tuple[Any, Path]]:
        """The grids there are: (kimg as of `fakes`, path), oldest first; the untrained network's is the one of 0."""
        initial = [(0, self.fakes_init)] if self.fakes_init.is_file() else []
        return initial + _numbered(self.sample_rows, rf"fakes({_KIMG})\.png")

    def translated(self, batch: int, index: int) -> Path:
        """Image `index` of a batch, translated after the training."""
        return self.data / f"CYcleGan_{batch}_{index}.jpg"

    def generated(self, class_name: str | None, index: int, suffix: str) -> Path:
        """New image `index` of a class, or of all without classes; the suffix is ``.jpg`` or ``.png``."""
        return self.data / f"StyleGan_{'' if class_name is None else f'{class_name}_'}{index}{suffix}"

    def all_generated(self) -> list[Path]:
        """The new images there are, of whatever suffix."""
        return list(self.data.glob("StyleGan_*.*")) if self.data.is_dir() else []

    def begin_data(self, images: Sequence[Path], mark: dict[str, object], say: Callable[[str], None]) -> None:
        """Removes the images that Data/ has, and their manifest, unless they are of the same mark.

        Args:
            images: those that the operator has drawn there.
            mark: what they depend on, as JSON has it.
            say: is told where there are others.

        Raises:
            UserError: the mark cannot be written.
        """
        try:
            same = json.loads(self.data_of.read_bytes()) == mark
        except (OSError, ValueError):
            same = False
        if same:
            return
        if images:
            plural = "s" * (len(images) > 1)
            say(f"replacing {len(images)} image{plural} of {self.data}, of other settings, images or another network")
        for path in images:
            path.unlink()
        self.manifest.unlink(missing_ok=True)
        write_json(self.data_of, mark)

    def network(self, name: str, epoch: int) -> Path:
        """The checkpoint of one network, such as ``Generator``, after `epoch`."""
        return self.checkpoints / f"{name}{epoch}.ckpt"

    def networks(self, name: str) -> list[tuple[int, Path]]:
        """The checkpoints of one network: (epoch, path), oldest first."""
        return _numbered(self.checkpoints, rf"{name}(\d+)\.ckpt")

    def state(self, nimg: int) -> Path:
        """All that a restart needs, after `nimg` images."""
        return self.checkpoints / f"state-{nimg:012d}.safetensors"

    def states(self) -> list[tuple[int, Path]]:
        """The states there are: (nimg, path), oldest first."""
        return _numbered(self.checkpoints, r"state-(\d+)\.safetensors")

    def keep_networks(self, name: str, keep: int) -> None:
        """Removes the oldest checkpoints of `name` beyond the newest `keep`."""
        _remove_oldest(self.networks(name), keep)

    def keep_states(self, keep: int) -> None:
        """Removes the oldest states beyond the newest `keep`."""
        _remove_oldest(self.states(), keep)


_KIMG = r"\d+(?:\.\d{3})?"


def _kimg(number: float) -> str:
    return f"{number:010.3f}" if isinstance(number, float) else f"{number:06d}"


def _numbered(folder: Path, pattern: str) -> list[tuple[Any, Path]]:
    """By the number in each name: an int, or a float where it has a fraction."""
    if not folder.is_dir():
        return []
    found = [(re.fullmatch(pattern, path.name), path) for path in folder.iterdir()]
    return sorted((float(match[1]) if "." in match[1] else int(match[1]), path) for match, path in found if match)


def _remove_oldest(numbered: list[tuple[Any, Path]], keep: int) -> None:
    for _, path in numbered[: max(len(numbered) - keep, 0)]:
        with suppress(FileNotFoundError):
            path.unlink()


def _remove_all(files: Iterable[Path]) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink()
