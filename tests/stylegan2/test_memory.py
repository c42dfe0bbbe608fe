"""What gradients take of memory that is not theirs to keep, each in a process of its own."""

import multiprocessing
import re
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from mindgan.stylegan2 import kernels
from mindgan.stylegan2.kernels import kernel_of
from mindgan.stylegan2.ops import Resample

STATUS = Path("/proc/self/status")

pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="reads peak memories where Linux has them")


class Gradients(nn.Cell):
    """The sum of the squares of what a Cell gives, and its gradients in all inputs."""

    def __init__(self, cell, num_inputs):
        super().__init__()
        self.cell = cell
        self.gradients = ms.value_and_grad(self.squares, tuple(range(num_inputs)))

    def squares(self, *inputs):
        return (self.cell(*inputs) ** 2).sum()

    def construct(self, *inputs):
        return self.gradients(*inputs)


def convolve_in_parts(conversation):
    kernels.PATCHES_BYTES = 20 << 20  # of one image
    kernel = kernel_of((32, 3, 8), (128, 128))
    send_growth(conversation, kernel, [(16, 128, 128, 32), kernel.weight_shape], counts_compiling=False)


def resample_wide_images(conversation):
    send_growth(conversation, Resample((100, 100), padding=(2, 1, 2, 1)), [(8, 100, 100, 128)], counts_compiling=True)


def send_growth(conversation, cell, shapes, *, counts_compiling):
    """Sends how much larger this process grew by the gradients, in bytes."""
    ms.set_context(mode=ms.GRAPH_MODE)
    inputs = [Tensor(np.ones(shape, np.float32)) for shape in shapes]
    before = peak_memory()
    gradients = Gradients(cell, len(inputs))
    gradients.compile(*inputs)
    before = before if counts_compiling else peak_memory()
    for _ in range(5):
        gradients(*inputs)[0].asnumpy()
    conversation.send(peak_memory() - before)


def peak_memory():
    """Of this process, in bytes; what `resource` tells begins with that of the process that made it."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[1]) * 1024


@pytest.mark.parametrize(
    ("work", "most"),
    [
        (convolve_in_parts, 16 * 128**2 * 9 * 32 * 4),  # all patches, 302 MB; in turn the parts take a third of it
        (resample_wide_images, 8 * 100**2 * 128 * 4 * 6),  # six times the images; turned by Transpose twelve
    ],
)
def test_memory_of_gradients(work, most):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs,))
    process.start()
    theirs.close()  # so that a process that ends without a word is not waited for
    assert ours.poll(120)
    assert ours.recv() < most
    process.join()
