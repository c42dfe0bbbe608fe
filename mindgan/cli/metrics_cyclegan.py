"""`mindgan metrics cyclegan`: how good translations are."""

from dataclasses import dataclass

from mindgan.cli.metrics_family import require_family
from mindgan.runtime.device import DeviceOptions
from mindgan.runtime.errors import require_at_least
from mindgan.runtime.files import user_path

DESCRIPTION = (
    "FID and KID of both directions against the target test sets, cycle and identity errors and, where test files pair "
    "by name, retrieval accuracy, perceptual distance, SSIM and PSNR; and the known failures that the curves show."
)


@dataclass(frozen=True)
class Options(DeviceOptions):
    """Measure translations."""

    source: str = "./result_cyclegan"
    """A run's folder; its newest checkpoint is measured."""

    data_url: str | None = None
    """Test images of the source domain, or of both, as of `train cyclegan`; by default the run's own, testA and testB
    where it has them."""

    target_data_url: str | None = None
    """Test images of the target domain."""

    inception: str | None = None
    """The weights pt_inception-2015-12-05-6726825d.pth, for FID and KID that compare with published ones. Without them
    a small network is trained on the two domains; its numbers compare within one data set only."""

    lpips: tuple[str, str] | None = None
    """The weights of LPIPS, for pairs: AlexNet's alexnet-owt-*.pth and LPIPS' own alex.pth. Without them the perceptual
    distance is one of the same small network."""

    num: int = 1000
    """At most so many test images a domain."""

    seed: int = 0
    """Seed of the small network and of KID's subsets."""

    def __post_init__(self) -> None:
        require_at_least(2, num=self.num)
        require_at_least(0, seed=self.seed)
        for name in ("source", "data_url", "target_data_url", "inception"):
            if getattr(self, name) is not None:
                user_path(f"--{name}", getattr(self, name))


def run(options: Options) -> int:
    """Prints the scores and writes them to metrics.json of the run."""
    from mindgan.runtime import device

    device.configure(options.device_target)
    require_family(options.source, "cyclegan")
    from mindgan.cyclegan.scoring import score_run, scores_text, verdict

    scores, warnings = score_run(
        options.source,
        options.data_url,
        options.target_data_url,
        inception=options.inception,
        lpips=options.lpips,
        num=options.num,
        seed=options.seed,
    )
    print(scores_text(scores))
    print(verdict(options.source, warnings))
    return 0
