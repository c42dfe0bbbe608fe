"""What the discriminator's images go through: every draw of a batch, resolved to a row of numbers for each image.

The pipe is that of Karras et al. (2020b), "Training Generative Adversarial Networks with Limited Data", appendix B.
Here is chance alone, in NumPy; augment_cells.py applies the rows within a compiled step.
"""

from collections.abc import Mapping

import numpy as np

from mindgan.runtime.errors import UserError
from mindgan.stylegan2.chance import Chance
from mindgan.stylegan2.transforms import LUMA, rotation, scaling, shift, turn_of_hue

GROUPS = {
    "blit": ("xflip", "rotate90", "xint"),
    "geom": ("scale", "rotate", "aniso", "xfrac"),
    "color": ("brightness", "contrast", "lumaflip", "hue", "saturation"),
    "filter": ("imgfilter",),
    "noise": ("noise",),
    "cutout": ("cutout",),
}
COMBINATIONS = {
    "bg": ("blit", "geom"),
    "bgc": ("blit", "geom", "color"),
    "bgcf": ("blit", "geom", "color", "filter"),
    "bgcfn": ("blit", "geom", "color", "filter", "noise"),
    "bgcfnc": ("blit", "geom", "color", "filter", "noise", "cutout"),
}
TRANSFORMS = tuple(name for names in GROUPS.values() for name in names)
SPECS = (*GROUPS, *COMBINATIONS)
ROTATIONS, FLIPS = ("rotate90", "rotate"), ("xflip",)

# appendix B: deviations of the normal draws and bounds of the uniform ones; shifts are parts of the image's sides
XINT_MAX, XFRAC_STD = 0.125, 0.125
SCALE_STD, ANISO_STD = 0.2, 0.2  # of log2
BRIGHTNESS_STD, CONTRAST_STD, SATURATION_STD = 0.2, 0.5, 1.0  # the latter two of log2
GAIN_STD, NOISE_STD, CUTOUT_SIZE = 1.0, 0.1, 0.5
BAND_POWERS = np.array([10, 1, 1, 1]) / 13  # what is expected in the four octaves of a natural image, low to high
NUM_BANDS = len(BAND_POWERS)


