"""What README says of commands and files is so."""

import re
import shlex
from pathlib import Path

import pytest

from mindgan.cli.main import parse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [row for row in re.findall(r"(?:mindgan/)?scripts/run_gan\.sh ([^`\n]+)", README) if "--help" not in row]


def test_the_commands_were_found():
    families = {"mnist", "cyclegan", "stylegan"}
    others = {"translate", "generate", "metrics", "export", "render", "data", "import"}
    assert {row.split()[0] for row in COMMANDS} == families | others


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_parses(command):
    assert parse(shlex.split(command, comments=True)) is not None


def test_nothing_is_left_to_fill_in():
    assert not re.search(r"^[A-Z]{4,}$", README, re.M)


def test_every_file_it_links_to_is_there():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_map_names_what_is_there():
    rooms = re.search(r"```\nmindgan/\n(.*?)```", README, re.S)
    assert rooms is not None
    told = set(re.findall(r"^  (\w+)(?:/|\.py) ", rooms[1], re.M))
    there = {path.stem for path in (ROOT / "mindgan").iterdir() if not path.name.startswith("__")}
    assert told == there


def test_every_public_name_exists():
    import mindgan

    assert [name for name in mindgan.__all__ if not hasattr(mindgan, name)] == []
    assert set(re.findall(r"mindgan\.([a-z_]+|[A-Z]\w+)\(", README)) <= set(mindgan.__all__)
