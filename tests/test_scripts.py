"""The shell scripts, run for real against a Python that pretends: it installs nothing and writes down what it is asked.

The pretender answers the set-up's questions by running the real Python, and acts `-m venv`, `-m pip` and `-m mindgan`.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = [*sorted((ROOT / "scripts").rglob("*.sh")), ROOT / ".ci/run"]
BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="no bash")

GOOD = "3.11 cpython-311-x86_64-linux-gnu venv"
PRETENDER = """#!/bin/sh
case "$*" in
  *ensurepip*) echo "{description} {base}" ;;
  "-I -m venv "*) echo venv >>"{log}"; mkdir -p "$4/bin" && cp "$0" "$4/bin/python"; {venv} ;;
  "-I -m pip "*) echo "pip $*" >>"{log}"; {pip} ;;
  "-m mindgan"*) shift 2; echo "cwd $PWD"; for argument; do echo "<$argument>"; done; exit 7 ;;
  *) exec "{real}" "$@" ;;
esac
"""


class Project:
    """A copy of the scripts in a folder with spaces, a pretended Python, and a folder to call from."""

    def __init__(self, folder: Path):
        self.root = folder / "my project"
        self.cwd = folder / "some where"
        self.log = folder / "asked.txt"
        self.python = folder / "bin dir" / "python3.11"
        for made in (self.root / "scripts", self.cwd, self.python.parent):
            made.mkdir(parents=True)
        for name in ("requirements.txt", "setup.py", "scripts/common.sh", "scripts/run_gan.sh", "scripts/run_tests.sh"):
            shutil.copy(ROOT / name, self.root / name)
        self.pretend()

    def pretend(self, description: str = GOOD, venv: str = ":", pip: str = ":", at: Path | None = None) -> Path:
        """Writes the Python that pretends: what it says of itself, and what it does at `-m venv` and `-m pip`."""
        at = at or self.python
        acts = {"description": description, "venv": venv, "pip": pip}
        at.write_text(PRETENDER.format(**acts, base=at, log=self.log, real=sys.executable))
        at.chmod(0o755)
        return at

    def start(self, *arguments: str, script: str = "run_gan.sh", **environment: str) -> subprocess.Popen:
        # /usr/bin has the Pythons of the system in it: the pretender comes first on the path.
        path = f"{self.python.parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
        inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "PYTHONSAFEPATH")}
        return subprocess.Popen(
            [BASH, str(self.root / "scripts" / script), *arguments],
            cwd=self.cwd, env={**inherited, "PATH": path, **environment}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: str, **keywords: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **keywords)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_bash_can_read_it(script):
    result = subprocess.run([BASH, "-n", str(script)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s.name != "common.sh"], ids=lambda file: file.name)
def test_it_stops_at_the_first_failure(script):
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines


def test_sets_up_and_hands_everything_on(project):
    code, out, err = project.run("mnist", "--train_url", "a  b", "", "--x=*")
    assert code == 7  # mindgan's own
    assert out.splitlines() == [f"cwd {project.cwd}", "<mnist>", "<--train_url>", "<a  b>", "<>", "<--x=*>"]
    said = err.splitlines()
    assert len(said) == 2
    assert said[0].startswith("mindgan: setting up")
    assert said[1].startswith("mindgan: set up in")
    assert [line.split()[0] for line in project.asked()] == ["venv", "pip", "pip"]
    assert project.asked()[-1].endswith(f"--editable {project.root}")


def test_no_options_of_its_own(project):
    assert project.run()[1].splitlines() == [f"cwd {project.cwd}"]
    assert project.run("--help")[1].splitlines() == [f"cwd {project.cwd}", "<--help>"]


def test_second_time_is_silent_and_writes_nothing(project):
    project.run()
    asked, before = project.asked(), {file: file.stat().st_mtime_ns for file in project.root.rglob("*")}
    assert project.run("data")[2] == ""
    assert project.asked() == asked
    assert {file: file.stat().st_mtime_ns for file in project.root.rglob("*")} == before


@pytest.mark.parametrize("change", ["requirements.txt", "setup.py"])
def test_changed_requirements_are_installed_in_place(project, change):
    project.run()
    with open(project.root / change, "a") as file:
        file.write("# changed\n")
    project.run()
    assert [line.split()[0] for line in project.asked()] == ["venv", "pip", "pip", "pip", "pip"]


def test_moved_project_is_installed_anew(project):
    project.run()
    project.root = project.root.rename(project.root.with_name("moved"))
    assert project.run()[0] == 7
    assert project.asked()[-1].endswith(f"--editable {project.root}")


@pytest.mark.parametrize("step", ["venv", "pip"])
def test_broken_off_set_up_starts_from_nothing(project, step):
    project.pretend(**{step: f'touch "{project.root}/.venv/half"; kill -9 $PPID'})
    assert project.run()[0] != 0
    assert (project.root / ".venv/half").exists()
    asked = len(project.asked())
    project.pretend()
    assert project.run()[0] == 7
    assert not (project.root / ".venv/half").exists()
    assert [line.split()[0] for line in project.asked()[asked:]] == ["venv", "pip", "pip"]


def test_two_at_once_install_once(project):
    project.pretend(pip="sleep 0.5")
    first = project.start("first")
    while not project.asked():  # it has the lock
        time.sleep(0.01)
        assert first.poll() is None
    code, out, err = project.run("second")
    first.communicate(timeout=60)
    assert (first.returncode, code) == (7, 7)
    assert "<second>" in out
    assert err.splitlines() == ["mindgan: waiting for another set-up to finish"]
    assert [line.split()[0] for line in project.asked()] == ["venv", "pip", "pip"]


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("3.9 cpython-39-x86_64-linux-gnu venv", ["3.10, 3.11 or 3.12", "is 3.9", "PYTHON=/path/to/python"]),
        ("3.13 cpython-313-x86_64-linux-gnu venv", ["is 3.13"]),
        ("3.12 cpython-312-x86_64-linux-gnu no-venv", ["apt-get install python3.12-venv"]),
        ("3.12 cpython-312-x86_64-linux-musl venv", ["no wheel", "linux-musl"]),
        ("3.11 cpython-311-arm-linux-gnueabihf venv", ["no wheel", "gnueabihf"]),
        ("3.11 cpython-311-i386-linux-gnu venv", ["no wheel", "i386"]),
    ],
)
def test_unfit_python_is_told_in_one_line(project, description, words):
    unfit = project.pretend(description, at=project.cwd / "unfit")
    code, out, err = project.run("mnist", PYTHON=str(unfit))
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert all(word in err for word in words), err
    assert sorted(file.name for file in project.root.iterdir()) == ["requirements.txt", "scripts", "setup.py"]


def test_unfit_python_is_told_where_all_is_set_up(project):
    project.run()
    code, _, err = project.run(PYTHON="/nowhere/python")
    assert (code, err.count("\n")) == (2, 1)
    assert "PYTHON=/nowhere/python" in err


def test_no_python_at_all(project):
    tools = project.cwd / "tools"
    tools.mkdir()
    for tool in ("dirname", "bash"):
        (tools / tool).symlink_to(shutil.which(tool))
    code, _, err = project.run(PATH=str(tools))
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "3.10, 3.11 or 3.12; found none; install one" in err


def test_python_that_does_not_run_is_passed_over(project):
    """As pyenv's shims of versions that are not chosen."""
    other = project.cwd / "shims"
    other.mkdir()
    for name in ("python3.11", "python3.12", "python3.10"):
        (other / name).write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
        (other / name).chmod(0o755)
    path = f"{other}{os.pathsep}{project.python.parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
    code, _, err = project.run(PATH=path)
    assert code == 7
    assert "command not found" not in err


