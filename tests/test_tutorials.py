"""The notebooks: in step with their sources, stored with whole outputs, and running from top to bottom."""

import json
import math

import nbformat
import numpy as np
import pytest
import sync_tutorials

SOURCES = sync_tutorials.sources()
LOSS_NAMES = ("G_A", "cycle_A", "idt_A", "G_B", "cycle_B", "idt_B", "D_A", "D_B")  # columns of the lesson's tables
# What a lesson writes by hand; everything else comes from the package.
HANDMADE = {
    "01_mnist_gan": ["class HandmadeGenerator", "class HandmadeDiscriminator"],
    "02_cyclegan": [],
    "03_stylegan2_ada": [],
}
# What the lessons must have computed, asked of the kernel after the last cell.
ASK_MNIST = """
import json
print(json.dumps({
    "device": device,
    "outline": equal_outline,
    "network_differences": list(differences.values()),
    "moves": list(table.values()),
    "by_hand": [float(loss_d), float(loss_g)],
    "package": [float(package_loss_d), float(package_loss_g)],
    "recorded": [stats[0]["loss_d"], stats[0]["loss_g"]],
    "complete": complete,
    "epochs": len(samples),
    "final": [final_loss_d, final_loss_g],
    "new_digits": list(new_digits.shape),
    "distinct": len({digit.tobytes() for digit in new_digits}),
    "verdicts": [float(d_on_test.mean()), float(d_on_fake.mean())],
    "walk": list(walk.shape),
    "export": [difference, mindir_difference],
}))
"""
ASK_CYCLEGAN = """
import json
print(json.dumps({
    "norm": float(norm_difference),
    "field": field,
    "seen": int(is_seen.sum()),
    "by_hand": list(by_hand.values()),
    "package": list(by_package.values()),
    "moves": list(table.values()),
    "step": [hand_losses, package_losses],
    "weights": weight_difference,
    "recorded": [stats[0][name] for name in LOSS_NAMES],
    "final": list(final.values()),
    "pool": pool_agrees,
    "complete": complete,
    "epochs": len(frames),
    "retrieval": [right_share, package_share],
    "errors": [translation_error, doing_nothing, cycle_error, guess_error],
    "tiles": tile_difference,
    "drawn": list(drawn.shape),
    "generators": generator_errors,
    "warnings": found_warnings,
}, default=float))
"""
ASK_STYLEGAN = """
import json
print(json.dumps({
    "layers": [mapping_difference, layer_difference, fir_difference, mbstd_difference],
    "deviations": deviations,
    "losses": list(loss_table.values()),
    "r1": [r1_by_hand, r1_package],
    "lengths": [lengths_by_hand, lengths_package],
    "games": [without, with_p],
    "steps": [few_steps, EVERY],
    "unchanged": [int(np.abs(block[0].astype(int) - colourful).max()) for block in gallery.values()],
    "changed": [(block != block[0]).any(axis=(2, 3, 4)).sum(axis=1) for block in gallery.values()],
    "turns": leak_difference,
    "ada": [ada_difference, history[-100:, 1:3].mean(axis=0), history[:50, 2].max()],
    "complete": complete,
    "recorded": [len(stats), len(samples)],
    "final": list(final.values()),
    "total_nimg": resolved.total_kimg * 1000,
    "nimg": stats[-1]["nimg"],
    "new_digits": new_digits.shape,
    "distinct": len({digit.tobytes() for digit in new_digits}),
    "truncation": truncation_difference,
    "varieties": list(varieties.values()),
    "cutoffs": [int(np.abs(row.astype(int) - pictures(w)).max()) for row in rows],
    "mixed": mixed_images.shape,
    "mixes": [(mixed_images != others).sum() for others in (pictures(w_fine), mixed_images[:, :1])],
    "walk": walk_images.shape,
    "invented": invented,
}, default=lambda value: value.tolist()))
"""


def code_cell(source: str, *outputs: dict) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, outputs=[nbformat.from_dict(output) for output in outputs])


