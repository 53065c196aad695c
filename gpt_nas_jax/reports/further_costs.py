"""Costs besides parameters and FLOPs, shown if known."""

from collections.abc import Iterable, Mapping
from typing import Any

LABELS = {
    "memory": "peak activations, bytes",
    "latency": "latency predicted, ms",
    "latency_measured": "latency measured, ms",
}
"""Headings by the names in ``ledger.jsonl`` and ``result.json``."""


def known(lines: Iterable[Mapping[str, Any]]) -> list[str]:
    """The costs known for any of these networks, in column order."""
    there = {name for line in lines for name in line}
    return [name for name in LABELS if name in there]


def text(name: str, line: Mapping[str, Any]) -> str:
    """The text of a cell; a dash if a network lacks the cost."""
    value = line.get(name)
    if value is None:
        return "-"
    return f"{value:,}" if name == "memory" else f"{value:.4g}"
