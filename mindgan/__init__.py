"""mindgan: GANs on MindSpore. The public names, one page.

Networks and steps need MindSpore, which takes seconds to load, so every name below is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mindgan.runtime import device as _device

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mindgan.cyclegan.config import CycleGanConfig as CycleGanConfig
    from mindgan.cyclegan.networks import PatchDiscriminator as PatchDiscriminator
    from mindgan.cyclegan.networks import ResnetGenerator as ResnetGenerator
    from mindgan.cyclegan.networks import UnetGenerator as UnetGenerator
    from mindgan.cyclegan.results import render as render_cyclegan_run
    from mindgan.cyclegan.scoring import score_run as cyclegan_scores
    from mindgan.cyclegan.translate import load_translator as load_translator
    from mindgan.data.mnist import DigitSet as DigitSet
    from mindgan.data.mnist import load as load_digits
    from mindgan.export import export_generator as export_generator
    from mindgan.metrics.digits import score as digit_scores
    from mindgan.mlp_gan.config import MlpGanConfig as MlpGanConfig
    from mindgan.mlp_gan.generate import generate as generate_digits
    from mindgan.mlp_gan.networks import Discriminator as MlpDiscriminator
    from mindgan.mlp_gan.networks import Generator as MlpGenerator
    from mindgan.mlp_gan.recipe import train as train_mlp_gan
    from mindgan.mlp_gan.results import render as render_run
    from mindgan.mlp_gan.sample import load_generator as load_generator
    from mindgan.mlp_gan.step import TrainStep as MlpTrainStep
    from mindgan.modelarts.operators import cyclegan as train_cyclegan
    from mindgan.modelarts.stylegan import stylegan as train_stylegan
    from mindgan.runtime.device import configure as configure
    from mindgan.runtime.errors import UserError as UserError
    from mindgan.stylegan2.config import StyleGanConfig as StyleGanConfig
    from mindgan.stylegan2.drawing import load_network as load_stylegan
    from mindgan.stylegan2.networks import Discriminator as StyleGanDiscriminator
    from mindgan.stylegan2.networks import Generator as StyleGanGenerator
    from mindgan.stylegan2.results import render as render_stylegan_run

_HOMES = {
    "CycleGanConfig": "mindgan.cyclegan.config:CycleGanConfig",
    "DigitSet": "mindgan.data.mnist:DigitSet",
    "MlpDiscriminator": "mindgan.mlp_gan.networks:Discriminator",
    "MlpGanConfig": "mindgan.mlp_gan.config:MlpGanConfig",
    "MlpGenerator": "mindgan.mlp_gan.networks:Generator",
    "MlpTrainStep": "mindgan.mlp_gan.step:TrainStep",
    "PatchDiscriminator": "mindgan.cyclegan.networks:PatchDiscriminator",
    "ResnetGenerator": "mindgan.cyclegan.networks:ResnetGenerator",
    "StyleGanConfig": "mindgan.stylegan2.config:StyleGanConfig",
    "StyleGanDiscriminator": "mindgan.stylegan2.networks:Discriminator",
    "StyleGanGenerator": "mindgan.stylegan2.networks:Generator",
    "UnetGenerator": "mindgan.cyclegan.networks:UnetGenerator",
    "UserError": "mindgan.runtime.errors:UserError",
    "configure": "mindgan.runtime.device:configure",
    "cyclegan_scores": "mindgan.cyclegan.scoring:score_run",
    "digit_scores": "mindgan.metrics.digits:score",
    "export_generator": "mindgan.export:export_generator",
    "generate_digits": "mindgan.mlp_gan.generate:generate",
    "load_digits": "mindgan.data.mnist:load",
    "load_generator": "mindgan.mlp_gan.sample:load_generator",
    "load_stylegan": "mindgan.stylegan2.drawing:load_network",
    "load_translator": "mindgan.cyclegan.translate:load_translator",
    "render_cyclegan_run": "mindgan.cyclegan.results:render",
    "render_run": "mindgan.mlp_gan.results:render",
    "render_stylegan_run": "mindgan.stylegan2.results:render",
    "train_cyclegan": "mindgan.modelarts.operators:cyclegan",
    "train_mlp_gan": "mindgan.mlp_gan.recipe:train",
    "train_stylegan": "mindgan.modelarts.stylegan:stylegan",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'mindgan' has no attribute {name!r}")
    module, attribute = _HOMES[name].split(":")
    return getattr(import_module(module), attribute)
