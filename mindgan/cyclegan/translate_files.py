"""Files to files: what `mindgan translate` does."""

import io
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from tqdm import tqdm

from mindgan.cyclegan.checkpoints import Direction
from mindgan.cyclegan.translate import load_translator
from mindgan.data.decode import decode_item
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

    JPEG, PNG and BMP files keep their format; others become PNG files, ``photo.webp.png``. An image that cannot be
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
    translator = load_translator("--network", network, direction)
    written, failed = [], []
    for item in tqdm(images.items, unit="image", dynamic_ncols=True, disable=None):
        try:
            pixels = decode_item(item, channels=translator.image_channel)
        except UserError as error:
            failed.append(str(error))
            tqdm.write(f"left out: {error}")
            continue
        path = out / _name(item)
        write_atomically(path, _encoded(translator.draw(pixels, tile), path.suffix))
        written.append(path)
    if not written:
        raise UserError(f"{INPUT_OPTION} {source}: no image could be decoded; the first: {failed[0]}")
    left_out = f", {len(failed)} left out" if failed else ""
    say(f"{len(written)} images translated with {translator.source} into {out}{left_out}")
    return written


def _list(source: str) -> ImageSet:
    """A set of images, or the one that a single file is."""
    path = user_path(INPUT_OPTION, source)
    if path.is_file() and is_image_name(path.name, lambda: read_file(path)[:16]):
        item = ImageItem(path.name, None, shown(path), path.stat().st_size, lambda: read_file(path), path=path)
        return ImageSet(INPUT_OPTION, path, (item,))
    return list_images(source, option=INPUT_OPTION)


def _require_apart(images: ImageSet, out: Path) -> None:
    places = {item.path.resolve(): (out / _name(item)).resolve() for item in images.items if item.path is not None}
    if out.resolve() == images.source.resolve() or any(path == place for path, place in places.items()):
        raise UserError(f"--output {shown(out)} holds the originals, which stay untouched; name another folder")


def _without_output(images: ImageSet, out: Path) -> ImageSet:
    """Without what an earlier call has made, where `out` lies in the folder of the images."""
    if images.source.resolve() not in out.resolve().parents:
        return images
    return images.select(lambda item: item.path is None or out.resolve() not in item.path.resolve().parents)


def _name(item: ImageItem) -> PurePosixPath:
    """The name of a translation: the image's, with .png behind it where its format is not kept."""
    name = PurePosixPath(item.name)
    return name if name.suffix.lower() in FORMATS else name.with_name(f"{name.name}.png")


def _encoded(image: np.ndarray, suffix: str) -> bytes:
    data = io.BytesIO()
    file_format = FORMATS[suffix.lower()]
    options = {"quality": JPEG_QUALITY, "subsampling": 0} if file_format == "JPEG" else {}
    Image.fromarray(picture(image)).save(data, format=file_format, **options)
    return data.getvalue()
