"""The four phases of a training iteration: Gmain, Greg, Dmain, Dreg (Karras et al. 2020, section 3.1 and appendix B).

Each is a Cell of its own, as the two that regularise run in every 4th and 16th iteration only. A phase returns what it
reports, from before its update. Of a batch in several parts each adds to sums, and `ApplySums` makes the update.
"""

import mindspore as ms
from mindspore import Tensor, nn, ops

from mindgan.stylegan2.networks import Generator
from mindgan.stylegan2.objectives import (
    DiscriminatorMain,
    DiscriminatorRegularisation,
    GeneratorMain,
    GeneratorRegularisation,
    Styles,
)

W_AVG_BETA = 0.995
LARGEST_GRADIENT = 1e5  # what an infinite one becomes; NaN becomes 0

for_each = ops.Map()  # of tuples: a loop over their parts takes longer to compile


class Phase(nn.Cell):
    """A phase's gradients, and the update or, of a batch in several parts, the sums."""

    def __init__(self, loss: nn.Cell, optimiser: nn.Cell, sums: "Sums | None" = None):
        """
        Args:
            loss: one of objectives.py; what it returns begins with the mean loss.
            optimiser: of the network that is trained.
            sums: take the gradients instead.
        """
        super().__init__(auto_prefix=False)
        self.optimiser, self.sums = optimiser, sums
        self.gradients = ms.value_and_grad(loss, None, optimiser.parameters, has_aux=True)

    def update(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        return self.optimiser(sanitised(gradients)) if self.sums is None else self.sums(gradients)


class Sums(nn.Cell):
    """Means of the gradients of a batch's parts, as far as they came."""

    def __init__(self, optimiser: nn.Cell, num_parts: int):
        super().__init__(auto_prefix=False)
        self.share = 1 / num_parts
        self.values = optimiser.parameters.clone(prefix="sum", init="zeros")

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        return for_each(ops.partial(added, self.share), self.values, gradients)


class ApplySums(nn.Cell):
    """The update by what the parts of a batch added up to."""

    def __init__(self, optimiser: nn.Cell, sums: Sums):
        super().__init__(auto_prefix=False)
        self.optimiser, self.values = optimiser, sums.values

    def construct(self) -> tuple[bool, ...]:
        updated = self.optimiser(sanitised(self.values))
        return for_each(ops.partial(cleared, updated), self.values)


class GmainPhase(Phase):
    """Gmain; the mean style follows too."""

    def __init__(self, loss: GeneratorMain, optimiser: nn.Cell, w_avg: ms.Parameter, sums: Sums | None = None):
        super().__init__(loss, optimiser, sums)
        self.w_avg = w_avg

    def construct(self, z: Tensor, c: Tensor, mixed: Tensor, noise: Tensor, draws: Tensor, aug_noise: Tensor) -> Tensor:
        (_, reports, mean), gradients = self.gradients(z, c, mixed, noise, draws, aug_noise)
        updated = self.update(gradients)
        moved = ops.assign(self.w_avg, follow(self.w_avg, mean))
        return ops.depend(ops.depend(reports, updated), moved)


class GregPhase(Phase):
    """Greg; the mean style and the mean path length follow too."""

    def __init__(
        self,
        loss: GeneratorRegularisation,
        optimiser: nn.Cell,
        w_avg: ms.Parameter,
        pl_mean: ms.Parameter,
        sums: Sums | None = None,
    ):
        super().__init__(loss, optimiser, sums)
        self.w_avg, self.pl_mean = w_avg, pl_mean

    def construct(self, z: Tensor, c: Tensor, mixed: Tensor, noise: Tensor, pl_noise: Tensor) -> Tensor:
        (_, reports, mean, pl_mean), gradients = self.gradients(z, c, mixed, noise, pl_noise)
        updated = self.update(gradients)
        moved = ops.assign(self.w_avg, follow(self.w_avg, mean))
        kept = ops.assign(self.pl_mean, pl_mean)
        return ops.depend(ops.depend(ops.depend(reports, updated), moved), kept)


class DmainPhase(Phase):
    """Dmain, with fakes of its own; the mean style follows too."""

    def __init__(
        self,
        loss: DiscriminatorMain,
        optimiser: nn.Cell,
        generator: Generator,
        styles: Styles,
        sums: Sums | None = None,
    ):
        super().__init__(loss, optimiser, sums)
        self.synthesis, self.styles, self.w_avg = generator.synthesis, styles, generator.mapping.w_avg

    def construct(
        self,
        z: Tensor,
        c: Tensor,
        mixed: Tensor,
        noise: Tensor,
        reals: Tensor,
        real_c: Tensor,
        draws: Tensor,
        aug_noise: Tensor,
    ) -> Tensor:
        ws, mean = self.styles(z, c, mixed)
        fakes = ops.stop_gradient(self.synthesis(ws, noise))
        (_, reports), gradients = self.gradients(fakes, reals, c, real_c, draws, aug_noise)
        updated = self.update(gradients)
        moved = ops.assign(self.w_avg, follow(self.w_avg, mean))
        return ops.depend(ops.depend(reports, updated), moved)


class DregPhase(Phase):
    """Dreg."""

    def __init__(self, loss: DiscriminatorRegularisation, optimiser: nn.Cell, sums: Sums | None = None):
        super().__init__(loss, optimiser, sums)

    def construct(self, reals: Tensor, real_c: Tensor, draws: Tensor, aug_noise: Tensor) -> Tensor:
        (_, reports), gradients = self.gradients(reals, real_c, draws, aug_noise)
        return ops.depend(reports, self.update(gradients))


class FollowWeights(nn.Cell):
    """G_ema <- G_ema beta + G (1 - beta); what is not trained is copied."""

    def __init__(self, average: Generator, generator: Generator):
        super().__init__(auto_prefix=False)
        pairs = list(zip(average.get_parameters(), generator.get_parameters(), strict=True))
        trained = [(ema, parameter) for ema, parameter in pairs if parameter.requires_grad]
        copied = [(ema, parameter) for ema, parameter in pairs if not parameter.requires_grad]
        self.averages, self.parameters = (ms.ParameterTuple(side) for side in zip(*trained, strict=True))
        self.copies, self.originals = (ms.ParameterTuple(side) for side in zip(*copied, strict=True))

    def construct(self, beta: Tensor) -> tuple[bool, ...]:
        followed = for_each(ops.partial(follow_weight, beta), self.averages, self.parameters)
        return ops.depend(followed, for_each(copy_weight, self.copies, self.originals))


def follow(average: Tensor, mean: Tensor) -> Tensor:
    """The mean style, a step of 0.005 towards that of a batch."""
    return mean + (average - mean) * W_AVG_BETA


def sanitised(gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """NaN becomes 0, infinity 1e5 of its sign."""
    return for_each(finite, gradients)


def finite(gradient: Tensor) -> Tensor:
    return ops.nan_to_num(gradient, 0.0, LARGEST_GRADIENT, -LARGEST_GRADIENT)


def added(share: float, value: ms.Parameter, gradient: Tensor) -> bool:
    return ops.depend(True, ops.assign_add(value, gradient * share))


def cleared(updated: tuple[bool, ...], value: ms.Parameter) -> bool:
    return ops.depend(True, ops.assign(value, ops.depend(ops.zeros_like(value), updated)))


def follow_weight(beta: Tensor, average: ms.Parameter, weight: ms.Parameter) -> bool:
    return ops.depend(True, ops.assign(average, weight + (average - weight) * beta))


def copy_weight(copy: ms.Parameter, original: ms.Parameter) -> bool:
    return ops.depend(True, ops.assign(copy, original))
