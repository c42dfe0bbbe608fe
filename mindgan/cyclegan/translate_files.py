"""Files to files: what `mindgan translate` does."""

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from tqdm import tqdm

from mindgan.cyclegan.checkpoints import Direction
from mindgan.cyclegan.translate import Translator, load_translator
from mindgan.data.decode import Undecodable, decode
from mindgan.data.image_set import ImageItem, ImageSet, is_image_name, shown
from mindgan.data.image_source import list_images, read_file
from mindgan.render.grids import JPEG_QUALITY, picture
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path, write_atomically

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".bmp": "BMP"}
INPUT_OPTION = "--input"


def translate_files(
    network: str, source: str, out: Path, direction: Direction, *, tile: int, say: Callable[[str], None] = print
) -> list[Path]:
    """Translates every image of `source` into `out`, under its name, upright, at its size.

    JPEG, PNG and BMP files keep their format; others become PNG files, ``photo.webp.png``. What cannot be read or
    decoded is told and left out.

    Args:
        network: a run's folder, a .ckpt or a .mindir.
        source: an image, a folder, a .zip or a ModelArts manifest.
        out: where to.
        direction: AtoB or BtoA.
        tile: larger images go in tiles of so many pixels a side.
        say: is told what goes wrong, and the outcome.

    Returns:
        The files written.

    Raises:
        UserError: the network or the images cannot be read, nothing could be translated, or `out` cannot be written
            or holds the originals.
    """
    images = _list(source)
    _require_apart(images, out)
    images = _without_output(images, out)
    images.require(1)
    _require_folder(out)
    translator = load_translator("--network", network, direction)
    failed = [f"{shown(problem.name)}: {problem.finding}" for problem in images.problems]
    for line in failed:
        say(f"left out: {line}")
    written = _translate(images, translator, out, tile, failed, say)
    if not written:
        which = failed[0] if len(failed) == 1 else f"no image could be decoded; the first: {failed[0]}"
        raise UserError(f"{INPUT_OPTION} {source}: {which}")
    left_out = f", {len(failed)} left out" if failed else ""
    number = "1 image" if len(written) == 1 else f"{len(written)} images"
    say(f"{number} translated with {translator.source} into {out}{left_out}")
    return written


def _translate(
    images: ImageSet, translator: Translator, out: Path, tile: int, failed: list[str], say: Callable[[str], None]
) -> list[Path]:
    """The files written; what cannot be decoded is added to `failed`."""
    names = _names(images.items)
    written: list[Path] = []
    warned: str | None = None
    with tqdm(total=len(images.items), unit="image", dynamic_ncols=True, disable=None) as bar:
        for items, pixels in _runs(_decoded(images.items, translator.image_channel, failed), translator, tile):
            if not warned and (warned := translator.warning((pixels.shape[2], pixels.shape[3]), tile)):
                say(warned)
            for item, drawn in zip(items, translator.draw_all(pixels, tile), strict=True):
                path = out / names[item.name]
                write_atomically(path, _encoded(drawn, path.suffix))
                written.append(path)
            bar.update(len(written) + len(failed) - len(images.problems) - bar.n)
    return written


def _decoded(items: Sequence[ImageItem], channels: int, failed: list[str]) -> Iterator[tuple[ImageItem, np.ndarray]]:
    """Each image, uint8 [C, H, W]; what is wrong with one that cannot be decoded is told and added to `failed`."""
    is_only = len(items) == 1 and not failed  # then the error tells
    for item in items:
        try:
            yield item, decode(item.read(), channels=channels)
        except (Undecodable, UserError) as error:
            failed.append(f"{item.where} cannot be decoded: {error}" if isinstance(error, Undecodable) else str(error))
            if not is_only:
                tqdm.write(f"left out: {failed[-1]}")


def _runs(
    images: Iterable[tuple[ImageItem, np.ndarray]], translator: Translator, tile: int
) -> Iterator[tuple[list[ImageItem], np.ndarray]]:
    """Images that follow one another and have one size, as many as the translator likes at once: [N, C, H, W]."""
    run: list[tuple[ImageItem, np.ndarray]] = []
    for image in images:
        if run and not _belongs(image[1], run, translator, tile):
            yield _together(run)
            run = []
        run.append(image)
    if run:
        yield _together(run)


def _belongs(image: np.ndarray, run: list[tuple[ImageItem, np.ndarray]], translator: Translator, tile: int) -> bool:
    num = translator.num_at_once((image.shape[1], image.shape[2]), tile)
    return image.shape == run[0][1].shape and len(run) < num


def _together(run: list[tuple[ImageItem, np.ndarray]]) -> tuple[list[ImageItem], np.ndarray]:
    return [item for item, _ in run], np.stack([image for _, image in run])


def _list(source: str) -> ImageSet:
    """A set of images, or the one that a single file is."""
    path = user_path(INPUT_OPTION, source)
    if path.is_file() and is_image_name(path.name, lambda: read_file(path)[:16]):
        item = ImageItem(path.name, None, shown(path), path.stat().st_size, lambda: read_file(path), path=path)
        return ImageSet(INPUT_OPTION, path, (item,))
    return list_images(source, option=INPUT_OPTION)


def _require_apart(images: ImageSet, out: Path) -> None:
    names = _names(images.items)
    places = {item.path.resolve(): (out / names[item.name]).resolve() for item in images.items if item.path is not None}
    if out.resolve() == images.source.resolve() or any(path == place for path, place in places.items()):
        raise UserError(f"--output {shown(out)} holds the originals, which stay untouched; name another folder")


def _require_folder(out: Path) -> None:
    """Raises UserError where `out` could not be made or written, before anything is drawn."""
    there = next(folder for folder in (out, *out.absolute().parents) if os.path.lexists(folder))
    if not there.is_dir():
        raise UserError(f"--output {shown(out)} cannot be written: {shown(there)} is no folder; name another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"--output {shown(out)} cannot be written: permission denied; name another folder")


def _without_output(images: ImageSet, out: Path) -> ImageSet:
    """Without what an earlier call has made, where `out` lies in the folder of the images."""
    if images.source.resolve() not in out.resolve().parents:
        return images
    return images.select(lambda item: item.path is None or out.resolve() not in item.path.resolve().parents)


def _names(items: Sequence[ImageItem]) -> dict[str, PurePosixPath]:
    """Of the translations, by the images' names: the same, with .png behind it where a format is not kept."""
    kept = {item.name for item in items if PurePosixPath(item.name).suffix.lower() in FORMATS}
    taken, names = set(kept), {name: PurePosixPath(name) for name in kept}
    for item in items:
        if item.name not in kept:
            name = f"{item.name}.png"
            while name in taken:  # photo.webp beside photo.webp.png
                name += ".png"
            taken.add(name)
            names[item.name] = PurePosixPath(name)
    return names


def _encoded(image: np.ndarray, suffix: str) -> bytes:
    data = io.BytesIO()
    file_format = FORMATS[suffix.lower()]
    options = {"quality": JPEG_QUALITY, "subsampling": 0} if file_format == "JPEG" else {}
    Image.fromarray(picture(image)).save(data, format=file_format, **options)
    return data.getvalue()
