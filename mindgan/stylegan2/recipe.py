"""Data, state, step and hooks wired together: the training of StyleGAN2-ADA."""

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from mindgan.data.image_set import ImageSet
from mindgan.data.labelled import LabelledImages
from mindgan.render.axis import KIMG
from mindgan.render.grids import image_grid, opaque, save_png
from mindgan.runtime import device
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import scratch_folder
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import checkpoints, prepare, results, resume
from mindgan.stylegan2.checkpoints import About
from mindgan.stylegan2.config import FIXED_BY_RUN, StyleGanConfig
from mindgan.stylegan2.doctor import Doctor, examine_images
from mindgan.stylegan2.hooks import AfterTicks, Ticks, due_ticks
from mindgan.stylegan2.iteration import Iteration
from mindgan.stylegan2.memory import tell_memory
from mindgan.stylegan2.sample import Drawer, grid_latents, grid_rows
from mindgan.stylegan2.settings import Settings
from mindgan.stylegan2.state import NETWORKS, make_state
from mindgan.training import checkpoint
from mindgan.training.hooks import SaveState
from mindgan.training.run_config import Warnings, places, tell_other_versions, write_config
from mindgan.training.state import TrainState
from mindgan.training.trainer import Hook, Schedule
from mindgan.training.trainer import train as train_loop

FAMILY = checkpoints.FAMILY


def train(config: StyleGanConfig, console: Console) -> LabelledImages | None:
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
    settings = resume.without_itself(config, run, console.say)
    config = settings.resolved()
    say = Warnings(run, console.say)
    found = prepare.find(config, run, say=say)
    target = device.configure(config.device_target, config.mode)
    started = _start(config, run, found, say)
    for warning in warnings_of(config, run):
        say(warning)
    run.create()  # only now: whatever is wrong with labels, numbers of images or --resume leaves nothing behind
    console.log_to(run.log)
    run.remove_parts()
    if run.states():  # before validation replaces the images of a run of something else
        checkpoint.require_same_run(run, _settings(config))
        with scratch_folder() as folder:
            about = about_run(config, prepare.preview(config, run, found, folder))
        checkpoint.require_same_run(run, about)
    data = prepare.load(config, run, found, say=say)
    state = make_state(config, data.num_classes) if started is None else started
    state.about = about_run(config, data)
    schedule = make_schedule(config)
    if checkpoint.restore_newest(run, state, say=console.say):
        console.say(f"going on after {state.nimg} images")
        if state.nimg < schedule.total_nimg:
            tell_other_versions(run, console.say)
    told = {
        "family": FAMILY,
        "data": prepare.name_of(config),
        "num_images": len(data.images),
        "fitted": str(data.counts),
        "class_names": list(data.class_names),
        "warnings": say.kept,
        "nimg_per_epoch": schedule.nimg_per_epoch,
        "device": target,
        "resolved": config.settings(),
        **places(data_url=config.data_url),
    }
    write_config(run, settings.settings(), told)
    console.say(f"training on {target}: {schedule.total_nimg / 1000:g} kimg; see {run.root}")
    if state.nimg < schedule.total_nimg:
        tell_memory(config, state, target, console.say)
        again = ", and so does the first that augments" if config.aug == "ada" else ""
        console.say(f"the first step compiles the networks, which can take a minute or two{again}")
    if not _train(run, config, state, data, schedule, console):
        return None
    results.render(run.root)
    return data


def warnings_of(config: StyleGanConfig, run: RunDirectory) -> list[str]:
    """Settings that hardly anyone means; of a run that goes on they were told."""
    found: list[str] = []
    if run.states():
        return found
    if config.freezed and not config.resume:
        found.append(f"warning: no --resume, and {resume.FREEZED}: here they stay as they were drawn")
    if config.aug == "noaug" and config.augpipe != Settings.augpipe:
        found.append(f"warning: --augpipe {config.augpipe} does nothing with --aug noaug")
    return found


def _start(
    config: StyleGanConfig, run: RunDirectory, found: ImageSet | None, say: Callable[[str], None]
) -> TrainState | None:
    """A state where --resume or --freezed could be wrong; None without them, and where a run goes on with its own."""
    if not (config.resume or config.freezed) or run.states():
        return None
    source = resume.read(config.resume) if config.resume else None
    num_classes, names = prepare.classes(config, run, found)
    state = make_state(config, num_classes)
    if source is not None:
        resume.start_from(source, state, names, partial=config.resume_partial, say=say)
    return state


