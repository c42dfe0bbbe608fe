"""A trained generator to MindIR or ONNX, reloaded in a fresh process and compared before it counts.

The fresh process does not import mindgan: what it loads is all that someone who gets the file has.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from mindgan.runtime import randomness
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import make_atomically, scratch_folder
from mindgan.training.mindir import canonical

Format = Literal["mindir", "onnx"]
TOLERANCE = 1e-4  # largest difference that is rounding, of pixels in [-1, 1] or a part of larger numbers
COMPARED_BATCHES = (1, 3)  # the sizes a MindIR file of free batch size is tried with
RELOAD_SECONDS = 300

Shape = tuple[int | None, ...]
"""Of an input; None for a free size."""
Calls = Mapping[str, tuple[np.ndarray, ...]]
"""The inputs of calls, by a name for each."""

_CALLS = """
import sys
import numpy as np
file = np.load(sys.argv[2])
calls = {}
for name in file:
    calls.setdefault(name.split("/")[0], []).append(file[name])
"""

_RELOAD_MINDIR = f"""{_CALLS}
import mindspore as ms
cell = ms.nn.GraphCell(ms.load(sys.argv[1]))
np.savez(sys.argv[3], **{{name: cell(*map(ms.Tensor, call)).asnumpy() for name, call in calls.items()}})
"""

_RELOAD_ONNX = f"""{_CALLS}
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
names = [node.name for node in session.get_inputs()]
np.savez(sys.argv[3], **{{name: session.run(None, dict(zip(names, call)))[0] for name, call in calls.items()}})
"""


def export_generator(
    generator: nn.Cell,
    path: Path,
    *,
    file_format: Format = "mindir",
    batch_size: int = 1,
    say: Callable[[str], None] = print,
) -> float:
    """Writes `generator`, in inference mode, to `path`, if a fresh process computes the same from it.

    Args:
        generator: a Cell from latents [N, generator.latent_size] to images.
        path: where to; a MindIR file takes any batch size.
        file_format: ONNX needs onnxruntime, for the comparison.
        batch_size: of an ONNX file: MindSpore's exporter fixes it.
        say: is told the largest difference.

    Returns:
        The largest difference of a pixel between `generator` and the reloaded file.

    Raises:
        UserError: it cannot be exported, reloaded or written, or the difference is above 1e-4; no file is left.
    """
    sizes = COMPARED_BATCHES if file_format == "mindir" else (batch_size,)
    calls = {f"batch{size}": (_latents(size, generator.latent_size),) for size in sizes}
    rows = None if file_format == "mindir" else batch_size
    return _export_compared(generator, path, ((rows, generator.latent_size),), calls, file_format, None, say)


def export_image_network(
    network: nn.Cell,
    path: Path,
    image_shape: tuple[int, int, int],
    *,
    multiple: int | None = None,
    about: dict[str, str] | None = None,
    say: Callable[[str], None] = print,
) -> float:
    """Writes a network from images to images to a MindIR file, if a fresh process computes the same from it.

    Args:
        network: a Cell from images [N, C, H, W] to images.
        path: where to; the file takes any batch size.
        image_shape: (C, H, W) of the images.
        multiple: what H and W have to be multiples of, px, where the file is to take any such size; None for one size.
        about: as of `export_network`.
        say: is told the largest difference.

    Returns:
        As `export_generator`.

    Raises:
        UserError: as of `export_generator`.
    """
    channels = image_shape[0]
    compared = [(1, *image_shape)]
    shape: Shape = (None, *image_shape)
    if multiple is not None:
        shape = (None, channels, None, None)
        compared.append((2, channels, 2 * multiple, 3 * multiple))
    draw = randomness.generator(0, "export")
    calls = {f"images{index}": (draw.uniform(-1, 1, size).astype(np.float32),) for index, size in enumerate(compared)}
    return _export_compared(network, path, (shape,), calls, "mindir", about, say)


def export_network(
    network: nn.Cell,
    path: Path,
    shapes: tuple[Shape, ...],
    calls: Calls,
    *,
    about: dict[str, str] | None = None,
    say: Callable[[str], None] = print,
) -> float:
    """Writes a network of several inputs to a MindIR file, if a fresh process computes the same from it.

    Args:
        network: a Cell from float32 tensors to one.
        path: where to.
        shapes: of its inputs.
        calls: the inputs to compare with.
        about: texts that the file also holds, by name; `mindir_about` reads them.
        say: is told the largest difference.

    Returns:
        The largest difference between `network` and the reloaded file; where numbers are above 1, as a part of the
        largest.

    Raises:
        UserError: as of `export_generator`.
    """
    return _export_compared(network, path, shapes, calls, "mindir", about, say)


def _export_compared(
    network: nn.Cell,
    path: Path,
    shapes: tuple[Shape, ...],
    calls: Calls,
    file_format: Format,
    about: dict[str, str] | None,
    say: Callable[[str], None],
) -> float:
    """Exports `network` for inputs of `shapes`, if the reloaded file agrees on `calls`."""
    if file_format == "onnx" and not _has_onnxruntime():
        raise UserError(
            "ONNX files are compared with onnxruntime, which is not installed; "
            f"run: {sys.executable} -m pip install onnxruntime 'numpy<2'"  # the newest onnxruntime would take NumPy 2
        )
    was_training = network.training
    network.set_train(False)
    try:
        expected = {name: network(*map(Tensor, call)).asnumpy() for name, call in calls.items()}
        if not all(np.isfinite(images).all() for images in expected.values()):
            raise UserError(
                f"{path} was not written: what the network gives is not finite, as its training has diverged; export "
                "an earlier checkpoint, or train again from one with a lower learning rate (--lr)"
            )
        difference = 0.0

        def make(temporary: Path) -> None:
            nonlocal difference
            temporary.write_bytes(_exported(network, file_format, shapes, about))
            actual = _reload(temporary, file_format, calls)
            difference = max(_difference(actual[name], expected[name]) for name in calls)
            if not difference <= TOLERANCE:  # NaN is a failure too
                raise UserError(
                    f"{path} was not written: reloaded, it differs by {difference:.1e} from the network it was made of"
                )

        make_atomically(path, make)
    finally:
        network.set_train(was_training)
    say(f"{path}: reloaded in a fresh process, largest difference {difference:.1e}")
    return difference


def _difference(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(actual - expected).max()) / max(float(np.abs(expected).max()), 1.0)


def _latents(num: int, latent_size: int) -> np.ndarray:
    return randomness.generator(0, "export").standard_normal((num, latent_size), dtype=np.float32)


def _exported(
    network: nn.Cell, file_format: Format, shapes: tuple[Shape, ...], about: dict[str, str] | None = None
) -> bytes:
    """The file's content, made in a scratch folder: MindSpore accepts no spaces or letters beyond ASCII in its name."""
    told = {"custom_func": lambda model: model.user_info.update(about)} if about else {}
    with scratch_folder() as folder:
        name = str(folder / "model")
        try:
            ms.export(network, *map(_example, shapes), file_name=name, file_format=file_format.upper(), **told)
        except (RuntimeError, ValueError, TypeError) as error:
            raise UserError(f"MindSpore cannot export this network as {file_format}: {_first_line(error)}") from error
        content = (folder / f"model.{file_format}").read_bytes()
        return canonical(content) if file_format == "mindir" else content