class Augment:
    """The transforms of one spec for images of one shape, and the random numbers that they take.

    Attributes:
        multipliers: by the name of each transform that there is: its probability at p = 1, above 0.
        channels, height, width: of the images.
        fields: by the name of each part of a row that `draw` gives, where it is found:
            ``matrix``: 2 x 3; from a pixel of the result to where it is taken from, both as (x, y) in pixels from the
            centre of the image, x to the right and y down.
            ``color``: 3 x 4, from the colour (R, G, B, 1) to the new one; factor and summand for 1 channel.
            ``gains``: 4 factors of the octaves of frequency, low to high.
            ``noise``: deviation of the noise.
            ``cutout``: left, right, top and bottom of what is cut out, in pixels; an empty square for nothing.
        num_numbers: K, how long a row is.
    """

    def __init__(
        self,
        spec: str | Mapping[str, float],
        *,
        channels: int,
        height: int,
        width: int,
        allows_rotations: bool = True,
        allows_flips: bool = True,
    ):
        """
        Args:
            spec: one of `SPECS`, one of `TRANSFORMS`, or multipliers of p by the names of transforms.
            channels: 1 (grey), 3 (RGB) or 4 (RGB and a fourth, which transforms of colour leave as it is). Hue
                and saturation do nothing to grey.
            height: in pixels, 2 or more.
            width: in pixels, 2 or more.
            allows_rotations: False leaves `ROTATIONS` out. Where p grows high, generated images can come to be turned
                as the augmented ones are; so for digits or faces.
            allows_flips: False leaves `FLIPS` out, for images whose mirror image is another thing, such as writing.

        Raises:
            UserError: there is no such spec, nothing of it is left, or images of this shape cannot be augmented.
        """
        if channels not in (1, 3, 4) or min(height, width) < 2:
            raise UserError(
                f"images of {channels} channels and {width}x{height} pixels cannot be augmented;"
                " use 1, 3 or 4 channels and 2x2 pixels or more"
            )
        self.channels, self.height, self.width = channels, height, width
        left_out = (*(() if allows_rotations else ROTATIONS), *(() if allows_flips else FLIPS))
        multipliers = multipliers_of(spec)
        self.multipliers = {name: value for name, value in multipliers.items() if value > 0 and name not in left_out}
        if not self.multipliers:
            raise UserError(f"--augpipe {spec}: nothing is left of it; use one of: {_names()}")
        self.fields = self._fields()
        self.num_numbers = max(field.stop for field in self.fields.values())

    def draw(self, random: np.random.Generator, p: float, num: int) -> np.ndarray:
        """What happens to each of `num` images, independently: float32 [num, K].

        Args:
            random: of a purpose of its own.
            p: of each transform, times its multiplier; what is more than 1 counts as 1. At p = 0 the rows leave every
                image as it is.
            num: of images.
        """
        return self._rows(Chance(num, random=random, p=p))

    def draw_at(self, percentile: float, num: int = 1) -> np.ndarray:
        """As `draw` at p = 1 with nothing left to chance, for tests and pictures.

        Args:
            percentile: q between 0 and 1, exclusive, that every draw takes: (2q - 1) a where it is uniform between -a
                and a, erfinv(2q - 1) deviations where it is normal. The second rotation is by 0.
            num: of images, all of which are treated alike.
        """
        return self._rows(Chance(num, percentile=percentile))

    def draw_noise(self, random: np.random.Generator, num: int) -> np.ndarray:
        """Noise of deviation 1, which ``noise`` of a row scales: float32 [num, C, H, W]; where `has_noise`."""
        return random.standard_normal((num, self.channels, self.height, self.width), dtype=np.float32)

    @property
    def has_noise(self) -> bool:
        return "noise" in self.fields

    def _fields(self) -> dict[str, slice]:
        sizes = {
            "matrix": 6 * self._has("blit", "geom"),
            "color": (2 if self.channels == 1 else 12) * self._has("color"),
            "gains": NUM_BANDS * self._has("filter"),
            "noise": int(self._has("noise")),
            "cutout": 4 * self._has("cutout"),
        }
        fields, start = {}, 0
        for name, size in sizes.items():
            if size:
                fields[name] = slice(start, start + size)
            start += size
        return fields

    def _has(self, *groups: str) -> bool:
        return any(name in self.multipliers for group in groups for name in GROUPS[group])

    def _rows(self, chance: Chance) -> np.ndarray:
        makers = {
            "matrix": self._matrices,
            "color": self._colors,
            "gains": self._gains,
            "noise": self._deviations,
            "cutout": self._cutouts,
        }
        parts = [makers[name](chance).reshape(chance.num, -1) for name in self.fields]
        return np.concatenate(parts, 1).astype(np.float32)

    def _matrices(self, chance: Chance) -> np.ndarray:
        """[num, 2, 3]: T1^-1 T2^-1 .. in the order in which the transforms T1, T2, .. come."""
        size = np.array([self.width, self.height])
        total = scaling(1 - 2 * self._where("xflip", chance, chance.integers(2)), np.ones(chance.num))
        total = total @ rotation(np.pi / 2 * self._where("rotate90", chance, chance.integers(4)))
        total = total @ shift(-np.rint(self._where("xint", chance, chance.uniform(XINT_MAX, 2)) * size))
        scale = 2 ** -self._where("scale", chance, chance.normal(SCALE_STD))
        total = total @ scaling(scale, scale)
        total = total @ rotation(self._turn(chance))
        aniso = 2 ** -self._where("aniso", chance, chance.normal(ANISO_STD))
        total = total @ scaling(aniso, 1 / aniso)
        if chance.percentile is None:
            total = total @ rotation(self._turn(chance))
        total = total @ shift(-self._where("xfrac", chance, chance.normal(XFRAC_STD, 2)) * size)
        return total[:, :2]

    def _turn(self, chance: Chance) -> np.ndarray:
        """[num] angles; of two turns, before and after the axes are scaled, there is one or both with probability p."""
        probability = 1 - np.sqrt(1 - chance.probability(self._multiplier("rotate")))
        return chance.where(probability, chance.uniform(np.pi), 0)

    def _colors(self, chance: Chance) -> np.ndarray:
        """[num, 3, 4], or [num, 2] for one channel: .. T2 T1 in the order in which the transforms T1, T2, .. come."""
        luma, chroma = np.outer(LUMA, LUMA), np.eye(4) - np.outer(LUMA, LUMA)
        total = np.tile(np.eye(4), (chance.num, 1, 1))
        total[:, :3, 3] = self._where("brightness", chance, chance.normal(BRIGHTNESS_STD))[:, None]
        contrast = 2 ** self._where("contrast", chance, chance.normal(CONTRAST_STD))
        total[:, :3] *= contrast[:, None, None]
        flips = self._where("lumaflip", chance, chance.integers(2))
        total = (np.eye(4) - 2 * luma * flips[:, None, None]) @ total
        total = turn_of_hue(self._where("hue", chance, chance.uniform(np.pi))) @ total
        saturation = 2 ** self._where("saturation", chance, chance.normal(SATURATION_STD))
        total = (luma + chroma * saturation[:, None, None]) @ total
        if self.channels > 1:
            return total[:, :3]
        row = total[:, :3].mean(1)
        return np.stack([row[:, :3].sum(1), row[:, 3]], 1)

    def _gains(self, chance: Chance) -> np.ndarray:
        """[num, 4]: each band is amplified in its turn, and the power of a natural image restored after it."""
        total = np.ones((chance.num, NUM_BANDS))
        for band in range(NUM_BANDS):
            gains = np.ones((chance.num, NUM_BANDS))
            gains[:, band] = 2 ** self._where("imgfilter", chance, chance.normal(GAIN_STD))
            total *= gains / np.sqrt((BAND_POWERS * gains**2).sum(1, keepdims=True))
        return total

    def _deviations(self, chance: Chance) -> np.ndarray:
        return self._where("noise", chance, chance.half_normal(NOISE_STD))

    def _cutouts(self, chance: Chance) -> np.ndarray:
        """[num, 2, 2]: half the sides long, but that the edge of the image cuts off what lies beyond."""
        half = self._where("cutout", chance, np.full(chance.num, CUTOUT_SIZE / 2))[:, None, None]
        centre = (chance.uniform(0.5, 2) + 0.5)[:, :, None]
        return (centre + half * np.array([-1, 1])) * np.array([self.width, self.height])[:, None]

    def _where(self, name: str, chance: Chance, values: np.ndarray) -> np.ndarray:
        """`values` for the images to which the transform is done, 0 for the others."""
        return chance.where(chance.probability(self._multiplier(name)), values, 0)

    def _multiplier(self, name: str) -> float:
        return self.multipliers.get(name, 0.0)


def multipliers_of(spec: str | Mapping[str, float]) -> dict[str, float]:
    """By the names of transforms: 1 for those of a spec by name, or `spec` itself where it already is that.

    Raises:
        UserError: there is no such spec, no such transform, or a multiplier is below 0.
    """
    if isinstance(spec, str):
        names = [name for group in COMBINATIONS.get(spec, (spec,)) for name in GROUPS.get(group, (group,))]
        spec = dict.fromkeys(names, 1.0)
    for name, value in spec.items():
        if name not in TRANSFORMS:
            raise UserError(f"--augpipe {name}: there is none of this name; use one of: {_names()}")
        if not 0 <= value < np.inf:
            raise UserError(f"--augpipe {name}: its multiplier is {value}; use a number of 0 or more, 1 for p as it is")
    return dict(spec)


def _names() -> str:
    return ", ".join(dict.fromkeys((*SPECS, *TRANSFORMS)))
