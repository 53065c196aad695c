"""Charts as numbers: what a template needs to draw one as SVG."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence

from gpt_nas_jax.reports.page import texts

Point = tuple[float, float]

_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 14, 12, 44
_STRIDES = tuple(((1,), stride) for stride in (1, 2, 3, 5, 10))
"""Powers of ten, in ever larger steps."""
_MARGIN = 0.04
"""Share of an axis that is left free at each end."""
_INSET = 0.05
"""Share of an axis between its ends and the labels that stand for them."""
_LEAST, _MOST = 1e-280, 1e280
"""Sizes beyond which numbers near the ends of an axis may not be floats."""
_LEAST_RATIO = 0.02
"""Decades that costs must span; closer ones look equal in three digits."""


@dataclasses.dataclass(frozen=True)
class Axis:
    """Values along one side of a chart.

    Attributes:
      label: what they are, with the unit.
      low: the lowest, as drawn: its logarithm if ``log``.
      high: the highest, likewise.
      log: whether the axis is logarithmic.
    """

    label: str
    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """The position of a value on the axis, 0 to 1."""
        value = math.log10(value) if self.log else value
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Round values on the axis, with their labels."""
        if not self.log:
            values = self._steps(most)
            if not values:
                return []
            step = values[1] - values[0] if len(values) > 1 else abs(values[0]) or 1
            largest = max(map(abs, values)) or 1
            # As many digits as tell the values apart.
            digits = max(6, math.ceil(math.log10(largest / step)) + 1)
            return [(value, f"{value:.{digits}g}") for value in values]
        first, last = math.floor(self.low), math.ceil(self.high)
        found: list[float] = []
        for digits, stride in (((1, 2, 5), 1), ((1, 3), 1), *_STRIDES):
            decades = range(first // stride * stride, last + 1, stride)
            values = [digit * 10.0**power for power in decades for digit in digits]
            found = [v for v in values if self.low <= math.log10(v) <= self.high]
            if len(found) <= most:
                break
        if len(found) < 2:
            # A range of less than one step: its ends say more than one value does.
            inset = _INSET * (self.high - self.low)
            found = [10 ** (self.low + inset), 10 ** (self.high - inset)]
        return [(value, texts.amount(value)) for value in found]

    def _steps(self, most: int) -> list[float]:
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        digits = max(10, 2 - math.floor(math.log10(step)))
        return [round(number * step, digits) for number in range(first, last + 1)]


def axis(label: str, values: Iterable[float], log: bool = False) -> Axis:
    """The axis that covers all values, with a margin.

    Values that differ by no more than rounding are drawn as equal ones.
    """
    shown = [math.log10(value) if log else value for value in values]
    most = math.log10(_MOST) if log else _MOST
    low, high = (min(max(end(shown), -most), most) for end in (min, max))
    largest = max(abs(low), abs(high))
    if log:
        margin = 0.1 if high - low < _LEAST_RATIO else _MARGIN * (high - low)
    elif high - low <= max(1e-9 * largest, _LEAST):
        margin = 0.05 * largest if largest > _LEAST else 1.0
    else:
        margin = _MARGIN * (high - low)
    return Axis(label, low - margin, high + margin, log)


@dataclasses.dataclass(frozen=True)
class Line:
    """A line as an SVG path.

    Attributes:
      path: the attribute ``d``.
      style: a class of the style sheet.
      name: in the legend; empty for none.
    """

    path: str
    style: str
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Dot:
    """A candidate.

    Attributes:
      number: of its evaluation.
      x: in pixels.
      y: likewise.
      style: classes of the style sheet.
    """

    number: int
    x: str
    y: str
    style: str


@dataclasses.dataclass(frozen=True)
class Tick:
    """The label of a value on an axis, and its place in pixels."""

    place: str
    text: str


@dataclasses.dataclass(frozen=True)
class Chart:
    """A frame with two axes and its contents.

    Attributes:
      name: unique on the page; the identifier of its elements.
      title: short description.
      summary: text alternative, for people who cannot see it.
      x: the lower axis.
      y: the left axis.
      width: in pixels, as far as the page has them.
      height: likewise.
      lines: drawn behind the dots.
      dots: candidates.
    """

    name: str
    title: str
    summary: str
    x: Axis
    y: Axis
    width: int = 560
    height: int = 320
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()

    @property
    def frame(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the area, in pixels."""
        return _LEFT, _TOP, self.width - _RIGHT, self.height - _BOTTOM

    @property
    def x_ticks(self) -> list[Tick]:
        """Ticks of the lower axis."""
        found = self.x.ticks(max(3, self.width // 90))
        return [Tick(_pixels(self._at_x(value)), text) for value, text in found]

    @property
    def y_ticks(self) -> list[Tick]:
        """Ticks of the left axis."""
        found = self.y.ticks(6)
        return [Tick(_pixels(self._at_y(value)), text) for value, text in found]

    def line(self, points: Sequence[Point], style: str, name: str = "") -> "Chart":
        """The chart with a line through points in order; a NaN point is a gap."""
        path = []
        for drawn, group in itertools.groupby(points, lambda p: math.isfinite(p[1])):
            if drawn:
                places = [self._place(*point) for point in group]
                # A line of zero length is drawn as a dot.
                path.append(f"M{'L'.join(places)}{'h0' * (len(places) == 1)}")
        return self._with_line("".join(path), style, name)

    def steps(self, points: Sequence[Point], style: str, name: str = "") -> "Chart":
        """The chart with a line that keeps its height up to the next point."""
        path = [f"M{self._place(*points[0])}"] if points else []
        for x, y in points[1:]:
            path.append(f"H{_pixels(self._at_x(x))}V{_pixels(self._at_y(y))}")
        return self._with_line("".join(path), style, name)

    def dot(self, number: int, point: Point, style: str) -> Dot:
        """A dot at a point, for ``dots``."""
        x, y = point
        return Dot(number, _pixels(self._at_x(x)), _pixels(self._at_y(y)), style)

    def _with_line(self, path: str, style: str, name: str) -> "Chart":
        return dataclasses.replace(self, lines=(*self.lines, Line(path, style, name)))

    def _place(self, x: float, y: float) -> str:
        return f"{_pixels(self._at_x(x))},{_pixels(self._at_y(y))}"

    def _at_x(self, value: float) -> float:
        left, _, right, _ = self.frame
        return left + self.x.share(value) * (right - left)

    def _at_y(self, value: float) -> float:
        _, top, _, bottom = self.frame
        return bottom - self.y.share(value) * (bottom - top)


def _pixels(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
