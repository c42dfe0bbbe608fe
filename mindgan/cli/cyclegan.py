"""`mindgan train cyclegan`: train CycleGAN, as ModelArts' operator does."""

from dataclasses import dataclass
from typing import Literal, get_args

from mindgan.cyclegan.config import PRESETS, CycleGanConfig, Preset
from mindgan.runtime.errors import UserError

DESCRIPTION = (
    "Train CycleGAN on two sets of images without pairs, then translate every source image: ModelArts' CycleGAN "
    "operator. Without --data_url it tries itself on digits, small. The same command goes on where it was stopped."
)
AUTO = "auto"


@dataclass(frozen=True)
class Options(CycleGanConfig):
    """Train CycleGAN."""

    preset: Literal["auto", "operator", "paper", "small"] = "auto"
    """Settings that other options then change: operator is ModelArts', paper the CycleGAN paper's (2e-4, 100 + 100
    epochs, 286/256 px), small takes minutes on two cores; auto is operator, without --data_url small."""


def with_preset(arguments: list[str]) -> list[str]:
    """The options of the preset that `arguments` ask for, then `arguments`, which so have the last word.

    Raises:
        UserError: there is no such preset.
    """
    names = {argument.split("=")[0].replace("-", "_") for argument in arguments}
    preset: str = _value(arguments, "__preset") or AUTO
    if preset == AUTO:
        preset = "operator" if "__data_url" in names else "small"
    if preset not in get_args(Preset):
        raise UserError(f"--preset {preset}: there is none of that name; use {AUTO}, {', '.join(get_args(Preset))}")
    return [part for name, value in PRESETS[preset].items() for part in (f"--{name}", str(value))] + arguments  # type: ignore[index]


def _value(arguments: list[str], name: str) -> str | None:
    """The last value of an option, given as ``--name value`` or ``--name=value``."""
    found = None
    for argument, following in zip(arguments, [*arguments, None][1:], strict=True):
        option, equals, value = argument.partition("=")
        if option.replace("-", "_") == name:
            found = value if equals else following
    return found


def run(options: Options) -> int:
    """Exit code 0 when all is done, 130 where it was stopped early."""
    from mindgan.runtime import device

    device.load_framework()
    from mindgan.modelarts.operators import cyclegan

    return 0 if cyclegan(options) else 130
