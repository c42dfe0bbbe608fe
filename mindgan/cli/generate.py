"""`mindgan generate`: new images from a trained generator."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from mindgan.cli.families import family_of
from mindgan.runtime.device import DeviceOptions
from mindgan.runtime.errors import MAX_SEED, UserError, require_at_least
from mindgan.runtime.files import require_writable, user_path
from mindgan.stylegan2.limits import require_trunc

DESCRIPTION = (
    "New images from a trained generator: single ones and a grid; of digits also a walk through the latents as GIF, of "
    "StyleGAN2 by --seeds, truncated (--trunc) and of a --class."
)
MAX_SEEDS = 100_000


@dataclass(frozen=True)
class Options(DeviceOptions):
    """Generate images."""

    source: str = "./result"
    """A run's folder (its newest checkpoint is taken), a generator's .ckpt or a .mindir file."""

    out: str = "./generated"
    """Folder for the images: grid.png and digit_0000.png and so on or, of StyleGAN2, seed0000.png; walk.gif."""

    num: int = 25
    """How many images."""

    seed: int = 0
    """Seed of the latents: the same seed and generator give the same images. Of StyleGAN2 the first seed."""

    walk_frames: int = 0
    """Of digits: frames of a closed latent walk, written as walk.gif; 0 for none."""

    seeds: str | None = None
    """Of StyleGAN2: a seed for each image, such as 0-5,9; instead of --num and --seed."""

    trunc: float = 1.0
    """Of StyleGAN2: truncation psi; 1 for all variety, towards 0 for the average."""

    trunc_cutoff: int | None = None
    """Of StyleGAN2: truncate so many first layers only, the coarse ones; None for all."""

    class_name: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """Of StyleGAN2: name or number of the class; without one, classes take turns."""

    noise_mode: Literal["const", "random", "none"] = "const"
    """Of StyleGAN2: the network's own noise, another for each image, or none."""

    def __post_init__(self) -> None:
        require_at_least(1, num=self.num)
        require_at_least(0, walk_frames=self.walk_frames, seed=self.seed)
        require_trunc(self.trunc)
        if self.trunc_cutoff is not None:
            require_at_least(0, trunc_cutoff=self.trunc_cutoff)
        if self.seeds is not None:
            parse_seeds(self.seeds)
            if (self.num, self.seed) != (Options.num, Options.seed):
                raise UserError(f"--seeds {self.seeds} names the seed of every image; leave --num and --seed out")


def parse_seeds(text: str) -> list[int]:
    """The seeds that ``0-5,9`` names, in that order.

    Raises:
        UserError: it names none.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})(?:\s*-\s*(\d{1,10}))?\s*", part, re.ASCII)
        if match is None:
            raise UserError(f"--seeds {text}: '{part}' is no seed; use numbers and ranges, such as 0-5,9")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last <= MAX_SEED or last - first + len(seeds) >= MAX_SEEDS:
            raise UserError(f"--seeds {text}: '{part}' is out of range; use up to {MAX_SEEDS} seeds, 0 to {MAX_SEED}")
        seeds += range(first, last + 1)
    return seeds


def run(options: Options) -> int:
    """Writes the images and says where."""
    from mindgan.runtime import device

    device.configure(options.device_target)
    source = user_path("--source", options.source)
    family = family_of(source)
    if family == "cyclegan":
        raise UserError(f"--source {source} is of CycleGAN, which draws from images; use mindgan translate")
    draw, out = _images_of_seeds if family == "stylegan2" else _digits, user_path("--out", options.out)
    require_writable("--out", out)  # before a minute goes into drawing
    print("\n".join(str(path) for path in draw(options, out)))
    return 0


def _digits(options: Options, out: Path) -> list[Path]:
    from mindgan.mlp_gan.generate import generate

    _refuse(options, "seeds", "trunc", "trunc_cutoff", "class_name", "noise_mode", family="StyleGAN2")
    return generate(options.source, out, num=options.num, seed=options.seed, walk_frames=options.walk_frames)


def _images_of_seeds(options: Options, out: Path) -> list[Path]:
    from mindgan.stylegan2.generate import generate

    _refuse(options, "walk_frames", family="the MLP GAN")
    if options.seed + options.num - 1 > MAX_SEED or options.num > MAX_SEEDS:
        raise UserError(
            f"--num {options.num} from --seed {options.seed} on is out of range; use up to {MAX_SEEDS} images, and "
            f"seeds up to {MAX_SEED}"
        )
    seeds = f"{options.seed}-{options.seed + options.num - 1}" if options.seeds is None else options.seeds
    return generate(
        options.source,
        out,
        seeds=parse_seeds(seeds),
        psi=options.trunc,
        of_class=options.class_name,
        cutoff=options.trunc_cutoff,
        noise_mode=options.noise_mode,
    )


def _refuse(options: Options, *names: str, family: str) -> None:
    """Raises UserError where an option is given that this generator does not know."""
    for name in names:
        if getattr(options, name) != getattr(Options, name):
            option = "class" if name == "class_name" else name
            raise UserError(f"--{option} is of {family}, which --source {options.source} is not; leave it out")
