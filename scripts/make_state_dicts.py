"""Makes the .pth files that importing is tested with, from golden vectors: torch.save of the networks' state dicts.

    python scripts/make_state_dicts.py tests/golden/cyclegan tests/cyclegan/imported

PyTorch is not among mindgan's requirements: see scripts/bench/requirements.txt. G_A is in today's file format; the
others are in that of the years in which weights were published, with the statistics that old instance norms kept.
"""

import sys
from pathlib import Path

import numpy as np
import torch

NETWORKS = ("G_A", "G_B", "D_A", "D_B")


def main(source: Path, out: Path) -> None:
    """Writes latest_net_G_A.pth and so on."""
    golden = np.load(source / "cyclegan_step.npz", allow_pickle=False)
    out.mkdir(parents=True, exist_ok=True)
    for name in NETWORKS:
        weights = {key.removeprefix(f"{name}."): golden[key] for key in golden.files if key.startswith(f"{name}.")}
        state = {key: torch.from_numpy(value.astype(np.float32)) for key, value in weights.items()}
        if name != "G_A":
            state["model.2.running_mean"] = torch.zeros(3)
            state["model.2.num_batches_tracked"] = torch.tensor(7)
        torch.save(state, out / f"latest_net_{name}.pth", _use_new_zipfile_serialization=name == "G_A")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
