"""Data, state, step and hooks wired together: the training of CycleGAN."""

from collections.abc import Callable

import numpy as np
from mindspore import Tensor

from mindgan.cyclegan import checkpoints, prepare, results, resume, samples
from mindgan.cyclegan.checkpoints import Architecture, Saved
from mindgan.cyclegan.config import FIXED_BY_RUN, CycleGanConfig
from mindgan.cyclegan.image_pool import exchange
from mindgan.cyclegan.losses import least_squares, vanilla
from mindgan.cyclegan.state import NETWORKS, make_state
from mindgan.cyclegan.step import LOSS_NAMES, DiscriminatorLosses, GeneratorLosses, TrainStep, Weights
from mindgan.data.crops import UnpairedBatches
from mindgan.data.image_set import ImageSet, shown
from mindgan.data.prefetch import Prefetch
from mindgan.data.unpaired import Domains
from mindgan.export import export_image_network
from mindgan.runtime import device
from mindgan.runtime.errors import UserError
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint
from mindgan.training.adam import set_rate
from mindgan.training.hooks import AfterEpoch, Record, SaveState, Tell
from mindgan.training.run_config import places, tell_other_versions, write_config
from mindgan.training.schedules import factor
from mindgan.training.state import TrainState
from mindgan.training.trainer import Losses, Schedule
from mindgan.training.trainer import train as train_loop

Load = Callable[[int], tuple[np.ndarray, np.ndarray]]


def train(config: CycleGanConfig, console: Console) -> Domains | None:
    """Trains, or goes on with, the run in ``config.train_url``; see `RunDirectory` for what it makes.

    Args:
        config: the settings.
        console: is told how it goes; its log is the run's from here on.

    Returns:
        The images that were trained on when the run is complete, None where Ctrl-C or SIGTERM ended it early.

    Raises:
        UserError: the data, the device, the folder or the settings do not do.
    """
    run = RunDirectory(config.train_url)
    run.check()
    target = device.configure(config.device_target, config.mode)
    goes_on = bool(run.states())  # a state of its own comes before --resume, whose file may be gone by then
    saved = resume.read(config.resume) if config.resume and not goes_on else None
    found = prepare.find(config, say=console.say)
    prepare.require_apart(run, config, found)
    state = make_state(config)
    _require_start(run, config, state, found, saved)
    run.create()  # only now: whatever is wrong with the data leaves nothing behind
    console.log_to(run.log)
    run.remove_parts()
    _require_same_run(run, config, found)
    domains = prepare.validated(config, run, found, say=console.say)
    batches = make_batches(domains, config)
    state.about = _about(config, domains)
    _restore(run, config, state, saved, batches, console)
    data = f"{shown(found.source.source)} to {shown(found.target.source)}"
    _write_config(run, config, data, domains, batches, target)
    console.say(f"training on {target}: {batches.steps_per_epoch} steps an epoch; see {run.root}")
    if not _train(run, config, state, batches, domains.source, console):
        return None
    samples.save_sheet(run.samples, config, state.cells, domains)
    results.render(run.root)
    return domains


def _require_start(
    run: RunDirectory, config: CycleGanConfig, state: TrainState, found: Domains, saved: Saved | None
) -> None:
    """Raises UserError where images are too few for a batch, or --resume does not fit or leaves nothing to do."""
    batches = make_batches(found, config)
    if saved is None:
        return
    resume.require_fit(saved, config, state)
    if saved.nimg >= config.max_epoch * batches.nimg_per_epoch:
        of_same_run = saved.about == _about(config, prepare.previewed(config, run, found))
        _require_epochs_left(config, saved.nimg if of_same_run else 0, batches)


