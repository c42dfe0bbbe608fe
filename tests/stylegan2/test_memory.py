"""How much memory a training is said to take, and that gradients keep none, each in a process of its own."""

import multiprocessing
import re
from pathlib import Path
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import psutil
import pytest
from mindspore import Tensor, nn

from mindgan.stylegan2 import kernels, memory
from mindgan.stylegan2.config import StyleGanConfig
from mindgan.stylegan2.kernels import kernel_of
from mindgan.stylegan2.memory import free_bytes, needed_bytes, tell_memory, warning_of_memory
from mindgan.stylegan2.ops import Resample
from mindgan.stylegan2.state import make_state

STATUS = Path("/proc/self/status")
TINY = {"image_height": 16, "image_width": 32, "channel_base": 64, "channel_max": 8, "z_dim": 4, "w_dim": 4}
FEATURES = 4 * 8 * 8 + 8 * 16 * 8 + 16 * 32 * 4  # of one image of TINY: channels at 4, 8 and 16 px


@pytest.fixture(scope="module")
def training():
    config = StyleGanConfig(batch_size=12, mbstd_group=2, **TINY).resolved()
    return config, make_state(config, 0)


def test_needed_memory(training):
    _, state = training
    G, D = (sum(parameter.size for parameter in state.cells[name].get_parameters()) for name in "GD")
    fixed = 0.95 * 2**30 + 4 * (5 * G + 4 * D)
    assert needed_bytes(state, 12, 12) == pytest.approx(fixed + 4 * 32 * 12 * FEATURES, rel=1e-12)
    in_parts = fixed + 4 * (G + D) + 4 * 32 * 4 * FEATURES
    assert needed_bytes(state, 12, 4) == pytest.approx(in_parts, rel=1e-12)


def test_parts_that_would_fit_are_named(training):
    """Of batches of 12, parts of 6, 4 and 2 have whole groups of 2 and an image for the path lengths."""
    config, state = training
    needed = {size: needed_bytes(state, 12, size) for size in (2, 4, 6, 12)}
    assert warning_of_memory(config, state, needed[12]) is None
    six = warning_of_memory(config, state, needed[12] - 1)
    assert six.startswith(f"warning: this may need about {needed[12] / 2**30:.1f} GB of memory, and ")
    for free, expected in ((needed[12] - 1, 6), (needed[6] - 1, 4), (needed[4] - 1, 2)):
        assert f"; --batch_gpu {expected}, which " in warning_of_memory(config, state, free)
    assert "; a smaller --resolution or" in warning_of_memory(config, state, needed[2] - 1)


@pytest.mark.parametrize(("target", "free", "expected"), [("CPU", 0, 1), ("CPU", 2**50, 0), ("Ascend", 0, 0)])
def test_whom_memory_is_told_of(target, free, expected, training, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    said = []
    tell_memory(*training, target, said.append)
    assert len(said) == expected


def test_what_the_process_has_is_its_to_use(monkeypatch):
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=5 << 30))
    assert free_bytes() == pytest.approx((5 << 30) + psutil.Process().memory_info().rss, rel=0.01)


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


@pytest.mark.skipif(not STATUS.exists(), reason="reads peak memories where Linux has them")
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
