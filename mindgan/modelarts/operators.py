"""ModelArts' operators: a training, then new images of it with a manifest."""

import hashlib
from pathlib import Path

import numpy as np

from mindgan.cyclegan import prepare
from mindgan.cyclegan import recipe as cyclegan_recipe
from mindgan.cyclegan.config import CycleGanConfig
from mindgan.cyclegan.translate import Translator, load_translator
from mindgan.data.decode import decode_item
from mindgan.data.image_set import ImageSet
from mindgan.data.unpaired import ToTranslate, find_to_translate
from mindgan.modelarts.manifest import sample, write_manifest
from mindgan.render.grids import picture, save_jpeg
from mindgan.runtime import device
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory


def cyclegan(config: CycleGanConfig) -> bool:
    """ModelArts' CycleGAN operator: trains, then translates every source image into ``Data/`` with a manifest.

    With ``config.predict`` the training is left out.

    Returns:
        True when all is done, False where Ctrl-C or SIGTERM ended it early.

    Raises:
        UserError: the data, the device, the folder or the settings do not do.
    """
    with Console() as console:
        run = RunDirectory(config.train_url)
        if config.predict:
            source, label, translator = _to_predict(config, run, console)
        else:
            domains = cyclegan_recipe.train(config, console)
            if domains is None:
                return False
            source, label = domains.source, domains.target_label
            translator = load_translator("--train_url", config.train_url, "AtoB")
        _translate_all(run, config, translator, source, label, console)
        console.say(f"done: see {run.manifest if config.predict else run.report}")
        return True


def _to_predict(config: CycleGanConfig, run: RunDirectory, console: Console) -> tuple[ImageSet, str | None, Translator]:
    run.check()
    device.configure(config.device_target, config.mode)
    translator = load_translator("--resume", config.resume, config.direction)  # what is wrong with it comes first
    found = _found(config, console)
    translator.require_size(_size(config, translator))
    if config.data_url is not None:
        prepare.require_set_apart(run, found.images, found.folder)
    run.create()
    console.log_to(run.log)
    run.remove_parts()
    images = found.images
    if config.do_validation and config.data_url is not None:
        images = prepare.validated_source(config, run, images, say=console.say)
    return images, found.label, translator


def _found(config: CycleGanConfig, console: Console) -> ToTranslate:
    if config.data_url is not None:
        return find_to_translate(config.data_url, config.target_data_url, config.direction, say=console.say)
    domains = prepare.find(config, say=console.say)
    images = domains.source if config.direction == "AtoB" else domains.target
    return ToTranslate(images, None, images.source)


def _size(config: CycleGanConfig, translator: Translator) -> tuple[int, int]:
    """(height, width) of the translations: of a prediction, the network's own where another is not asked for."""
    is_known = min(translator.size) > 0
    is_asked_for = config.size != (CycleGanConfig.image_height, CycleGanConfig.image_width)
    if is_known and (not translator.is_free or (config.predict and not is_asked_for)):
        return translator.size
    return config.size


def _translate_all(
    run: RunDirectory,
    config: CycleGanConfig,
    translator: Translator,
    images: ImageSet,
    label: str | None,
    console: Console,
) -> None:
    """Every image into ``Data/``, then the manifest; what an interrupted call has translated is not done again.

    An image is labelled with the class `label` that it now is of or, where there is none, with its own.
    """
    size = _size(config, translator)
    run.begin_data(_translations(run), _mark(translator, images, size, config), console.say)
    num_batches = -(-len(images) // config.batch_size)
    console.say(f"translating {len(images)} images at {size[0]}x{size[1]} px into {run.data}")
    console.start_bar(num_batches, 0)
    rows = []
    for batch in range(num_batches):
        items = images.items[batch * config.batch_size : (batch + 1) * config.batch_size]
        paths = [run.translated(batch, index) for index in range(len(items))]
        if not all(path.is_file() for path in paths):
            pixels = np.stack([decode_item(item, channels=translator.image_channel, size=size) for item in items])
            for path, image in zip(paths, _translated(translator, pixels, config.batch_size), strict=True):
                save_jpeg(path, picture(image))
        for path, item in zip(paths, items, strict=True):
            rows.append(sample(str(path.resolve()), label=label or item.label))
        console.advance()
    console.stop_bar()
    write_manifest(run.manifest, rows)


def _translated(translator: Translator, pixels: np.ndarray, num: int) -> np.ndarray:
    """The translations of a batch, which is filled up to `num` images: the network is compiled for one size."""
    if not translator.is_free:
        return translator.batch(pixels)
    filled = np.concatenate([pixels, np.repeat(pixels[:1], num - len(pixels), axis=0)])
    return translator.batch(filled)[: len(pixels)]


def _mark(translator: Translator, images: ImageSet, size: tuple[int, int], config: CycleGanConfig) -> dict[str, object]:
    """What the translations and their names depend on."""
    sha = hashlib.sha256()
    for item in images.items:
        sha.update(hashlib.sha256(item.read()).digest())
    weights = hashlib.sha256(Path(translator.source).read_bytes())
    return {
        "network": weights.hexdigest(),
        "images": sha.hexdigest(),
        "size": list(size),
        "direction": config.direction,
        "batch_size": config.batch_size,
    }


def _translations(run: RunDirectory) -> list[Path]:
    return list(run.data.glob("CYcleGan_*.jpg")) if run.data.is_dir() else []
