"""The package's numbers of StyleGAN2-ADA, by the names that golden vectors give them; see check_golden.py."""

import re
from functools import lru_cache

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from mindgan.layers.torch_layout import load_torch, to_torch
from mindgan.stylegan2.augment import GROUPS, Augment
from mindgan.stylegan2.augment_cells import AugmentImages
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.networks import Generator
from mindgan.stylegan2.objectives import REPORTS
from mindgan.stylegan2.ops import Resample
from mindgan.stylegan2.phases import NETWORK_OF, Phases
from mindgan.stylegan2.reporting import SIGNS
from mindgan.stylegan2.sample import Draw, TruncatedStyles
from mindgan.stylegan2.state import make_state
from mindgan.stylegan2.step import Sums

FIRST_ORDER = ("Gmain", "Dmain")
# what the phases of the golden vectors are run with; their losses count once, whatever the interval
PHASE_OPTIONS = {"gamma": 2.0, "pl_weight": 2.0, "G_interval": 1, "D_interval": 1, "style_mixing": 0.0}
TRUNCATED = re.compile(r"out\.ws_psi(?P<psi>[\d.]+)_cutoff(?P<cutoff>\d+)")
BGCFC = {name: 1.0 for group in ("blit", "geom", "color", "filter", "cutout") for name in GROUPS[group]}


class Phased:
    """A training's networks and phases as a run makes them, but that gradients are kept and not applied."""

    def __init__(self, config: StyleGanConfig, num_classes: int):
        state = make_state(config, num_classes)
        self.cells = state.cells
        self.networks = {name: state.cells[name] for name in ("G", "D")}
        self.sums = {name: Sums(state.cells[f"optim_{name}"], 1) for name in self.networks}
        self.phases = Phases(state.cells, config, None, self.sums).cells

    def load(self, golden: dict[str, np.ndarray]) -> None:
        """The golden weights and mean path length, and no gradients; a KeyError where the names are others."""
        for network in self.networks.values():
            load_torch(network, {p.name: golden[p.name] for p in network.get_parameters()})
        self.cells["path_length"].mean.set_data(Tensor(golden["out.Greg.pl_mean_before"].astype(np.float32)))
        for sums in self.sums.values():
            for value in sums.values:
                value.set_data(Tensor(np.zeros(value.shape, np.float32)))

    def gradients(self, name: str) -> dict[str, np.ndarray]:
        """Of network `name`, by the names of its parameters."""
        parameters, values = self.cells[f"optim_{name}"].parameters, self.sums[name].values
        arrays = {p.name: value.asnumpy() for p, value in zip(parameters, values, strict=True)}
        return {key.removeprefix(f"{name}."): grad for key, grad in to_torch(self.networks[name], arrays).items()}


@lru_cache(maxsize=1)  # of one mode, and given up before the next set's
def phased(config: StyleGanConfig, num_classes: int, mode: str) -> Phased:
    return Phased(config, num_classes)