def stream(text: str, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": text}


@pytest.fixture(params=SOURCES, ids=lambda source: source.stem)
def stored(request):
    """The notebook beside a source."""
    return sync_tutorials.read_notebook(request.param.with_suffix(".ipynb"))


@pytest.fixture
def one_source(tmp_path, monkeypatch):
    """A folder of tutorials with one source of two cells, in place of the real one."""
    monkeypatch.setattr(sync_tutorials, "ROOT", tmp_path)
    monkeypatch.setattr(sync_tutorials, "TUTORIALS", tmp_path)
    source = tmp_path / "01_one.py"
    source.write_text("# %% [markdown]\n# # One\n\n# %%\nx = 1\nx\n")
    return source


def test_there_are_tutorials():
    assert [source.stem for source in SOURCES] == ["01_mnist_gan", "02_cyclegan", "03_stylegan2_ada"]


def test_readme_names_every_tutorial():
    readme = (sync_tutorials.TUTORIALS / "README.md").read_text(encoding="utf-8")
    assert all(f"| [{source.stem}]({source.stem}.ipynb) |" in readme for source in SOURCES)


def test_notebooks_are_in_step():
    assert sync_tutorials.main(["--check"]) == 0


def test_outputs_are_whole(stored):
    """Executed once, from the first cell to the last, without an error."""
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    sync_tutorials.check_outputs(stored)
    kinds = {kind for cell in code for output in cell.outputs for kind in output.get("data", {})}
    assert {"image/png", "image/gif"} <= kinds


def test_notebooks_are_small_and_tell_nothing_of_a_machine(stored):
    assert len(nbformat.writes(stored).encode()) < sync_tutorials.MAX_BYTES
    assert stored.metadata == sync_tutorials.METADATA
    assert all(not cell.metadata for cell in stored.cells)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_lesson_redefines_nothing(source):
    classes = [line.split("(")[0] for line in source.read_text(encoding="utf-8").splitlines() if line[:6] == "class "]
    assert classes == HANDMADE[source.stem]


def test_check_sees_a_changed_cell(one_source, capsys):
    assert sync_tutorials.main(["--check"]) == 1  # there is no notebook yet
    assert sync_tutorials.main([]) == 0
    assert sync_tutorials.main(["--check"]) == 0
    one_source.write_text(one_source.read_text().replace("x = 1", "x = 2"))
    capsys.readouterr()
    assert sync_tutorials.main(["--check"]) == 1
    assert "01_one.py and its notebook differ" in capsys.readouterr().out


def test_names_choose(one_source, capsys):
    other = one_source.with_name("02_other.py")
    other.write_text(one_source.read_text())
    assert sync_tutorials.main(["02_other"]) == 0
    assert [path.name for path in one_source.parent.glob("*.ipynb")] == ["02_other.ipynb"]
    assert sync_tutorials.main(["--check", "02_other"]) == 0
    assert sync_tutorials.main(["--check", "01_one"]) == 1
    with pytest.raises(SystemExit):
        sync_tutorials.main(["03_none"])
    assert "there is no tutorial 03_none; there are 01_one, 02_other" in capsys.readouterr().err


def test_outputs_stay_until_code_changes(one_source):
    notebook_path = one_source.with_suffix(".ipynb")
    notebook = sync_tutorials.notebook_from(one_source)
    notebook.cells[1].outputs = [nbformat.from_dict(stream("1\n"))]
    sync_tutorials.write(notebook, notebook_path)

    one_source.write_text(one_source.read_text().replace("# # One", "# # First"))
    sync_tutorials.main([])
    words, code = sync_tutorials.read_notebook(notebook_path).cells
    assert (words.source, code.outputs[0].text) == ("# First", "1\n")

    one_source.write_text(one_source.read_text().replace("x = 1", "x = 2"))
    sync_tutorials.main([])
    assert sync_tutorials.read_notebook(notebook_path).cells[1].outputs == []


def test_the_same_source_gives_the_same_bytes(one_source):
    notebook_path = one_source.with_suffix(".ipynb")
    sync_tutorials.main([])
    first = notebook_path.read_bytes()
    notebook_path.unlink()
    sync_tutorials.main([])
    assert notebook_path.read_bytes() == first


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["ValueError: no"]},
        stream("Warning: it will break\n", "stderr"),
        stream("output goes to /home/ada/digits\n"),
        stream("MNIST, from /tmp/x/mnist"),
        {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "PosixPath('/usr/share/x')"}},
    ],
)
def test_bad_outputs_are_seen(output):
    with pytest.raises(sync_tutorials.BadOutput):
        sync_tutorials.check_outputs(nbformat.v4.new_notebook(cells=[code_cell("x", output)]))


def test_good_outputs_are_let_through():
    outputs = [
        stream("result_tutorial/mnist/model: 1/2, loss_d 1.2 / loss_g 0.9, https://doi.org/usr/x\n"),
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBORw0KGgo/tmp/AAA"}},
    ]
    sync_tutorials.check_outputs(nbformat.v4.new_notebook(cells=[code_cell("x", *outputs)]))


def test_large_notebooks_are_refused(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[code_cell("x", stream("x" * sync_tutorials.MAX_BYTES))])
    with pytest.raises(sync_tutorials.BadOutput, match=r"more than 1,500,000"):
        sync_tutorials.write(notebook, tmp_path / "large.ipynb")
    assert list(tmp_path.iterdir()) == []


