"""`mindgan export`: a checkpoint to MindIR or ONNX."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mindgan.cli.families import family_of
from mindgan.runtime.errors import UserError, require_at_least
from mindgan.runtime.files import user_path

DESCRIPTION = "Export a generator to MindIR (or ONNX); the file is reloaded without mindgan and compared first."


@dataclass(frozen=True)
class Options:
    """Export a generator."""

    source: str = "./result"
    """A run's folder (its newest checkpoint is taken) or a .ckpt."""

    out: str | None = None
    """The file to write; by default Generator.mindir or .onnx, of CycleGAN CYcleGan_AtoB.mindir, of StyleGAN2
    StyleGan.mindir with its mapping and synthesis apart, in the run's model/ folder or beside the .ckpt."""

    format: Literal["mindir", "onnx"] = "mindir"
    """mindir takes any batch size; onnx has a fixed one and needs onnxruntime for the comparison."""

    batch_size: int = 1
    """Images a call of an ONNX file."""

    direction: Literal["AtoB", "BtoA"] = "AtoB"
    """Of CycleGAN: which of its two generators."""

    def __post_init__(self) -> None:
        require_at_least(1, batch_size=self.batch_size)
        if self.out is not None and Path(self.out).suffix != f".{self.format}":
            raise UserError(f"--out {self.out} must end in .{self.format}, as --format says")


def run(options: Options) -> int:
    """Writes the file; the largest difference is printed."""
    from mindgan.runtime import device

    device.configure("CPU")
    source = user_path("--source", options.source)
    folder = source / "model" if source.is_dir() else source.parent
    if source.suffix == ".mindir":
        raise UserError(f"--source {source} is exported already; name a run or a .ckpt")
    export = {"cyclegan": _export_cyclegan, "stylegan2": _export_stylegan, "mlp_gan": _export_digits}
    export[family_of(source)](options, source, folder)
    return 0


def _require_mindir(options: Options, name: str) -> None:
    if options.format != "mindir":
        raise UserError(f"--format {options.format}: {name}'s generators are exported as mindir only")


def _export_stylegan(options: Options, source: Path, folder: Path) -> None:
    from mindgan.stylegan2.checkpoints import read_source
    from mindgan.stylegan2.exporting import export_parts

    _require_mindir(options, "StyleGAN2")
    saved = read_source(source)
    print(f"exporting {saved.path}")
    paths = export_parts(saved, _out(options, folder / "StyleGan.mindir"))
    print("\n".join(map(str, paths)))


def _export_cyclegan(options: Options, source: Path, folder: Path) -> None:
    from mindgan.cyclegan.checkpoints import mindir_texts, newest, read
    from mindgan.export import export_image_network

    _require_mindir(options, "CycleGAN")
    saved = read(newest(source) if source.is_dir() else source)
    out = _out(options, folder / f"CYcleGan_{options.direction}.mindir")
    print(f"exporting {saved.path}")
    kind = saved.architecture
    generator = saved.generator(options.direction)
    about = mindir_texts(kind, options.direction)
    export_image_network(generator, out, kind.image_shape, multiple=kind.free_multiple, about=about)


def _export_digits(options: Options, source: Path, folder: Path) -> None:
    from mindgan.export import export_generator
    from mindgan.mlp_gan.sample import load_generator, newest_checkpoint

    checkpoint = newest_checkpoint(source) if source.is_dir() else source
    generator = load_generator(checkpoint)
    print(f"exporting {checkpoint}")
    out = _out(options, folder / f"Generator.{options.format}")
    export_generator(generator, out, file_format=options.format, batch_size=options.batch_size)


def _out(options: Options, default: Path) -> Path:
    return default if options.out is None else user_path("--out", options.out)
