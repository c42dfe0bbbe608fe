"""Training that starts from the weights of another: transfer learning (Karras et al. 2020b, section 4.3)."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from mindspore import nn

from mindgan.layers.torch_layout import load_torch, to_torch
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import checkpoints
from mindgan.stylegan2.checkpoints import Saved, classes_text
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.state import NETWORKS
from mindgan.training.run_config import read_config
from mindgan.training.state import TrainState

OPTION = "--resume"
FREEZED = "--freezed is for layers that are taken over"


def without_itself(config: StyleGanConfig, run: RunDirectory, say: Callable[[str], None]) -> StyleGanConfig:
    """The settings with the run's own --resume where that names the run itself, which goes on from its newest state.

    Raises:
        UserError: it names a file of the run, or there is no state to go on from.
    """
    if not config.resume:
        return config
    path, *own = map(os.path.realpath, (user_path(OPTION, config.resume), run.root, run.model, run.checkpoints))
    if path != own[0] and os.path.dirname(path) not in own:
        return config
    if not run.states():
        raise UserError(f"{OPTION} {config.resume} is of --train_url {run.root} itself; name another --train_url")
    if path != own[0]:
        raise UserError(
            f"{OPTION} {config.resume} is of --train_url {run.root} itself, which goes on from its newest state; leave "
            f"{OPTION} out, or name another --train_url to begin with that file"
        )
    say(f"{OPTION} names the run itself, which goes on without it")
    began_with = ""
    with suppress(UserError):  # of no config.json
        began_with = str(read_config(run)["settings"].get("resume", ""))
    return replace(config, resume=began_with)


def read(source: str) -> Saved:
    """What `--resume` names: a run or a .ckpt.

    Raises:
        UserError: it is missing, damaged or of another kind.
    """
    path = user_path(OPTION, source)
    if path.suffix == ".pb":
        raise UserError(f"{OPTION} {path} is a frozen TensorFlow graph, which cannot be read; name a run or a .ckpt")
    if path.suffix == ".mindir":
        raise UserError(f"{OPTION} {path} cannot be trained; name the .ckpt beside it, or add --predict True")
    return checkpoints.read_source(path)


def start_from(
    saved: Saved, state: TrainState, class_names: tuple[str, ...], *, partial: bool, say: Callable[[str], None]
) -> None:
    """Weights of G, D and G_ema from a checkpoint; optimisers, p and counters begin anew, as published.

    Args:
        saved: the checkpoint.
        state: of a training that has not begun.
        class_names: of its images; where they are others than the checkpoint's, that is said.
        partial: whether what does not fit stays as it was initialised.
        say: is told what was taken.

    Raises:
        UserError: something does not fit; the message names it.
    """
    found = [each for name in NETWORKS for each in _fill(saved, state.cells[name])]
    left = [(parameter, problem) for parameter, problem in found if problem is not None]
    known = {parameter for parameter, _ in found}
    unused = [(name, "has no place here") for name in saved.arrays if name not in known]
    if (left or unused) and not partial:
        parameter, problem = (*left, *unused)[0]
        raise UserError(
            f"{OPTION} {saved.path} does not fit: {parameter} {problem}, and {len(left) + len(unused) - 1} more; use "
            "its resolution, layers, channels and classes, or add --resume_partial True to take what fits"
        )
    if len(left) == len(found):
        raise UserError(f"{OPTION} {saved.path} holds nothing that fits; name another")
    kept = f", {len(left)} begin anew" if left else ""
    passed_over = f", {len(unused)} of its own have no place here" if unused else ""
    say(f"starting from {saved.path}: {len(found) - len(left)} tensors{kept}{passed_over}")
    frozen = {parameter.name for parameter in state.cells["D"].get_parameters() if not parameter.requires_grad}
    if drawn := sorted(frozen.intersection(parameter for parameter, _ in left)):
        say(f"warning: {len(drawn)} of them are frozen as they were drawn, such as {drawn[0]}: {FREEZED}")
    before, num = saved.about, state.cells["G"].shape.num_classes
    if before.class_names != class_names and before.shape.num_classes and num:
        theirs, ours = classes_text(before.class_names, before.shape.num_classes), classes_text(class_names, num)
        say(f"warning: it was trained with {theirs} and the images have {ours}: each takes the place of its number's")


def _fill(saved: Saved, cell: nn.Cell) -> list[tuple[str, str | None]]:
    """Sets what fits: each parameter of a network, and why it was not set, None where it was."""
    found: list[tuple[str, str | None]] = []
    for name, array in to_torch(cell).items():
        if name not in saved.arrays:
            found.append((name, "is not in it"))
        elif saved.arrays[name].shape != array.shape:
            found.append((name, f"has the shape {saved.arrays[name].shape} there and {array.shape} here"))
        else:
            load_torch(cell, {name: saved.arrays[name]})
            found.append((name, None))
    return found
