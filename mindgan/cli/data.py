"""`mindgan data`: fetch, check and preview a dataset."""

from dataclasses import dataclass

from mindgan.data.mnist import DigitOptions
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path

DESCRIPTION = "Fetch and check the digits a training would see, count them, and preview them as a picture."


@dataclass(frozen=True)
class Options(DigitOptions):
    """Look at the data."""

    preview: str = "./digits.png"
    """The picture to write, a .png: ten images of each class, a class a row."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if user_path("--preview", self.preview).suffix.lower() != ".png":
            raise UserError(f"--preview {self.preview} must end in .png")


def run(options: Options) -> int:
    """Says what there is and writes the preview."""
    import numpy as np

    from mindgan.data.mnist import load
    from mindgan.render.grids import image_grid, save_png

    digits = load(options.dataset, options.data_url, verify=options.verify)
    print(f"{digits.name}: {digits.source}")
    for name, images, labels in (
        ("training", digits.images, digits.labels),
        ("test", digits.test_images, digits.test_labels),
    ):
        counts = " ".join(f"{label}:{count}" for label, count in enumerate(np.bincount(labels, minlength=10)))
        print(f"{len(images)} {name} images; by label {counts}")
    rows = [digits.images[digits.labels == label][:10] for label in np.unique(digits.labels)]
    blank = np.zeros((10, *digits.images.shape[1:]), np.uint8)
    preview = np.concatenate([np.concatenate([row, blank])[:10] for row in rows])
    save_png(user_path("--preview", options.preview), image_grid(preview, columns=10, scale=2))
    print(f"preview: {options.preview}")
    return 0
