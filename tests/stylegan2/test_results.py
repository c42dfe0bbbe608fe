"""The curves, the GIF and the report of a run that was written by hand."""

import base64
import json
import math
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mindgan.cli.main import main
from mindgan.render.grids import image_grid, opaque, save_png
from mindgan.render.series import COLOURS
from mindgan.runtime.errors import UserError
from mindgan.runtime.jsonl import read_stats
from mindgan.runtime.run_directory import RunDirectory
from mindgan.stylegan2 import doctor, results

RESOLVED = {"aug": "ada", "target": None, "image_channel": 1, "gamma": 0.0256, "ada_kimg": 20.0, "total_kimg": 40.0}
NUM_TICKS, NIMG = 6, 520


def moments(value: float) -> dict:
    return {"num": 8, "mean": value, "std": 0.25}


def line(tick: int, **others: object) -> dict:
    names = ("Loss/G/loss", "Loss/D/loss", "Loss/scores/real", "Loss/scores/fake", "Loss/signs/real", "Loss/signs/fake")
    series = dict(zip(names, (1.5, 0.75, 1.0, -1.25, 0.5, -0.5), strict=True))
    series |= {"Loss/r1_penalty": 0.01, "Loss/pl_penalty": 0.5, doctor.P: 0.01 * tick, **others}
    place = {"nimg": NIMG * (tick + 1), "epoch": tick, "step": 65 * (tick + 1)}
    return place | {name: moments(value) for name, value in series.items()} | {"timestamp": 1.5}


def make_run(root: Path, lines: list[dict] | None = None, *, shape: tuple = (1, 8, 8), **resolved: object) -> Path:
    """Six ticks; its grid after k kimg is of grey 40 k."""
    run, resolved = RunDirectory(root), RESOLVED | {"image_channel": shape[0]} | resolved
    settings = resolved | {"gamma": None}
    about = {"family": "stylegan2", "data": "digits", "device": "CPU", "nimg_per_epoch": NIMG, "num_images": 1497}
    about |= {"class_names": ["nought", "one"], "resolved": resolved}
    run.create()
    run.config.write_text(json.dumps({"settings": settings, "run": about, "versions": {"mindgan": "0.1.0"}}))
    lines = [line(tick) for tick in range(NUM_TICKS)] if lines is None else lines
    run.stats.write_text("".join(json.dumps(each) + "\n" for each in lines))
    run.timing.write_text(
        "".join(json.dumps({"nimg": each["nimg"], "epoch": each["epoch"], "seconds": 2.0}) + "\n" for each in lines)
    )
    for path, grey in ((run.reals, 255), (run.fakes_init, 0), (run.fakes(1), 40), (run.fakes(3), 120)):
        save_png(path, image_grid(opaque(np.full((4, *shape), grey, np.uint8)), columns=2))
    return root


def page(root: Path) -> str:
    return (root / "report.html").read_text("utf-8")


def data(root: Path) -> dict:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page(root))
    return json.loads(found[1], parse_constant=refuse)


def shown(root: Path) -> str:
    """The page's text."""
    return unescape(re.sub("<[^>]+>", " ", page(root).partition("<main>")[2].partition("<script")[0]))


def num_pixels(path: Path, colour: str) -> int:
    rgb = tuple(int(COLOURS[colour][at : at + 2], 16) for at in (1, 3, 5))
    with Image.open(path) as image:
        return int((np.asarray(image.convert("RGB")) == rgb).all(2).sum())


def frames(path: Path) -> list[np.ndarray]:
    with Image.open(path) as image:
        found = []
        for place in range(image.n_frames):
            image.seek(place)
            found.append(np.asarray(image.convert("RGB")))
        return found


def test_moments_are_read_as_their_means(tmp_path: Path):
    make_run(tmp_path, [line(0, **{"Loss/G/loss": math.nan, "Loss/D/loss": math.inf})])
    (found,) = read_stats(tmp_path / "stats.jsonl")
    assert found["Loss/scores/fake"] == -1.25
    assert math.isnan(found["Loss/G/loss"])
    assert found["Loss/D/loss"] == math.inf
    assert (found["nimg"], found["timestamp"]) == (NIMG, 1.5)


@pytest.mark.parametrize("value", [{"num": 1}, {"mean": "1"}, {"mean": {"mean": 1.0}}, {"mean": True}])
def test_what_has_no_mean_is_damaged(tmp_path: Path, value):
    make_run(tmp_path, [line(0) | {"Loss/G/loss": value}, line(1)])
    with pytest.raises(UserError, match="line 1 is damaged"):
        read_stats(tmp_path / "stats.jsonl")


def test_three_files_by_the_command(tmp_path: Path, capsys):
    make_run(tmp_path)
    assert main(["render", "--run", str(tmp_path)]) == 0
    names = [tmp_path / name for name in ("loss.png", "train_test.gif", "report.html")]
    assert capsys.readouterr().out.split("\n")[:-1] == [str(path) for path in names]
    with Image.open(names[0]) as image:
        assert image.size == (1800, 1530)  # six panels in two columns


