"""What the bench compares with is the same network and the same losses: the golden vectors hold for it too."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")

GOLDEN = Path(__file__).parent / "golden" / "stylegan2"


def weights(golden, name):
    own = {key.removeprefix(f"{name}."): value for key, value in golden.items() if key.startswith(f"{name}.")}
    fixed = ("resample_filter", "noise_const")  # the filter is a constant of the twin, and noise is drawn
    return {key: torch.from_numpy(value.copy()) for key, value in own.items() if not key.endswith(fixed)}


class Drawn:
    """The latents, then the noise of the path lengths, in place of random numbers."""

    def __init__(self, golden):
        self.golden = golden

    def __call__(self, *shape):
        array = self.golden["in.z" if len(shape) == 2 else "in.pl_noise"]
        assert array.shape[1:] == shape[1:]
        return torch.from_numpy(array[: shape[0]].copy())


@pytest.fixture(params=[(kind, tuned) for kind in ("uncond", "orig", "skip") for tuned in (True, False)])
def twin_and_golden(request, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "scripts" / "bench"))
    import stylegan2_twin_networks
    from stylegan2_twin import Twin

    torch.set_num_threads(1)
    monkeypatch.setattr(stylegan2_twin_networks.StyledConv, "noise", lambda self, x: torch.zeros(1))
    kind, is_tuned = request.param
    with np.load(GOLDEN / f"networks_{kind}.npz") as file:
        golden = dict(file)
    architecture = kind if kind != "uncond" else "resnet"
    options = {"num_mapping_layers": 2, "z_dim": 32, "p": None, "architecture": architecture, "is_tuned": is_tuned}
    twin = Twin(16, 256, 24, 4, **options)
    for name in ("G", "D"):
        getattr(twin, name).load_state_dict(weights(golden, name))
    twin.style_mixing, twin.draw = 0.0, Drawn(golden)
    return twin, golden


def require_gradients(network, loss, golden, phase):
    network.zero_grad()
    loss.backward()
    expected = {key.removeprefix(f"grad.{phase}."): array for key, array in golden.items() if f"grad.{phase}." in key}
    found = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in network.named_parameters()}
    largest = max(np.abs(array).max() for array in expected.values())
    assert len(expected) > 10
    for name, array in expected.items():
        difference = np.abs(found[name].numpy().reshape(array.shape) - array).max()
        assert difference <= 1e-4 * max(np.abs(array).max(), 1e-2 * largest), name


def test_the_discriminator(twin_and_golden):
    twin, golden = twin_and_golden
    real = torch.from_numpy(golden["in.real"])
    np.testing.assert_allclose(twin.D(real).detach().numpy(), golden["out.D_real"], rtol=1e-4, atol=1e-5)
    penalty = golden["out.Dreg.Loss/r1_penalty"]
    twin.r1_gamma = float(2 * (golden["out.Dreg.Loss/D/reg"] / penalty).mean())
    require_gradients(twin.D, twin.loss_r1(real), golden, "Dreg")
    require_gradients(twin.D, twin.loss_D(real), golden, "Dmain")


def test_the_generator(twin_and_golden):
    twin, golden = twin_and_golden
    z = torch.from_numpy(golden["in.z"])
    ws = twin.G.mapping(z, update_w_avg=False)
    np.testing.assert_allclose(ws.detach().numpy(), golden["out.ws"], rtol=1e-4, atol=1e-5)
    images = twin.G.synthesis(ws).detach().numpy()
    np.testing.assert_allclose(images, golden["out.img_noise_none"], rtol=1e-4, atol=1e-4)
    require_gradients(twin.G, twin.loss_G(), golden, "Gmain")
    twin.pl_mean = torch.from_numpy(np.array(golden["out.Greg.pl_mean_before"]))
    require_gradients(twin.G, twin.loss_path_length(), golden, "Greg")
    assert float(twin.pl_mean) == pytest.approx(float(golden["out.Greg.pl_mean_after"]), rel=1e-4)


def test_features_have_the_memory_format_that_was_asked_for(twin_and_golden):
    twin, golden = twin_and_golden
    features = []
    hook = twin.D.b4.conv.register_forward_hook(lambda cell, inputs, output: features.append(inputs[0]))
    twin.D(torch.from_numpy(golden["in.real"]))
    hook.remove()
    expected = torch.channels_last if twin.is_tuned else torch.contiguous_format
    assert features[0].is_contiguous(memory_format=expected)
    assert features[0].is_contiguous() is not twin.is_tuned
