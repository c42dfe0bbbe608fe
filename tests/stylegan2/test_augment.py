"""What is drawn for each image, against the published distributions, and what a spec consists of."""

import numpy as np
import pytest
from scipy import stats

from mindgan.runtime.errors import UserError
from mindgan.stylegan2.augment import COMBINATIONS, GROUPS, SPECS, TRANSFORMS, Augment, multipliers_of
from mindgan.stylegan2.chance import erfinv

NUM = 20_000
HEIGHT, WIDTH = 48, 64
ALL = "bgcfnc"


def drawn(spec, p=1.0, *, num=NUM, channels=3, seed=0, **options):
    """By the name of its field, each part of the rows, as float64."""
    augment = Augment(spec, channels=channels, height=HEIGHT, width=WIDTH, **options)
    rows = augment.draw(np.random.default_rng(seed), p, num).astype(np.float64)
    assert rows.shape == (num, augment.num_numbers)
    return {name: rows[:, field] for name, field in augment.fields.items()}


def matrices(spec, p=1.0, **options):
    return drawn(spec, p, **options)["matrix"].reshape(-1, 2, 3)


def colors(spec, p=1.0, **options):
    return drawn(spec, p, **options)["color"].reshape(-1, 3, 4)


def follows(values, distribution):
    """Kolmogorov and Smirnov's test; seeds are fixed, so what passes passes always."""
    return stats.kstest(values, distribution.cdf).pvalue > 1e-3


def angles(turns):
    return np.arctan2(turns[:, 1, 0], turns[:, 0, 0])


def test_a_row_has_what_its_spec_needs():
    sizes = {spec: Augment(spec, channels=3, height=8, width=8).num_numbers for spec in SPECS}
    assert sizes == {
        **{"blit": 6, "geom": 6, "color": 12, "filter": 4, "noise": 1, "cutout": 4},
        **{"bg": 6, "bgc": 18, "bgcf": 22, "bgcfn": 23, "bgcfnc": 27},
    }
    assert Augment("bgc", channels=1, height=8, width=8).num_numbers == 8
    assert Augment("rotate", channels=4, height=8, width=8).num_numbers == 6


def test_specs_are_the_published_ones():
    assert multipliers_of("blit") == {"xflip": 1, "rotate90": 1, "xint": 1}
    assert multipliers_of("hue") == {"hue": 1}
    assert set(multipliers_of("bgc")) == {*GROUPS["blit"], *GROUPS["geom"], *GROUPS["color"]}
    assert set(multipliers_of(ALL)) == set(TRANSFORMS)
    assert len(TRANSFORMS) == 15
    assert list(COMBINATIONS) == ["bg", "bgc", "bgcf", "bgcfn", "bgcfnc"]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_at_p_0_rows_leave_images_as_they_are(channels):
    parts = drawn(ALL, 0.0, channels=channels, num=50)
    identity = {"matrix": np.eye(2, 3), "color": np.eye(3, 4), "gains": np.ones(4), "noise": np.zeros(1)}
    if channels == 1:
        identity["color"] = np.array([1, 0])
    for name, row in identity.items():
        np.testing.assert_array_equal(parts[name], np.tile(row.reshape(-1), (50, 1)))
    np.testing.assert_array_equal(parts["cutout"][:, 0::2], parts["cutout"][:, 1::2])


# with what probability something differs at p = 1; a flip, a quarter turn or a shift may be drawn that is none
PARTS_THAT_DIFFER = {
    "xflip": 1 / 2,
    "rotate90": 3 / 4,
    "xint": 1 - 1 / 16 * 1 / 12,  # px drawn are within half a px of 0
    "lumaflip": 1 / 2,
}


@pytest.mark.parametrize(("p", "multiplier", "probability"), [(0.3, 1, 0.3), (0.3, 0.5, 0.15), (0.6, 2, 1), (3, 1, 1)])
@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "imgfilter"])
def test_transforms_take_place_with_their_probability(name, p, multiplier, probability):
    spec = {name: multiplier}
    (values,) = drawn(spec, p).values()
    (nothing,) = drawn(spec, 0.0, num=1).values()
    if name == "cutout":
        values, nothing = values[:, 1::2] - values[:, 0::2], np.zeros((1, 2))
    differs = (np.abs(values - nothing) > 1e-6).any(1)
    expected = probability * PARTS_THAT_DIFFER.get(name, 1)
    assert differs.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / NUM) + 1e-3)


def test_each_octave_is_amplified_with_the_probability():
    gains = drawn("filter", 0.3)["gains"]
    untouched = (np.abs(gains - 1) < 1e-6).all(1)
    assert untouched.mean() == pytest.approx(0.7**4, abs=0.014)


