"""Whole runs of the operator of every kind: training, Data/, manifest, MindIR and report."""

import json
from pathlib import Path

import numpy as np
import pytest
from cyclegan_runs import run_here
from image_files import encoded, write
from PIL import Image
from stylegan_runs import SMALL, not_reloading

from mindgan.export import mindir_input_shapes
from mindgan.runtime.jsonl import read_stats
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import checkpoints, memory

pytestmark = pytest.mark.slow

NUM, GRID, MARGIN = 6, 2, 2  # images, rows and columns of samples, px around a sample
# Without path lengths and with R1 at every step there are two graphs to compile, not four.
SHORT = [
    *("--kimg", "0.016", "--kimg_per_tick", "0.008", "--snap", "1", "--generate_num", "3", "--image_format", "png"),
    *("--pl_weight", "0", "--D_interval", "1"),
]
OPTIONS = {
    "rgba": "--resolution 16 --image_channel 4 --aug fixed --p 0.9 --cond False",
    "rectangle": "--image_height 16 --image_width 32 --aug noaug",
    "grey": "--image_channel 1 --architecture skip --aug noaug --mirror",
    "vectors": "--cond True --batch_gpu 2 --architecture orig --aug fixed --p 0.5 --augpipe blit",
}
SIZES = {"rgba": (16, 16), "rectangle": (16, 32)}
CHANNELS = {"rgba": 4, "grey": 1}
MODES = {"rgba": "RGBA", "grey": "L"}
P = {"rgba": 0.9, "vectors": 0.5}
ARCHITECTURES = {"grey": "skip", "vectors": "orig"}


