"""`mindgan mnist`: train the MLP GAN."""

from mindgan.mlp_gan.config import MlpGanConfig

DESCRIPTION = (
    "Train the MLP GAN of MindSpore's tutorial 'GAN for Image Generation' on handwritten digits. "
    "The same command goes on where it was stopped."
)


def run(config: MlpGanConfig) -> int:
    """Exit code 0 when the training is complete, 130 where it was stopped early."""
    from mindgan.runtime import device

    device.load_framework()
    from mindgan.mlp_gan.recipe import train

    return 0 if train(config) else 130
