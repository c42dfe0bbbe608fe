"""States on disk: one safetensors file each, whole or not there, checked when read; the newest whole one wins."""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn
from safetensors import SafetensorError
from safetensors import numpy as safetensors_numpy

from mindgan.runtime.errors import UserError
from mindgan.runtime.files import scratch_folder, write_atomically
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training.state import TrainState

HEADER_ALIGNMENT = 8  # bytes: its writer pads with spaces, so that the numbers behind lie where their types want them
KEEP_STATES = 2  # the newest, and one more should the newest turn out damaged


def save_state(run: RunDirectory, state: TrainState) -> None:
    """Writes the state, then removes older ones beyond the newest two.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    arrays = state.arrays()
    about = json.dumps(state.about)
    metadata = {"nimg": str(state.nimg), "about": about, "sha256": digest(arrays, state.nimg, about)}
    write_atomically(run.state(state.nimg), _in_order(safetensors_numpy.save(arrays, metadata)))
    run.keep_states(KEEP_STATES)


def _in_order(content: bytes) -> bytes:
    """A safetensors file with the names of its header sorted, which its writer puts in another order every time."""
    header = json.loads(content[8 : (start := 8 + int.from_bytes(content[:8], "little"))])
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % HEADER_ALIGNMENT)
    return len(text).to_bytes(8, "little") + text + content[start:]


def read_state(path: Path) -> tuple[dict[str, np.ndarray], int, dict[str, str]]:
    """The arrays, `nimg` and `about` of a state.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        data = path.read_bytes()
        arrays = safetensors_numpy.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        nimg, about, sha256 = int(header["nimg"]), header["about"], header["sha256"]
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path.name} is damaged or cannot be read ({str(error).splitlines()[0]})") from error
    if sha256 != digest(arrays, nimg, about):
        raise ValueError(f"{path.name} is damaged: its checksum does not match")
    return arrays, nimg, json.loads(about)


def require_same_run(run: RunDirectory, about: dict[str, str]) -> None:
    """Raises UserError where the newest whole state of a run is of something else; without a state nothing is said."""
    for _, path in reversed(run.states()):
        with suppress(ValueError):  # a damaged one; `restore_newest` tells
            _check_about(run, read_state(path)[2], about)
            return


def restore_newest(run: RunDirectory, state: TrainState, *, say: Callable[[str], None]) -> bool:
    """Loads the newest whole state of a run, passing over damaged ones, and says so.

    Returns:
        Whether there was one.

    Raises:
        UserError: the run is of something else, or every state there is is damaged.
    """
    paths = [path for _, path in reversed(run.states())]
    for path in paths:
        try:
            arrays, nimg, about = read_state(path)
        except ValueError as error:
            if path == paths[-1]:
                raise UserError(
                    f"{run.checkpoints}: {error}, and no other state is whole; use another --train_url"
                ) from error
            say(f"{error}; falling back to the one before")
            continue
        _check_about(run, about, state.about)
        try:
            state.load(arrays, nimg)
        except UserError as error:
            raise UserError(f"{path}: {error}; use the settings of that run or another --train_url") from error
        return True
    return False


def _check_about(run: RunDirectory, theirs: dict[str, str], ours: dict[str, str]) -> None:
    for name, value in ours.items():
        if name not in theirs:
            raise UserError(f"{run.root} holds a run of another kind, without {name}; use another --train_url")
        if theirs[name] != value:
            raise UserError(
                f"{run.root} holds a run with {name} {theirs[name]}, not {value}; "
                "use the same again or another --train_url"
            )


def digest(arrays: dict[str, np.ndarray], nimg: int, about: str) -> str:
    """SHA-256 over names, types, shapes and bytes, in the order of the names."""
    sha = hashlib.sha256(f"{nimg} {about}\n".encode())
    for name in sorted(arrays):
        array = arrays[name]
        sha.update(f"{name} {array.dtype} {array.shape}\n".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def save_network(path: Path, network: nn.Cell | dict[str, np.ndarray], about: dict[str, str] | None = None) -> None:
    """A plain MindSpore checkpoint of a network or of arrays by name, written atomically.

    It is made in a scratch folder: MindSpore's own writing deletes the old file first and, on a full disk, leaves a
    part and an error that says something else.

    Args:
        path: where to.
        network: a Cell, or arrays by name.
        about: texts that the file also holds, by name.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    content = network
    if isinstance(network, dict):
        content = [{"name": name, "data": Tensor(array)} for name, array in network.items()]
    with scratch_folder() as folder:
        try:
            ms.save_checkpoint(content, str(folder / path.name), append_dict=about)
        except RuntimeError as error:  # not everything that a disk refuses arrives as an OSError
            raise UserError(
                "no checkpoint could be made in the folder of temporary files; free some room there or set TMPDIR"
            ) from error
        data = (folder / path.name).read_bytes()
    write_atomically(path, data)


def read_network(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The parameters of a MindSpore checkpoint by name, and the texts it holds.

    Raises:
        UserError: the file is missing or damaged.
    """
    require_file(path)
    if path.suffix != ".ckpt":
        raise UserError(f"{path} does not end in .ckpt; name a run or a MindSpore checkpoint")
    try:
        values = ms.load_checkpoint(str(path))
    except (ValueError, RuntimeError, TypeError) as error:
        raise UserError(f"{path} is no whole MindSpore checkpoint; use another one") from error
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    return {name: value.asnumpy() for name, value in values.items() if name not in texts}, texts


def require_file(path: Path) -> None:
    """Raises UserError where `path` is no file that can be read."""
    if not path.is_file():
        raise UserError(f"{path} does not exist; name a run, a .ckpt or a .mindir file")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path} cannot be read; mend its permissions")
