"""`mindgan import`: published PyTorch weights to a checkpoint."""

from dataclasses import dataclass

from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path

DESCRIPTION = (
    "Import CycleGAN networks of the paper's PyTorch implementation (latest_net_G_A.pth); weights only, nothing in the "
    "file is executed. The .ckpt then goes into `translate`, `export` or `cyclegan --resume`."
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Import networks."""

    source: str
    """A .pth file, or the folder with latest_net_G_A.pth, latest_net_G_B.pth and, to train on, D_A and D_B."""

    out: str = "./imported.ckpt"
    """The checkpoint to write."""

    epoch: str = "latest"
    """Of a folder's files: latest, or a number such as 200."""

    def __post_init__(self) -> None:
        user_path("--source", self.source)
        if user_path("--out", self.out).suffix != ".ckpt":
            raise UserError(f"--out {self.out} must end in .ckpt")
        if not self.epoch.isalnum():
            raise UserError(f"--epoch {self.epoch} is none; use latest, or a number")


def run(options: Options) -> int:
    """Writes the checkpoint and says what is in it."""
    from mindgan.runtime import device

    device.configure("CPU")
    from mindgan.cyclegan.importing import find, import_networks

    files = find(user_path("--source", options.source), options.epoch)
    kind = import_networks(files, user_path("--out", options.out))
    blocks = f", {kind.num_blocks} blocks" if kind.generator == "resnet" else ""
    about = f"{kind.generator}{blocks}, ngf {kind.ngf}, {kind.image_channel} channels"
    print(f"{', '.join(files)} ({about}) imported into {options.out}")
    return 0
