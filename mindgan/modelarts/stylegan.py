"""ModelArts' StyleGan operator: a training, then new images of each class with a manifest."""

import numpy as np

from mindgan.data.labelled import list_labelled
from mindgan.data.labels import find_labels
from mindgan.modelarts.manifest import sample, write_manifest
from mindgan.runtime import device
from mindgan.runtime.errors import UserError
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import checkpoints, exporting, recipe
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.drawing import Network, load_network
from mindgan.stylegan2.dry_run import dry_run
from mindgan.stylegan2.generate import draw_batch_size, draw_data


def stylegan(config: StyleGanConfig) -> bool:
    """Trains, exports the average generator and draws ``generate_num`` images of each class into ``Data/``.

    With ``config.predict`` the training is left out, with ``config.dry_run`` everything but an estimate.

    Returns:
        True when all is done, False where Ctrl-C or SIGTERM ended it early.

    Raises:
        UserError: the data, the device, the folder or the settings do not do.
    """
    with Console() as console:
        if config.dry_run:
            dry_run(config, console)
            return True
        run = RunDirectory(config.train_url)
        if config.predict:
            network, labels = _to_predict(config, run, console)
        else:
            data = recipe.train(config, console)
            if data is None:
                return False
            exporting.export_parts(checkpoints.read_source(run.root), run.stylegan_mindir, say=console.say)
            network = load_network("--train_url", config.train_url, batch_size=draw_batch_size(config))
            labels = data.labels if network.takes_vectors else None
        images = draw_data(run, network, config, labels, console)
        write_manifest(run.manifest, [sample(str(path.resolve()), label=label) for path, label in images])
        console.say(f"done: see {run.manifest if config.predict else run.report}")
        return True


def _to_predict(config: StyleGanConfig, run: RunDirectory, console: Console) -> tuple[Network, np.ndarray | None]:
    run.check()
    device.configure(config.device_target, config.mode)
    network = load_network("--resume", config.resume, batch_size=draw_batch_size(config))
    labels = _vectors(network, config, console) if network.takes_vectors else None
    run.create()
    console.log_to(run.log)
    run.remove_parts()
    return network, labels


def _vectors(network: Network, config: StyleGanConfig, console: Console) -> np.ndarray:
    """The vectors of the images of ``--data_url``, which a network is drawn with that takes no classes."""
    length = network.about.shape.num_classes
    if config.data_url is None:
        raise UserError(f"{network.path} takes vectors of {length} numbers; add --data_url with images that have them")
    images = list_labelled(config.data_url, cond=True, say=console.say)
    labels = find_labels(images, cond=True, say=lambda line: None)  # what there is to say is said below
    if labels is None or labels.values.shape[1] != length:
        raise UserError(
            f"{network.path} takes vectors of {length} numbers, and --data_url {config.data_url} has others; "
            "name the images it was trained on"
        )
    return labels.values
