"""Every setting of the MLP GAN, each with its default, once."""

import math
from dataclasses import dataclass, fields

from mindgan.data.mnist import DigitOptions
from mindgan.runtime.device import DeviceOptions, Mode
from mindgan.runtime.errors import UserError, require_at_least, require_seed
from mindgan.runtime.files import user_path

_AT_LEAST_ONE = ("epochs", "latent_size", "log_frequency", "keep")


@dataclass(frozen=True)
class MlpGanConfig(DeviceOptions, DigitOptions):
    """Train the MLP GAN of MindSpore's tutorial "GAN for Image Generation" on handwritten digits.

    The same command on the same --train_url goes on where it stopped.

    Raises:
        UserError: a value is out of its range.
    """

    train_url: str = "./result"
    """Folder for everything the run makes."""

    epochs: int = 200
    """How often the generator and the discriminator see every training image."""

    batch_size: int = 128
    """Images a step; the incomplete last batch of an epoch is dropped."""

    latent_size: int = 100
    """Length of the latent vector a digit is generated from."""

    lr: float = 0.0002
    """Learning rate of both Adam optimisers."""

    beta1: float = 0.5
    """Adam's decay of the gradient's mean."""

    beta2: float = 0.999
    """Adam's decay of the gradient's square."""

    seed: int = 1
    """Seed of the initial weights, the order of the images and the latents."""

    mode: Mode = "graph"
    """graph compiles the step; pynative runs it operation by operation, slower and easier to debug."""

    log_frequency: int = 10
    """A line of losses every so many steps."""

    keep: int = 10
    """How many checkpoints of each network to keep, the newest."""

    def __post_init__(self) -> None:
        super().__post_init__()
        user_path("--train_url", self.train_url)
        require_at_least(1, **{name: getattr(self, name) for name in _AT_LEAST_ONE})
        require_at_least(2, batch_size=self.batch_size)  # batch normalisation needs two
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise UserError(f"--lr {self.lr} is out of range; it must be above 0 and finite")
        for name in ("beta1", "beta2"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)} is out of range; it must be between 0 and 1")
        require_seed(self.seed)

    def settings(self) -> dict[str, object]:
        """Every setting by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


# A run may go on with other values of the rest: they change nothing it has computed.
FIXED_BY_RUN = ("batch_size", "latent_size", "lr", "beta1", "beta2", "seed")
