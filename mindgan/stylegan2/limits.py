"""What settings of StyleGAN2-ADA are possible, alone and together."""

from mindgan.data.findings import Rules
from mindgan.runtime.errors import UserError, require_at_least, require_at_most, require_seed
from mindgan.stylegan2.settings import Settings
from mindgan.stylegan2.shape import BASE_PX, num_halvings

MIN_SIZE, MAX_SIZE = 8, 1024  # px
_AT_LEAST_ONE = ("z_dim", "w_dim", "channel_max", "pl_batch_shrink", "G_interval", "D_interval", "snap", "keep", "grid")
_NOT_NEGATIVE = ("batch_size", "batch_gpu", "subset", "freezed", "generate_num")
_AT_MOST = {
    10**9: ("snap", "keep", "subset", "generate_num"),
    10**6: ("channel_base", "batch_size", "batch_gpu", "mbstd_group", "pl_batch_shrink"),
    2**14: ("z_dim", "w_dim", "channel_max"),
    1000: ("G_interval", "D_interval"),
    100: ("map_depth", "grid", "freezed"),
}
MAX_TRUNC = 100
LARGEST = 1e9  # of other numbers; float32 is far from its end then
MAX_TICKS = 1_000_000
_OPEN_AT_LEAST_ONE = ("mbstd_group", "channel_base", "map_depth")
_OPEN_NOT_NEGATIVE = ("gamma", "ema_rampup")
_OPEN_POSITIVE = ("lr", "ema_kimg", "ada_kimg", "conv_clamp", "p_max")


def require_possible(settings: Settings) -> None:
    """Raises UserError where a setting is out of its range, or two of them do not go together."""
    require_at_least(1, **{name: getattr(settings, name) for name in _AT_LEAST_ONE})
    require_at_least(0, **{name: getattr(settings, name) for name in _NOT_NEGATIVE})
    for most, names in _AT_MOST.items():
        require_at_most(most, **{name: getattr(settings, name) or 0 for name in names})
    require_seed(settings.seed)
    _check_sizes(settings)
    _check_batches(settings)
    _check_numbers(settings)
    _check_augmentation(settings)
    _check_modes(settings)


def require_trunc(psi: float) -> None:
    """Raises UserError where a psi is far from any that draws something."""
    if not -MAX_TRUNC <= psi <= MAX_TRUNC:
        raise UserError(f"--trunc {psi} is out of range; use a number about 0 to 1, such as 0.7")


def _check_sizes(settings: Settings) -> None:
    if settings.image_channel not in (1, 3, 4):
        raise UserError(f"--image_channel {settings.image_channel} is not possible; use 3, 1 for grey or 4 for RGBA")
    Rules(settings.image_channel, settings.image_max_width, settings.image_max_height)  # refuses what is no size
    if not settings.image_height and not settings.image_width:
        _require_power_of_two("resolution", settings.resolution)
    for name, side in zip(("image_height", "image_width"), settings.size, strict=True):
        if not MIN_SIZE <= side <= MAX_SIZE:
            raise UserError(f"--{name} {side} is out of range; use {MIN_SIZE} to {MAX_SIZE}")
    height, width = (side >> num_halvings(*settings.size) for side in settings.size)
    if min(height, width) >= 2 * BASE_PX:
        raise UserError(
            f"--image_height {settings.size[0]} --image_width {settings.size[1]} leave a base of {height}x{width}; "
            f"use sides that are {BASE_PX} to {2 * BASE_PX - 1} and more times the same power of two"
        )
    if settings.channel_base is not None and 0 < settings.channel_base < min(settings.size):
        raise UserError(f"--channel_base {settings.channel_base} leaves no channels; use {min(settings.size)} or more")


def _check_batches(settings: Settings) -> None:
    if settings.batch_gpu and settings.batch_size % settings.batch_gpu:
        raise UserError(
            f"--batch_size {settings.batch_size} does not divide into parts of --batch_gpu {settings.batch_gpu}; "
            f"use a multiple of {settings.batch_gpu}"
        )
    part = settings.batch_gpu or settings.batch_size
    option = f"--batch_gpu {part}" if settings.batch_gpu else f"--batch_size {part}"
    if part and settings.pl_weight > 0 and part < settings.pl_batch_shrink:
        raise UserError(
            f"{option} leaves no image for the path-length phase, which takes one in {settings.pl_batch_shrink}; use "
            f"{settings.pl_batch_shrink} or more, --pl_batch_shrink {part}, or --pl_weight 0"
        )
    if part and settings.mbstd_group and part % min(settings.mbstd_group, part):
        raise UserError(f"{option} does not divide into groups of --mbstd_group {settings.mbstd_group}; use a divisor")


def _check_numbers(settings: Settings) -> None:
    open_positive = [name for name in _OPEN_POSITIVE if getattr(settings, name) is not None]
    for name in ("total_kimg", "kimg_per_tick", *open_positive):
        value = getattr(settings, name)
        if not 0 < value <= LARGEST:
            raise UserError(f"--{name} {value} is out of range; it must be above 0 and at most {LARGEST:g}")
    if settings.total_kimg / settings.kimg_per_tick > MAX_TICKS:
        raise UserError(f"--kimg_per_tick {settings.kimg_per_tick} makes over {MAX_TICKS} ticks; use a larger one")
    for name in (*_OPEN_NOT_NEGATIVE, "pl_weight"):
        value = getattr(settings, name)
        if value is not None and not 0 <= value <= LARGEST:
            raise UserError(f"--{name} {value} is out of range; it must be 0 or more and at most {LARGEST:g}")
    require_trunc(settings.trunc)
    numbers = {name: getattr(settings, name) for name in _OPEN_AT_LEAST_ONE}
    require_at_least(1, **{name: value for name, value in numbers.items() if value is not None})
    for name in ("style_mixing", "p"):
        value = getattr(settings, name)
        if value is not None and not 0 <= value <= 1:
            raise UserError(f"--{name} {value} is no probability; use 0 to 1")


def _check_augmentation(settings: Settings) -> None:
    if settings.aug == "fixed" and settings.p is None:
        raise UserError("--aug fixed needs the probability of augmentation; add --p 0.2")
    if settings.aug != "fixed" and settings.p is not None:
        raise UserError(f"--p {settings.p} is of --aug fixed; add that or leave --p out")
    if settings.aug != "ada" and (settings.target is not None or settings.p_max is not None):
        raise UserError("--target and --p_max are of --aug ada; leave them out")
    if settings.target is not None and not -1 < settings.target < 1:
        raise UserError(f"--target {settings.target} is out of range; use a number between -1 and 1, as 0.6")


def _check_modes(settings: Settings) -> None:
    if settings.mode == "pynative" and not settings.predict:
        raise UserError(
            "--mode pynative cannot train StyleGAN2: MindSpore's second gradients are wrong there; leave it out"
        )
    if settings.predict and not settings.resume:
        raise UserError("--predict True needs a network to draw with; add --resume RUN, x.ckpt or x.mindir")


def _require_power_of_two(name: str, value: int) -> None:
    """Raises UserError with the nearest sizes that would do."""
    if not MIN_SIZE <= value <= MAX_SIZE:
        raise UserError(f"--{name} {value} is out of range; use a power of two from {MIN_SIZE} to {MAX_SIZE}")
    if value & (value - 1):
        below = 2 ** (value.bit_length() - 1)
        raise UserError(f"--{name} {value} is no power of two; use {below} or {2 * below}")
