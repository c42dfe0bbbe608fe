"""Of which family a run or a file is: commands on any of them ask here."""

from contextlib import suppress
from pathlib import Path
from typing import Literal

from mindgan.runtime.errors import UserError

Family = Literal["mlp_gan", "cyclegan", "stylegan2"]


def family_of(source: Path) -> Family:
    """The family of a run's folder, a .ckpt or a .mindir file; ``mlp_gan`` where nothing tells another.

    Raises:
        UserError: a .ckpt or .mindir is missing or damaged.
    """
    if source.is_dir():
        told = _of_run(source)
    elif source.suffix == ".mindir":
        told = _of_mindir(source)
    else:
        from mindgan.training.checkpoint import read_network

        told = read_network(source)[1].get("family")
    return told if told == "cyclegan" or told == "stylegan2" else "mlp_gan"  # type: ignore[return-value]


def _of_run(root: Path) -> str | None:
    """By its checkpoints: these are what commands take, and may be there without a config.json; else by that."""
    from mindgan.runtime.run_directory import RunDirectory
    from mindgan.training.run_config import read_config

    run = RunDirectory(root)
    if run.snapshots():
        return "stylegan2"
    if run.operator_models(".ckpt"):
        return "cyclegan"
    with suppress(UserError):  # it is missing or damaged
        return read_config(run)["run"].get("family")
    return None


def _of_mindir(path: Path) -> str | None:
    from mindgan.export import mindir_about
    from mindgan.training.checkpoint import require_file

    require_file(path)
    try:
        return mindir_about(path).get("family")
    except Exception as error:  # what is no MindIR file makes protobuf raise its own kind
        raise UserError(f"{path} is no whole MindIR file; export it again") from error
