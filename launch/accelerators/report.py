"""The figures of compiled programs, as a table and as JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accelerators.chips import CHIPS
from gpt_nas_jax.reports.terminal import show_table

_COLUMNS = (
    "chips",
    "program",
    "compiling, s",
    "GFLOP",
    "GB",
    "arithmetic, ms",
    "memory, ms",
    "a chip's GiB",
)


def show(lines: list[dict[str, Any]]) -> None:
    """Prints a table for each chip and part, then the failures."""
    for name, chip in CHIPS.items():
        for part in dict.fromkeys(line["part"] for line in lines):
            chosen = [
                line
                for line in lines
                if (line["chip"], line["part"]) == (name, part) and "error" not in line
            ]
            if chosen:
                rows = list(map(_row, chosen))
                show_table(f"{chip.title}, {part}", _COLUMNS, rows)
    for problem in _problems(lines):
        print(problem)


def write(lines: list[dict[str, Any]], path: Path) -> None:
    """Writes the lines with lower bounds of their times."""
    path.write_text(
        json.dumps([line | least(line) for line in lines], indent=1), encoding="utf-8"
    )


def _row(line: dict[str, Any]) -> tuple[str, ...]:
    times = least(line)
    return (
        str(line["chips"]),
        line["name"],
        f"{line['seconds']:.1f}",
        _number(line.get("flops"), 1e9),
        _number(line.get("accessed"), 1e9),
        _number(times.get("arithmetic_ms"), 1),
        _number(times.get("memory_ms"), 1),
        _number(line.get("bytes"), 2**30),
    )


def least(line: dict[str, Any]) -> dict[str, float]:
    """Lower bounds of a chip's time, ms; none if unknown."""
    if "flops" not in line:
        return {}
    chip = CHIPS[line["chip"]]
    return {
        "arithmetic_ms": 1e3 * line["flops"] / chip.flops,
        "memory_ms": 1e3 * line["accessed"] / chip.bandwidth,
    }


def _problems(lines: list[dict[str, Any]]) -> Iterator[str]:
    for line in lines:
        chip = CHIPS[line["chip"]]
        chips = f", {line['chips']} chips" if line["chips"] > 1 else ""
        where = f"{chip.title}, {line['part']}: {line['name']}{chips}"
        if "error" in line:
            yield f"{where} fails: {line['error']}"
        elif line.get("bytes", 0) > chip.memory:
            yield f"{where} takes more memory than there is"


def _number(value: float | None, unit: float) -> str:
    return "-" if value is None else f"{value / unit:.3g}"
