"""Going on from a checkpoint that --resume names, in a run of its own."""

from collections.abc import Callable

from mindgan.cyclegan import checkpoints
from mindgan.cyclegan.checkpoints import Saved
from mindgan.cyclegan.config import UNET_LEVELS, CycleGanConfig
from mindgan.cyclegan.state import NETWORKS
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint
from mindgan.training.state import TrainState


def read(resume: str) -> Saved:
    """What --resume names, to train on from: a .ckpt, or a run's folder for its newest.

    Raises:
        UserError: it is none of these, damaged, or holds one direction only.
    """
    path = user_path("--resume", resume)
    refuse_frozen("--resume", resume)
    if path.suffix.lower() == ".mindir":
        raise UserError(f"--resume {resume} holds one generator; to train on name the .ckpt beside it")
    saved = checkpoints.read(checkpoints.newest(path) if path.is_dir() else path)
    for name in NETWORKS:
        if not any(key.startswith(f"{name}.") for key in saved.arrays):
            raise UserError(f"--resume {resume} holds no {name}; a training goes on from all of {', '.join(NETWORKS)}")
    return saved


def require_fit(saved: Saved, config: CycleGanConfig, state: TrainState) -> None:
    """Raises UserError where the networks of a checkpoint are others than those of the settings, which `state` holds.

    Where they are not, `state` has their weights afterwards.
    """
    is_unet = saved.architecture.generator in UNET_LEVELS
    for name in ("generator", "image_channel", "ngf", *(() if is_unet else ("num_blocks",))):
        theirs, ours = getattr(saved.architecture, name), getattr(config, name)
        if theirs != ours:
            raise UserError(f"--resume {saved.path} is of --{name} {theirs}, not {ours}; use --{name} {theirs}")
    saved.fill({name: state.cells[name] for name in NETWORKS})


def refuse_frozen(option: str, source: str) -> None:
    """Raises UserError for a frozen TensorFlow graph, which ModelArts' documents name."""
    if source.lower().endswith(".pb"):
        raise UserError(
            f"{option} {source} is a frozen TensorFlow graph, which MindSpore cannot read; "
            "pass the .mindir or .ckpt of a mindgan run's model/ folder"
        )


def go_on(saved: Saved, state: TrainState, *, say: Callable[[str], None]) -> None:
    """Takes over what was saved: all of it where the run is the same and its state is still there, else the weights.

    Raises:
        UserError: the checkpoint is of other sizes.
    """
    if saved.about != state.about:
        saved.fill({name: state.cells[name] for name in NETWORKS})
        say(
            f"starting with the networks of {saved.path}; data or settings are others, so counting from the first image"
        )
        return
    whole = RunDirectory(saved.path.parent.parent).state(saved.nimg)
    try:
        arrays, nimg, about = checkpoint.read_state(whole)
        if about != state.about:
            raise ValueError(f"{whole} is of another run")
        state.load(arrays, nimg)
        say(f"going on from {whole} after {nimg} images, optimisers and pools included")
    except ValueError:  # not there, damaged, or beside a checkpoint that was copied there
        saved.fill({name: state.cells[name] for name in NETWORKS})
        state.nimg = saved.nimg
        say(f"going on from {saved.path} after {saved.nimg} images; optimisers and pools begin anew")
