"""Manifests of operators' outputs, as ModelArts imports them: JSON Lines, a sample a line.

Format: ModelArts, "Specifications for Importing a Manifest File". Reading is `mindgan.data.manifest`.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from mindgan.data.manifest import CLASSIFICATION
from mindgan.runtime import files


def sample(source: str, *, usage: str = "train", label: str | None = None, checked: bool = False) -> dict:
    """One row.

    Args:
        source: URL of the file, or its path, absolute or relative to the manifest.
        usage: ``train``, ``eval``, ``test`` or ``inference``.
        label: its class; without one the row has no annotation, which is how ModelArts writes unlabelled samples.
        checked: whether the file went through validation.
    """
    row: dict = {"id": sample_id(source), "source": source, "usage": usage}
    if label is not None:
        row["annotation"] = [{"name": label, "type": CLASSIFICATION}]
    if checked:
        row["property"] = {"@modelarts:data_checked": True}
    return row


def sample_id(source: str) -> str:
    """32 hexadecimal digits, the same for the same source."""
    return hashlib.md5(os.fsencode(source), usedforsecurity=False).hexdigest()


def write_manifest(path: Path, samples: Iterable[dict]) -> None:
    """Writes rows as a manifest, atomically: UTF-8, one line each, no empty line at the end, which some readers refuse.

    Raises:
        UserError: the disk is full or the file cannot be written.
    """
    files.write_atomically(path, b"".join(_line(row) + b"\n" for row in samples))


def _line(row: dict) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a file name whose bytes are no UTF-8; its escapes are
        return json.dumps(row, separators=(",", ":")).encode()
