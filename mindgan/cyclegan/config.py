"""Every setting of CycleGAN, each with its default, once."""

import math
from dataclasses import dataclass, fields
from typing import Literal

from mindgan.runtime.device import DeviceOptions, Mode
from mindgan.runtime.errors import UserError, require_at_least, require_seed
from mindgan.runtime.files import user_path
from mindgan.training.schedules import Policy

GeneratorName = Literal["resnet", "unet_128", "unet_256"]
DiscriminatorName = Literal["patch", "pixel"]
GanMode = Literal["lsgan", "vanilla"]

UNET_LEVELS = {"unet_128": 7, "unet_256": 8}
LOAD_SHARE = 286 / 256  # of the size that images are resized to before the crop, to the crop's: the paper's code
MAX_SIZE = 4096  # px; above it one training image alone needs more than any memory
NO_RESUME = "empty"  # what ModelArts' job passes where nothing is named
RESNET_MIN_SIZE = 8  # px; at a quarter of it the ResNet mirrors a pixel behind the edge, so there must be two

_AT_LEAST_ONE = (
    *("batch_size", "max_epoch", "log_frequency", "save_frequency", "ngf", "ndf", "num_blocks", "num_layers"),
    *("step_epochs", "keep"),
)
_NOT_NEGATIVE = ("lambda_A", "lambda_B", "lambda_identity")


@dataclass(frozen=True)
class CycleGanConfig(DeviceOptions):
    """Train CycleGAN, ModelArts' CycleGAN operator: translate images of one domain into another, without pairs.

    The same command on the same --train_url goes on where it stopped. Without --data_url the embedded digits are the
    data: white on black, and coloured outlines.

    Raises:
        UserError: a value is out of its range.
    """

    data_url: str | None = None
    """Images of the source domain: folder, .zip or ModelArts manifest. Without --target_data_url it holds both domains:
    trainA and trainB (testA, testB), or exactly two class folders."""

    target_data_url: str | None = None
    """Images of the target domain: folder, .zip or manifest."""

    train_url: str = "./result_cyclegan"
    """Folder for everything the run makes."""

    do_validation: bool = True
    """Check every image first, mend or leave out what is wrong, and report on each; originals stay untouched."""

    image_max_width: int = -1
    """Validation reduces wider images proportionally, px; -1 for any width."""

    image_max_height: int = -1
    """Validation reduces higher images proportionally, px; -1 for any height."""

    image_channel: int = 3
    """3 for colour, 1 for grey."""

    image_height: int = 256
    """Height of the images the networks see, px; a power of two. With --predict 256 stands for what the network of
    --resume was trained on."""

    image_width: int = 256
    """Width of the images the networks see, px; a power of two. With --predict as --image_height."""

    batch_size: int = 1
    """Images of each domain a step."""

    max_epoch: int = 100
    """How often the larger domain is seen whole."""

    g_learning_rate: float = 1e-4
    """Learning rate of both generators' Adam, at the start."""

    d_learning_rate: float = 1e-4
    """Learning rate of both discriminators' Adam, at the start."""

    log_frequency: int = 5
    """A line of losses every so many steps."""

    save_frequency: int = 5
    """The model every so many epochs, and at the end."""

    predict: bool = False
    """Translate the images of --data_url with the network of --resume, without training; test images are left out."""

    resume: str = ""
    """A .ckpt or .mindir to predict with, or a .ckpt to go on training from. Empty for none, or the word `empty`,
    which is ModelArts' default."""

    direction: Literal["AtoB", "BtoA"] = "AtoB"
    """What --predict translates: AtoB source to target, BtoA target to source. Of data of both domains it takes the one
    that is meant; images of one kind in --data_url are what to translate."""

    load_height: int = 0
    """Height that images are resized to before the random crop, px; 0 for 286/256 of --image_height."""

    load_width: int = 0
    """Width that images are resized to before the random crop, px; 0 for 286/256 of --image_width."""

    flip: bool = True
    """Mirror each image with probability 1/2."""

    lr_policy: Policy = "linear"
    """linear goes to 0 over the last --decay_epochs, step to a tenth every --step_epochs, cosine in half a wave."""

    decay_epochs: int = -1
    """Epochs at the end in which linear learning rates fall to 0; -1 for half of --max_epoch."""

    step_epochs: int = 50
    """Epochs between two steps of --lr_policy step."""

    generator: GeneratorName = "resnet"
    """resnet for any size, unet_128 and unet_256 for multiples of 128 and 256 px."""

    num_blocks: int = 9
    """Residual blocks of the ResNet; the paper has 9 for 256 px and 6 for 128."""

    ngf: int = 64
    """Channels of the generators' first layer."""

    discriminator: DiscriminatorName = "patch"
    """patch judges patches (of 70 by 70 px with three layers), pixel single pixels."""

    num_layers: int = 3
    """Layers of stride 2 of the patch discriminator."""

    ndf: int = 64
    """Channels of the discriminators' first layer."""

    gan_mode: GanMode = "lsgan"
    """lsgan for squared errors, vanilla for cross-entropy."""

    lambda_A: float = 10.0
    """Weight of the cycle loss A to B to A."""

    lambda_B: float = 10.0
    """Weight of the cycle loss B to A to B."""

    lambda_identity: float = 0.5
    """Weight of the identity losses, as a share of the cycle losses'; 0 for none."""

    pool_size: int = 50
    """Fakes of the past that each discriminator may see again; 0 for none."""

    beta1: float = 0.5
    """Adam's decay of the gradient's mean."""

    beta2: float = 0.999
    """Adam's decay of the gradient's square."""

    seed: int = 1
    """Seed of the weights, the order of the images, crops, flips and the pools."""

    mode: Mode = "graph"
    """graph compiles the step; pynative runs it operation by operation, slower and easier to debug."""

    num_samples: int = 4
    """Source images that are translated after every epoch, into samples/."""

    keep: int = 1000
    """How many .ckpt of model/ to keep, the newest."""

    def __post_init__(self) -> None:
        if self.resume.strip().lower() == NO_RESUME:
            object.__setattr__(self, "resume", "")
        self._check_paths()
        require_at_least(1, **{name: getattr(self, name) for name in _AT_LEAST_ONE})
        require_at_least(0, pool_size=self.pool_size, num_samples=self.num_samples)
        self._check_sizes()
        for name in ("g_learning_rate", "d_learning_rate"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise UserError(f"--{name} {value} is out of range; it must be above 0 and finite")
        for name in _NOT_NEGATIVE:
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UserError(f"--{name} {value} is out of range; it must be 0 or more and finite")
        for name in ("beta1", "beta2"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)} is out of range; it must be between 0 and 1")
        require_seed(self.seed)
        if not -1 <= self.decay_epochs <= self.max_epoch:
            raise UserError(
                f"--decay_epochs {self.decay_epochs} is out of range; it must be from 0 to --max_epoch {self.max_epoch}"
            )

    def _check_paths(self) -> None:
        user_path("--train_url", self.train_url)
        for name in ("data_url", "target_data_url"):
            if getattr(self, name) is not None:
                user_path(f"--{name}", getattr(self, name))
        if self.target_data_url is not None and self.data_url is None:
            raise UserError("--target_data_url needs a --data_url with the images of the source domain")
        if self.predict and not self.resume:
            raise UserError("--predict True needs --resume, the .ckpt or .mindir to translate with")

    def _check_sizes(self) -> None:
        if self.image_channel not in (1, 3):
            raise UserError(f"--image_channel {self.image_channel} is none; use 3 for colour or 1 for grey")
        least = RESNET_MIN_SIZE if self.predict else self.least_size  # the networks of --resume are others
        if least > MAX_SIZE:
            raise UserError(f"--num_layers {self.num_layers} is too many for images of {MAX_SIZE} px; use fewer")
        for side in ("height", "width"):
            name, value = f"image_{side}", getattr(self, f"image_{side}")
            _require_power_of_two(name, value, least)
            largest = getattr(self, f"image_max_{side}")
            if largest != -1 and largest < 1:
                raise UserError(f"--image_max_{side} {largest} is no size; use a number of pixels, or -1 for any size")
            load = getattr(self, f"load_{side}")
            if load and load < value:
                raise UserError(f"--load_{side} {load} is smaller than --{name} {value}; use more, or 0")

    @property
    def least_size(self) -> int:
        """The smallest power of two whose images these networks can take, px."""
        if self.generator in UNET_LEVELS:
            return 2 ** UNET_LEVELS[self.generator]
        if self.discriminator == "pixel":
            return RESNET_MIN_SIZE
        # a 4x4 convolution of stride 1 takes a pixel: two of them after num_layers halvings leave one score
        return 2 ** (self.num_layers + 2)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the images the networks see, px."""
        return self.image_height, self.image_width

    @property
    def load_size(self) -> tuple[int, int]:
        """(height, width) before the random crop, px."""
        return (
            self.load_height or round(self.image_height * LOAD_SHARE),
            self.load_width or round(self.image_width * LOAD_SHARE),
        )

    @property
    def last_epochs(self) -> int:
        """Epochs in which linear learning rates fall."""
        return self.max_epoch // 2 if self.decay_epochs == -1 else self.decay_epochs

    def settings(self) -> dict[str, object]:
        """Every setting by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _require_power_of_two(name: str, value: int, least: int) -> None:
    """Raises UserError with the nearest two sizes that would do, or the only near one."""
    if value > MAX_SIZE:
        raise UserError(f"--{name} {value} is too large; use {MAX_SIZE}")
    if value < least:
        raise UserError(f"--{name} {value} is too small for these networks; use {least}")
    if value & (value - 1):
        below = 2 ** (value.bit_length() - 1)
        raise UserError(f"--{name} {value} is no power of two; use {below} or {2 * below}")