def disc(index: int, height: int, width: int) -> np.ndarray:
    """A disc of another colour and place in each image, with nothing around it: RGBA [H, W, 4]."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    distances = np.hypot(rows - height / 2 + index % 3 - 1, columns - width / 2 + index)
    alpha = np.clip(height / 3 - distances, 0, 1)
    colour = np.array([[250, 60, 40], [40, 200, 90], [60, 80, 240]])[index % 3]
    return np.dstack([np.broadcast_to(colour, (height, width, 3)), 255 * alpha]).round().astype(np.uint8)


def on_white(rgba: np.ndarray) -> np.ndarray:
    share = rgba[..., 3:] / 255
    return (share * rgba[..., :3] + (1 - share) * 255).round().astype(np.uint8)


def images_of(kind: str) -> list[Image.Image]:
    discs = [disc(index, *SIZES.get(kind, (8, 8))) for index in range(NUM)]
    return [Image.fromarray(each if kind == "rgba" else on_white(each)) for each in discs]


@pytest.fixture(scope="module", params=OPTIONS)
def trained(request, tmp_path_factory) -> tuple[str, RunDirectory]:
    """What kind it is of, and the run."""
    kind, folder = request.param, tmp_path_factory.mktemp(request.param)
    files = {f"{index}.png": encoded(image) for index, image in enumerate(images_of(kind))}
    write(folder / "discs", files)
    if kind == "vectors":
        labels = [[name, [0.25 * index, 1.0, -0.5]] for index, name in enumerate(files)]
        (folder / "discs" / "dataset.json").write_text(json.dumps({"labels": labels}))
    with not_reloading(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "free_bytes", lambda: 0)
        options = [*SMALL, *SHORT, *OPTIONS[kind].split()]
        assert run_here("stylegan", "--data", folder / "discs", "--outdir", folder / "run", *options) == 0
    return kind, RunDirectory(folder / "run")


def test_what_takes_long_and_what_was_warned_of_is_told(trained):
    _, run = trained
    log = run.log.read_text()
    of_memory = log.index("warning: this may need about 1.0 GB of memory, and there are 0.0;")
    assert of_memory < log.index("the first step compiles the networks, which can take a minute or two\n")  # p is not 0
    warnings = [line.removeprefix("warning: ") for line in log.splitlines() if line.startswith("warning: 6 images")]
    assert len(warnings) == 1
    assert json.loads(run.config.read_text())["run"]["warnings"][-1] == warnings[0]


def opened(path: Path) -> tuple[tuple[int, int], str]:
    """Size as (height, width), and mode."""
    with Image.open(path) as image:
        image.load()
        return image.size[::-1], image.mode


def tiles(path: Path, height: int, width: int) -> np.ndarray:
    """The pictures of a grid: int [rows columns, H, W] or with channels at the end."""
    pixels = pixels_of(path)
    corners = [np.array(place) * (height + MARGIN, width + MARGIN) + MARGIN for place in np.ndindex(GRID, GRID)]
    return np.stack([pixels[top : top + height, left : left + width] for top, left in corners])


def test_data_and_manifest(trained):
    kind, run = trained
    size, mode = SIZES.get(kind, (8, 8)), MODES.get(kind, "RGB")
    paths = [run.generated(None, index, ".png") for index in range(3)]
    assert sorted(run.all_generated()) == paths
    assert {opened(path) for path in paths} == {(size, mode)}
    assert len({path.read_bytes() for path in paths}) == 3
    rows = [json.loads(line) for line in run.manifest.read_text().splitlines()]
    assert [row["source"] for row in rows] == [str(path) for path in paths]
    assert all("annotation" not in row for row in rows)


def test_samples(trained):
    """Every real is a training image, also mirrored where that is trained; the fakes are others each time."""
    kind, run = trained
    height, width = SIZES.get(kind, (8, 8))
    mode = "L" if kind == "grey" else "RGB"
    opaque = [on_white(disc(index, height, width)) for index in range(NUM)]
    images = np.stack([Image.fromarray(image).convert(mode) for image in opaque]).astype(int)
    known = np.concatenate((images, images[:, :, ::-1])) if kind == "grey" else images
    reals = tiles(run.reals, height, width)
    assert (np.abs(reals[:, None] - known).reshape(len(reals), len(known), -1).max(2).min(1) <= 1).all()
    found = run.fakes_of_run()
    assert [kimg for kimg, _ in found] == [0, 0.008, 0.016]
    assert {opened(path)[0] for _, path in found} == {opened(run.reals)[0]}
    assert len({path.read_bytes() for _, path in found}) == 3


def test_curves_and_report(trained):
    kind, run = trained
    stats = read_stats(run.stats)
    assert [line["nimg"] for line in stats] == [8, 16]
    assert all(np.isfinite(value) for line in stats for value in line.values())
    assert all(line["Loss/r1_penalty"] > 0 for line in stats)
    assert [line["Progress/augment"] for line in stats] == pytest.approx([P.get(kind, 0)] * 2)
    page = run.report.read_text()
    assert "fakes after 0.016 kimg" in page
    assert page.count("data:image/") >= 5
    with Image.open(run.gif) as gif:
        assert gif.n_frames == 3


def test_networks(trained, tmp_path):
    """MindIR draws what the checkpoint does."""
    kind, run = trained
    height, width = SIZES.get(kind, (8, 8))
    inputs = [(-1, 4), (-1, 3), ()] if kind == "vectors" else [(-1, 4), ()]
    assert mindir_input_shapes(run.stylegan_mindir) == inputs
    snapshots = run.snapshots()
    assert [kimg for kimg, _ in snapshots] == [0.008, 0.016]
    about = checkpoints.read(snapshots[-1][1]).about
    assert (about.nimg, about.architecture) == (16, ARCHITECTURES.get(kind, "resnet"))
    shape = about.shape
    assert (shape.height, shape.width, shape.image_channels) == (height, width, CHANNELS.get(kind, 3))
    assert shape.num_classes == (3 if kind == "vectors" else 0)
    out = RunDirectory(tmp_path / "out")
    options = ["--predict", *SHORT, *(["--data", run.root.parent / "discs"] if kind == "vectors" else [])]
    assert run_here("stylegan", "--resume", run.stylegan_mindir, "--outdir", out.root, *options) == 0
    for path in sorted(out.all_generated()):
        np.testing.assert_allclose(pixels_of(path), pixels_of(run.data / path.name), atol=1)
    assert len(run.all_generated()) == len(out.all_generated())


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image, int)
