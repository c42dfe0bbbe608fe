"""Data, state, step and hooks wired together: the training of the MLP GAN."""

import hashlib
from collections.abc import Callable

from mindspore import Tensor

from mindgan.data.batches import Batches
from mindgan.data.mnist import DigitSet, load
from mindgan.export import export_generator
from mindgan.mlp_gan import results, sample
from mindgan.mlp_gan.config import FIXED_BY_RUN, MlpGanConfig
from mindgan.mlp_gan.networks import Discriminator, Generator
from mindgan.mlp_gan.step import TrainStep
from mindgan.render.grids import to_uint8
from mindgan.runtime import device, randomness
from mindgan.runtime.progress import Console
from mindgan.runtime.run_directory import RunDirectory
from mindgan.training import checkpoint
from mindgan.training.adam import make_adam
from mindgan.training.hooks import AfterEpoch, Record, Save, Tell
from mindgan.training.run_config import tell_other_versions, write_config
from mindgan.training.state import TrainState
from mindgan.training.trainer import Losses, Schedule
from mindgan.training.trainer import train as train_loop


def train(config: MlpGanConfig) -> bool:
    """Trains, or goes on with, the run in ``config.train_url``; see `RunDirectory` for what it makes.

    Returns:
        True when the run is complete, False where Ctrl-C or SIGTERM ended it early.

    Raises:
        UserError: the data, the device, the folder or the settings do not do.
    """
    run = RunDirectory(config.train_url)
    run.check()
    target = device.configure(config.device_target, config.mode)
    with Console() as console:
        digits = load(config.dataset, config.data_url, verify=config.verify, say=console.say)
        batches = Batches(digits.images, batch_size=config.batch_size, seed=config.seed)
        run.create()  # only now: whatever is wrong with the data leaves nothing behind
        console.log_to(run.log)
        run.remove_parts()
        state = make_state(config)
        state.about = _about(config, digits)
        if checkpoint.restore_newest(run, state, say=console.say):
            console.say(f"going on after {state.nimg} images")
            if state.nimg < config.epochs * batches.nimg_per_epoch:
                tell_other_versions(run, console.say)
        _write_config(run, config, digits, batches, target)
        console.say(f"training on {len(digits.images)} images of {digits.source}, on {target}; see {run.root}")
        _save_real(run, config, digits)
        complete = _train(run, config, state, batches, console)
        if complete:
            _finish(run, config, state.cells["generator"], console)
        return complete


def _train(run: RunDirectory, config: MlpGanConfig, state: TrainState, batches: Batches, console: Console) -> bool:
    generator, discriminator = state.cells["generator"], state.cells["discriminator"]
    schedule = Schedule(config.batch_size, batches.steps_per_epoch, config.epochs)

    def rates(epoch: int) -> dict[str, float]:
        return {"lr": config.lr}

    hooks = [
        Record(run, start_nimg=state.nimg, log_frequency=config.log_frequency, rates=rates),
        AfterEpoch(lambda epoch: _draw(run, generator, epoch)),
        Save(run, {"Generator": generator, "Discriminator": discriminator}, keep=config.keep),
        Tell(console, schedule, log_frequency=config.log_frequency, rates=rates),  # last: what it tells is saved
    ]
    return train_loop(state, make_step(state, batches, config), schedule, hooks)


def make_state(config: MlpGanConfig) -> TrainState:
    """Networks and optimisers as the tutorial makes and names them, initialised from ``config.seed``."""
    device.seed_initialisation(config.seed)
    generator, discriminator = Generator(config.latent_size), Discriminator()
    generator.update_parameters_name("generator")
    discriminator.update_parameters_name("discriminator")
    adam = {"lr": config.lr, "beta1": config.beta1, "beta2": config.beta2}
    optim_d = make_adam(discriminator, "optim_d", **adam)
    optim_g = make_adam(generator, "optim_g", **adam)
    return TrainState({"generator": generator, "discriminator": discriminator, "optim_g": optim_g, "optim_d": optim_d})


def make_step(state: TrainState, batches: Batches, config: MlpGanConfig) -> Callable[[int], Losses]:
    """The step that starts when so many images were seen, as a function: draws, uploads, trains, returns the losses."""
    step = TrainStep(**state.cells)

    def run_step(nimg: int) -> Losses:
        latents = randomness.latents(config.seed, nimg, config.batch_size, config.latent_size)
        loss_d, loss_g = step(Tensor(batches.batch(nimg)), Tensor(latents))
        return {"loss_d": float(loss_d.asnumpy()), "loss_g": float(loss_g.asnumpy())}

    return run_step


def _about(config: MlpGanConfig, digits: DigitSet) -> dict[str, str]:
    """What a run is of; it may go on with other values of the rest."""
    settings = {f"--{name}": str(getattr(config, name)) for name in FIXED_BY_RUN}
    return {**settings, "data of SHA-256": hashlib.sha256(digits.images.tobytes()).hexdigest()[:16]}


def _write_config(run: RunDirectory, config: MlpGanConfig, digits: DigitSet, batches: Batches, target: str) -> None:
    about = {
        "family": "mlp_gan",
        "data": digits.source,
        "dataset": digits.name,
        "num_images": len(digits.images),
        "nimg_per_epoch": batches.nimg_per_epoch,
        "device": target,
    }
    write_config(run, config.settings(), about)


def _save_real(run: RunDirectory, config: MlpGanConfig, digits: DigitSet) -> None:
    order = randomness.generator(config.seed, "real").permutation(len(digits.images))
    results.save_grid(run.real, digits.images[order[:25]])


def _draw(run: RunDirectory, generator: Generator, epoch: int) -> None:
    latents = sample.fixed_latents(generator.latent_size)
    results.save_grid(run.image(epoch), to_uint8(sample.sample_with(generator, latents)))


def _finish(run: RunDirectory, config: MlpGanConfig, generator: Generator, console: Console) -> None:
    latents = sample.random_latents(config.seed, 25, config.latent_size)
    results.save_grid(run.samples, to_uint8(sample.sample_with(generator, latents)))
    results.render(run.root)
    export_generator(generator, run.mindir, say=console.say)
    console.say(f"done: see {run.report}")
