"""The best network, block by block with sizes, ready to be drawn."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import flax.linen as nn
import numpy as np

from gpt_nas_jax.networks.chain import Head
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.reports.page import texts
from gpt_nas_jax.reports.page.run import Run, names
from gpt_nas_jax.spaces import registry
from gpt_nas_jax.types import UsageError

_COLUMNS = 6
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 160, 62, 26, 30
_STAGES = 4
"""Colours of resolutions."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A block of a network.

    Attributes:
      name: of the block.
      size: of its output; empty if unknown.
      cost: its parameters, likewise.
      style: a class of the style sheet, by the resolution.
    """

    name: str
    size: str = ""
    cost: str = ""
    style: str = "stage0"


@dataclasses.dataclass(frozen=True)
class Box:
    """A part and its place in pixels."""

    part: Part
    x: int
    y: int
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A network in rows, from the left to the right.

    Attributes:
      boxes: the parts.
      arrows: paths between them.
      width: in pixels.
      height: likewise.
      summary: the parts in words.
      genes: those of a cell, if the parts do not name them.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    width: int
    height: int
    summary: str
    genes: tuple[str, ...] = ()


def drawing(run: Run) -> Drawing | None:
    """Returns the best network so far; None before there is one or if it is human."""
    record = run.best
    genes = names(record) if record else list((run.network or {}).get("blocks", ()))
    if not genes:
        return None
    parts = _traced(run, genes)
    if parts is None:
        return _drawn([Part(gene) for gene in genes])
    found = _drawn([part for part, _ in parts])
    named = [part for part, is_gene in parts if is_gene]
    return found if named else dataclasses.replace(found, genes=tuple(genes))


def _traced(run: Run, genes: Sequence[str]) -> list[tuple[Part, bool]] | None:
    """The parts with sizes, and whether they are genes; None without the images."""
    # A run begun before its images were recorded may have a trained network.
    images = run.images or run.network
    if images is None or run.from_python:
        return None
    size: Size = tuple(images["image"])
    try:
        space = registry.build(run.config.space, size, images["num_classes"])
        blocks = space.decode(np.asarray(space.genome(genes))).blocks
    except UsageError:
        # A space of the user's own that no longer exists.
        return None
    one_each = len(blocks) == len(genes) + 1
    named = [*genes, ""] if one_each else [""] * len(blocks)
    parts = [(Part("images", _size(size), "", "ends"), False)]
    return parts + list(_of_blocks(blocks, named, size))


def _of_blocks(
    blocks: Sequence[nn.Module], named: Sequence[str], size: Size
) -> Iterator[tuple[Part, bool]]:
    rows = []
    stage, height = 0, size[0]
    for block, name in zip(blocks, named, strict=True):
        traced = trace(block, size)
        size = traced.out_size
        if isinstance(block, Head):
            classifier = f"{size[-1]} classes"
            rows.append(("average, classifier", classifier, traced.params, "ends", ""))
            continue
        stage += size[0] < height
        height = size[0]
        style = f"stage{stage % _STAGES}"
        shown = name or type(block).__name__
        rows.append((shown, _size(size), traced.params, style, name))
    for row, same in itertools.groupby(rows, lambda row: row):
        name, shape, params, style, gene = row
        cost = f"{texts.amount(params)} parameters" if params else "no parameters"
        count = len(list(same))
        # Cells repeat; equal genes are drawn one by one, as in the genome.
        shown = [name] * count if gene else [f"{name} x {count}" if count > 1 else name]
        yield from ((Part(one, shape, cost, style), bool(gene)) for one in shown)


def _size(size: Size) -> str:
    return " x ".join(map(str, size))


def _drawn(parts: Sequence[Part]) -> Drawing:
    columns = min(_COLUMNS, len(parts))
    step_x, step_y = _WIDTH + _GAP_X, _HEIGHT + _GAP_Y
    boxes = [
        Box(part, index % columns * step_x + 2, index // columns * step_y + 2)
        for index, part in enumerate(parts)
    ]
    arrows = [_arrow(a, b) for a, b in itertools.pairwise(boxes)]
    steps = [f"{part.name} {part.size}".strip() for part in parts]
    return Drawing(
        tuple(boxes),
        tuple(arrows),
        columns * step_x - _GAP_X + 4,
        -(-len(parts) // columns) * step_y - _GAP_Y + 4,
        ", then ".join(steps),
    )


def _arrow(a: Box, b: Box) -> str:
    """From the right of a box to the next, or down to the beginning of a row."""
    if a.y == b.y:
        return f"M{a.x + a.width + 2},{a.y + a.height // 2}H{b.x - 3}"
    middle = a.y + a.height + _GAP_Y // 2
    return (
        f"M{a.x + a.width // 2},{a.y + a.height + 2}V{middle}"
        f"H{b.x + b.width // 2}V{b.y - 3}"
    )
