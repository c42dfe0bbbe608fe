"""The notebooks: in step with their sources, stored with whole outputs, and running from top to bottom."""

import json
import math

import nbformat
import numpy as np
import pytest
import sync_tutorials

SOURCES = sync_tutorials.sources()
# What the lesson must have computed, asked of the kernel after the last cell.
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
    assert [source.stem for source in SOURCES] == ["01_mnist_gan"]


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
    """Two networks are written by hand; everything else comes from the package."""
    classes = [line.split("(")[0] for line in source.read_text(encoding="utf-8").splitlines() if line[:6] == "class "]
    assert classes == ["class HandmadeGenerator", "class HandmadeDiscriminator"]


def test_check_sees_a_changed_cell(one_source, capsys):
    assert sync_tutorials.main(["--check"]) == 1  # there is no notebook yet
    assert sync_tutorials.main([]) == 0
    assert sync_tutorials.main(["--check"]) == 0
    one_source.write_text(one_source.read_text().replace("x = 1", "x = 2"))
    capsys.readouterr()
    assert sync_tutorials.main(["--check"]) == 1
    assert "01_one.py and its notebook differ" in capsys.readouterr().out


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


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The first tutorial run at its smoke size in a folder of its own: the notebook, the folder, what it computed."""
    pytest.importorskip("nbclient", reason="nbclient is not installed; pip install 'mindgan[dev]'")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed; pip install 'mindgan[dev]'")
    folder = tmp_path_factory.mktemp("a tutorial")
    notebook = sync_tutorials.notebook_from(SOURCES[0])
    notebook.cells.append(code_cell(ASK_MNIST))
    sync_tutorials.execute(notebook, folder, size="smoke")
    return notebook, folder, json.loads(notebook.cells[-1].outputs[0].text)


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
