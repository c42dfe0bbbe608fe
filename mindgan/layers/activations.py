"""Activations whose CPU kernels and gradients are fast and right."""

from mindspore import Tensor, nn, ops

LEAKY_SLOPE = 0.2


class LeakyReLU(nn.Cell):
    """x for x > 0, else 0.2 x; of any shape.

    Made of ReLU: the gradient of MindSpore's, a `Maximum`, runs through three comparisons and two selects.
    """

    def construct(self, x: Tensor) -> Tensor:
        return (1 - LEAKY_SLOPE) * ops.relu(x) + LEAKY_SLOPE * x


class Tanh(nn.Cell):
    """tanh x = 2 sigmoid(2 x) - 1; of any shape.

    MindSpore's CPU kernel of tanh is a rational approximation that is exactly -1 and 1 beyond |x| = 5: off by 1e-4,
    and without a gradient there, where the black background of a digit lives. Its sigmoid is accurate.
    """

    def construct(self, x: Tensor) -> Tensor:
        return 2 * ops.sigmoid(2 * x) - 1
