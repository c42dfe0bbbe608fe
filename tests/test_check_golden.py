"""The script that compares with golden vectors, as it is called."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def check_golden(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "scripts" / "check_golden.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_a_line_for_each_number_and_exit_code_0():
    done = check_golden(ROOT / "tests" / "golden")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [row.split() for row in done.stdout.splitlines()]
    families = [row[0].split("/")[0] for row in rows]
    assert (families.count("mlp"), families.count("cyclegan"), len(families)) == (14, 34, 48)
    assert all(len(row) == 3 and 0 <= float(row[1]) < 1e-2 and row[2] == "ok" for row in rows)
    assert all(float(row[1]) <= 1e-4 for row in rows if row[0].startswith("cyclegan"))


def test_wrong_weights_fail_with_exit_code_1(tmp_path):
    shutil.copytree(ROOT / "tests" / "golden" / "mlp", tmp_path / "mlp")
    config = tmp_path / "mlp" / "config.json"
    config.write_text(config.read_text().replace('"weight_seed_G": 101', '"weight_seed_G": 102'))
    done = check_golden(tmp_path)
    assert done.returncode == 1
    assert "FAIL" in done.stdout


def test_an_empty_folder_is_told(tmp_path):
    done = check_golden(tmp_path)
    assert done.returncode == 2
    assert "holds no golden vectors" in done.stdout
