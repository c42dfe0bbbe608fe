"""MindIR files of equal networks are equal, and compute what they computed."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops
from mindspore.train.mind_ir_pb2 import ModelProto

from mindgan.runtime import device
from mindgan.training.mindir import canonical


class Network(nn.Cell):
    """Small, with several primitives of a kind, and free sizes."""

    def __init__(self):
        super().__init__()
        self.first = nn.Dense(3, 4, weight_init=0.5, bias_init=-1)
        self.second = nn.Dense(4, 2, weight_init=-0.25, bias_init=0)

    def construct(self, x):
        rows = ops.concat((ops.relu(self.first(x)), ops.relu(-self.first(x))))
        return ops.tanh(self.second(rows)) + ops.relu(rows).sum(1, keepdims=True)


@pytest.fixture(scope="module", autouse=True)
def compiled():
    device.configure("CPU", "graph")


def exported(network, path):
    ms.export(network, Tensor(shape=[None, 3], dtype=ms.float32), file_name=str(path), file_format="MINDIR")
    return path.with_suffix(".mindir").read_bytes()


def test_two_exports_in_one_process_are_the_same_bytes(tmp_path):
    """The second is numbered on from where the first ended, and is of another time."""
    one, other = (exported(Network(), tmp_path / name) for name in "ab")
    assert one != other
    assert canonical(one) == canonical(other)
    assert canonical(canonical(one)) == canonical(one)
    network = Network()
    network.second.bias.set_data(Tensor([1.0, 2.0], ms.float32))
    assert canonical(exported(network, tmp_path / "c")) != canonical(one)


def test_the_file_computes_what_it_did_and_keeps_its_names(tmp_path):
    network = Network()
    network.update_parameters_name("net.")
    (tmp_path / "canonical.mindir").write_bytes(canonical(exported(network, tmp_path / "raw")))
    cell = nn.GraphCell(ms.load(str(tmp_path / "canonical.mindir")))
    assert set(cell.parameters_dict()) == {parameter.name for parameter in network.get_parameters()}
    for num in (1, 5):
        x = Tensor(np.random.default_rng(num).standard_normal((num, 3)).astype(np.float32))
        np.testing.assert_array_equal(cell(x).asnumpy(), network(x).asnumpy())


def test_where_nodes_stood_and_how_primitives_were_listed_is_not_in_the_bytes(tmp_path):
    """The first is another where the network first ran within a training step, the second in every process."""
    model = ModelProto()
    model.ParseFromString(exported(Network(), tmp_path / "raw"))
    model.user_info["family"] = "cyclegan"
    content = model.SerializeToString()
    primitives = [primitive.SerializeToString() for primitive in model.primitives]
    assert len(primitives) > 3
    assert len({node.domain for node in model.graph.node}) > 3
    for node in model.graph.node:
        node.domain = node.domain.replace("Default/", "Default/losses-Losses/")
    del model.primitives[:]
    for primitive in reversed(primitives):
        model.primitives.add().ParseFromString(primitive)
    assert canonical(model.SerializeToString()) == canonical(content)
    model.ParseFromString(canonical(content))
    assert dict(model.user_info) == {"family": "cyclegan"}
