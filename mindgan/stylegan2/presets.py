"""Configurations that the field knows by name, and the formulas of those that depend on the resolution.

The numbers are those of StyleGAN2-ADA's published training options (Karras et al. 2020b, appendix C).
"""

from typing import Literal

Cfg = Literal["operator", "auto", "stylegan2", "paper256", "paper512", "paper1024", "cifar", "cpu-small", "digits"]

FIELD_SNAP = 50  # ticks between two snapshots, what the field's users expect

# What a configuration sets; the defaults of StyleGanConfig are those of ModelArts' operator.
PRESETS: dict[Cfg, dict[str, int | float | str]] = {
    "operator": {},
    "auto": {"batch_size": 0, "total_kimg": 25000, "snap": FIELD_SNAP},
    "stylegan2": {
        **{"batch_size": 32, "total_kimg": 25000, "snap": FIELD_SNAP, "mbstd_group": 4, "channel_base": 32768},
        **{"lr": 0.002, "gamma": 10.0, "ema_kimg": 10.0, "ema_rampup": 0.0, "map_depth": 8},
    },
    "paper256": {
        "resolution": 256,
        **{"batch_size": 64, "total_kimg": 25000, "snap": FIELD_SNAP, "mbstd_group": 8, "channel_base": 16384},
        **{"lr": 0.0025, "gamma": 1.0, "ema_kimg": 20.0, "ema_rampup": 0.0, "map_depth": 8},
    },
    "paper512": {
        "resolution": 512,
        **{"batch_size": 64, "total_kimg": 25000, "snap": FIELD_SNAP, "mbstd_group": 8, "channel_base": 32768},
        **{"lr": 0.0025, "gamma": 0.5, "ema_kimg": 20.0, "ema_rampup": 0.0, "map_depth": 8},
    },
    "paper1024": {
        "resolution": 1024,
        **{"batch_size": 32, "total_kimg": 25000, "snap": FIELD_SNAP, "mbstd_group": 4, "channel_base": 32768},
        **{"lr": 0.002, "gamma": 2.0, "ema_kimg": 10.0, "ema_rampup": 0.0, "map_depth": 8},
    },
    "cifar": {
        "resolution": 32,
        **{"batch_size": 64, "total_kimg": 100000, "snap": FIELD_SNAP, "mbstd_group": 32, "channel_base": 32768},
        **{"lr": 0.0025, "gamma": 0.01, "ema_kimg": 500.0, "map_depth": 2},
        **{"pl_weight": 0.0, "style_mixing": 0.0, "architecture": "orig"},
    },
    # Two processor cores, minutes to an hour: CIFAR's simplifications, and, as some thousand steps have to do, twice
    # the learning rate and a gamma with which they do not collapse (`auto` has 0.03, for a hundred times as many).
    "cpu-small": {
        **{"resolution": 32, "batch_size": 8, "total_kimg": 100, "kimg_per_tick": 1.0, "snap": 5},
        **{"channel_base": 1024, "channel_max": 64, "z_dim": 64, "w_dim": 64, "map_depth": 2},
        **{"pl_weight": 0.0, "style_mixing": 0.0, "architecture": "orig"},
        **{"lr": 0.005, "gamma": 1.0, "ada_kimg": 100.0, "generate_num": 20},
    },
}
PRESETS["digits"] = {  # the embedded ones
    **PRESETS["cpu-small"],
    **{"image_channel": 1, "no_flip": True, "no_rotate": True, "total_kimg": 40, "snap": 4},
    **{"channel_base": 512, "channel_max": 32, "gamma": 2.0},
}

BATCH_PER_DEVICE_PX = 4096  # of `auto`: so many pixels of a side in a batch
AUTO_MAP_DEPTH, AUTO_RAMPUP = 2, 0.05
ADA_KIMG, ADA_KIMG_RESUMED = 500.0, 100.0


def auto_batch_size(resolution: int) -> int:
    return max(min(BATCH_PER_DEVICE_PX // resolution, 32), 1)


def _group_size(num: int) -> int:
    """Images compared with one another: 4, as published, or what divides the batch; of 1 nothing could be compared."""
    return next((size for size in (4, 3, 2, *range(5, num + 1)) if num % size == 0), 1)


def auto_numbers(resolution: int, batch_size: int, part_size: int, *, resumes: bool) -> dict[str, int | float]:
    """What `auto` gives the settings that were left open, by their names.

    Args:
        resolution: the larger side of the images, px.
        batch_size: images a step; 0 for auto's.
        part_size: images that are computed at once; 0 for the batch.
        resumes: whether training starts from the weights of another.
    """
    batch_size = batch_size or auto_batch_size(resolution)
    return {
        "batch_size": batch_size,
        "mbstd_group": _group_size(part_size or batch_size),
        "channel_base": 32768 if resolution >= 512 else 16384,
        "lr": 0.002 if resolution >= 1024 else 0.0025,
        "gamma": 0.0002 * resolution**2 / batch_size,
        "ema_kimg": batch_size * 10 / 32,
        "ema_rampup": 0.0 if resumes else AUTO_RAMPUP,  # what is started from need not be forgotten
        "map_depth": AUTO_MAP_DEPTH,
        "ada_kimg": ADA_KIMG_RESUMED if resumes else ADA_KIMG,
    }
