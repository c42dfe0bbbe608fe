"""Line charts for a page: SVG that stretches to any width, with text that does not.

The curves are paths in a square of 1000 units, stretched to the plot's size; lines keep their width. Everything that is
text (ticks, labels) and the moving cursor are HTML, placed in percent of the plot.
"""

import math
from dataclasses import dataclass, field
from html import escape

import numpy as np
from matplotlib.ticker import MaxNLocator

_SIDE = 1000  # units of the SVG's viewBox
_MOST_POINTS = 4000  # a path; more than a screen can show

# position on the axis, its name, and a value for each curve: None where it has none, NaN where none is finite
Row = tuple[float, str, list[float | None]]


@dataclass(frozen=True)
class Line:
    """One curve: `x` and `y` float64 [N], finite; `css` names its colour and weight."""

    x: np.ndarray
    y: np.ndarray
    css: str


@dataclass(frozen=True)
class Level:
    """A dashed horizontal line with a label at its right end."""

    y: float
    label: str
    css: str


@dataclass(frozen=True)
class Chart:
    """Curves over epochs or kimg, with the values that the read-out can show.

    Attributes:
        name: the id of the plot in the page.
        title: what a screen reader calls it.
        x_max: where the axis, which starts at 0, ends.
        y_limits: lowest and highest value of the other axis.
        names: the legend: colour to name, in the order of the read-out's values.
        rows: what can be read, a value for each of `names`.
        decimals: how many of a value are shown.
        unit: of the axis that starts at 0.
    """

    name: str
    title: str
    x_max: float
    y_limits: tuple[float, float]
    names: dict[str, str]
    lines: list[Line]
    rows: list[Row]
    decimals: int
    levels: list[Level] = field(default_factory=list)
    unit: str = "epoch"

    def data(self) -> dict[str, object]:
        """What the page's script needs, for JSON."""
        rows = [[round(x, 4), label, *(self._rounded(value) for value in values)] for x, label, values in self.rows]
        sizes = {"x_max": self.x_max, "y_limits": self.y_limits, "decimals": self.decimals}
        return {"name": self.name, "rows": rows, **sizes}

    def html(self) -> str:
        """The legend with its read-out, and the plot."""
        return (
            f'<div class="readout" id="{self.name}-readout">{self._legend()}</div>\n'
            f'<div class="plot{" levelled" if self.levels else ""}" id="{self.name}" style="--chars:{self._chars()}" '
            f"{self._slider()}>\n"
            f'<svg viewBox="0 0 {_SIDE} {_SIDE}" preserveAspectRatio="none" aria-hidden="true">{self._paths()}</svg>\n'
            f'{self._labels()}<span class="axis">{escape(self.unit)}</span>\n'
            f'<div class="cursor" hidden>{"".join(f"<i class={css}></i>" for css in self.names)}</div>\n'
            "</div>\n"
        )

    def _paths(self) -> str:
        grid = "".join(f"M0 {self._top(y):.1f}H{_SIDE}" for y in _ticks(*self.y_limits))
        levels = [f'<path class="level {level.css}" d="M0 {self._top(level.y):.1f}H{_SIDE}"/>' for level in self.levels]
        curves = [self._path(line) for line in self.lines if len(line.x)]
        return f'<path class="grid" d="{grid}"/>' + "".join(levels + curves)

    def _labels(self) -> str:
        y_ticks, x_ticks = _ticks(*self.y_limits), _ticks(0, self.x_max, integer=self.x_max > 2)
        labels = [("tick-y", "top", self._top(y), text) for y, text in zip(y_ticks, _texts(y_ticks), strict=True)]
        labels += [("tick-x", "left", self._left(x), text) for x, text in zip(x_ticks, _texts(x_ticks), strict=True)]
        labels += [(f"level {level.css}", "top", self._top(level.y), level.label) for level in self.levels]
        return "".join(
            f'<span class="{css}" style="{side}:{100 * units / _SIDE:.2f}%">{escape(text)}</span>'
            for css, side, units, text in labels
        )

    def _chars(self) -> int:
        """How much room the vertical axis' ticks need at the left."""
        return max(map(len, _texts(_ticks(*self.y_limits))))

    def _slider(self) -> str:
        """The attributes that make the plot a control for keys and screen readers; none where nothing can be read."""
        if not self.rows:
            return f'role="img" aria-label="{escape(self.title)}: no values"'
        last = len(self.rows) - 1
        return (
            f'role="slider" tabindex="0" aria-label="{escape(self.title)}" '
            f'aria-valuemin="0" aria-valuemax="{last}" aria-valuenow="{last}"'
        )

    def _legend(self) -> str:
        entries = [f'<span class="key {css}">{escape(name)} <b></b></span>' for css, name in self.names.items()]
        return f'<span class="where">{escape(self.rows[-1][1]) if self.rows else "&nbsp;"}</span>{"".join(entries)}'

    def _rounded(self, value: float | None) -> float | str | None:
        if value is None:
            return None
        return round(float(value), self.decimals) if math.isfinite(value) else "not finite"

    def _left(self, x: float) -> float:
        return _SIDE * x / self.x_max

    def _top(self, y: float) -> float:
        low, high = self.y_limits
        return _SIDE * (high - y) / (high - low)

    def _path(self, line: Line) -> str:
        x, y = thin(line.x, line.y, most=_MOST_POINTS)
        points = " ".join(f"{self._left(a):.1f} {self._top(b):.1f}" for a, b in zip(x, y, strict=True))
        if len(x) == 1:  # a line of no length is a dot: its caps are round
            return f'<path class="{line.css} dot" d="M{points}h0"/>'
        return f'<path class="{line.css}" d="M{points}"/>'


def thin(x: np.ndarray, y: np.ndarray, *, most: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` of the points, chosen so that the curve looks the same: each stretch's lowest and highest.

    Args:
        x: float64 [N], rising.
        y: float64 [N].
        most: an even number of points to keep.
    """
    if len(x) <= most:
        return x, y
    stretches = np.array_split(np.arange(len(x)), most // 2)
    kept = np.unique([stretch[pick(y[stretch])] for stretch in stretches for pick in (np.argmin, np.argmax)])
    return x[kept], y[kept]


def _ticks(low: float, high: float, *, integer: bool = False) -> list[float]:
    """Round numbers from `low` to `high`, some eight of them."""
    ticks = MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=integer).tick_values(low, high)
    slack = 1e-9 * (high - low)
    return [float(tick) for tick in ticks if low - slack <= tick <= high + slack]


def _texts(ticks: list[float]) -> list[str]:
    """The ticks as text, all with as many decimals as one of them needs."""
    short = [f"{tick:g}" for tick in ticks]
    if any("e" in text for text in short):
        return [scientific(tick) for tick in ticks]
    decimals = max((len(text.partition(".")[2]) for text in short), default=0)
    return [f"{tick:.{decimals}f}" for tick in ticks]


def scientific(value: float) -> str:
    """``1.5e-04``, with as many decimals as it needs, at most three; 0 is ``0``."""
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    return f"{float(mantissa):g}e{exponent}" if value else "0"
