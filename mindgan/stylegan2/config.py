"""The settings of StyleGAN2-ADA, checked, and with numbers where they were left open."""

from dataclasses import dataclass, replace

from mindgan.runtime.files import user_path
from mindgan.stylegan2.limits import require_possible
from mindgan.stylegan2.presets import auto_numbers
from mindgan.stylegan2.settings import Settings

NO_FILE = ("empty", "noresume")  # ModelArts' word for none, and the field's


@dataclass(frozen=True)
class StyleGanConfig(Settings):
    """Train StyleGAN2-ADA, ModelArts' StyleGan operator: new images like those of a small data set.

    The same command on the same --train_url goes on where it stopped. What is None follows from the resolution and the
    batch size as StyleGAN2-ADA's `auto` has it.

    Raises:
        UserError: a value is out of its range.
    """

    def __post_init__(self) -> None:
        if self.data_url is not None:
            user_path("--data_url", self.data_url)
        if self.resume in NO_FILE:
            object.__setattr__(self, "resume", "")
        require_possible(self)

    def resolved(self) -> "StyleGanConfig":
        """These settings with numbers where something was left open."""
        found = auto_numbers(max(self.size), self.batch_size, self.batch_gpu, resumes=bool(self.resume))
        still_open = {name: value for name, value in found.items() if not getattr(self, name) and _is_open(self, name)}
        return replace(self, **still_open)  # type: ignore[arg-type]


def _is_open(config: StyleGanConfig, name: str) -> bool:
    return getattr(config, name) is None or name == "batch_size"


# A run may go on with other values of the rest: they change nothing it has computed.
FIXED_BY_RUN = (
    *("resolution", "image_height", "image_width", "image_channel", "batch_size", "batch_gpu", "freezed", "cond"),
    *("subset", "mirror", "resize_filter", "aug", "p", "target", "augpipe", "p_max", "no_rotate", "no_flip"),
    *("ada_kimg", "gamma", "lr", "ema_kimg", "ema_rampup", "mbstd_group", "z_dim", "w_dim", "map_depth"),
    *("channel_base", "channel_max", "conv_clamp", "architecture", "pl_weight", "pl_batch_shrink", "G_interval"),
    *("D_interval", "style_mixing", "seed", "resume"),
)
