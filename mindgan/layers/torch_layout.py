"""Weights of convolutions in PyTorch's layouts: OIHW, and IOHW of a transposed convolution. Names are the same in both.

The layers keep them as matrices (convolution.py says why), so this is the way of weights to and from other packages. A
layer whose `weight` is such a matrix has `torch_axes`: what the matrix's axes consist of, in order, and the order of
these in PyTorch's layout.
"""

from collections.abc import Mapping

import numpy as np
from mindspore import Tensor, nn

TorchAxes = tuple[tuple[int, ...], tuple[int, ...]]


def to_torch(cell: nn.Cell, arrays: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """The parameters of `cell`, or numbers of the same names such as gradients, in PyTorch's layouts.

    Args:
        cell: a network, whose parameters may have had something put before their names.
        arrays: by the names of parameters of `cell`, not necessarily all, in the cell's layouts; its values if None.

    Returns:
        By the same names, copies.
    """
    parameters = {parameter.name: parameter for parameter in cell.get_parameters()}
    if arrays is None:
        arrays = {name: parameter.asnumpy() for name, parameter in parameters.items()}
    layouts = _layouts(cell)
    found = {}
    for name, array in arrays.items():
        sizes, axes = layouts.get(name, (parameters[name].shape, range(array.ndim)))
        found[name] = array.reshape(sizes).transpose(axes).copy()
    return found


def from_torch(cell: nn.Cell, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `to_torch`.

    Raises:
        KeyError: a name is not that of a parameter of `cell`.
        ValueError: a shape is not PyTorch's for it.
    """
    parameters = {parameter.name: parameter for parameter in cell.get_parameters()}
    layouts = _layouts(cell)
    found = {}
    for name, array in arrays.items():
        shape = parameters[name].shape
        sizes, axes = layouts.get(name, (shape, tuple(range(len(shape)))))
        expected = tuple(sizes[axis] for axis in axes)
        if array.shape != expected:
            raise ValueError(f"{name} has the shape {array.shape}, not {expected}")
        found[name] = array.transpose(np.argsort(axes)).reshape(shape).copy()
    return found


def load_torch(cell: nn.Cell, arrays: Mapping[str, np.ndarray]) -> None:
    """Sets the parameters of `cell` that `arrays` names, in PyTorch's layouts; raises as `from_torch` does."""
    parameters = {parameter.name: parameter for parameter in cell.get_parameters()}
    for name, array in from_torch(cell, arrays).items():
        parameters[name].set_data(Tensor(array.astype(np.float32)))


def _layouts(cell: nn.Cell) -> dict[str, TorchAxes]:
    """By the name of each weight that is kept as a matrix: what its layer says of it."""
    layers = [layer for _, layer in cell.cells_and_names() if hasattr(layer, "torch_axes")]
    return {layer.weight.name: layer.torch_axes for layer in layers}