def test_transforms_take_place_independently():
    parts = drawn({"brightness": 1, "noise": 1, "scale": 1}, 0.3)
    happened = np.stack(
        [parts["color"].reshape(-1, 3, 4)[:, 0, 3] != 0, parts["noise"][:, 0] != 0, parts["matrix"][:, 0] != 1]
    )
    np.testing.assert_allclose(np.corrcoef(happened), np.eye(3), atol=0.03)
    assert happened.all(0).mean() == pytest.approx(0.027, abs=0.005)


def test_blits():
    flips = matrices("xflip")
    assert set(map(tuple, flips.reshape(-1, 6))) == {(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0)}
    turns = np.rint(angles(matrices("rotate90")) / (np.pi / 2)).astype(int) % 4
    np.testing.assert_allclose(np.bincount(turns) / NUM, 1 / 4, atol=0.02)
    shifts = matrices("xint")[:, :, 2]
    np.testing.assert_array_equal(shifts, np.rint(shifts))
    assert [sorted(set(np.abs(axis))) for axis in shifts.T] == [list(range(9)), list(range(7))]  # an eighth of a side
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.03


def test_scales():
    scale = matrices("scale")
    np.testing.assert_array_equal(scale[:, 0, 0], scale[:, 1, 1])
    assert follows(-np.log2(scale[:, 0, 0]), stats.norm(0, 0.2))
    aniso = matrices("aniso")
    np.testing.assert_allclose(aniso[:, 0, 0] * aniso[:, 1, 1], 1, rtol=1e-6)
    assert follows(-np.log2(aniso[:, 0, 0]), stats.norm(0, 0.2))
    assert not scale[:, 0, 1:].any()
    assert not aniso[:, 0, 1:].any()


def test_shifts_by_parts_of_the_sides():
    shifts = matrices("xfrac")[:, :, 2]
    assert follows(shifts[:, 0], stats.norm(0, 0.125 * WIDTH))
    assert follows(shifts[:, 1], stats.norm(0, 0.125 * HEIGHT))


@pytest.mark.parametrize("p", [0.3, 1.0])
def test_rotations(p):
    turns = matrices("rotate", p)
    np.testing.assert_allclose(
        turns[:, :, :2] @ turns[:, :, :2].swapaxes(1, 2), np.tile(np.eye(2), (NUM, 1, 1)), atol=1e-6
    )
    found = angles(turns)
    assert (found != 0).mean() == pytest.approx(p, abs=0.015)
    assert follows(found[found != 0], stats.uniform(-np.pi, 2 * np.pi))


def test_an_image_is_turned_before_and_after_its_sides_are_scaled():
    """Singular vectors of R1 A R2 on either side: R1 and R2, which have to be of every angle."""
    left, _, right = np.linalg.svd(matrices({"rotate": 1, "aniso": 1})[:, :, :2])
    for vectors in (left, right.swapaxes(1, 2)):
        assert follows(np.mod(np.arctan2(vectors[:, 1, 0], vectors[:, 0, 0]), np.pi), stats.uniform(0, np.pi))


def test_colors():
    brightness = colors("brightness")
    np.testing.assert_array_equal(brightness[:, :, :3], np.tile(np.eye(3), (NUM, 1, 1)))
    assert follows(brightness[:, 0, 3], stats.norm(0, 0.2))
    contrast = colors("contrast")
    np.testing.assert_array_equal(contrast[:, :, :3], contrast[:, :1, :1] * np.eye(3))
    assert follows(np.log2(contrast[:, 0, 0]), stats.norm(0, 0.5))
    flips = colors("lumaflip")
    assert set(np.round(np.linalg.det(flips[:, :, :3]), 5)) == {1, -1}
    grey = flips[:, :, :3].sum(2)
    np.testing.assert_allclose(np.abs(grey), 1, atol=1e-6)
    np.testing.assert_allclose(flips[:, :, :3] @ [1, -1, 0], np.tile([1, -1, 0], (NUM, 1)), atol=1e-6)  # chroma stays


def test_hue_and_saturation_leave_greys_alone():
    for name in ("hue", "saturation"):
        np.testing.assert_allclose(colors(name)[:, :, :3].sum(2), 1, atol=1e-5)
        np.testing.assert_array_equal(drawn(name, channels=1, num=5)["color"], [[1, 0]] * 5)
    turns = colors("hue")[:, :, :3]
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-5)
    across, beside = np.array([1, -1, 0]) / np.sqrt(2), np.array([1, 1, -2]) / np.sqrt(6)
    assert follows(np.arctan2(turns @ across @ beside, turns @ across @ across), stats.uniform(-np.pi, 2 * np.pi))
    chroma = colors("saturation")[:, :, :3] @ across
    np.testing.assert_allclose(chroma, (chroma @ across)[:, None] * across, atol=1e-5)
    assert follows(np.log2(chroma @ across), stats.norm(0, 1))