def run_smoke(source, question, folder):
    """A tutorial run at its smoke size in a folder of its own: the notebook, the folder, what it computed."""
    pytest.importorskip("nbclient", reason="nbclient is not installed; pip install 'mindgan[dev]'")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed; pip install 'mindgan[dev]'")
    notebook = sync_tutorials.notebook_from(source)
    notebook.cells.append(code_cell(question))
    sync_tutorials.execute(notebook, folder, size="smoke")
    return notebook, folder, json.loads(notebook.cells[-1].outputs[0].text)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    return run_smoke(SOURCES[0], ASK_MNIST, tmp_path_factory.mktemp("a tutorial"))


@pytest.fixture(scope="module")
def smoke_cyclegan(tmp_path_factory):
    return run_smoke(SOURCES[1], ASK_CYCLEGAN, tmp_path_factory.mktemp("second tutorial"))


@pytest.fixture(scope="module")
def smoke_stylegan(tmp_path_factory):
    return run_smoke(SOURCES[2], ASK_STYLEGAN, tmp_path_factory.mktemp("third tutorial"))


@pytest.mark.slow
def test_runs_from_top_to_bottom(smoke):
    notebook, folder, values = smoke
    sync_tutorials.check_outputs(notebook)
    assert values["device"] in ("CPU", "GPU", "Ascend")
    assert values["complete"] is True
    assert values["epochs"] == 2
    assert sorted(path.name for path in folder.iterdir()) == ["result_tutorial"]  # no litter
    assert (folder / "result_tutorial/digits/model/Generator.mindir").is_file()


@pytest.mark.slow
def test_handmade_networks_and_step_are_the_packages(smoke):
    _, _, values = smoke
    assert values["outline"] is True
    assert len(values["network_differences"]) == 4
    assert max(values["network_differences"]) < 1e-5
    assert values["by_hand"] == pytest.approx(values["package"], rel=1e-5)
    assert values["by_hand"] == pytest.approx(values["recorded"], rel=1e-4)  # the training began with that step


@pytest.mark.slow
def test_losses_behave_as_the_lesson_says(smoke):
    _, _, values = smoke
    at_start, after_d, after_g = values["moves"]
    assert at_start == pytest.approx([2 * math.log(2), math.log(2)], rel=0.1)
    assert after_d[0] < at_start[0]  # D's move helps D
    assert after_d[1] > at_start[1]  # and hurts G
    assert after_g[1] < after_d[1]
    assert after_g[0] > after_d[0]
    assert np.all(np.isfinite(values["final"]))


@pytest.mark.slow
def test_pictures_and_export_make_sense(smoke):
    _, _, values = smoke
    assert values["new_digits"] == [25, 1, 28, 28]
    assert values["distinct"] == 25
    assert values["walk"] == [40, 1, 28, 28]
    assert max(values["export"]) < 1e-4
    on_real, on_fake = values["verdicts"]
    assert 0 < on_fake < on_real < 1


@pytest.mark.slow
def test_cyclegan_runs_from_top_to_bottom(smoke_cyclegan):
    notebook, folder, values = smoke_cyclegan
    sync_tutorials.check_outputs(notebook)
    assert values["complete"] is True
    assert values["epochs"] == 2  # before the first, and after it
    assert sorted(path.name for path in folder.iterdir()) == ["result_tutorial"]  # no litter
    run = folder / "result_tutorial/outlines_smoke"
    assert (run / "model/CYcleGan_epoch_1.mindir").is_file()
    assert len((run / "output_0.manifest").read_text().splitlines()) == len(list((run / "Data").iterdir()))


@pytest.mark.slow
def test_what_cyclegan_does_by_hand_is_what_the_package_does(smoke_cyclegan):
    _, _, values = smoke_cyclegan
    assert values["norm"] < 1e-4
    assert values["by_hand"] == pytest.approx(values["package"], rel=1e-4)
    mine, packaged = values["step"]
    assert mine == pytest.approx(values["by_hand"], rel=1e-4)  # the pool still shows every fake as it is
    assert mine == pytest.approx(packaged, rel=1e-5)
    assert mine == pytest.approx(values["recorded"], rel=1e-4)  # the training began with that step
    assert values["weights"] < 1e-5
    assert values["pool"] is True
    found, packaged = values["retrieval"]
    assert found == pytest.approx(packaged, abs=0.01)  # equal distances are shared


@pytest.mark.slow
def test_patches_and_sizes_are_as_the_cyclegan_lesson_says(smoke_cyclegan):
    _, _, values = smoke_cyclegan
    assert values["field"] == values["seen"] == 70
    assert values["tiles"] <= 1
    assert values["drawn"] == [3, 32, 221]


