"""`mindgan export`: a checkpoint to MindIR or ONNX."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mindgan.runtime.errors import UserError, require_at_least
from mindgan.runtime.files import user_path

DESCRIPTION = "Export a generator to MindIR (or ONNX); the file is reloaded without mindgan and compared first."


@dataclass(frozen=True)
class Options:
    """Export a generator."""

    source: str = "./result"
    """A run's folder (its newest checkpoint is taken) or a Generator .ckpt."""

    out: str | None = None
    """The file to write; by default Generator.mindir or .onnx, in the run's model/ folder or beside the .ckpt."""

    format: Literal["mindir", "onnx"] = "mindir"
    """mindir takes any batch size; onnx has a fixed one and needs onnxruntime for the comparison."""

    batch_size: int = 1
    """Images a call of an ONNX file."""

    def __post_init__(self) -> None:
        require_at_least(1, batch_size=self.batch_size)
        if self.out is not None and Path(self.out).suffix != f".{self.format}":
            raise UserError(f"--out {self.out} must end in .{self.format}, as --format says")


def run(options: Options) -> int:
    """Writes the file; the largest difference is printed."""
    from mindgan.runtime import device

    device.configure("CPU")
    from mindgan.export import export_generator
    from mindgan.mlp_gan.sample import load_generator, newest_checkpoint

    source = user_path("--source", options.source)
    default = source / "model" if source.is_dir() else source.parent
    checkpoint = newest_checkpoint(source) if source.is_dir() else source
    out = user_path("--out", options.out) if options.out is not None else default / f"Generator.{options.format}"
    generator = load_generator(checkpoint)
    print(f"exporting {checkpoint}")
    export_generator(generator, out, file_format=options.format, batch_size=options.batch_size)
    return 0
