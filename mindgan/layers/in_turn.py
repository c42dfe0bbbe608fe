"""Parts of a batch, one after the other, forwards and backwards.

MindSpore starts whatever has its inputs, so all parts would be on the way at once, and so would their memory.
"""

from mindspore import Tensor, nn, ops

from mindgan.layers.convolution import zero_row
from mindgan.layers.sharing import shared


class InTurn(nn.Cell):
    """What `cell` makes of x [N, ..] and a weight, from so many parts of x."""

    def __init__(self, cell: nn.Cell):
        """
        Args:
            cell: makes y [M, ..] of x [M, ..] and a weight, without parameters of its own.
        """
        super().__init__()
        self.cell, self.begin, self.end = cell, shared(Begin), shared(End)
        self.join = ops.Concat(0)

    def construct(self, x: Tensor, weight: Tensor, num_parts: int) -> Tensor:
        results: tuple[Tensor, ...] = ()
        token = zero_row(1)
        for part in ops.split(x, x.shape[0] // num_parts, 0):
            result, token = self.end(self.cell(self.begin(part, token), weight))
            results += (result,)
        return self.join(results)


class Begin(nn.Cell):
    """x once the token of what comes before is there; backwards it is over when the gradient of x is there."""

    def __init__(self) -> None:
        super().__init__()
        self.after = ops.Depend()

    def construct(self, x: Tensor, token: Tensor) -> Tensor:
        return self.after(x, token)

    def bprop(self, x: Tensor, token: Tensor, out: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return gradient, self.after(token, gradient)


class End(nn.Cell):
    """y and a token that is there when y is; backwards it begins when the token's gradient is there."""

    def __init__(self) -> None:
        super().__init__()
        self.after = ops.Depend()

    def construct(self, y: Tensor) -> tuple[Tensor, Tensor]:
        return y, self.after(zero_row(1), y)

    def bprop(self, y: Tensor, out: tuple[Tensor, Tensor], gradients: tuple[Tensor, Tensor]) -> tuple[Tensor]:
        return (self.after(gradients[0], gradients[1]),)
