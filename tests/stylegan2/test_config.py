"""Settings: what is refused and how it is told, and the numbers that follow from resolution and batch size."""

import pytest

from mindgan.runtime.errors import UserError
from mindgan.stylegan2.config import FIXED_BY_RUN, StyleGanConfig
from mindgan.stylegan2.presets import ADA_KIMG_RESUMED, PRESETS

WRONG = [
    ({"resolution": 100}, "--resolution 100 is no power of two; use 64 or 128"),
    ({"resolution": 4}, "--resolution 4 is out of range; use a power of two from 8 to 1024"),
    ({"resolution": 2048}, "--resolution 2048 is out of range"),
    ({"image_channel": 2}, "--image_channel 2 is not possible; use 3, 1 for grey or 4 for RGBA"),
    ({"image_height": 4}, "--image_height 4 is out of range; use 8 to 1024"),
    ({"image_width": 1025}, "--image_width 1025 is out of range"),
    ({"image_height": 34, "image_width": 64}, "leave a base of 17x32; use sides that are 4 to 7 and more times"),
    ({"image_height": 8, "image_width": 9}, "leave a base of 8x9"),
    ({"image_height": 9, "image_width": 9}, "leave a base of 9x9"),
    ({"batch_size": 8, "batch_gpu": 3}, "--batch_size 8 does not divide into parts of --batch_gpu 3"),
    (
        {"batch_size": 8, "batch_gpu": 1},
        "--batch_gpu 1 leaves no image for the path-length phase, which takes one in 2",
    ),
    ({"batch_size": 1}, "--batch_size 1 leaves no image for the path-length phase"),
    ({"batch_size": 8, "pl_batch_shrink": 16}, "--pl_batch_shrink 8, or --pl_weight 0"),
    (
        {"batch_size": 6, "mbstd_group": 4},
        "--batch_size 6 does not divide into groups of --mbstd_group 4; use a divisor",
    ),
    ({"batch_size": 8, "batch_gpu": 4, "mbstd_group": 3}, "--batch_gpu 4 does not divide into groups"),
    ({"batch_size": -1}, "batch_size"),
    ({"mbstd_group": 0}, "mbstd_group"),
    ({"map_depth": 0}, "map_depth"),
    ({"channel_base": 0}, "channel_base"),
    ({"resolution": 64, "channel_base": 32}, "--channel_base 32 leaves no channels; use 64 or more"),
    ({"z_dim": 0}, "z_dim"),
    ({"snap": 0}, "snap"),
    ({"total_kimg": 0.0}, "--total_kimg 0.0 is out of range; it must be above 0 and at most 1e+09"),
    ({"total_kimg": float("nan")}, "--total_kimg nan is out of range"),
    ({"lr": 0.0}, "--lr 0.0 is out of range"),
    ({"lr": 1e300}, "--lr 1e+300 is out of range"),
    ({"total_kimg": 1e8, "kimg_per_tick": 0.01}, "--kimg_per_tick 0.01 makes over 1000000 ticks; use a larger one"),
    ({"trunc": 1e300}, "--trunc 1e+300 is out of range; use a number about 0 to 1"),
    ({"trunc": float("nan")}, "--trunc nan is out of range"),
    ({"seed": 2**32}, "--seed 4294967296 is out of range; it must be from 0 to 4294967295"),
    ({"z_dim": 10**21}, "--z_dim 1000000000000000000000 is too large; it must be 16384 or less"),
    ({"D_interval": 10**12}, "--D_interval 1000000000000 is too large"),
    ({"image_max_width": 0}, "--image_max_width 0 is no size"),
    ({"gamma": -1.0}, "--gamma -1.0 is out of range; it must be 0 or more"),
    ({"conv_clamp": float("inf")}, "--conv_clamp inf is out of range"),
    ({"ada_kimg": 0.0}, "--ada_kimg 0.0 is out of range"),
    ({"p_max": 0.0}, "--p_max 0.0 is out of range"),
    ({"style_mixing": 1.5}, "--style_mixing 1.5 is no probability; use 0 to 1"),
    ({"aug": "fixed", "p": 1.5}, "--p 1.5 is no probability"),
    ({"aug": "fixed"}, "--aug fixed needs the probability of augmentation; add --p"),
    ({"p": 0.5}, "--p 0.5 is of --aug fixed; add that or leave --p out"),
    ({"aug": "noaug", "target": 0.5}, "--target and --p_max are of --aug ada"),
    ({"aug": "fixed", "p": 0.5, "p_max": 0.5}, "--target and --p_max are of --aug ada"),
    ({"target": 1.0}, "--target 1.0 is out of range; use a number between -1 and 1"),
    ({"mode": "pynative"}, "--mode pynative cannot train StyleGAN2"),
    ({"predict": True}, "--predict True needs a network to draw with; add --resume"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_is_wrong_is_told(settings, message):
    with pytest.raises(UserError) as caught:
        StyleGanConfig(**settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 1, "pl_weight": 0.0},
        {"batch_size": 1, "pl_batch_shrink": 1},
        {"batch_size": 6, "mbstd_group": 3},
        {"batch_size": 2, "mbstd_group": 4},  # a group is no larger than the batch
        {"image_height": 24, "image_width": 16},
        {"image_height": 16, "image_width": 32},
        {"image_height": 48, "image_width": 48},
        {"resolution": 8},
        {"resolution": 1024},
        {"gamma": 0.0},
        {"aug": "fixed", "p": 0.0},
        {"p_max": 1.5},
        {"mode": "pynative", "predict": True, "resume": "run"},
    ],
)
def test_what_is_right_resolves(settings):
    resolved = StyleGanConfig(**settings).resolved()
    names = ("gamma", "lr", "ema_kimg", "ema_rampup", "mbstd_group", "map_depth", "channel_base", "ada_kimg")
    assert None not in [getattr(resolved, name) for name in names]
    assert resolved.resolved() == resolved
    for name, value in settings.items():
        assert getattr(resolved, name) == value


