"""A report for the tests: written from a small run, and read as markup."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from mindgan.render.grids import save_png
from mindgan.render.report import save_report
from mindgan.render.series import GAN_LOSSES

VOID = {"meta", "link", "img", "input", "br"}
NASTY = """<script>alert("1")</script> & 'x' $title </table>"""


class Page(HTMLParser):
    """Collects what the tests ask about; raises where an element is not closed in its place."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        elif "style" not in self._open:
            self.text += data + "\n"

    def find(self, **attributes: str) -> list[dict[str, str | None]]:
        return [have for _, have in self.elements if attributes.items() <= have.items()]

    def data(self) -> dict[str, Any]:
        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is no JSON")

        return json.loads(self.scripts[0], parse_constant=refuse)


def lines(num_epochs: int, steps: int = 4) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [
        {
            "nimg": 10 * (epoch * steps + step + 1),
            "epoch": epoch,
            "step": step,
            "loss_d": float(rng.uniform(1, 1.4)),
            "loss_g": float(rng.uniform(0.6, 1)),
            "lr": 2e-4,
        }
        for epoch in range(num_epochs)
        for step in range(steps)
    ]


def sheets(folder: Path, num: int, *shape: int) -> list[tuple[int, Path]]:
    rng = np.random.default_rng(0)
    samples = [(epoch, folder / f"test_{epoch}.png") for epoch in range(num)]
    for _, path in samples:
        save_png(path, rng.integers(0, 256, shape or (8, 8), np.uint8))
    return samples


def write(folder: Path, **changes: Any) -> Page:
    arguments: dict[str, Any] = {
        "title": "A run",
        "settings": {"epochs": 3, "lr": 2e-4},
        "stats": lines(3),
        "groups": [GAN_LOSSES],
        "nimg_per_epoch": 40,
        "epoch_seconds": [2.0, 3.0, 4.0],
        "facts": {"Device": "CPU"},
        "pictures": {},
    }
    if "samples" not in changes:
        arguments["samples"] = sheets(folder / "images", 3)
    save_report(folder / "report.html", **(arguments | changes))
    return Page((folder / "report.html").read_text("utf-8"))
