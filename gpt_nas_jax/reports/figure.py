"""Figures of regret against queries, and of correlations."""

import io
import math
from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from gpt_nas_jax.reports.curves import Curves, standard_error

# Okabe and Ito's colours for all kinds of colour vision, without yellow, which is too
# faint on white: jfly.uni-koeln.de/color
_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7"),
    *("#E69F00", "#56B4E9", "#000000"),
)
# The eighth strategy reuses the first colour with another dash.
_DASHES = ("-", "--", "-.")
_STEPS = (1, 2, 5)
# The smallest regret that is resolved, in percentage points: a tenth of one of the
# 10,000 test images.
_FINEST = 1e-3
# The first cells are random; showing them in full would flatten the rest.
_FIRST = 5
_ACROSS = 3
_SETTINGS = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "savefig.dpi": 200,
    # Text for search and screen readers, and reproducible names.
    "svg.fonttype": "none",
    "svg.hashsalt": "gpt_nas_jax",
}


def render(all_curves: Sequence[Curves], form: str) -> bytes:
    """Draws one panel per data set; the same input gives the same bytes.

    A line is the mean over seeds of the regret to the highest accuracy of the
    table, with a band of one standard error to either side. It may leave the panel at
    the top within the first 5 queries; where the regret is zero, it runs along the
    bottom. The dotted line is the regret of the best cell by the selection.

    Args:
      all_curves: one per panel; a strategy has the same colour in all of them.
      form: ``svg`` or ``png``.
    """
    return _bytes(lambda: _figure(all_curves), form)


def heat_map(
    values: np.ndarray,
    names: Sequence[str],
    axes: tuple[str, str],
    measure: str,
    form: str,
) -> bytes:
    """Draws a matrix of correlations with their values, as reproducibly as `render`.

    Args:
      values: ``float64[K, K]`` in [-1, 1]; nan is left blank.
      names: of rows and columns.
      axes: labels of the columns and of the rows.
      measure: label of the values.
      form: ``svg`` or ``png``.
    """
    return _bytes(lambda: _heat_map(values, names, axes, measure), form)


def _bytes(draw: Callable[[], Figure], form: str) -> bytes:
    # Matplotlib's defaults, whatever the user has set.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        data = io.BytesIO()
        metadata = {"Date": None} if form == "svg" else None
        draw().savefig(data, format=form, metadata=metadata)
    return data.getvalue()


def _heat_map(
    values: np.ndarray, names: Sequence[str], axes: tuple[str, str], measure: str
) -> Figure:
    side = max(1.6 + 0.6 * len(names), 3.6)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    image = panel.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
    places = range(len(names))
    panel.set_xticks(places, names)
    panel.set_yticks(places, names)
    panel.set_xlabel(axes[0])
    panel.set_ylabel(axes[1])
    for (row, column), value in np.ndenumerate(values):
        if math.isfinite(value):
            # Both ends of the colour map are dark.
            ink = "white" if abs(value) > 0.6 else "black"
            panel.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink)
    figure.colorbar(image, label=measure)
    return figure


def _figure(all_curves: Sequence[Curves]) -> Figure:
    across = min(len(all_curves), _ACROSS)
    down = math.ceil(len(all_curves) / across)
    size = (max(1.0 + 3.0 * across, 5.0), 0.9 + 2.7 * down)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    styles = _styles(all_curves)
    lines: dict[str, Line2D] = {}
    for panel, curves in zip(axes, all_curves, strict=False):
        lines |= _draw(panel, curves, styles)
    for panel in axes[len(all_curves) :]:
        panel.set_axis_off()
    for panel in axes[::across]:
        measure = all_curves[0].measure
        panel.set_ylabel(f"Regret of {measure}\n(percentage points)")
    figure.legend(
        lines.values(),
        lines.keys(),
        loc="outside lower center",
        ncols=min(len(lines), across + 1),
    )
    return figure


def _styles(all_curves: Sequence[Curves]) -> dict[str, tuple[str, str]]:
    """A colour and a dash for each strategy, in the order of their appearance."""
    names = dict.fromkeys(name for curves in all_curves for name in curves.accuracy)
    styles = [(colour, dash) for dash in _DASHES for colour in _COLOURS]
    return {name: styles[i % len(styles)] for i, name in enumerate(names)}


def _draw(
    panel: Axes, curves: Curves, styles: dict[str, tuple[str, str]]
) -> dict[str, Line2D]:
    """Fills one panel and names its lines."""
    queries = np.arange(1, curves.queries + 1)
    regrets = {
        strategy: curves.highest - accuracy.mean(axis=0)
        for strategy, accuracy in curves.accuracy.items()
    }
    # Without a known optimum there is no line for it.
    optimum = curves.highest if curves.optimum is None else curves.optimum
    gap = curves.highest - optimum
    first = min(_FIRST, curves.queries) - 1
    later = [regret[first:] for regret in regrets.values()]
    bottom, top = _limits(np.concatenate([*later, [gap]]))
    lines = {}
    for strategy, regret in regrets.items():
        colour, dash = styles[strategy]
        error = standard_error(curves.accuracy[strategy])
        panel.fill_between(
            queries,
            np.maximum(regret - error, bottom),
            np.maximum(regret + error, bottom),
            color=colour,
            alpha=0.2,
            linewidth=0,
        )
        drawn = np.maximum(regret, bottom)
        (lines[strategy],) = panel.plot(queries, drawn, color=colour, linestyle=dash)
    if gap >= bottom:
        lines[f"best cell by {curves.selection}"] = panel.axhline(
            gap, color="0.4", linestyle=":", linewidth=1.0, zorder=1
        )
    panel.set_title(curves.dataset)
    panel.set_xlabel("Queries (evaluated cells)")
    panel.set_xlim(1, max(curves.queries, 2))
    panel.set_yscale("log")
    panel.set_ylim(bottom, top)
    panel.yaxis.set_major_locator(LogLocator(subs=_STEPS))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_minor_formatter(NullFormatter())
    return lines


def _limits(regrets: np.ndarray) -> tuple[float, float]:
    """The nearest steps 1, 2, 5 of a decade below and above the values to draw."""
    steps = np.outer(10.0 ** np.arange(-3, 4), _STEPS).ravel()
    shown = regrets[regrets >= _FINEST]
    lowest, highest = (shown.min(), shown.max()) if len(shown) else (0.1, 0.1)
    return steps[steps <= lowest].max(), steps[steps > highest].min()
