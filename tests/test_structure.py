"""The rules of the house, read from the sources: who imports whom, what is never used, how long a file may be."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAMILIES = ("mlp_gan", "cyclegan", "stylegan2")
# A module imports from its own row and the rows before it, never from a later one.
ROWS = (
    ("runtime",),
    ("data",),
    ("render",),
    ("layers",),
    ("metrics",),
    ("training",),
    ("export",),
    FAMILIES,
    ("modelarts",),
    ("cli",),
)
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
LIGHT_ROOMS = ("runtime", "data", "render")  # these load in a moment: NumPy and pictures, no framework
MAX_LINES = 450


def python_files() -> list[Path]:
    folders = (ROOT / name for name in ("mindgan", "scripts", "tests"))
    return [ROOT / "setup.py", *sorted(file for folder in folders for file in folder.rglob("*.py"))]


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    module_name(file): file.read_text(encoding="utf-8") for file in python_files() if (ROOT / "mindgan") in file.parents
}


def imports(source: str, *, inside_functions: bool = True) -> set[str]:
    """The dotted names that a module imports, `from a import b` as `a.b`; relative imports as a leading dot."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree)) if inside_functions else tree.body
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            names |= {f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names}
    return names


def room(module: str) -> str | None:
    """`mindgan.data.idx` -> `data`; None for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def wrong_directions(module: str, source: str) -> list[str]:
    """What a module of the package imports against the rows."""
    own = room(module)
    if own in (None, "__main__"):
        return []
    wrong = []
    for name in sorted(imports(source)):
        other = room(name)
        if name.startswith("."):
            wrong.append(f"{module} imports {name}: relative imports hide the direction")
        elif name.split(".")[0] != "mindgan" or name == "mindgan.__version__":
            continue
        elif other not in ROW_OF:
            wrong.append(f"{module} imports {name}, which has no row")
        elif ROW_OF[other] > ROW_OF[own]:
            wrong.append(f"{module} imports {name} from a later row")
        elif ROW_OF[other] == ROW_OF[own] and other != own:
            wrong.append(f"{module} imports {name} from another family")
    return wrong


def forbidden_uses(source: str) -> list[str]:
    """Calls of eval and exec, and whatever reads pickles."""
    found = [name for name in imports(source) if name.split(".")[0] in ("pickle", "dill", "shelve", "marshal")]
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
            found.append(node.func.id)
        for keyword in node.keywords:
            if keyword.arg == "allow_pickle" and getattr(keyword.value, "value", None) is not False:
                found.append("allow_pickle")
    return found


def test_every_module_has_a_row():
    homeless = [name for name in SOURCES if room(name) not in (None, "__main__", *ROW_OF)]
    assert not homeless
    assert {room(name) for name in SOURCES} >= {"runtime", "data", "cli"}  # the sources were found at all


@pytest.mark.parametrize("module", SOURCES)
def test_direction(module):
    assert wrong_directions(module, SOURCES[module]) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("mindgan.data.idx", "from mindgan.render.grids import save"),
        ("mindgan.data.idx", "def f():\n    import mindgan.training.trainer"),
        ("mindgan.mlp_gan.step", "from mindgan.stylegan2 import ops"),
        ("mindgan.export", "from mindgan.mlp_gan import recipe"),
        ("mindgan.modelarts.job", "from mindgan.cli.main import main"),
        ("mindgan.export", "from mindgan.cli import main"),
        ("mindgan.data.idx", "from . import batches"),
        ("mindgan.data.idx", "import mindgan"),
        ("mindgan.data.idx", "from mindgan import UserError"),
        ("mindgan.data.idx", "from mindgan.attic import x"),
    ],
)
def test_wrong_direction_is_seen(module, source):
    assert len(wrong_directions(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("mindgan.cli.mnist", "from mindgan.mlp_gan.recipe import train\nfrom mindgan.runtime.errors import UserError"),
        ("mindgan.data.idx", "import numpy as np\nfrom mindgan.data import batches\nfrom mindgan import __version__"),
        ("mindgan.__main__", "from mindgan.cli.main import main"),
    ],
)
def test_right_direction_is_let_through(module, source):
    assert wrong_directions(module, source) == []


def test_only_main_imports_the_command_line():
    importers = {name for name in SOURCES if any(used.startswith("mindgan.cli") for used in imports(SOURCES[name]))}
    assert {name for name in importers if room(name) != "cli"} == {"mindgan.__main__"}


def test_no_circles():
    """No module imports itself round a corner, not even from inside a function."""
    graph = {}
    for name, source in SOURCES.items():
        used = imports(source)
        # `from a.b import c` may name the module a.b.c or something in a.b
        graph[name] = {
            m for n in used for m in (n, n.rpartition(".")[0]) if m in SOURCES and m not in ("mindgan", name)
        }
        graph[name] = graph[name] if name != "mindgan" else set()  # it lends names from all rooms, lazily
    assert {*TopologicalSorter(graph).static_order()} >= {*SOURCES}  # raises CycleError


@pytest.mark.parametrize("module", [name for name in SOURCES if room(name) in LIGHT_ROOMS])
def test_light_modules_load_no_framework(module):
    heavy = {name.split(".")[0] for name in imports(SOURCES[module], inside_functions=False)}
    assert not heavy & {"mindspore", "cv2", "torch", "scipy"}


@pytest.mark.parametrize("module", SOURCES)
def test_no_global_plotting_state(module):
    assert not [name for name in imports(SOURCES[module]) if "pyplot" in name or "pylab" in name]


@pytest.mark.parametrize("file", python_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_neither_eval_nor_pickles(file):
    assert forbidden_uses(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "import pickle",
        "from dill import loads",
        "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=x)",
    ],
)
def test_eval_and_pickles_are_seen(source):
    assert len(forbidden_uses(source)) == 1


def test_lookalikes_are_let_through():
    assert forbidden_uses("model.eval()\nnp.load(f, allow_pickle=False)\nimport pickletools") == []


@pytest.mark.parametrize(
    "file", [*python_files(), *sorted((ROOT / "scripts").rglob("*.sh"))], ids=lambda file: str(file.relative_to(ROOT))
)
def test_files_stay_short(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) < MAX_LINES
