"""What phases are put together from: the discriminator sees what the augmentation makes of its images."""

import numpy as np
import pytest
from mindspore import Tensor
from stylegan2_small import Training, recorded_inputs

from mindgan.stylegan2.phases import Phases, make_augment

AT = {"Gmain": 4, "Dmain": 6, "Dreg": 2}  # where the rows of the augmentation are among a phase's inputs


@pytest.fixture(scope="module")
def training():
    """Every image is augmented."""
    return Training(aug="fixed", p=1.0, augpipe="bgc")


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("phase", AT)
def test_scores_are_of_augmented_images(training, phase):
    augment = make_augment(training.config)
    inputs = list(recorded_inputs(training, [0])[phase, 0][0])

    def reports():
        """Of the first weights: float32 [values, N]."""
        cells = Phases(training.restart().state.cells, training.config, augment, {}).cells
        return cells[phase](*map(Tensor, inputs)).asnumpy()

    augmented, again = reports(), reports()
    np.testing.assert_allclose(again, augmented, rtol=1e-5, atol=1e-6)
    rows = inputs[AT[phase]]
    inputs[AT[phase]] = augment.draw(np.random.default_rng(0), 0.0, len(rows))  # which leaves images as they are
    assert (np.abs(reports() - augmented)[0] > 1e-4).all()  # scores
