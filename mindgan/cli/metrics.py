"""`mindgan metrics`: how good generated digits are."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

from mindgan.cli.metrics_family import require_family
from mindgan.data.mnist import DigitOptions
from mindgan.runtime.device import DeviceOptions
from mindgan.runtime.errors import UserError, require_at_least
from mindgan.runtime.files import user_path

DESCRIPTION = (
    "MNIST-FID (Frechet distance to the test images, in the features of a small CNN that is trained once and kept) "
    "and class balance of a generator's digits."
)


USUAL_NUM = 10_000


@dataclass(frozen=True)
class Options(DeviceOptions, DigitOptions):
    """Measure digits."""

    source: str = "./result"
    """A run's folder (its newest checkpoint), a .ckpt, a .mindir, or a .npy of uint8 images [N, 1, 28, 28]."""

    num: int = USUAL_NUM
    """How many digits to generate; distances are comparable between equal numbers only."""

    seed: int = 0
    """Seed of the latents."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(2, num=self.num)  # a covariance needs two
        require_at_least(0, seed=self.seed)


def run(options: Options) -> int:
    """Prints the scores, one a line."""
    from mindgan.runtime import device

    device.configure(options.device_target)
    require_family(options.source, "mlp_gan")
    from mindgan.data.mnist import load
    from mindgan.metrics.digits import score

    images = _images(options)  # before the data: these may have to be downloaded
    which = _data_of_the_run(options)
    digits = load(which.dataset, which.data_url, verify=which.verify)
    scores = score(images, digits, say=print)
    measure = "MNIST-FID" if digits.name == "mnist" else "digits-FID"  # the two are not comparable
    print(f"{measure:<20} {scores.fid:.3f}  ({scores.num_samples} samples, {scores.num_reference} test images)")
    if scores.num_samples < USUAL_NUM:
        print(f"                     (fewer than {USUAL_NUM:,} samples score higher: compare equal numbers only)")
    print(f"compared with        {digits.source}")
    print(f"class entropy        {scores.class_entropy_bits:.4f} bits of 3.3219")
    print("digits 0 to 9        " + " ".join(map(str, scores.class_counts)))
    print(f"classifier accuracy  {scores.classifier_accuracy:.4f}")
    return 0


def _data_of_the_run(options: Options) -> DigitOptions:
    """Where no data are asked for, those that the run in --source was trained on: scores on others mislead."""
    from mindgan.runtime.run_directory import RunDirectory
    from mindgan.training.run_config import read_config

    run = RunDirectory(options.source)
    if options.data_url is not None or options.dataset != "auto" or not run.config.is_file():
        return options
    config = read_config(run)
    settings = config["settings"]
    if config["run"].get("dataset") == "digits":
        return DigitOptions(dataset="digits")
    data_url = settings.get("data_url")
    there = isinstance(data_url, str) and Path(data_url).expanduser().is_dir()
    return DigitOptions(data_url if there else None, "mnist", settings.get("verify") is not False)


def _images(options: Options):  # type: ignore[no-untyped-def]
    """The images to measure: uint8 [N, 1, 28, 28]."""
    import numpy as np

    from mindgan.mlp_gan import sample

    path = user_path("--source", options.source)
    if path.suffix != ".npy":
        sampler = sample.load_sampler(path)
        return sampler.images(sample.random_latents(options.seed, options.num, sampler.latent_size))
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)  # no memory is taken for what is not there
        images = np.array(images) if isinstance(images, np.ndarray) else None
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise UserError(f"{path} cannot be read as a .npy file: {error}") from error
    if images is None:
        raise UserError(f"{path} holds several arrays; save the images alone with numpy.save")
    if images.dtype != np.uint8 or images.shape[1:] != (1, 28, 28):
        raise UserError(f"{path} holds {images.dtype} {images.shape}; it must hold uint8 (N, 1, 28, 28)")
    return images
