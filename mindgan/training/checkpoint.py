"""States on disk: one safetensors file each, whole or not there, checked when read; the newest whole one wins."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import nn
from safetensors import SafetensorError
from safetensors import numpy as safetensors_numpy

from mindgan.runtime.errors import UserError
from mindgan.runtime.files import write_atomically
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training.state import TrainState

KEEP_STATES = 2  # the newest, and one more should the newest turn out damaged


def save_state(run: RunDirectory, state: TrainState) -> None:
    """Writes the state, then removes older ones beyond the newest two.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    arrays = state.arrays()
    metadata = {"nimg": str(state.nimg), "sha256": digest(arrays)}
    write_atomically(run.state(state.nimg), safetensors_numpy.save(arrays, metadata))
    run.keep_states(KEEP_STATES)


def read_state(path: Path) -> tuple[dict[str, np.ndarray], int]:
    """The arrays and `nimg` of a state.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        data = path.read_bytes()
        arrays = safetensors_numpy.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    except (OSError, SafetensorError, KeyError) as error:
        raise ValueError(f"{path.name} cannot be read ({error})") from error
    if header.get("sha256") != digest(arrays):
        raise ValueError(f"{path.name} is damaged: its checksum does not match")
    return arrays, int(header["nimg"])


def restore_newest(run: RunDirectory, state: TrainState, *, say: Callable[[str], None]) -> bool:
    """Loads the newest whole state of a run, passing over damaged ones, and says so.

    Returns:
        Whether there was one.

    Raises:
        UserError: the run was made with other settings.
    """
    for _, path in reversed(run.states()):
        try:
            arrays, nimg = read_state(path)
        except ValueError as error:
            say(f"{error}; falling back to the one before")
            continue
        try:
            state.load(arrays, nimg)
        except UserError as error:
            raise UserError(f"{path}: {error}; use the settings of that run or another --train_url") from error
        return True
    return False


def digest(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 over names, types, shapes and bytes, in the order of the names."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        sha.update(f"{name} {array.dtype} {array.shape}\n".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def save_network(path: Path, network: nn.Cell) -> None:
    """A plain MindSpore checkpoint of one network, written atomically.

    It is made in a scratch folder: MindSpore's own writing deletes the old file first and, on a full disk, leaves a
    part and an error that says something else.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="mindgan") as folder:
        scratch = Path(folder, path.name)
        try:
            ms.save_checkpoint(network, str(scratch))
        except (OSError, RuntimeError) as error:
            raise UserError(f"{folder} cannot be written; free some room there or set TMPDIR") from error
        write_atomically(path, scratch.read_bytes())
