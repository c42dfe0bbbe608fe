"""What a training would be like: its settings, its networks, and what it costs, from three real steps."""

import math
import sys
import time
from collections import Counter

import mindspore as ms
import psutil
from mindspore import Tensor, nn

from mindgan.data.labelled import LabelledImages
from mindgan.render.report import duration_text
from mindgan.runtime import device
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import scratch_folder
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import prepare, resume
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.iteration import Iteration, phases_due
from mindgan.stylegan2.memory import tell_memory
from mindgan.stylegan2.recipe import about_run, make_schedule, warnings_of
from mindgan.stylegan2.state import make_state
from mindgan.training import checkpoint
from mindgan.training.state import TrainState

AUGMENTED = 0.2  # p of --aug ada: augmentation takes the same time at every p above 0
Kind = tuple[bool, bool]


def dry_run(config: StyleGanConfig, console: Console) -> None:
    """Tells the settings, parameter counts, time and peak memory of a training; nothing is left on the disk.

    Args:
        config: the settings.
        console: is told.

    Raises:
        UserError: as the training would.
    """
    if config.predict:
        raise UserError("--dry_run tells of a training, and --predict True has none; leave one of them out")
    run = RunDirectory(config.train_url)
    run.check()
    settings = resume.without_itself(config, run, console.say)
    config = settings.resolved()
    found = prepare.find(config, run, say=console.say)
    target = device.configure(config.device_target, config.mode)
    source = resume.read(config.resume) if config.resume and not run.states() else None
    for warning in warnings_of(config, run):
        console.say(warning)
    with scratch_folder() as folder:
        data = prepare.load(config, RunDirectory(folder), found, say=console.say)
        state = make_state(config, data.num_classes)
        checkpoint.require_same_run(run, about_run(config, data))
        if source is not None:
            resume.start_from(source, state, data.class_names, partial=config.resume_partial, say=console.say)
        for line in [*_settings(settings, config), *_networks(state, data)]:
            console.say(line)
        tell_memory(config, state, target, console.say)
        console.say(f"three steps on {target} ...")
        for line in _costs(config, state, data):
            console.say(line)


def _settings(asked: StyleGanConfig, config: StyleGanConfig) -> list[str]:
    """A line for each setting, with a mark where it was left open."""
    before = asked.settings()
    rows = []
    for name, value in config.settings().items():
        mark = "   (was open)" if value != before[name] else ""
        rows.append(f"  {name:<17s}{value if isinstance(value, str) else _text(value)}{mark}")
    return ["settings:", *rows]


def _text(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _networks(state: TrainState, data: LabelledImages) -> list[str]:
    generator, discriminator = state.cells["G"], state.cells["D"]
    frozen = _size(discriminator) - _size(discriminator, is_trained=True)
    mapping, synthesis = (_size(cell, is_trained=True) for cell in (generator.mapping, generator.synthesis))
    labels = f", labels of {data.num_classes} numbers" if data.num_classes else ""
    return [
        f"images: {len(data.images)}{', each mirrored too' * data.mirrored}{labels}",
        f"parameters of G: {mapping + synthesis:,} (mapping {mapping:,}, synthesis {synthesis:,})",
        f"parameters of D: {_size(discriminator):,}" + (f", of which {frozen:,} are frozen" if frozen else ""),
    ]


def _size(cell: nn.Cell, *, is_trained: bool = False) -> int:
    parameters = cell.trainable_params() if is_trained else cell.get_parameters()
    return sum(math.prod(parameter.shape) for parameter in parameters)


def _costs(config: StyleGanConfig, state: TrainState, data: LabelledImages) -> list[str]:
    step = Iteration(state, data, config)
    firsts = [_seconds(step, 0, config)]  # has every phase in it
    if config.aug == "ada":  # which begins without augmentation: both are compiled and stay in memory
        state.cells["ada"].p.set_data(Tensor(AUGMENTED, ms.float32))
        firsts.append(_seconds(step, 0, config))
    kinds = kinds_of_steps(config)
    times = {kind: _seconds(step, index, config) for kind, (index, _) in kinds.items()}
    cycle = sum(num for _, num in kinds.values())
    seconds = sum(times[kind] * num for kind, (_, num) in kinds.items()) / cycle
    usual = times.get((True, True), max(times.values()))
    compiling = [max(first - usual, 0.0) for first in firsts]
    total = seconds * make_schedule(config).total_steps + sum(compiling)
    again = f", and {compiling[1]:.0f} s when p leaves 0" if config.aug == "ada" else ""
    return [
        f"time: {seconds:.3f} s a step of {config.batch_size} images, {seconds / config.batch_size * 1000:.1f} s a "
        f"kimg; {config.total_kimg:g} kimg take about {duration_text(total)} with compiling, without samples and Data/",
        f"compiling: about {compiling[0]:.0f} s before the first step{again}",
        f"memory: {_memory():.1f} GB at its peak",
    ]


def _seconds(step: Iteration, index: int, config: StyleGanConfig) -> float:
    start = time.perf_counter()
    step(index * config.batch_size)
    return time.perf_counter() - start


def kinds_of_steps(config: StyleGanConfig) -> dict[Kind, tuple[int, int]]:
    """The kinds of steps there are: whether Greg and Dreg are due, the first such step, and how many make a cycle."""
    cycle = math.lcm(config.G_interval, config.D_interval)
    kinds = [phases_due(config, index) for index in range(cycle)]
    return {kind: (kinds.index(kind), num) for kind, num in Counter(kinds).items()}


def _memory() -> float:
    """GB that the process has held at most; of an accelerator, that it has needed there."""
    if ms.get_context("device_target") != "CPU":
        return device.peak_accelerator_memory() / 2**30
    try:
        import resource
    except ImportError:  # Windows
        return psutil.Process().memory_info().rss / 2**30
    unit = 1 if sys.platform == "darwin" else 2**10  # bytes in ru_maxrss' unit
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
