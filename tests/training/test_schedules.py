"""Learning rates against PyTorch's schedulers and numbers by hand."""

import pytest

from mindgan.training.schedules import factor


def factors(policy, epochs, decay_epochs=0, step_epochs=1):
    return [
        factor(policy, epoch, epochs=epochs, decay_epochs=decay_epochs, step_epochs=step_epochs)
        for epoch in range(epochs)
    ]


def test_linear_by_hand():
    """Of six epochs three are constant; the other three go down a line that is 0 at the one after the last."""
    assert factors("linear", 6, decay_epochs=3) == pytest.approx([1, 1, 1, 3 / 4, 2 / 4, 1 / 4])
    assert factors("linear", 3, decay_epochs=3) == pytest.approx([3 / 4, 2 / 4, 1 / 4])
    assert factors("linear", 3, decay_epochs=0) == [1, 1, 1]


def test_the_papers_200_epochs():
    values = factors("linear", 200, decay_epochs=100)
    assert values[:100] == [1] * 100
    assert values[100] == pytest.approx(100 / 101)
    assert values[199] == pytest.approx(1 / 101)


def test_step_and_cosine_by_hand():
    assert factors("step", 5, step_epochs=2) == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert factors("cosine", 4) == pytest.approx([1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5])
    assert factors("constant", 3) == [1, 1, 1]


def torch_factors(make, epochs):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; see scripts/bench/requirements.txt")
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler, found = make(torch.optim.lr_scheduler, optimiser), []
    for _ in range(epochs):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("policy", "make"),
    [
        ("linear", lambda of, optimiser: of.LambdaLR(optimiser, lambda epoch: 1 - max(0, epoch + 1 - 7) / (4 + 1))),
        ("step", lambda of, optimiser: of.StepLR(optimiser, step_size=3, gamma=0.1)),
        ("cosine", lambda of, optimiser: of.CosineAnnealingLR(optimiser, T_max=11, eta_min=0)),
    ],
)
def test_as_pytorch(policy, make):
    assert factors(policy, 11, decay_epochs=4, step_epochs=3) == pytest.approx(torch_factors(make, 11), rel=1e-12)
