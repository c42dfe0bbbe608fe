import numpy as np
from mindspore import Tensor

from mindgan.mlp_gan.losses import discriminator_loss, generator_loss


def column(*values):
    return Tensor(np.array(values, np.float32)[:, None])


def test_by_hand():
    loss = discriminator_loss(column(0.8, 0.5), column(0.1, 0.4)).asnumpy()
    by_hand = -(np.log(0.8) + np.log(0.5)) / 2 - (np.log(0.9) + np.log(0.6)) / 2
    np.testing.assert_allclose(loss, by_hand, rtol=1e-6)
    np.testing.assert_allclose(generator_loss(column(0.1, 0.4)).asnumpy(), -(np.log(0.1) + np.log(0.4)) / 2, rtol=1e-6)


def test_equilibrium():
    half = column(0.5, 0.5, 0.5)
    np.testing.assert_allclose(discriminator_loss(half, half).asnumpy(), 2 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(generator_loss(half).asnumpy(), np.log(2), rtol=1e-6)


def test_certainty_is_finite():
    assert np.isfinite(discriminator_loss(column(0.0), column(1.0)).asnumpy())
    assert np.isfinite(generator_loss(column(0.0)).asnumpy())
