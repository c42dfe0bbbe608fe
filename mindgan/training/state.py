"""All that must survive a restart of a training."""

from dataclasses import dataclass, field

import numpy as np
from mindspore import Tensor, nn

from mindgan.runtime.errors import UserError


@dataclass
class TrainState:
    """Networks and optimisers by name, and how far the training is.

    Attributes:
        cells: the networks and optimisers; their parameters are the state, under ``cell/parameter``.
        about: what the run is of, such as its settings and its data: a state with another `about` is refused.
        nimg: images seen.
    """

    cells: dict[str, nn.Cell]
    about: dict[str, str] = field(default_factory=dict)
    nimg: int = 0

    def arrays(self) -> dict[str, np.ndarray]:
        """A copy of every parameter, by name; an optimiser's list includes no network's."""
        return {name: parameter.asnumpy().copy() for name, parameter in self._parameters().items()}

    def load(self, arrays: dict[str, np.ndarray], nimg: int) -> None:
        """Sets every parameter. Call it before the step is compiled: compiled code may keep older values.

        Raises:
            UserError: names or shapes are not those of this state.
        """
        parameters = self._parameters()
        if parameters.keys() != arrays.keys():
            different = sorted(parameters.keys() ^ arrays.keys())
            raise UserError(f"the checkpoint is of other networks: {different[0]} is in one of the two only")
        for name, parameter in parameters.items():
            if parameter.shape != arrays[name].shape:
                raise UserError(
                    f"the checkpoint is of other sizes: {name} has {arrays[name].shape}, here it is {parameter.shape}"
                )
        for name, parameter in parameters.items():
            parameter.set_data(Tensor(arrays[name]))
        self.nimg = nimg

    def _parameters(self) -> dict:
        seen: set[int] = set()
        found = {}
        for cell_name, cell in self.cells.items():  # networks come first; optimisers hold their parameters too
            for parameter in cell.get_parameters():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    found[f"{cell_name}/{parameter.name}"] = parameter
        return found
