"""Which of the commands `mindgan metrics FAMILY` a source is measured with."""

from itertools import zip_longest

from mindgan.cli.families import Family, family_of, of_run
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path

WORDS: dict[Family, str] = {"mlp_gan": "mnist", "cyclegan": "cyclegan", "stylegan2": "stylegan"}
NAMES: dict[Family, str] = {"mlp_gan": "the MLP GAN", "cyclegan": "CycleGAN", "stylegan2": "StyleGAN2"}


def word_of(arguments: list[str]) -> str:
    """The second word for the run that --source among `arguments` names; mnist where nothing tells another."""
    source = ""
    for word, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        option, equals, value = word.partition("=")
        if option == "--source":
            source = value if equals else following
    path = user_path("--source", source) if source.strip() else None
    family = of_run(path) if path is not None and path.is_dir() else None
    return WORDS[family or "mlp_gan"]


def require_family(source: str, family: Family) -> None:
    """Raises UserError where a run's folder, a .ckpt or a .mindir is of another family, with the command for that."""
    path = user_path("--source", source)
    found: Family | None = None
    if path.is_dir():
        found = of_run(path)
    elif path.suffix in (".ckpt", ".mindir"):
        found = family_of(path)
    if found is not None and found != family:
        raise UserError(
            f"--source {source} is no run of {NAMES[family]} but of {NAMES[found]}; use mindgan metrics {WORDS[found]}"
        )