def _example(shape: Shape) -> Tensor:
    """What tells MindSpore the shape of an input."""
    fixed = [size for size in shape if size is not None]
    is_free = len(fixed) < len(shape)
    return Tensor(shape=list(shape), dtype=ms.float32) if is_free else Tensor(np.zeros(fixed, np.float32))


def _reload(path: Path, file_format: Format, calls: Calls) -> dict[str, np.ndarray]:
    """What a fresh process computes from the file, by the names of the calls."""
    script = _RELOAD_MINDIR if file_format == "mindir" else _RELOAD_ONNX
    with scratch_folder() as folder:
        source, results = folder / "inputs.npz", folder / "outputs.npz"
        np.savez(
            source, **{f"{name}/{index}": array for name, call in calls.items() for index, array in enumerate(call)}
        )
        command = [sys.executable, "-I", "-c", script, str(path.resolve()), str(source), str(results)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=RELOAD_SECONDS, cwd=folder)
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"the exported file was not loaded within {RELOAD_SECONDS} seconds; try again on a less busy machine"
            ) from error
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"the exported file does not load in a fresh process: {reason}")
        with np.load(results) as outputs:
            return dict(outputs)


def mindir_input_shape(path: Path) -> tuple[int, ...]:
    """The shape of a MindIR file's first input; -1 stands for a free size."""
    return mindir_input_shapes(path)[0]


def mindir_input_shapes(path: Path) -> list[tuple[int, ...]]:
    """The shapes of a MindIR file's inputs; -1 stands for a free size."""
    return [tuple(node.tensor[0].dims) for node in _model(path).graph.input]


def mindir_about(path: Path) -> dict[str, str]:
    """The texts that a MindIR file holds, by name."""
    return dict(_model(path).user_info)


def _model(path: Path) -> Any:
    from mindspore.train.mind_ir_pb2 import ModelProto

    model = ModelProto()
    model.ParseFromString(path.read_bytes())
    return model


def _has_onnxruntime() -> bool:
    from importlib.util import find_spec

    return find_spec("onnxruntime") is not None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