def _require_epochs_left(config: CycleGanConfig, nimg: int, batches: UnpairedBatches) -> None:
    if (epochs := nimg // batches.nimg_per_epoch) >= config.max_epoch:
        raise UserError(f"--resume {config.resume} has {epochs} epochs behind it; use --max_epoch {epochs + 1} or more")


def _require_same_run(run: RunDirectory, config: CycleGanConfig, found: Domains) -> None:
    """Raises UserError where the run there is has other settings or data, before validation replaces its images."""
    if run.states():
        checkpoint.require_same_run(run, _settings(config))
        checkpoint.require_same_run(run, _about(config, prepare.previewed(config, run, found)))


def _restore(
    run: RunDirectory,
    config: CycleGanConfig,
    state: TrainState,
    saved: Saved | None,
    batches: UnpairedBatches,
    console: Console,
) -> None:
    """The run's own newest state or, where there is none, what --resume names."""
    if checkpoint.restore_newest(run, state, say=console.say):
        console.say(f"going on after {state.nimg} images")
        if state.nimg < config.max_epoch * batches.nimg_per_epoch:
            tell_other_versions(run, console.say)
    elif saved is not None:
        resume.go_on(saved, state, say=console.say)
        _require_epochs_left(config, state.nimg, batches)


def make_batches(domains: Domains, config: CycleGanConfig) -> UnpairedBatches:
    """The batches of a training, as its settings say."""
    return UnpairedBatches(
        domains.source,
        domains.target,
        batch_size=config.batch_size,
        size=config.size,
        load_size=config.load_size,
        flip=config.flip,
        channels=config.image_channel,
        seed=config.seed,
    )


def make_step(state: TrainState, load: Load, config: CycleGanConfig) -> Callable[[int], Losses]:
    """The step that starts when so many images were seen, as a function: loads, draws, trains, returns the losses."""
    cells = state.cells
    score_loss = least_squares if config.gan_mode == "lsgan" else vanilla
    weights = Weights(config.lambda_A, config.lambda_B, config.lambda_identity)
    step = TrainStep(
        GeneratorLosses(cells["G_A"], cells["G_B"], cells["D_A"], cells["D_B"], score_loss, weights),
        DiscriminatorLosses(cells["D_A"], cells["D_B"], score_loss),
        *(cells[name] for name in ("optim_G", "optim_D", "pool_A", "pool_B")),
    )

    def run_step(nimg: int) -> Losses:
        changes = [
            exchange(config.seed, nimg, config.batch_size, config.pool_size, f"fakes of {domain}") for domain in "AB"
        ]
        inputs = (*load(nimg), *(array for change in changes for array in (change.taken, change.places)))
        losses = step(*map(Tensor, inputs)).asnumpy()
        return dict(zip(LOSS_NAMES, losses.tolist(), strict=True))

    return run_step


def rates(config: CycleGanConfig, epoch: int) -> dict[str, float]:
    """The learning rates of an epoch, counted from 0, of generators and discriminators."""
    share = factor(
        config.lr_policy,
        epoch,
        epochs=config.max_epoch,
        decay_epochs=config.last_epochs,
        step_epochs=config.step_epochs,
    )
    return {"lr_g": config.g_learning_rate * share, "lr_d": config.d_learning_rate * share}


def _train(
    run: RunDirectory,
    config: CycleGanConfig,
    state: TrainState,
    batches: UnpairedBatches,
    source: ImageSet,
    console: Console,
) -> bool:
    schedule = Schedule(config.batch_size, batches.steps_per_epoch, config.max_epoch)

    def rates_of(epoch: int) -> dict[str, float]:
        return rates(config, epoch)

    draw, save = samples.drawing(run, config, state.cells, source), _saving(run, config, state, console)
    if state.nimg == 0:
        draw(0)  # what untrained networks make of the images: the first picture of the GIF
    with Prefetch(batches.batch, advance=config.batch_size) as load:
        hooks = [
            Record(run, start_nimg=state.nimg, log_frequency=config.log_frequency, rates=rates_of),
            AfterEpoch(lambda epoch: draw(epoch + 1)),
            AfterEpoch(save, every=config.save_frequency, epochs=config.max_epoch),
            SaveState(run),
            Tell(console, schedule, log_frequency=config.log_frequency, rates=rates_of),  # last: what it tells is saved
        ]
        step = _with_rates(make_step(state, load, config), state, schedule, config)
        if not train_loop(state, step, schedule, hooks):
            return False
    epochs = max(state.nimg // schedule.nimg_per_epoch, 1)
    if not run.operator_model(epochs, ".ckpt").is_file():  # a run whose --max_epoch was lowered
        save(epochs - 1)
    return True


def _with_rates(
    step: Callable[[int], Losses], state: TrainState, schedule: Schedule, config: CycleGanConfig
) -> Callable[[int], Losses]:
    """`step` with the learning rates of its epoch."""
    current: dict[str, float] = {}

    def run_step(nimg: int) -> Losses:
        wanted = rates(config, nimg // schedule.nimg_per_epoch)
        for name, value in wanted.items():
            if current.get(name) != value:
                set_rate(state.cells[f"optim_{name[-1].upper()}"], value)
        current.update(wanted)
        return step(nimg)

    return run_step


def _saving(run: RunDirectory, config: CycleGanConfig, state: TrainState, console: Console) -> Callable[[int], object]:
    """Saves the model of ModelArts' operator after an epoch counted from 0: .ckpt of all networks, .mindir of G_A."""
    networks = {name: state.cells[name] for name in NETWORKS}
    architecture = Architecture.of(config)

    def save(epoch: int) -> None:
        path = run.operator_model(epoch + 1, ".ckpt")
        checkpoints.save(path, networks, architecture, nimg=state.nimg, about=state.about)
        run.keep_operator_checkpoints(config.keep)
        path = run.operator_model(epoch + 1, ".mindir")
        shape, multiple = architecture.image_shape, architecture.free_multiple
        about = checkpoints.mindir_texts(architecture, "AtoB")
        export_image_network(networks["G_A"], path, shape, multiple=multiple, about=about, say=console.say)

    return save


def _about(config: CycleGanConfig, domains: Domains) -> dict[str, str]:
    """What a run is of; it may go on with other values of the rest."""
    return {**_settings(config), "data of SHA-256": prepare.digest(domains)}


def _settings(config: CycleGanConfig) -> dict[str, str]:
    settings = {f"--{name}": str(getattr(config, name)) for name in FIXED_BY_RUN}
    return settings | {
        f"--load_{side}": str(size) for side, size in zip(("height", "width"), config.load_size, strict=True)
    }


def _write_config(
    run: RunDirectory, config: CycleGanConfig, data: str, domains: Domains, batches: UnpairedBatches, target: str
) -> None:
    about = {
        "family": "cyclegan",
        "data": data,
        **places(data_url=config.data_url, target_data_url=config.target_data_url),
        "num_source": len(domains.source),
        "num_target": len(domains.target),
        "nimg_per_epoch": batches.nimg_per_epoch,
        "device": target,
    }
    write_config(run, config.settings(), about)
