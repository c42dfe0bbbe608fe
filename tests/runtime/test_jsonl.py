"""stats.jsonl as any family writes it: any numbers beside the place, gaps, damage."""

import json
import math
from pathlib import Path

import pytest

from mindgan.runtime.errors import UserError
from mindgan.runtime.jsonl import append_line, read_stats

PLACE = {"nimg": 64, "epoch": 0, "step": 1}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_any_numbers_come_back_as_they_were_written(tmp_path: Path):
    lines = [
        PLACE | {"loss_d": 1.25, "loss_g": 3, "lr": 2e-4},
        PLACE | {"G_A": 0.5, "lr_g": 1e-4},
        PLACE | {"Loss/G/loss": -math.inf, "Progress/augment": 0},
        PLACE,
    ]
    for line in lines:
        append_line(tmp_path / "stats.jsonl", line)
    assert read_stats(tmp_path / "stats.jsonl") == lines


def test_nan_is_a_number(tmp_path: Path):
    append_line(tmp_path / "stats.jsonl", PLACE | {"G_A": math.nan})
    assert math.isnan(read_stats(tmp_path / "stats.jsonl")[0]["G_A"])


def test_no_file_no_lines(tmp_path: Path):
    assert read_stats(tmp_path / "stats.jsonl") == []


@pytest.mark.parametrize(
    "damaged",
    [
        '{"nimg": 64, "epo',
        "[1, 2]",
        {"nimg": 64, "epoch": 0, "G_A": 0.5},
        PLACE | {"epoch": 0.5},
        PLACE | {"step": True},
        PLACE | {"G_A": None},
        PLACE | {"G_A": "0.5"},
        PLACE | {"G_A": [0.5]},
        PLACE | {"G_A": False},
    ],
)
def test_a_damaged_line_is_named_and_a_torn_last_one_left_out(tmp_path: Path, damaged):
    path = write(tmp_path / "stats.jsonl", PLACE, damaged, PLACE)
    with pytest.raises(UserError, match=r"stats\.jsonl: line 2 is damaged"):
        read_stats(path)
    assert read_stats(write(path, PLACE, damaged)) == [PLACE]