# resolution: batch, gamma, images in a group, channel base, rate, half-life of the average
ONE_DEVICE = {
    64: (32, 0.0256, 4, 16384, 0.0025, 10),
    128: (32, 0.1024, 4, 16384, 0.0025, 10),
    256: (16, 0.8192, 4, 16384, 0.0025, 5),
    512: (8, 6.5536, 4, 32768, 0.0025, 2.5),
    1024: (4, 52.4288, 4, 32768, 0.002, 1.25),
}


@pytest.mark.parametrize("resolution", ONE_DEVICE)
def test_auto(resolution):
    config = StyleGanConfig(**{**PRESETS["auto"], "resolution": resolution}).resolved()
    found = (config.batch_size, config.gamma, config.mbstd_group, config.channel_base, config.lr, config.ema_kimg)
    assert found == pytest.approx(ONE_DEVICE[resolution])
    assert (config.ema_rampup, config.map_depth, config.ada_kimg, config.total_kimg) == (0.05, 2, 500, 25000)


# the published table: batch, group, channel base, rate, gamma, half-life, ramp, mapping layers, thousands of images
PUBLISHED = {
    "stylegan2": (32, 4, 32768, 0.002, 10, 10, 0, 8, 25000),
    "paper256": (64, 8, 16384, 0.0025, 1, 20, 0, 8, 25000),
    "paper512": (64, 8, 32768, 0.0025, 0.5, 20, 0, 8, 25000),
    "paper1024": (32, 4, 32768, 0.002, 2, 10, 0, 8, 25000),
    "cifar": (64, 32, 32768, 0.0025, 0.01, 500, 0.05, 2, 100000),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_configurations(name):
    config = StyleGanConfig(**PRESETS[name]).resolved()
    assert PUBLISHED[name] == (
        *(config.batch_size, config.mbstd_group, config.channel_base, config.lr, config.gamma, config.ema_kimg),
        *(config.ema_rampup, config.map_depth, config.total_kimg),
    )
    assert (config.z_dim, config.w_dim, config.channel_max, config.snap) == (512, 512, 512, 50)
    assert config.resolution == {"paper512": 512, "paper1024": 1024, "cifar": 32}.get(name, 256)
    special = (config.pl_weight, config.style_mixing, config.architecture)
    assert special == ((0, 0, "orig") if name == "cifar" else (2, 0.9, "resnet"))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_possible(name):
    """And nothing that a training needs stays open."""
    open_names = ("batch_size", "mbstd_group", "channel_base", "lr", "gamma", "ema_kimg", "ema_rampup", "map_depth")
    for resume in ("", "run"):
        config = StyleGanConfig(**{**PRESETS[name], "resume": resume}).resolved()
        assert None not in [getattr(config, each) for each in open_names]
        assert config.batch_size > 0


def test_the_operators_defaults():
    config = StyleGanConfig(**PRESETS["operator"])
    found = (
        config.resolution,
        config.batch_size,
        config.total_kimg,
        config.generate_num,
        config.predict,
        config.resume,
    )
    assert found == (256, 8, 300, 300, False, "")
    assert config.do_validation
    assert StyleGanConfig(resume="empty").resume == StyleGanConfig(resume="noresume").resume == ""


@pytest.mark.parametrize("name", ["operator", "auto", "cifar"])
def test_what_is_resumed_need_not_be_forgotten(name):
    config = StyleGanConfig(**{**PRESETS[name], "resume": "run"}).resolved()
    assert (config.ema_rampup, config.ada_kimg) == (0, ADA_KIMG_RESUMED)


@pytest.mark.parametrize(
    ("batch_size", "batch_gpu", "group"),
    [(8, 0, 4), (6, 0, 3), (2, 0, 2), (7, 0, 7), (35, 0, 5), (1, 0, 1), (8, 2, 2), (12, 6, 3)],
)
def test_groups_divide_what_is_computed_at_once(batch_size, batch_gpu, group):
    assert StyleGanConfig(batch_size=batch_size, batch_gpu=batch_gpu, pl_weight=0).resolved().mbstd_group == group


def test_what_is_given_is_kept():
    config = StyleGanConfig(batch_size=4, gamma=0.0, ema_rampup=0.0, lr=1e-3, map_depth=3).resolved()
    assert (config.gamma, config.ema_rampup, config.lr, config.map_depth) == (0, 0, 1e-3, 3)


def test_rectangles_take_the_larger_side():
    config = StyleGanConfig(image_height=24, image_width=16, batch_size=4).resolved()
    assert config.size == (24, 16)
    assert config.gamma == pytest.approx(0.0002 * 24**2 / 4)


def test_a_batch_that_follows_from_the_resolution_has_to_divide_too():
    with pytest.raises(UserError, match="--batch_size 16 does not divide into parts of --batch_gpu 3"):
        StyleGanConfig(batch_size=0, batch_gpu=3, resolution=256).resolved()


def test_names_that_a_run_is_fixed_by_are_settings():
    assert set(FIXED_BY_RUN) <= set(StyleGanConfig().settings())
    assert len(set(FIXED_BY_RUN)) == len(FIXED_BY_RUN)