def settings_of(config: dict, golden: dict[str, np.ndarray]) -> StyleGanConfig:
    """What the weights are of: their names tell the architecture of the discriminator."""
    num, channels = golden["in.real"].shape[:2]
    names = [name for name in golden if name.startswith("D.")]
    is_skip = sum(name.endswith(".fromrgb.weight") for name in names) > 1
    is_resnet = any(name.endswith(".skip.weight") for name in names)
    return StyleGanConfig(
        **{"resolution": config["res"], "image_channel": channels, "batch_size": num},
        **{"z_dim": golden["in.z"].shape[1], "w_dim": golden["out.ws"].shape[2], "map_depth": config["ml"]},
        **{"channel_base": config["cb"], "channel_max": config["cm"], "mbstd_group": 4 if num % 4 == 0 else num // 2},
        **{"architecture": "resnet" if is_resnet else "skip" if is_skip else "orig", **PHASE_OPTIONS},
    ).resolved()


def network_numbers(config: dict, golden: dict[str, np.ndarray], mode: str) -> dict[str, np.ndarray]:
    """Styles, images, scores and, of each phase that `mode` can do, reports, gradients and what follows."""
    labels = golden["in.c"] if golden["in.c"].shape[1] else np.zeros((len(golden["in.z"]), 1), np.float32)
    networks = phased(settings_of(config, golden), golden["in.c"].shape[1], mode)
    networks.load(golden)
    G, D = networks.networks["G"], networks.networks["D"]
    found = images(G, golden, labels) | {"out.D_real": D(Tensor(golden["in.real"]), Tensor(labels)).asnumpy()}
    for phase in FIRST_ORDER if mode == "pynative" else REPORTS:
        networks.load(golden)
        found |= phase_numbers(networks, phase, golden, labels)
    return found


def images(G: Generator, golden: dict[str, np.ndarray], labels: np.ndarray) -> dict[str, np.ndarray]:
    """Styles and images of the average and of the truncated styles."""
    match = next(filter(None, map(TRUNCATED.fullmatch, golden)))
    draw, styles = (kind(G, cutoff=int(match["cutoff"])) for kind in (Draw, TruncatedStyles))
    without = np.zeros((len(labels), G.shape.num_noise), np.float32)
    const = np.broadcast_to(G.synthesis.noise_const(), without.shape)
    whole, psi = np.float32(1), np.float32(match["psi"])
    cases = {
        "out.ws": (styles, whole),
        match[0]: (styles, psi),
        "out.img_noise_none": (draw, whole, without),
        "out.img_noise_const": (draw, whole, const),
        match[0].replace("ws", "img") + "_const": (draw, psi, const),
    }
    return {
        name: cell(*map(Tensor, (golden["in.z"], labels, *inputs))).asnumpy() for name, (cell, *inputs) in cases.items()
    }


def phase_numbers(
    networks: Phased, phase: str, golden: dict[str, np.ndarray], labels: np.ndarray
) -> dict[str, np.ndarray]:
    """Reports, mean style, mean path length and gradients of one phase, without noise, mixing and augmentation."""
    shape = networks.cells["G"].shape
    unread = np.zeros((1, 1), np.float32)
    num = len(labels) // 2 if phase == "Greg" else len(labels)
    noise, mixed = np.zeros((num, shape.num_noise), np.float32), np.zeros(shape.num_ws, np.float32)
    fakes, reals = (golden["in.z"][:num], labels[:num], mixed, noise), (golden["in.real"], labels)
    inputs = {
        "Gmain": (*fakes, unread, unread),
        "Greg": (*fakes, golden["in.pl_noise"]),
        "Dmain": (*fakes, *reals, unread, unread),
        "Dreg": (*reals, unread, unread),
    }
    rows = networks.phases[phase](*map(Tensor, inputs[phase])).asnumpy()
    found = dict(zip(REPORTS[phase], rows, strict=True))
    found |= {SIGNS[name]: np.sign(row) for name, row in found.items() if name in SIGNS}
    found["w_avg_after"] = networks.cells["G"].mapping.w_avg.asnumpy()
    found["pl_mean_after"] = networks.cells["path_length"].mean.asnumpy()
    grads = networks.gradients(NETWORK_OF[phase])
    return {f"out.{phase}.{name}": value for name, value in found.items()} | {
        f"grad.{phase}.{name}": grad for name, grad in grads.items()
    }


def resampled(case: dict, x: np.ndarray) -> np.ndarray:
    """upfirdn2d of images [N, C, H, W] by the filter of a case."""
    resample = Resample(
        x.shape[2:],
        tuple(case["filter"]),
        up=case["up"],
        down=case["down"],
        padding=tuple(case["padding_x0x1y0y1"]),
        gain=case["gain"],
        flips=case["flip_filter"],
    )
    return resample(Tensor(x.transpose(0, 2, 3, 1).copy())).asnumpy().transpose(0, 3, 1, 2)


@lru_cache(maxsize=1)  # the percentiles of a spec follow each other
def augmentation(spec: str, shape: tuple[int, ...], mode: str) -> tuple[Augment, AugmentImages]:
    channels, height, width = shape
    augment = Augment(BGCFC if spec == "bgcfc" else spec, channels=channels, height=height, width=width)
    return augment, AugmentImages(augment)


def augmented(key: str, golden: dict[str, np.ndarray], mode: str) -> np.ndarray:
    """The images of the key ``<spec>[_gray]@<percentile>``."""
    name, percentile = key.split("@")
    x = golden["x_gray" if name.endswith("_gray") else "x"]
    augment, cell = augmentation(name.removesuffix("_gray"), x.shape[1:], mode)
    draws = augment.draw_at(float(percentile), len(x))
    noise = (golden["noise.unit"],) if augment.has_noise else ()
    return cell(*map(Tensor, (x, draws, *noise))).asnumpy()


def noise_deviation(key: str, golden: dict[str, np.ndarray]) -> float:
    """Of the noise that is added for ``noise@<percentile>``."""
    channels, height, width = golden["x"].shape[1:]
    augment = Augment("noise", channels=channels, height=height, width=width)
    return float(augment.draw_at(float(key.split("@")[1]))[0, 0])  # it is all that is drawn


class Score(nn.Cell):
    """sum(tanh(augmented(x) w))."""

    def __init__(self, augment: AugmentImages):
        super().__init__(auto_prefix=False)
        self.augment = augment

    def construct(self, x: Tensor, w: Tensor, draws: Tensor) -> Tensor:
        return ops.tanh(self.augment(x, draws) * w).sum()


class Penalty(nn.Cell):
    """The mean over images of the sum of squares of the score's gradient in x; and that gradient."""

    def __init__(self, score: Score):
        super().__init__(auto_prefix=False)
        self.gradient = ms.grad(score, 0)

    def construct(self, x: Tensor, w: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
        gradient = self.gradient(x, w, draws)
        return ops.square(gradient).sum((1, 2, 3)).mean(), gradient


class PenaltyGradient(nn.Cell):
    """The penalty, the score's gradient in x, and the penalty's in w."""

    def __init__(self, score: Score):
        super().__init__(auto_prefix=False)
        self.compute = ms.value_and_grad(Penalty(score), 1, has_aux=True)

    def construct(self, x: Tensor, w: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (penalty, gradient), of_w = self.compute(x, w, draws)
        return penalty, gradient, of_w


def second_order_numbers(golden: dict[str, np.ndarray], mode: str) -> dict[str, np.ndarray]:
    """``second_order.*``: of bgc at the middle percentile; in PyNative the gradient in x alone."""
    percentiles = sorted(float(key.split("@")[1]) for key in golden if key.startswith("bgc@"))
    augment, cell = augmentation("bgc", golden["x"].shape[1:], mode)
    draws = augment.draw_at(percentiles[len(percentiles) // 2], len(golden["x"]))
    inputs = [Tensor(array) for array in (golden["x"], golden["second_order.w"], draws)]
    if mode == "pynative":
        return {"second_order.grad_x": ms.grad(Score(cell), 0)(*inputs).asnumpy()}
    numbers = PenaltyGradient(Score(cell))(*inputs)
    names = ("penalty", "grad_x", "grad_w")
    return {f"second_order.{name}": number.asnumpy() for name, number in zip(names, numbers, strict=True)}