def test_curves_run_over_kimg(tmp_path: Path):
    results.render(make_run(tmp_path))
    first, *others = data(tmp_path)["charts"]
    assert first["rows"][0] == [0.52, "0.52 kimg", 1.5, 0.75]
    assert first["x_max"] == others[2]["x_max"] == pytest.approx(3.12)
    assert [row[0] for row in first["rows"]] == pytest.approx([0.52 * (tick + 1) for tick in range(NUM_TICKS)])
    text = shown(tmp_path)
    assert "poch" not in text
    for title in ("Losses", "Augmentation", "R1 penalty", "Path-length penalty", "Samples by kimg", "Seconds per tick"):
        assert title in text
    assert "Variety" not in text  # the doctor has said nothing yet


def test_p_beside_its_target(tmp_path: Path):
    """p and r_t as they were written; the target is where ADA holds r_t, dashed."""
    results.render(make_run(tmp_path, target=0.7))
    charts = {chart["name"]: chart for chart in data(tmp_path)["charts"]}
    assert charts["losses-3"]["rows"][-1] == [3.12, "3.12 kimg", 0.05, 0.5]
    low, high = charts["losses-3"]["y_limits"]
    assert high > 0.7  # though no curve comes as high
    assert f'class="level green" d="M0 {1000 * (high - 0.7) / (high - low):.1f}H1000"' in page(tmp_path)
    without = make_run(tmp_path / "fixed", aug="fixed")
    results.render(without)
    assert page(without).count('class="level') < page(tmp_path).count('class="level')


def test_a_target_above_the_curves_is_drawn_too(tmp_path: Path):
    """As many pixels of its dashes as where the curves come higher; 500 and more."""
    above, among = make_run(tmp_path / "above", target=0.7), make_run(tmp_path / "among", target=0.4)
    for root in (above, among):
        results.render(root)
    assert num_pixels(above / "loss.png", "green") > num_pixels(among / "loss.png", "green") - 150


def test_samples_and_their_gif(tmp_path: Path):
    results.render(make_run(tmp_path))
    assert [kimg for kimg, _ in data(tmp_path)["samples"]] == [0, 1, 3]
    assert 'data-before="" data-after=" kimg" data-middle="0"' in page(tmp_path)
    found = frames(tmp_path / "train_test.gif")
    assert [frame[60, 60, 0] for frame in found] == [0, 40, 120]
    assert found[0].shape[1] == 462  # 22 px enlarged 21 times


def test_the_grid_of_less_than_a_kimg_comes_after_the_untrained_one(tmp_path: Path):
    run = RunDirectory(make_run(tmp_path))
    run.fakes(1).rename(run.fakes(0))
    results.render(tmp_path)
    _, second, _ = data(tmp_path)["samples"]
    assert second == [0, f"data:image/png;base64,{base64.b64encode(run.fakes(0).read_bytes()).decode()}"]


def test_grids_of_single_images_are_shown_each(tmp_path: Path):
    run = RunDirectory(make_run(tmp_path))
    run.fakes(1).rename(run.fakes(0.512))
    run.fakes(3).rename(run.fakes(1.0))
    results.render(tmp_path)
    assert [kimg for kimg, _ in data(tmp_path)["samples"]] == [0, 0.512, 1]
    assert "fakes after 1.0 kimg" in shown(tmp_path)
    assert [frame[60, 60, 0] for frame in frames(run.gif)] == [0, 40, 120]


def test_grids_of_another_size_are_left_out_of_the_gif(tmp_path: Path):
    run = RunDirectory(make_run(tmp_path))
    save_png(run.fakes(2), np.full((50, 50), 80, np.uint8))
    results.render(tmp_path)
    assert [frame[60, 60, 0] for frame in frames(run.gif)] == [0, 40, 120]


@pytest.mark.parametrize("shape", [(3, 8, 8), (4, 8, 8), (3, 500, 450)])
def test_colour_transparency_and_large_grids(tmp_path: Path, shape):
    results.render(make_run(tmp_path, shape=shape))
    assert len(frames(tmp_path / "train_test.gif")) == 3
    assert frames(tmp_path / "train_test.gif")[0].shape[1] <= results.MAX_GIF_WIDTH


def test_transparent_is_white():
    images = np.full((1, 4, 2, 2), 100, np.uint8)
    images[0, 3] = [[0, 255], [51, 102]]
    np.testing.assert_array_equal(opaque(images)[0, 0], [[255, 100], [224, 193]])  # 255 - alpha (255 - 100)
    np.testing.assert_array_equal(opaque(images[:, :3]), images[:, :3])


