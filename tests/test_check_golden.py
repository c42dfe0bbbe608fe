"""The script that compares with golden vectors, as it is called."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def check_golden(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "scripts" / "check_golden.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900)


AUGMENTED = {"x", "x_gray", "bgc@0.35", "blit_gray@0.1", "noise@0.8", "noise.unit"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The sets, without those of StyleGAN2 that other tests compare; all of them take minutes to compile."""
    golden, folder = ROOT / "tests" / "golden", tmp_path_factory.mktemp("golden")
    others = shutil.ignore_patterns("networks_[!c]*", "augment.npz")
    shutil.copytree(golden, folder, ignore=others, dirs_exist_ok=True)
    with np.load(golden / "stylegan2" / "augment.npz") as file:
        np.savez(
            folder / "stylegan2" / "augment.npz", **{n: file[n] for n in file if n in AUGMENTED or "second_order" in n}
        )
    return folder


def test_a_line_for_each_number_and_exit_code_0(folder):
    done = check_golden(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [row.split() for row in done.stdout.splitlines()]
    families = [row[0].split("/")[0] for row in rows]
    counts = {family: families.count(family) for family in families}
    # networks in both modes, cases of resampling, three augmentations, second_order
    assert counts == {"mlp": 14, "cyclegan": 34, "stylegan2": (18 + 29) + 2 * 7 + 2 * 3 + (1 + 3)}
    assert all(len(row) == 3 and 0 <= float(row[1]) < 1e-2 and row[2] == "ok" for row in rows)
    assert all(float(row[1]) <= 1e-4 for row in rows if row[0].startswith(("cyclegan", "stylegan2")))


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
