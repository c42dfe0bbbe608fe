"""Gathers, sums and patch products whose gradients have gradients: for R1 and path-length penalties.

MindSpore can derive them twice too, in kernels many times slower. The three products of `ConvolutionProduct` are each
other's gradients, so each is written out once.
"""

import numpy as np
from mindspore import Tensor, nn, ops

from mindgan.layers.convolution import zero_row
from mindgan.layers.sharing import shared


@ops.constexpr
def ignored(where: Tensor, num_rows: int) -> Tensor:
    """`where` with -1, which sums leave out, for `num_rows`, the number of a row of zeros."""
    numbers = where.asnumpy()
    return Tensor(np.where(numbers == num_rows, -1, numbers).astype(np.int32))


@ops.constexpr
def reversed_taps(where: Tensor, taps: int) -> Tensor:
    """`where` [P k] with the k taps of each patch in reverse order."""
    return Tensor(np.ascontiguousarray(where.asnumpy().reshape(-1, taps)[:, ::-1]).reshape(-1))


@ops.constexpr
def taps_first(outputs: int, taps: int) -> Tensor:
    """Where the rows of [k O] are in [O k]."""
    return Tensor(np.arange(outputs * taps, dtype=np.int32).reshape(outputs, taps).T.reshape(-1))


class GatherRows(nn.Cell):
    """Rows [R, C] and numbers int [K] to [K, C]; the adjoint of `AddRows`."""

    def __init__(self, *, depth: int = 2):
        """
        Args:
            depth: how many times it may be differentiated by means of the written gradient.
        """
        super().__init__()
        self.gather = ops.Gather()  # primitives, as functions such as ops.gather do not compile within bprop
        self.add = shared(AddRows, depth=depth - 1) if depth > 1 else ops.UnsortedSegmentSum()

    def construct(self, rows: Tensor, where: Tensor) -> Tensor:
        return self.gather(rows, where, 0)

    def bprop(self, rows: Tensor, where: Tensor, out: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return self.add(gradient, where, rows.shape[0]), where


class AddRows(nn.Cell):
    """Rows [K, C] and places int [K] to [`num`, C], each row added at its place; the adjoint of `GatherRows`."""

    def __init__(self, *, depth: int = 2):
        super().__init__()
        self.add = ops.UnsortedSegmentSum()
        self.depth = depth
        if depth > 1:
            self.gather_rows = shared(GatherRows, depth=depth - 1)
        else:
            self.gather = ops.Gather()

    def construct(self, rows: Tensor, where: Tensor, num: int) -> Tensor:
        return self.add(rows, where, num)

    def bprop(self, rows: Tensor, where: Tensor, num: int, out: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, int]:
        if self.depth > 1:
            return self.gather_rows(gradient, where), where, num
        return self.gather(gradient, where, 0), where, num


class ReorderRows(nn.Cell):
    """Rows [R, C] in another order: int `there` [R] tells which row comes, and `back` [R] the same of the way back.

    MindSpore's Transpose keeps 8 bytes for each number that it moves, as long as its graph lives; this keeps nothing.
    """

    def __init__(self, *, depth: int = 2):
        """
        Args:
            depth: as of `GatherRows`.
        """
        super().__init__()
        self.gather = ops.Gather()
        self.reorder = shared(ReorderRows, depth=depth - 1) if depth > 1 else shared(GatherOrder)

    def construct(self, rows: Tensor, there: Tensor, back: Tensor) -> Tensor:
        return self.gather(rows, there, 0)

    def bprop(self, rows: Tensor, there: Tensor, back: Tensor, out: Tensor, gradient: Tensor) -> tuple:
        return self.reorder(gradient, back, there), there, back


class GatherOrder(nn.Cell):
    """As `ReorderRows`, with MindSpore's own gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.gather = ops.Gather()

    def construct(self, rows: Tensor, there: Tensor, back: Tensor) -> Tensor:
        return self.gather(rows, there, 0)


class AddBias(nn.Cell):
    """Rows [P, C] + bias [C] times a gain.

    The bias's gradient is a product with a row of gains, eight times as fast as MindSpore's sum.
    """

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.add, self.multiply = ops.BiasAdd(), ops.MatMul()
        self.gain = gain

    def construct(self, rows: Tensor, bias: Tensor) -> Tensor:
        return self.add(rows, bias if self.gain == 1 else bias * self.gain)

    def bprop(self, rows: Tensor, bias: Tensor, out: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return gradient, self.multiply(row_of(self.gain, rows.shape[0]), gradient).reshape(bias.shape)


@ops.constexpr
def row_of(value: float, num: int) -> Tensor:
    """[1, num]"""
    return Tensor(np.full((1, num), value, np.float32))


# What follows calls Cells where methods would do: MindSpore parses a method anew at every call. `where` int [P k] tells
# the row of each tap of each patch, R for a row of zeros; `back` is the same with -1 for R.


class Patches(nn.Cell):
    """Rows [R, C] to [P, k C], of which `taps` is k."""

    def __init__(self) -> None:
        super().__init__()
        self.gather, self.join = ops.Gather(), ops.Concat(0)

    def construct(self, rows: Tensor, where: Tensor, taps: int) -> Tensor:
        channels = rows.shape[1]
        return self.gather(self.join((rows, zero_row(channels))), where, 0).reshape(-1, taps * channels)


class Product(nn.Cell):
    """Patches times `weight` [O, k C]: [P, O]."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.multiply = shared(Patches), ops.MatMul(transpose_b=True)

    def construct(self, rows: Tensor, where: Tensor, weight: Tensor) -> Tensor:
        return self.multiply(self.patches(rows, where, weight.shape[1] // rows.shape[1]), weight)


class Across(nn.Cell):
    """The adjoint of `Product` in the weight: [O, k C]."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.multiply = shared(Patches), ops.MatMul(transpose_a=True)

    def construct(self, rows: Tensor, where: Tensor, gradient: Tensor) -> Tensor:
        return self.multiply(gradient, self.patches(rows, where, where.shape[0] // gradient.shape[0]))


class AddedBack(nn.Cell):
    """The adjoint of `Product` in rows of `shape` (R, C): gradient [P, O] to [R, C]."""

    def __init__(self) -> None:
        super().__init__()
        self.add, self.multiply = ops.UnsortedSegmentSum(), ops.MatMul()

    def construct(
        self, gradient: Tensor, where: Tensor, back: Tensor, weight: Tensor, shape: tuple[int, int]
    ) -> Tensor:
        return self.add(self.multiply(gradient, weight).reshape(-1, shape[1]), back, shape[0])


class GatheredBack(nn.Cell):
    """As `AddedBack`, where every row is the middle of a patch: a convolution too, with the taps in reverse order.

    Gathering is three times as fast as adding; but the weight has to be turned. That is a gather too: MindSpore's
    Transpose keeps 8 bytes for each number that it moves.
    """

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.multiply, self.gather = shared(Patches), ops.MatMul(), ops.Gather()

    def construct(
        self, gradient: Tensor, where: Tensor, back: Tensor, weight: Tensor, shape: tuple[int, int]
    ) -> Tensor:
        outputs, channels = weight.shape[0], shape[1]
        taps = weight.shape[1] // channels
        turned = self.gather(weight.reshape(-1, channels), taps_first(outputs, taps), 0)  # [k O, C]
        return self.multiply(self.patches(gradient, reversed_taps(where, taps), taps), turned)


class ConvolutionProduct(nn.Cell):
    """rows [R, C], `where` and `back` int [P k], and weight [O, k C] to [P, O]."""

    def __init__(self, *, gathers_back: bool = False, keeps_patches: bool = True):
        """
        Args:
            gathers_back: whether there is a patch around every row (P = R, an odd kernel, stride 1), and enough of them
                for `GatheredBack`.
            keeps_patches: for the weight's gradient; else they are gathered again, which takes time for memory.
        """
        super().__init__()
        self.product = shared(Product)
        self.rows_gradient, self.weight_gradient = RowsGradient(gathers_back), WeightGradient(gathers_back)
        self.recall = Recall() if keeps_patches else ops.Depend()

    def construct(self, rows: Tensor, where: Tensor, back: Tensor, weight: Tensor) -> Tensor:
        return self.product(rows, where, weight)

    def bprop(self, rows: Tensor, where: Tensor, back: Tensor, weight: Tensor, out: Tensor, gradient: Tensor) -> tuple:
        of_rows = self.rows_gradient(gradient, where, back, weight, rows.shape)
        of_weight = self.weight_gradient(self.recall(rows, gradient), where, back, gradient)
        return of_rows, where, back, of_weight


class Recall(nn.Cell):
    """Rows as they were, so that MindSpore finds the patches that it has of them."""

    def construct(self, rows: Tensor, gradient: Tensor) -> Tensor:
        return rows


class RowsGradient(nn.Cell):
    """`ConvolutionProduct`'s gradient in its rows; linear in both the gradient above and the weight."""

    def __init__(self, gathers_back: bool):
        super().__init__()
        self.product, self.across = shared(Product), shared(Across)
        # an `if` within bprop does not compile
        self.spread = shared(GatheredBack) if gathers_back else shared(AddedBack)

    def construct(
        self, gradient: Tensor, where: Tensor, back: Tensor, weight: Tensor, shape: tuple[int, int]
    ) -> Tensor:
        return self.spread(gradient, where, back, weight, shape)

    def bprop(
        self,
        gradient: Tensor,
        where: Tensor,
        back: Tensor,
        weight: Tensor,
        shape: tuple[int, int],
        out: Tensor,
        above: Tensor,
    ) -> tuple:
        return self.product(above, where, weight), where, back, self.across(above, where, gradient), shape


class WeightGradient(nn.Cell):
    """`ConvolutionProduct`'s gradient in its weight; linear in both the rows and the gradient above."""

    def __init__(self, gathers_back: bool):
        super().__init__()
        self.product, self.across = shared(Product), shared(Across)
        self.spread = shared(GatheredBack) if gathers_back else shared(AddedBack)

    def construct(self, rows: Tensor, where: Tensor, back: Tensor, gradient: Tensor) -> Tensor:
        return self.across(rows, where, gradient)

    def bprop(self, rows: Tensor, where: Tensor, back: Tensor, gradient: Tensor, out: Tensor, above: Tensor) -> tuple:
        of_rows = self.spread(gradient, where, back, above, rows.shape)
        return of_rows, where, back, self.product(rows, where, above)