def test_another_python_makes_the_environment_anew(project):
    project.run()
    twelve = project.pretend("3.12 cpython-312-x86_64-linux-gnu venv", at=project.cwd / "python")
    assert project.run(PYTHON=str(twelve))[0] == 7
    assert [line.split()[0] for line in project.asked()].count("venv") == 2


def test_environment_of_someone_else_is_left_alone(project):
    (project.root / ".venv").mkdir()
    (project.root / ".venv/mine").touch()
    code, _, err = project.run()
    assert code == 2
    assert "move it away" in err.splitlines()[-1]
    assert (project.root / ".venv/mine").exists()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("ERROR: No matching distribution found for x==1", "the set-up failed"),
        ("WARNING: Retrying (Retry(total=4))\nERROR: No matching distribution found for x==1", "could not be reached"),
        ("Segmentation fault", "the set-up failed"),
    ],
)
def test_failed_pip_is_shown(project, output, expected):
    project.pretend(pip=f"printf '%s\\n' '{output}' >&2; exit 1")
    code, out, err = project.run()
    assert (code, out) == (1, "")
    assert err.splitlines()[1] == output.splitlines()[-1]
    assert expected in err.splitlines()[2]
    project.pretend()
    assert project.run()[0] == 7  # and the same command tries again


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_project(project):
    project.root.chmod(0o555)
    code, _, err = project.run()
    project.root.chmod(0o755)
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot write to" in err


def test_tests_need_more_and_come_last(project):
    """run_tests.sh installs the extra on top, runs every check though one fails, and pytest's line is the last."""
    project.run()
    checks = """  "-m ruff format"*) exit 1 ;;
  "-m ruff"* | "-m mypy"*) ;;
  "-m pytest"*) shift 2; echo "pytest $*" ;;
"""
    python = project.root / ".venv/bin/python"
    python.write_text(python.read_text().replace("  *ensurepip*)", f"{checks}  *ensurepip*)", 1))
    code, out, err = project.run("-k", "a b", script="run_tests.sh")
    assert code == 1
    assert out.splitlines()[-1] == "pytest -rs -n logical --maxprocesses 4 --dist loadfile -k a b"
    assert "mindgan: failed: ruff format" in err.splitlines()
    assert project.asked()[-1].endswith(f"--editable {project.root}[dev]")
    asked = project.asked()
    project.run(script="run_tests.sh")
    assert project.asked() == asked


def test_build_tools_are_those_of_pyproject():
    wanted = [line for line in (ROOT / "scripts/common.sh").read_text().splitlines() if line.startswith("build_tools=")]
    assert f'requires = ["{wanted[0].split(chr(39))[1]}"]' in (ROOT / "pyproject.toml").read_text()


def test_every_requirement_is_bounded():
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    unbounded = [line for line in lines if line and "==" not in line and not (">=" in line and ",<" in line)]
    assert any(lines)
    assert not unbounded
