"""The check as tables in Markdown, for docs/results."""

import datetime
import os
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from accelerators import candidates
from accelerators.chips import CHIPS
from accelerators.report import least

Line = dict[str, Any]
_GIB, _GB = 2**30, 1e9


def write(lines: Sequence[Line], before: Sequence[Line], path: Path) -> None:
    """Writes all tables.

    Args:
      lines: of compiled programs.
      before: of an earlier version of the program; may be empty.
      path: of the file.
    """
    pins = ", ".join(pin for chip in CHIPS.values() for pin in chip.pins())
    parts = [
        "# Programs compiled for accelerators\n",
        f"Written by `launch/check_accelerators.py` on {datetime.date.today()}: JAX "
        f"{jax.__version__}, {pins}, {os.cpu_count()} CPU cores. No program was run.\n",
        *_summary(lines),
        *_bytes(lines, before),
        *_memory(lines),
        *_blocks(lines, before),
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    ruler = ["---"] + ["---:"] * (len(columns) - 1)
    body = (f"| {' | '.join(row)} |" for row in (columns, ruler, *rows))
    return "\n".join([f"## {title}\n", *body, ""])


def _summary(lines: Sequence[Line]) -> Iterator[str]:
    """How many programs there are of each part, and the extremes among them."""
    rows = []
    for name, chip in CHIPS.items():
        for part in dict.fromkeys(line["part"] for line in lines):
            chosen = [
                line for line in lines if (line["chip"], line["part"]) == (name, part)
            ]
            done = [line for line in chosen if "error" not in line]
            if done:
                longest = max(done, key=lambda line: line["seconds"])
                largest = max(done, key=lambda line: line["bytes"])
                rows.append(
                    (
                        f"{chip.title}, {part}",
                        str(len(chosen)),
                        str(len(chosen) - len(done)),
                        f"{longest['seconds']:.1f}",
                        longest["name"],
                        f"{largest['bytes'] / _GIB:.2f}",
                    )
                )
    yield _table(
        "Parts",
        ("part", "programs", "failed", "longest, s", "which", "most memory, GiB"),
        rows,
    )


def _bytes(lines: Sequence[Line], before: Sequence[Line]) -> Iterator[str]:
    """Tables of the bytes that a step of random candidates moves."""
    for name, chip in CHIPS.items():
        now = candidates.moved(_accessed(lines, name))
        then = candidates.moved(_accessed(before, name)) or [0.0] * len(now)
        if now:
            pairs = [
                *enumerate(zip(then, now, strict=True)),
                ("all", (sum(then), sum(now))),
            ]
            yield _table(
                f"{chip.title}: bytes that a step of 12 random candidates moves",
                ("candidate", "GB before", "GB", "now / before"),
                [(str(label), *_compared(pair)) for label, pair in pairs],
            )


def _accessed(lines: Sequence[Line], chip: str) -> candidates.Lines:
    found = candidates.of_blocks(lines, chip)
    return {name: line for name, line in found.items() if "accessed" in line}


def _compared(pair: tuple[float, float]) -> tuple[str, str, str]:
    then, now = pair
    if not then:
        return "-", f"{now / _GB:.3g}", "-"
    return f"{then / _GB:.3g}", f"{now / _GB:.3g}", f"{now / then:.2f}"


def _memory(lines: Sequence[Line]) -> Iterator[str]:
    """Predicted peaks compared with those of the compilers."""
    for name, chip in CHIPS.items():
        pairs = candidates.peaks(candidates.of_blocks(lines, name), name)
        if pairs:
            ratios = [ours / theirs for theirs, ours in pairs]
            rows = [
                (str(i), f"{a / _GIB:.2f}", f"{b / _GIB:.2f}", f"{b / a:.2f}")
                for i, (a, b) in enumerate(pairs)
            ]
            yield _table(
                f"{chip.title}: peak memory of a step of 24 random candidates",
                ("candidate", "GiB, compiler", "predicted", "predicted / compiler"),
                rows,
            )
            yield (
                f"Predicted / compiler: {min(ratios):.2f} to {max(ratios):.2f}, median "
                f"{statistics.median(ratios):.2f}.\n"
            )


def _blocks(lines: Sequence[Line], before: Sequence[Line]) -> Iterator[str]:
    """Tables of all block programs, each compared with its earlier version."""
    for name, chip in CHIPS.items():
        now, then = (_accessed(each, name) for each in (lines, before))
        if now:
            yield _table(
                f"{chip.title}: block programs",
                (
                    "program",
                    "GB before",
                    "GB",
                    "now / before",
                    "GFLOP",
                    "arithmetic, ms",
                    "memory, ms",
                    "compiling, s",
                ),
                (_row(line, then.get(title)) for title, line in now.items()),
            )


def _row(line: Line, before: Line | None) -> tuple[str, ...]:
    then, times = before["accessed"] if before else 0.0, least(line)
    return (
        line["name"],
        *_compared((then, line["accessed"])),
        f"{line['flops'] / 1e9:.3g}",
        f"{times['arithmetic_ms']:.3g}",
        f"{times['memory_ms']:.3g}",
        f"{line['seconds']:.1f}",
    )
