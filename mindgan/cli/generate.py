"""`mindgan generate`: new digits from a trained generator."""

from dataclasses import dataclass

from mindgan.runtime.device import DeviceOptions
from mindgan.runtime.errors import require_at_least
from mindgan.runtime.files import user_path

DESCRIPTION = "New digits from a trained generator: single images, a grid, and a walk through the latents as GIF."


@dataclass(frozen=True)
class Options(DeviceOptions):
    """Generate digits."""

    source: str = "./result"
    """A run's folder (its newest checkpoint is taken), a Generator .ckpt or a .mindir file."""

    out: str = "./generated"
    """Folder for the images: digit_0000.png and so on, grid.png, walk.gif."""

    num: int = 25
    """How many digits."""

    seed: int = 0
    """Seed of the latents: the same seed and generator give the same digits."""

    walk_frames: int = 0
    """Frames of a closed latent walk, written as walk.gif; 0 for none."""

    def __post_init__(self) -> None:
        require_at_least(1, num=self.num)
        require_at_least(0, walk_frames=self.walk_frames, seed=self.seed)


def run(options: Options) -> int:
    """Writes the images and says where."""
    from mindgan.runtime import device

    device.configure(options.device_target)
    from mindgan.mlp_gan.generate import generate

    written = generate(
        options.source,
        user_path("--out", options.out),
        num=options.num,
        seed=options.seed,
        walk_frames=options.walk_frames,
    )
    print("\n".join(f"{path}" for path in written))
    return 0
