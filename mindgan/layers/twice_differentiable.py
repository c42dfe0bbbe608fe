"""Gathers, sums and patch products whose gradients have gradients: for R1 and path-length penalties.

MindSpore can derive them twice too, in kernels many times slower, and it keeps the patches. The three products of
`ConvolutionProduct` are each other's gradients, so each is written out once.
"""

from mindspore import Tensor, nn, ops


class GatherRows(nn.Cell):
    """Rows [R, C] and numbers int [K] to [K, C]; the adjoint of `AddRows`."""

    def __init__(self, *, depth: int = 2):
        """
        Args:
            depth: how many times it may be differentiated by means of the written gradient.
        """
        super().__init__()
        self.gather = ops.Gather()  # primitives, as functions such as ops.gather do not compile within bprop
        self.add = AddRows(depth=depth - 1) if depth > 1 else ops.UnsortedSegmentSum()

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
            self.gather_rows = GatherRows(depth=depth - 1)
        else:
            self.gather = ops.Gather()

    def construct(self, rows: Tensor, where: Tensor, num: int) -> Tensor:
        return self.add(rows, where, num)

    def bprop(self, rows: Tensor, where: Tensor, num: int, out: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, int]:
        if self.depth > 1:
            return self.gather_rows(gradient, where), where, num
        return self.gather(gradient, where, 0), where, num


class _Patches(nn.Cell):
    """What the three products share: patches of an image, a row of zeros behind it, and their adjoint."""

    def __init__(self) -> None:
        super().__init__()
        self.gather, self.add, self.join = ops.Gather(), ops.UnsortedSegmentSum(), ops.Concat(0)
        self.multiply, self.multiply_back = ops.MatMul(), ops.MatMul(transpose_b=True)
        self.multiply_across = ops.MatMul(transpose_a=True)
        self.depend = ops.Depend()

    def patches(self, rows: Tensor, where: Tensor, num: int, zeros: Tensor) -> Tensor:
        """`rows` [R, C] and `where` int [P num], R for a row of zeros: [P, num C]."""
        return self.gather(self.join((rows, zeros)), where, 0).reshape(-1, num * rows.shape[1])

    def product(self, rows: Tensor, where: Tensor, weight: Tensor, zeros: Tensor) -> Tensor:
        """Patches times `weight` [num C, O]: [P, O]."""
        return self.multiply(self.patches(rows, where, _taps(weight, rows), zeros), weight)

    def spread(self, gradient: Tensor, where: Tensor, weight: Tensor, num_rows: int, zeros: Tensor) -> Tensor:
        """The adjoint in rows: gradient [P, O] to [R, C]."""
        products = self.multiply_back(gradient, weight).reshape(-1, zeros.shape[1])
        return self.add(products, where, num_rows + 1)[:-1]

    def across(self, rows: Tensor, where: Tensor, gradient: Tensor, zeros: Tensor) -> Tensor:
        """The adjoint in the weight: [num C, O]."""
        num = where.shape[0] // gradient.shape[0]
        return self.multiply_across(self.patches(rows, where, num, zeros), gradient)


def _taps(weight: Tensor, rows: Tensor) -> int:
    return weight.shape[0] // rows.shape[1]


class ConvolutionProduct(_Patches):
    """rows [R, C], where int [P k], weight [k C, O] and a row of zeros [1, C] to [P, O]."""

    def __init__(self) -> None:
        super().__init__()
        self.rows_gradient, self.weight_gradient = RowsGradient(), WeightGradient()

    def construct(self, rows: Tensor, where: Tensor, weight: Tensor, zeros: Tensor) -> Tensor:
        return self.product(rows, where, weight, zeros)

    def bprop(self, rows: Tensor, where: Tensor, weight: Tensor, zeros: Tensor, out: Tensor, gradient: Tensor) -> tuple:
        of_rows = self.rows_gradient(gradient, where, weight, rows.shape[0], zeros)
        of_weight = self.weight_gradient(self.depend(rows, gradient), where, gradient, zeros)
        return of_rows, where, of_weight, zeros


class RowsGradient(_Patches):
    """`ConvolutionProduct`'s gradient in its rows; linear in both the gradient above and the weight."""

    def construct(self, gradient: Tensor, where: Tensor, weight: Tensor, num_rows: int, zeros: Tensor) -> Tensor:
        return self.spread(gradient, where, weight, num_rows, zeros)

    def bprop(
        self, gradient: Tensor, where: Tensor, weight: Tensor, num_rows: int, zeros: Tensor, out: Tensor, above: Tensor
    ) -> tuple:
        of_gradient = self.product(above, where, weight, zeros)
        return of_gradient, where, self.across(above, where, gradient, zeros), num_rows, zeros


class WeightGradient(_Patches):
    """`ConvolutionProduct`'s gradient in its weight; linear in both the rows and the gradient above."""

    def construct(self, rows: Tensor, where: Tensor, gradient: Tensor, zeros: Tensor) -> Tensor:
        return self.across(rows, where, gradient, zeros)

    def bprop(self, rows: Tensor, where: Tensor, gradient: Tensor, zeros: Tensor, out: Tensor, above: Tensor) -> tuple:
        of_rows = self.spread(gradient, where, above, rows.shape[0], zeros)
        return of_rows, where, self.product(rows, where, above, zeros), zeros
