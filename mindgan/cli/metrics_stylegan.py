"""`mindgan metrics stylegan`: how good new images are."""

from dataclasses import dataclass

from mindgan.cli.metrics_family import require_family
from mindgan.runtime.device import DeviceOptions
from mindgan.runtime.errors import require_at_least, require_seed
from mindgan.runtime.files import user_path
from mindgan.stylegan2.limits import require_trunc

DESCRIPTION = (
    "FID and KID of a StyleGAN2 run's new images against all images of its data, of the newest snapshot or of "
    "--all_snapshots, and the FID between two halves of the images, which no generator need fall below."
)


@dataclass(frozen=True)
class Options(DeviceOptions):
    """Measure new images."""

    source: str = "./result_stylegan"
    """A run's folder; its newest snapshot is measured."""

    data_url: str | None = None
    """Images to compare with, as of `train stylegan`; by default those of the run, all of them also where it was
    trained with --subset, and as they are also where it was with --mirror."""

    inception: str | None = None
    """The weights pt_inception-2015-12-05-6726825d.pth, for FID and KID that compare with published ones (with --num
    50000 and --trunc 1). Without them a small network is trained on the images; its numbers compare within one data set
    only."""

    feature_data_url: str | None = None
    """Images to train the small network on, where those to compare with teach it little: of a folder of classes it
    learns more than of one class of them."""

    num: int | None = None
    """How many images to draw of each snapshot; distances compare between equal numbers only. None for as many as there
    are to compare with, 1,000 to 10,000."""

    trunc: float = 1.0
    """Truncation psi of what is drawn: 1 for all variety, towards 0 for the average."""

    all_snapshots: bool = False
    """Measure each snapshot there is, on the same latents, and mark the best."""

    held_out: bool = False
    """Compare with those images alone that a run with --subset was not trained on: copies of the others count as
    nothing then."""

    seed: int = 0
    """Seed of the latents and labels, the small network and KID's subsets."""

    def __post_init__(self) -> None:
        if self.num is not None:
            require_at_least(2, num=self.num)  # a covariance needs two
        require_seed(self.seed)
        require_trunc(self.trunc)
        for name in ("source", "data_url", "inception", "feature_data_url"):
            if getattr(self, name) is not None:
                user_path(f"--{name}", getattr(self, name))


def run(options: Options) -> int:
    """Prints the scores and writes them to metrics.json of the run."""
    from mindgan.runtime import device

    device.configure(options.device_target)
    require_family(options.source, "stylegan2")
    from mindgan.stylegan2.scoring import score_run, scores_text

    scores = score_run(
        options.source,
        options.data_url,
        inception=options.inception,
        feature_data_url=options.feature_data_url,
        num=options.num,
        psi=options.trunc,
        all_snapshots=options.all_snapshots,
        held_out=options.held_out,
        seed=options.seed,
    )
    print(scores_text(scores))
    return 0
