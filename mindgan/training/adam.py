"""Adam as its paper states it."""

import mindspore as ms
from mindspore import Tensor, nn, ops


class Adam(nn.Adam):
    """Adam by Algorithm 1 of Kingma and Ba (2015): w -= lr m^ / (sqrt(v^) + eps), as PyTorch's.

    MindSpore's `nn.Adam` adds eps to the square root of v before its bias is corrected (the paper's "epsilon hat",
    end of section 2). At the first step of beta2 = 0.999 that makes eps 32 times larger, which shows in the fifth
    digit of the first losses. The kernel is MindSpore's; only the eps it is given differs.
    """

    def __init__(self, params: list[ms.Parameter], learning_rate: float, beta1: float, beta2: float, eps: float):
        """`nn.Adam` refuses a `beta1` of 0, which is well defined: the gradient itself is the mean."""
        super().__init__(params, learning_rate=learning_rate, beta1=beta1 or 0.5, beta2=beta2, eps=eps)
        self.beta1 = Tensor(beta1, ms.float32)

    def _apply_adam(
        self,
        params: tuple[ms.Parameter, ...],
        beta1_power: Tensor,
        beta2_power: Tensor,
        moment1: tuple[ms.Parameter, ...],
        moment2: tuple[ms.Parameter, ...],
        lr: Tensor,
        gradients: tuple[Tensor, ...],
    ) -> tuple[bool, ...]:
        eps = self.eps * ops.sqrt(1 - beta2_power)
        update = ops.partial(updated, self.opt, beta1_power, beta2_power, lr, self.beta1, self.beta2, eps)
        return self.map_(update, params, moment1, moment2, gradients)  # a loop takes longer to compile


def updated(
    kernel: ops.Primitive,
    beta1_power: Tensor,
    beta2_power: Tensor,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    eps: Tensor,
    param: ms.Parameter,
    mean: ms.Parameter,
    variance: ms.Parameter,
    gradient: Tensor,
) -> bool:
    """One parameter and its moments moved, by MindSpore's kernel, in the order of its arguments."""
    moved = kernel(param, mean, variance, beta1_power, beta2_power, lr, beta1, beta2, eps, gradient)
    return ops.depend(True, moved)


def make_adam(network: nn.Cell, prefix: str, *, lr: float, beta1: float, beta2: float, eps: float = 1e-8) -> Adam:
    """Adam over the trainable parameters of `network`.

    `prefix` comes before the names of the optimiser's own parameters and, as MindSpore's tutorials leave it, of the
    network's trainable ones, so that their checkpoints and these have the same names.
    """
    optimiser = Adam(network.trainable_params(), learning_rate=lr, beta1=beta1, beta2=beta2, eps=eps)
    optimiser.update_parameters_name(prefix)
    return optimiser


def named_adam(
    parameters: list[ms.Parameter], prefix: str, *, lr: float, beta1: float, beta2: float, eps: float = 1e-8
) -> Adam:
    """Adam over `parameters`, whose names stay; those of the optimiser's own begin with `prefix`."""
    optimiser = Adam(parameters, learning_rate=lr, beta1=beta1, beta2=beta2, eps=eps)
    theirs = {id(parameter) for parameter in parameters}
    for parameter in optimiser.get_parameters():
        if id(parameter) not in theirs:
            parameter.name = f"{prefix}{parameter.name}"
    return optimiser


def set_rate(optimiser: Adam, lr: float) -> None:
    """Sets the learning rate; a compiled step takes it without being compiled anew."""
    ops.assign(optimiser.learning_rate, Tensor(lr, ms.float32))
