"""Of which family a run or a file is: commands on any of them ask here."""

from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from mindgan.runtime.errors import UserError

Family = Literal["mlp_gan", "cyclegan", "stylegan2"]


def family_of(source: Path) -> Family:
    """The family of a run's folder, a .ckpt or a .mindir file; ``mlp_gan`` where nothing tells another.

    Raises:
        UserError: a .ckpt or .mindir is missing or damaged.
    """
    if source.is_dir():
        return of_run(source) or "mlp_gan"
    if source.suffix == ".mindir":
        return _known(_of_mindir(source)) or "mlp_gan"
    from mindgan.training.checkpoint import read_network

    return _known(read_network(source)[1].get("family")) or "mlp_gan"


def _known(told: object) -> Family | None:
    return next((family for family in get_args(Family) if family == told), None)


def of_run(root: Path) -> Family | None:
    """Of a run's folder: by its checkpoints, which are what commands take, or its config.json; None by neither."""
    from mindgan.runtime.run_directory import RunDirectory
    from mindgan.training.run_config import read_config

    run = RunDirectory(root)
    if run.snapshots():
        return "stylegan2"
    if run.operator_models(".ckpt"):
        return "cyclegan"
    with suppress(UserError):  # it is missing or damaged
        return _known(read_config(run)["run"].get("family", "mlp_gan"))
    return None


def _of_mindir(path: Path) -> str | None:
    from mindgan.export import mindir_about
    from mindgan.training.checkpoint import require_file

    require_file(path)
    try:
        return mindir_about(path).get("family")
    except Exception as error:  # what is no MindIR file makes protobuf raise its own kind
        raise UserError(f"{path} is no whole MindIR file; export it again") from error
