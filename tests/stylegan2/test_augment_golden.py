"""The augmentations against golden vectors: every draw at a percentile, in both modes, and differentiated twice.

The keys of the file are `<spec>[_gray]@<percentile>`; those of the noise say how much of it there is, as only the last
has the noise that is stored.
"""

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from check_golden import frobenius_error
from mindspore import Tensor, nn, ops

from mindgan.runtime import device
from mindgan.stylegan2.augment import GROUPS, Augment
from mindgan.stylegan2.augment_cells import AugmentImages

FILE = Path(__file__).parents[1] / "golden" / "stylegan2" / "augment.npz"
with np.load(FILE) as file:
    GOLDEN = dict(file)
CASES = [key for key in GOLDEN if "@" in key]
MIDDLE = 0.35  # of the three percentiles
BGCFC = {name: 1.0 for group in ("blit", "geom", "color", "filter", "cutout") for name in GROUPS[group]}


def parts(key):
    """The images of a key, what is done to them, and how."""
    name, percentile = key.split("@")
    images = GOLDEN["x_gray" if name.endswith("_gray") else "x"]
    spec = name.removesuffix("_gray")
    channels, height, width = images.shape[1:]
    augment = Augment(BGCFC if spec == "bgcfc" else spec, channels=channels, height=height, width=width)
    return images, augment, augment.draw_at(float(percentile), len(images))


@pytest.fixture(params=["graph", "pynative"])
def mode(request):
    device.configure("CPU", request.param)
    yield request.param
    device.configure("CPU", "graph")


SPECS = sorted({key.split("@")[0] for key in CASES} - {"noise"})
COMPILED = {f"{spec}{gray}" for spec in (*GROUPS, "bgc", "bgcfc") for gray in ("", "_gray")} & set(SPECS)


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("spec", SPECS)
def test_images(spec):
    check(spec)


@pytest.mark.parametrize("spec", sorted(COMPILED))
def test_images_compiled(spec):
    assert len(check(spec).compile_cache) == 1


def check(spec):
    """The Cell that met the golden images of `spec`."""
    cell = None
    for key in (key for key in CASES if key.split("@")[0] == spec):
        images, augment, draws = parts(key)
        cell = AugmentImages(augment) if cell is None else cell
        assert frobenius_error(cell(Tensor(images), Tensor(draws)).asnumpy(), GOLDEN[key]) <= 1e-5, key
    return cell


def test_every_key_is_met():
    assert len(CASES) == 111
    assert {key.split("@")[1] for key in CASES} == {"0.1", "0.35", "0.8"}


def test_noise(mode):
    images, augment, draws = parts("noise@0.8")
    noisy = AugmentImages(augment)(Tensor(images), Tensor(draws), Tensor(GOLDEN["noise.unit"])).asnumpy()
    assert frobenius_error(noisy, GOLDEN["noise@0.8"]) <= 1e-6
    for key in ("noise@0.1", "noise@0.35"):  # 9216 numbers tell the deviation to 1 %
        images, _, draws = parts(key)
        assert (GOLDEN[key] - images).std() == pytest.approx(draws[0, 0], rel=0.02)


class Score(nn.Cell):
    """sum(tanh(augmented(x) w))."""

    def __init__(self, augment):
        super().__init__(auto_prefix=False)
        self.augment = AugmentImages(augment)

    def construct(self, x, w, draws):
        return ops.tanh(self.augment(x, draws) * w).sum()


class Penalty(nn.Cell):
    """The mean over images of the sum of squares of the gradient of the score for x; and that gradient."""

    def __init__(self, augment):
        super().__init__(auto_prefix=False)
        self.gradient = ms.grad(Score(augment), 0)

    def construct(self, x, w, draws):
        gradient = self.gradient(x, w, draws)
        return ops.square(gradient).sum((1, 2, 3)).mean(), gradient


def test_second_order():
    images, augment, draws = parts(f"bgc@{MIDDLE}")
    compute = ms.value_and_grad(Penalty(augment), 1, has_aux=True)

    class Top(nn.Cell):
        def construct(self, x, w, draws):
            return compute(x, w, draws)

    top = Top()
    for _ in range(2):  # the second call meets what the first kept
        (penalty, grad_x), grad_w = top(*map(Tensor, (images, GOLDEN["second_order.w"], draws)))
        for name, found in (("penalty", penalty), ("grad_x", grad_x), ("grad_w", grad_w)):
            assert frobenius_error(found.asnumpy(), GOLDEN[f"second_order.{name}"]) <= 1e-4, name


@pytest.mark.usefixtures("pynative")
def test_first_order_in_pynative():
    images, augment, draws = parts(f"bgc@{MIDDLE}")
    grad_x = ms.grad(Score(augment), 0)(*map(Tensor, (images, GOLDEN["second_order.w"], draws)))
    assert frobenius_error(grad_x.asnumpy(), GOLDEN["second_order.grad_x"]) <= 1e-4