@pytest.mark.slow
def test_cyclegan_losses_behave_as_the_lesson_says(smoke_cyclegan):
    _, _, values = smoke_cyclegan
    at_start, after_g, after_d = (dict(zip(LOSS_NAMES, losses, strict=True)) for losses in values["moves"])
    for name in ("cycle_A", "idt_A", "cycle_B", "idt_B"):
        assert after_g[name] < at_start[name]
        assert after_d[name] == pytest.approx(after_g[name])  # discriminators have no part in them
    for name in ("D_A", "D_B"):
        assert after_d[name] < after_g[name]
    assert np.all(np.isfinite(values["final"]))
    copies, inverts, draws_one, trained = values["generators"].values()
    assert copies[:2] == [0, 0]
    assert inverts[0] == 0
    assert inverts[1] > draws_one[1] > 0
    assert draws_one[0] > 0
    assert trained[0] == pytest.approx(10 * values["errors"][2])
    assert np.all(np.isfinite(values["errors"]))
    assert values["warnings"] == []


@pytest.mark.slow
def test_stylegan_runs_from_top_to_bottom(smoke_stylegan):
    notebook, folder, values = smoke_stylegan
    sync_tutorials.check_outputs(notebook)
    assert values["complete"] is True
    assert values["nimg"] == values["total_nimg"] == 128
    assert values["recorded"] == [2, 3]  # ticks, and grids with the untrained network's
    assert np.all(np.isfinite(values["final"]))
    assert sorted(path.name for path in folder.iterdir()) == ["result_tutorial"]  # no litter
    run = folder / "result_tutorial/style_digits_smoke"
    assert (run / "model/StyleGan.mindir").is_file()
    assert len((run / "output_0.manifest").read_text().splitlines()) == len(list((run / "Data").iterdir())) == 10


@pytest.mark.slow
def test_what_stylegan_does_by_hand_is_what_the_package_does(smoke_stylegan):
    _, _, values = smoke_stylegan
    assert max(values["layers"]) < 1e-4
    assert values["deviations"][2] == pytest.approx(1e-4)  # the root of the eps: images 2 and 6 are alike
    assert min(np.delete(values["deviations"], [2, 6])) > 0.3
    for mine, packaged in values["losses"]:
        assert mine == pytest.approx(packaged, rel=1e-4)
    assert values["losses"][-1][0] == pytest.approx([2 * math.log(2), math.log(2)])
    for name in ("r1", "lengths"):
        mine, packaged = values[name]
        assert mine == pytest.approx(packaged, rel=0.05)  # differences of float32 scores over kinks of a leaky ReLU
    assert values["truncation"] <= 1


@pytest.mark.slow
def test_ada_does_what_the_lesson_says(smoke_stylegan):
    _, _, values = smoke_stylegan
    difference, (mean_sign, p), early = values["ada"]
    assert difference < 1e-5
    assert mean_sign == pytest.approx(0.6, abs=0.05)
    assert p == pytest.approx((0.95 - 0.6) / 0.6, abs=0.1)
    assert early < 0.05
    assert len(values["unchanged"]) == 15
    assert max(values["unchanged"]) <= 1  # at p = 0
    for numbers in values["changed"]:
        assert numbers == sorted(numbers)  # what is changed at one p is changed at the next
        assert numbers[0] == 0 < numbers[-1]
    assert values["turns"] < 0.015
    says = {"augmentations leak": "p is 0.95", "D wins": "loss is 0.02", "collapse": "variance", "copies": "copies"}
    assert values["invented"].keys() == says.keys()
    for case, words in says.items():
        (sentences,) = values["invented"][case]
        assert words in sentences


@pytest.mark.slow
def test_the_games_with_twenty_digits_differ_in_p_alone(smoke_stylegan):
    _, _, values = smoke_stylegan
    without, with_p = map(np.array, values["games"])
    steps, every = values["steps"]
    assert without.shape == with_p.shape == (steps // every + 1, 4)
    assert without[0] == pytest.approx(with_p[0], abs=1e-5)  # the same first weights
    assert np.any(np.abs(without - with_p) > 1e-4)
    assert np.all(np.isfinite([without, with_p]))


@pytest.mark.slow
def test_truncation_and_mixing_are_as_the_lesson_says(smoke_stylegan):
    _, _, values = smoke_stylegan
    assert values["new_digits"] == [20, 1, 32, 32]
    assert values["distinct"] == 20
    assert values["varieties"][0] == 0
    assert all(np.diff(values["varieties"]) > 0)
    every_layer, four, two = values["cutoffs"]
    assert min(every_layer, four, two) > 0
    assert values["mixed"] == [5, 6, 1, 32, 32]
    assert min(values["mixes"]) > 0  # both have their say
    assert values["walk"] == [40, 1, 32, 32]