def test_grey_images_get_the_mean_of_colours():
    rgb, grey = colors("color", num=100), drawn("color", channels=1, num=100)["color"]
    np.testing.assert_allclose(grey[:, 0], rgb[:, :, :3].sum(2).mean(1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(grey[:, 1], rgb[:, :, 3].mean(1), rtol=1e-4, atol=1e-5)


def test_gains_keep_the_power_of_a_natural_image():
    gains = drawn("filter")["gains"]
    augment = Augment("filter", channels=3, height=8, width=8)
    one = augment.draw_at(0.8)[0]
    t, powers = 2 ** erfinv(0.6), np.array([10, 1, 1, 1]) / 13
    expected = t * np.ones(4)
    for band in range(4):
        expected /= np.sqrt(1 + powers[band] * (t**2 - 1))
    np.testing.assert_allclose(one, expected, rtol=1e-6)
    for band in range(3):
        ratio = np.log2(gains[:, band] / gains[:, 3])  # what restores the power falls out of it
        assert follows(ratio, stats.norm(0, np.sqrt(2)))


def test_noise_and_cutout():
    assert follows(drawn("noise")["noise"][:, 0], stats.halfnorm(0, 0.1))
    left, right, top, bottom = drawn("cutout")["cutout"].T
    np.testing.assert_allclose(right - left, WIDTH / 2, atol=1e-4)
    np.testing.assert_allclose(bottom - top, HEIGHT / 2, atol=1e-4)
    assert follows((left + right) / 2, stats.uniform(0, WIDTH))
    assert follows((top + bottom) / 2, stats.uniform(0, HEIGHT))
    assert abs(np.corrcoef(left, top)[0, 1]) < 0.03


def test_without_rotations_and_flips_there_are_none():
    turned = matrices("bg", allows_rotations=False, num=500)
    assert not turned[:, 0, 1].any()
    assert not turned[:, 1, 0].any()
    assert (np.linalg.det(turned[:, :, :2]) < 0).any()
    assert (np.linalg.det(matrices("bg", allows_flips=False, num=500)[:, :, :2]) > 0).all()


def test_the_order_of_the_transforms():
    """A pixel of the result is first moved by the last shift, then scaled, turned, moved by whole pixels, flipped."""
    augment = Augment("bg", channels=3, height=HEIGHT, width=WIDTH)
    q, n = 0.9, erfinv(0.8)
    x, y = np.array([5.0, -3.0]) - n * 0.125 * np.array([WIDTH, HEIGHT])
    x, y = x * 2 ** (-0.2 * n), y * 2 ** (0.2 * n)
    a = 0.8 * np.pi
    x, y = np.cos(a) * x - np.sin(a) * y, np.sin(a) * x + np.cos(a) * y
    x, y = np.array([x, y]) * 2 ** (-0.2 * n) - np.rint(0.8 * 0.125 * np.array([WIDTH, HEIGHT]))
    x, y = y, -x  # three quarters
    np.testing.assert_allclose(augment.draw_at(q)[0].reshape(2, 3) @ [5, -3, 1], [-x, y], rtol=1e-5)


def test_draws_depend_on_the_generator_alone_and_differ_between_images():
    one, again, other = (drawn(ALL, 0.5, num=8, seed=seed) for seed in (1, 1, 2))
    for name, rows in one.items():
        np.testing.assert_array_equal(rows, again[name])
        assert not np.array_equal(rows, other[name])
        assert len(np.unique(rows, axis=0)) > 2


def test_unit_noise():
    augment = Augment(ALL, channels=3, height=16, width=24)
    noise = augment.draw_noise(np.random.default_rng(0), 10)
    assert (noise.shape, noise.dtype, augment.has_noise) == ((10, 3, 16, 24), np.float32, True)
    assert follows(noise.reshape(-1), stats.norm(0, 1))
    assert not Augment("bgcf", channels=3, height=16, width=24).has_noise


@pytest.mark.parametrize(
    ("spec", "options", "told"),
    [
        ("bgx", {}, "--augpipe bgx: there is none of this name; use one of: blit, geom, .*bgcfnc, xflip"),
        ({"flip": 1.0}, {}, "--augpipe flip: there is none of this name"),
        ({"scale": -1.0}, {}, "--augpipe scale: its multiplier is -1.0; use a number of 0 or more"),
        ({"scale": float("nan")}, {}, "--augpipe scale: its multiplier is nan"),
        ("rotate", {"allows_rotations": False}, "--augpipe rotate: nothing is left of it"),
        ("bgc", {"channels": 2}, "images of 2 channels and 64x48 pixels cannot be augmented; use 1, 3 or 4"),
        ("bgc", {"width": 1}, "images of 3 channels and 1x48 pixels cannot"),
    ],
)
def test_what_cannot_be_is_told(spec, options, told):
    with pytest.raises(UserError, match=told):
        Augment(spec, **{"channels": 3, "height": HEIGHT, "width": WIDTH, **options})
