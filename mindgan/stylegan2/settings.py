"""Every setting of StyleGAN2-ADA, each with its default, once."""

from dataclasses import dataclass, fields
from typing import Literal

from mindgan.runtime.device import DeviceOptions, Mode

Aug = Literal["noaug", "ada", "fixed"]
AugPipe = Literal["blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc"]
NoiseMode = Literal["const", "random", "none"]


@dataclass(frozen=True)
class Settings(DeviceOptions):
    """What a training is asked for, not checked yet; what is None is left open."""

    data_url: str | None = None
    """Images: a folder, a folder of class folders, .zip (with dataset.json), TFRecords or ModelArts manifest. None for
    the embedded digits."""

    train_url: str = "./result_stylegan"
    """Folder for everything the run makes."""

    do_validation: bool = True
    """Check every image first, mend or leave out what is wrong, and report on each; originals stay untouched."""

    image_max_width: int = -1
    """Validation reduces wider images proportionally, px; -1 for any width."""

    image_max_height: int = -1
    """Validation reduces higher images proportionally, px; -1 for any height."""

    resolution: int = 256
    """Height and width of the images, px; a power of two from 8 to 1024."""

    image_height: int = 0
    """Height of the images where they are no squares, px: like the width 4 or more times a power of two; 0 for
    --resolution."""

    image_width: int = 0
    """Width of the images where they are no squares, px; 0 for --resolution."""

    image_channel: int = 3
    """3 for colour, 1 for grey, 4 for colour and transparency."""

    batch_size: int = 8
    """Images a step; 0 for what `auto` takes at this resolution."""

    batch_gpu: int = 0
    """Images a device computes at once; gradients of several such parts add up to a step. 0 for --batch_size."""

    total_kimg: float = 300.0
    """How long to train, in thousands of images shown to the discriminator."""

    generate_num: int = 300
    """New images of each class, or in all without classes, into Data/ after the training."""

    image_format: Literal["jpg", "png"] = "jpg"
    """Of the images in Data/."""

    trunc: float = 1.0
    """Truncation psi of the images in Data/: 1 for all variety, towards 0 for the average."""

    predict: bool = False
    """Draw the images of Data/ with the network of --resume, without training."""

    resume: str = ""
    """A run, a .ckpt or (with --predict) a .mindir: to draw with, or to start training from its weights (transfer
    learning). Empty for none."""

    resume_partial: bool = False
    """Take what fits of --resume where resolution, channels or classes differ."""

    freezed: int = 0
    """Layers of the discriminator, counted from the image, that are not trained (Freeze-D, for transfer learning)."""

    cond: bool | None = None
    """Train with the class labels; None where there are two classes or more."""

    subset: int = 0
    """Train with so many images, chosen by the seed; 0 for all."""

    mirror: bool = False
    """Show each image mirrored too, which doubles the data. Not for text or faces that must not flip."""

    resize_filter: Literal["lanczos", "box"] = "lanczos"
    """How images of other sizes are reduced."""

    aug: Aug = "ada"
    """ada adapts the probability of augmentation, fixed keeps --p, noaug has none."""

    p: float | None = None
    """Probability of augmentation with --aug fixed."""

    target: float | None = None
    """What --aug ada holds the discriminator's confidence at, mean sign D(real); None for 0.6."""

    augpipe: AugPipe = "bgc"
    """What is augmented: blit, geom, color, filter, noise, cutout, or several, as bgc, by their first letters."""

    p_max: float | None = None
    """The largest probability of augmentation with --aug ada; None for any, as published. Above 0.8 they leak."""

    no_rotate: bool = False
    """No augmentation by rotation, where orientation matters and leaks into the images."""

    no_flip: bool = False
    """No augmentation by mirroring, where right and left matter."""

    ada_kimg: float | None = None
    """Thousands of images in which the probability can go from 0 to 1; None for 500, after --resume 100."""

    gamma: float | None = None
    """Weight of R1, the most important setting: larger is smoother, with less variety. Try a half, twice, 4 times; 0
    leaves its phase out; None for `auto`'s, which --dry_run tells."""

    lr: float | None = None
    """Learning rate of both networks' Adam; None for `auto`'s."""

    ema_kimg: float | None = None
    """Half-life of the average of the generator's weights, in thousands of images; None for `auto`'s."""

    ema_rampup: float | None = None
    """The half-life is at most so much of the images seen so far; 0 for no such limit, None for `auto`'s."""

    mbstd_group: int | None = None
    """Images that the discriminator compares with one another; None for `auto`'s."""

    z_dim: int = 512
    """Length of the latents."""

    w_dim: int = 512
    """Length of the styles."""

    map_depth: int | None = None
    """Layers of the mapping network; None for `auto`'s."""

    channel_base: int | None = None
    """Channels of a layer times its resolution, at most; None for `auto`'s."""

    channel_max: int = 512
    """Channels of a layer, at most."""

    conv_clamp: float | None = None
    """The largest absolute value of an activation; None for any (256 was made for half precision)."""

    architecture: Literal["resnet", "skip", "orig"] = "resnet"
    """Of the discriminator."""

    pl_weight: float = 2.0
    """Weight of the path-length penalty; 0 leaves its phase out."""

    pl_batch_shrink: int = 2
    """The path-length phase takes a batch so many times smaller."""

    G_interval: int = 4
    """The path-length phase comes every so many steps."""

    D_interval: int = 16
    """The R1 phase comes every so many steps."""

    style_mixing: float = 0.9
    """Probability that a batch has two latents an image."""

    kimg_per_tick: float = 4.0
    """A line of progress, the curves and the state to resume from every so many thousand images."""

    snap: int = 5
    """Samples and the model every so many ticks, and at the end."""

    grid: int = 8
    """Columns of the sample grids, and rows, of which there are more where there are more classes, up to 32."""

    dry_run: bool = False
    """Tell the settings, parameter counts, time and peak memory of a run from three steps, and train nothing."""

    seed: int = 0
    """Seed of the weights, the latents, the order of the images, the augmentation and the noise."""

    mode: Mode = "graph"
    """graph compiles the phases; pynative is for --predict: MindSpore's gradients of gradients are wrong there."""

    keep: int = 1000
    """How many .ckpt of model/ to keep, the newest."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the images."""
        return self.image_height or self.resolution, self.image_width or self.resolution

    def settings(self) -> dict[str, object]:
        """Every setting by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
