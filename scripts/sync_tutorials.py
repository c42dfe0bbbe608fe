"""Tutorials: the source (.py, percent format) made into the notebook (.ipynb) beside it.

    python scripts/sync_tutorials.py               # writes the notebooks; outputs stay where no code changed
    python scripts/sync_tutorials.py --execute     # and runs them, MINDGAN_TUTORIAL_SIZE says how much
    python scripts/sync_tutorials.py --check       # writes nothing; exit code 1 when a notebook is out of step

Names, such as 02_cyclegan, choose some of them. A notebook runs in the folder of the tutorials, or in --folder, where
MNIST_Data and result_tutorial are looked for.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from mindgan.runtime.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = ROOT / "tutorials"
MAX_BYTES = 1_500_000
CELL_SECONDS = 6 * 3600  # the longest cell is the whole training
# Nothing in it depends on who runs it: the same source gives the same file.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~<-])/(?:home|root|Users|tmp|var|usr|opt|mnt|srv|data|work|workspace)/[\w.-]")


class BadOutput(Exception):
    """What a notebook shows is not fit to be kept."""


def sources() -> list[Path]:
    """The tutorials' sources, in the order of their numbers."""
    return sorted(TUTORIALS.glob("[0-9]*.py"))


def notebook_from(source: Path) -> NotebookNode:
    """The notebook of a source, without outputs."""
    notebook = jupytext.read(source, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata = NotebookNode()
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def read_notebook(path: Path) -> NotebookNode | None:
    """The notebook at `path`, None where there is none."""
    return nbformat.read(path, as_version=4) if path.is_file() else None


def cells_of(notebook: NotebookNode, *, only_code: bool = False) -> list[tuple[str, str]]:
    """Type and source of each cell."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells if cell.cell_type == "code" or not only_code]


def in_step(source: Path) -> bool:
    """Whether the notebook beside `source` has its cells."""
    notebook = read_notebook(source.with_suffix(".ipynb"))
    return notebook is not None and cells_of(notebook) == cells_of(notebook_from(source))


def keep_outputs(new: NotebookNode, old: NotebookNode | None) -> bool:
    """Takes over the outputs of `old` if its code is that of `new`: changed code may change any output below it.

    Returns:
        Whether they were taken over.
    """
    if old is None or cells_of(new, only_code=True) != cells_of(old, only_code=True):
        return False
    code = [[cell for cell in notebook.cells if cell.cell_type == "code"] for notebook in (new, old)]
    for cell, earlier in zip(*code, strict=True):
        cell.outputs, cell.execution_count = earlier.outputs, earlier.execution_count
    return True


def execute(notebook: NotebookNode, folder: Path, *, size: str | None = None) -> NotebookNode:
    """Runs a notebook in a kernel of this Python, in `folder`, with this repository's mindgan.

    Args:
        notebook: gets the outputs.
        folder: the kernel's working folder.
        size: MINDGAN_TUTORIAL_SIZE; without it what the environment says.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an error.
    """
    from nbclient import NotebookClient

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.getenv("PYTHONPATH")]))}
    if size is not None:
        environment["MINDGAN_TUTORIAL_SIZE"] = size
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # on one machine the kernel needs no encryption, and says so
        coalesce_streams=True,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=environment)
    notebook.metadata = nbformat.from_dict(METADATA)  # the kernel adds its versions
    return notebook


def check_outputs(notebook: NotebookNode) -> None:
    """Raises BadOutput where an output is an error, was printed to stderr, or names a folder of one machine."""
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                raise BadOutput(f"cell {number} shows an error or stderr: {_text(output)[:300]}")
            path = ABSOLUTE_PATH.search(_text(output))
            if path:
                raise BadOutput(f"cell {number} shows a path of this machine near {path[0]}")


def _text(output: NotebookNode) -> str:
    """What is written in an output, pictures left out."""
    data = {kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")}
    return output.get("text", "") + json.dumps(data) + "\n".join(output.get("traceback", []))


def write(notebook: NotebookNode, path: Path) -> None:
    """Writes a notebook, the same bytes for the same content.

    Raises:
        BadOutput: it is larger than 1.5 MB.
    """
    data = (nbformat.writes(notebook).rstrip("\n") + "\n").encode()
    if len(data) > MAX_BYTES:
        raise BadOutput(f"{path.name} would have {len(data):,} bytes, more than {MAX_BYTES:,}; show fewer pictures")
    write_atomically(path, data)


def sync(source: Path, *, run_in: Path | None) -> str:
    """Writes the notebook of `source`, executed in `run_in` if given; says what was done."""
    path = source.with_suffix(".ipynb")
    notebook = notebook_from(source)
    if run_in is not None:
        execute(notebook, run_in)
        check_outputs(notebook)
        done = "executed"
    elif keep_outputs(notebook, read_notebook(path)):
        done = "written, outputs kept"
    else:
        done = "written without outputs (its code is new); run with --execute"
    write(notebook, path)
    return f"{path.relative_to(ROOT)}: {done}"


def check(chosen: Sequence[Path]) -> int:
    """Exit code 1 when a notebook is out of step, each named."""
    late = [source for source in chosen if not in_step(source)]
    for source in late:
        print(f"{source.name} and its notebook differ; run: python scripts/sync_tutorials.py")
    return 1 if late else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 1 when a notebook is out of step or not fit to be kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = {source.stem: source for source in sources()}
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of a tutorial: {', '.join(known)} (default: all)")
    parser.add_argument("--execute", action="store_true", help="run the notebooks and store their outputs")
    parser.add_argument("--check", action="store_true", help="only compare; exit code 1 when cells differ")
    parser.add_argument("--folder", type=Path, default=TUTORIALS, help="where notebooks run (default: tutorials)")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"there is no tutorial {unknown[0]}; there are {', '.join(known)}")
    chosen = [known[name] for name in options.names or known]
    if options.check:
        return check(chosen)
    for source in chosen:
        try:
            print(sync(source, run_in=options.folder if options.execute else None))
        except BadOutput as error:
            print(f"{source.name}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