def make_schedule(config: StyleGanConfig) -> Schedule:
    """Ticks of about `kimg_per_tick`, which together make `total_kimg`: the last may be shorter."""
    total_steps = max(math.ceil(config.total_kimg * 1000 / config.batch_size), 1)
    num_ticks = max(round(config.total_kimg / config.kimg_per_tick), 1)
    steps_per_tick = math.ceil(total_steps / num_ticks)
    return Schedule(config.batch_size, steps_per_tick, math.ceil(total_steps / steps_per_tick), total_steps)


def _train(
    run: RunDirectory,
    config: StyleGanConfig,
    state: TrainState,
    data: LabelledImages,
    schedule: Schedule,
    console: Console,
) -> bool:
    pictures = Grids(run, config, state, data)
    if state.nimg == 0:
        pictures.begin()

    examined: dict[str, float] = {}
    has_fractions = names_have_fractions(run, config.snap, schedule)

    def kimg_of(state: TrainState) -> float:
        return state.nimg / KIMG if has_fractions else state.nimg // KIMG

    def snap(state: TrainState) -> None:
        kimg = kimg_of(state)
        examined.update(examine_images(pictures.fakes(kimg), data, config.seed))
        save_snapshot(run, config, state, data, kimg)

    def after_snaps(act: Callable[[TrainState], None]) -> Hook:
        return AfterTicks(act, every=config.snap, ticks=schedule.epochs)

    hooks: list[Hook] = [
        after_snaps(snap),  # before the tick's line, which tells what was examined
        Ticks(run, console, schedule, start_nimg=state.nimg, examined=examined),
        AfterTicks(Doctor(run, config.settings(), console.say), ticks=schedule.epochs),  # after Ticks has dropped lines
        SaveState(run),
    ]
    is_complete = train_loop(state, Iteration(state, data, config), schedule, hooks)
    if is_complete and _newest_nimg(run) < state.nimg:  # it was to be longer when its state was saved
        snap(state)
    return is_complete


def _newest_nimg(run: RunDirectory) -> int:
    """Images that the newest snapshot has seen; -1 where there is none that can be read."""
    with suppress(UserError):
        return checkpoints.read_source(run.root).about.nimg
    return -1


def names_have_fractions(run: RunDirectory, snap: int, schedule: Schedule) -> bool:
    """Whether snapshots are named by images, as two would share their kimg, or one that of the untrained network.

    A run that has such names goes on with them: whole kimg would not sort among them.
    """
    nimgs = [tick * schedule.nimg_per_epoch for tick in (0, *due_ticks(snap, schedule.epochs))]
    kimgs = [min(nimg, schedule.total_nimg) // KIMG for nimg in nimgs]
    is_begun = any(isinstance(kimg, float) for kimg, _ in (*run.snapshots(), *run.fakes_of_run()))
    return is_begun or len(set(kimgs)) < len(kimgs)


class Grids:
    """The pictures of samples/: reals, and what one set of latents gives at each snapshot."""

    def __init__(self, run: RunDirectory, config: StyleGanConfig, state: TrainState, data: LabelledImages):
        self.run, self.config, self.data = run, config, data
        self.drawer = Drawer(state.cells["G_ema"], batch_size=min(config.batch_gpu or config.batch_size, 16))
        rows = grid_rows(config.grid, data.labels)
        self.z, self.c = grid_latents(config.seed, rows, config.grid, config.z_dim, data.labels)

    def begin(self) -> None:
        """Reals, and what the untrained network draws."""
        self._save(self.run.reals, prepare.grid_of_reals(self.data, self.config))
        self._save(self.run.fakes_init, self.drawer.draw(self.z, self.c))

    def fakes(self, kimg: float) -> np.ndarray:
        """Draws and saves the grid of a snapshot: its images, uint8 [N, C, H, W]."""
        fakes = self.drawer.draw(self.z, self.c)
        self._save(self.run.fakes(kimg), fakes)
        return fakes

    def _save(self, path: Path, images: np.ndarray) -> None:
        save_png(path, image_grid(opaque(images), columns=self.config.grid))


def save_snapshot(
    run: RunDirectory, config: StyleGanConfig, state: TrainState, data: LabelledImages, kimg: float
) -> None:
    """The networks into model/, without the oldest beyond `keep`."""
    about = About(
        state.cells["G"].shape,
        data.class_names,
        state.nimg,
        config.architecture,
        config.mbstd_group or 1,
        state.cells["ada"].probability,
    )
    checkpoints.save(run.snapshot(kimg), {name: state.cells[name] for name in NETWORKS}, about)
    run.keep_snapshots(config.keep)


def about_run(config: StyleGanConfig, data: LabelledImages) -> dict[str, str]:
    """What a run is of; it may go on with other values of the rest."""
    return {**_settings(config), **prepare.identity(data)}


def _settings(config: StyleGanConfig) -> dict[str, str]:
    return {f"--{name}": str(getattr(config, name)) for name in FIXED_BY_RUN}
