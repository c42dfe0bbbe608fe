"""`mindgan train stylegan`: train StyleGAN2-ADA, as ModelArts' operator does."""

from dataclasses import dataclass, fields
from typing import get_args

from mindgan.runtime.errors import UserError
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.presets import PRESETS, Cfg

DESCRIPTION = (
    "Train StyleGAN2-ADA on images, then draw new ones: ModelArts' StyleGan operator. Without --data_url it tries "
    "itself on digits, small. The same command goes on where it was stopped. As in StyleGAN2-ADA's own train.py, "
    "--data, --outdir, --kimg and --batch do for --data_url, --train_url, --total_kimg and --batch_size; booleans may "
    "stand alone (--mirror) or have 1 or 0."
)
ALIASES = {"data": "data_url", "outdir": "train_url", "kimg": "total_kimg", "batch": "batch_size"}
BOOLEANS = {field.name for field in fields(StyleGanConfig) if field.type in (bool, bool | None)}
WORDS = {"1": "True", "true": "True", "0": "False", "false": "False"}


@dataclass(frozen=True)
class Options(StyleGanConfig):
    """Train StyleGAN2-ADA."""

    cfg: Cfg | None = None
    """Settings that other options then change: operator is ModelArts', auto and those that follow are StyleGAN2-ADA's,
    cpu-small is 32 px for two cores, digits the embedded ones in minutes; None is operator, without --data_url
    digits."""


def with_preset(arguments: list[str]) -> list[str]:
    """`arguments` in plain words, after the options of the preset that they ask for: they have the last word.

    Raises:
        UserError: there is no such preset.
    """
    plain = in_plain_words(arguments)
    given = {name: value for name, _, value in (argument.partition("=") for argument in plain)}
    is_training = given.get("--predict") != "True"
    cfg = given.get("--cfg") or ("digits" if is_training and "--data_url" not in given else "operator")
    if cfg not in get_args(Cfg):
        raise UserError(f"--cfg {cfg}: there is none of that name; use {', '.join(get_args(Cfg))}")
    return [f"--{name}={value}" for name, value in PRESETS[cfg].items()] + plain  # type: ignore[index]


def in_plain_words(arguments: list[str]) -> list[str]:
    """Options as ``--name=value`` with the names of StyleGanConfig; a boolean that stands alone is True."""
    names = {field.name for field in fields(Options)}
    plain: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        name = option.removeprefix("--").replace("-", "_")
        name = ALIASES.get(name, name)
        if not option.startswith("--") or name not in names:
            plain.append(word)
            continue
        if not equals:
            has_value = bool(rest) and not rest[0].startswith("--")
            if not has_value and name not in BOOLEANS:
                plain.append(word)
                continue
            value = rest.pop(0) if has_value else "True"
        if name in BOOLEANS:
            value = WORDS.get(value.lower(), value)
        plain.append(f"--{name}={value}")
    return plain


def run(options: Options) -> int:
    """Exit code 0 when all is done, 130 where it was stopped early."""
    from mindgan.runtime import device

    device.load_framework()
    from mindgan.modelarts.stylegan import stylegan

    return 0 if stylegan(options) else 130