def test_settings_asked_and_resolved_and_facts(tmp_path: Path):
    results.render(make_run(tmp_path))
    text = " ".join(shown(tmp_path).split())
    assert "gamma None: 0.0256" in text
    assert "aug ada" in text
    assert "data digits images 1497 classes nought, one" in text
    assert "brought to size" not in text
    assert 'class="warnings"' not in page(tmp_path)
    assert ("Tick 6" in text, "Tick 0" in text) == (True, False)
    assert "training time 12.0 s time for a kimg 3.8 s" in text  # 6 ticks of 2 s, 3.12 kimg


def test_few_images_and_what_was_done_to_them(tmp_path: Path):
    run = RunDirectory(make_run(tmp_path))
    config = json.loads(run.config.read_text())
    config["run"] |= {"num_images": 69, "fitted": "3 cropped, 2 reduced"}
    run.config.write_text(json.dumps(config))
    results.render(tmp_path)
    text = " ".join(shown(tmp_path).split())
    assert "images 69 of these brought to size 3 cropped, 2 reduced" in text
    assert "69 images are fewer than 70: expect copies of them" in text
    config["run"]["warnings"] = ["only one image of b", "69 are few"]
    run.config.write_text(json.dumps(config))
    results.render(tmp_path)
    text = " ".join(shown(tmp_path).split())
    assert "only one image of b" in text
    assert "69 are few" in text
    assert "fewer than 70" not in text  # it is told once


def test_what_is_not_finite_is_counted_and_breaks_nothing(tmp_path: Path):
    lines = [line(tick, **({"Loss/pl_penalty": math.nan} if tick == 2 else {})) for tick in range(NUM_TICKS)]
    results.render(make_run(tmp_path, lines))
    assert "1 of 54 logged values are not finite" in shown(tmp_path)
    everything = {name: math.inf if number % 2 else math.nan for number, name in enumerate(line(0)) if "/" in name}
    results.render(make_run(tmp_path / "all", [line(tick, **everything) for tick in range(3)]))
    assert "The losses are no numbers since 0.52 kimg" in shown(tmp_path / "all")


def test_a_torn_last_line_is_left_out(tmp_path: Path):
    make_run(tmp_path)
    with open(tmp_path / "stats.jsonl", "a") as file:
        file.write('{"nimg": 3640, "epoch": 6, "Loss/G/loss": {"num": 8, "me')
    results.render(tmp_path)
    assert len(data(tmp_path)["charts"][0]["rows"]) == NUM_TICKS


def test_what_the_doctor_found_stands_in_the_report_and_below_the_curves(tmp_path: Path):
    checked = {doctor.VARIANCE: 0.9, doctor.SPACING: 0.9, doctor.NEAREST: 0.2}
    results.render(make_run(tmp_path, [line(tick, **checked) for tick in range(NUM_TICKS)]))
    assert "The fakes are copies of training images" in shown(tmp_path)
    assert "Variety of fakes" in shown(tmp_path)
    sound = make_run(tmp_path / "sound", [line(tick, **checked | {doctor.NEAREST: 1.0}) for tick in range(NUM_TICKS)])
    results.render(sound)
    assert 'class="warnings"' not in page(sound)
    sick, well = (num_pixels(root / "loss.png", "orange") for root in (tmp_path, sound))
    assert sick > well + 1000


def test_a_long_run_stays_a_page(tmp_path: Path):
    lines = [line(tick) for tick in range(3000)]
    results.render(make_run(tmp_path, lines))
    rows = data(tmp_path)["charts"][0]["rows"]
    assert len(rows) == 1000
    assert (rows[0][0], rows[-1][0]) == (0.52, 1560)
    assert len(page(tmp_path)) < 2_000_000


def test_one_tick_without_samples(tmp_path: Path):
    run = RunDirectory(make_run(tmp_path, [line(0)]))
    for path in run.sample_rows.iterdir():
        path.unlink()
    assert results.render(tmp_path) == [run.loss, run.report]
    assert "No samples were drawn" in shown(tmp_path)


def spoil_settings(run: RunDirectory, **changes: object) -> None:
    config = json.loads(run.config.read_text())
    config["run"]["resolved"] |= changes
    run.config.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: run.stats.unlink(), "stats.jsonl holds no losses yet; train first"),
        (lambda run: run.stats.write_text(""), "stats.jsonl holds no losses yet; train first"),
        (lambda run: run.stats.write_text("{}\n{}\n"), "line 1 is damaged; mend or remove that line"),
        (lambda run: run.config.unlink(), "is no run: it has no config.json"),
        (lambda run: spoil_settings(run, gamma="x"), "config.json is damaged: gamma is no number"),
        (lambda run: spoil_settings(run, total_kimg=[]), "config.json is damaged: total_kimg is no number"),
        (lambda run: run.fakes(3).write_text("x"), "fakes000003.png cannot be read as a picture; remove it"),
    ],
)
def test_bad_input_is_told_in_a_line(tmp_path: Path, capsys, spoil, message):
    spoil(RunDirectory(make_run(tmp_path)))
    assert main(["render", "--run", str(tmp_path)]) != 0
    errors = capsys.readouterr().err.strip()
    assert message in errors
    assert "\n" not in errors