Preset = Literal["operator", "paper", "small"]

# What a preset sets; the defaults above are those of ModelArts' operator.
PRESETS: dict[Preset, dict[str, int | float]] = {
    "operator": {},
    # Zhu et al. (2017), section 7.1, and its code. Half of the epochs with falling rates and images of 286/256 of the
    # crop's size are the defaults, which fit other --max_epoch and --image_height too.
    "paper": {"g_learning_rate": 2e-4, "d_learning_rate": 2e-4, "max_epoch": 200, "pool_size": 50},
    "small": {  # a few minutes on two processor cores, for the embedded digits
        "image_height": 32,
        "image_width": 32,
        "batch_size": 4,
        "max_epoch": 10,
        "g_learning_rate": 5e-4,
        "d_learning_rate": 2e-4,
        "ngf": 16,
        "ndf": 16,
        "num_blocks": 3,
        "log_frequency": 20,
    },
}

# A run may go on with other values of the rest: they change nothing it has computed. `load_size` is fixed too.
FIXED_BY_RUN = (
    *("image_channel", "image_height", "image_width", "batch_size", "g_learning_rate", "d_learning_rate"),
    *("flip", "lr_policy", "generator", "num_blocks", "ngf", "discriminator", "num_layers", "ndf"),
    *("gan_mode", "lambda_A", "lambda_B", "lambda_identity", "pool_size", "beta1", "beta2", "seed"),
)
