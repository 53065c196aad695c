"""``latency.json``: how long every block takes at every place, and on what."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gpt_nas_jax import workdir
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.blocks.timed import Times
from gpt_nas_jax.types import UsageError

FILE = "latency.json"
"""In a workdir."""
TIMES = ("space", "batch", "call", "head", "blocks")
"""The entries that predicted latency depends on."""

_SPACE = ("image", "num_classes", "width", "num_stages")
_PLACE = {"block": str, "stage": int, "first": bool, "input": list}
"""The entries of a line that name its block and place."""

_DECIMALS = 6

Table = dict[str, Any]
"""The content of the file.

``space``: image, classes, width and stages; ``batch``: images at a time; ``machine``:
at least its ``device``; ``call``: ms of a program that does nothing; ``head``: ms of
the classifier; ``blocks``: a line for each block at each place, with ``block``,
``stage``, ``first`` (whether it is the first of its stage), ``input`` and ``ms``.
Times of blocks and classifier are less the call.
"""


def make(
    space: BlockSpace,
    batch: int,
    machine: Mapping[str, Any],
    call: float,
    each: Sequence[float],
) -> Table:
    """A table of measured times.

    Args:
      space: of the chains.
      batch: images at a time.
      machine: that measured.
      call: ms of a program that does nothing.
      each: ms of all of `BlockSpace.places`, each with a call.
    """
    *blocks, head = (round(max(0.0, ms - call), _DECIMALS) for ms in each)
    lines = [
        {**line, "ms": ms} for line, ms in zip(_places(space), blocks, strict=True)
    ]
    return {
        "space": _space(space),
        "batch": batch,
        "machine": dict(machine),
        "call": round(call, _DECIMALS),
        "head": head,
        "blocks": lines,
    }


def times(table: Table, space: BlockSpace) -> Times:
    """The times of a space's blocks, from a table that was checked."""
    known = {_place(line): line["ms"] for line in table["blocks"]}
    blocks = tuple(float(known[_place(line)]) for line in _places(space))
    return Times(blocks, float(table["head"]), float(table["call"]))


def read_given(file: str, space: BlockSpace, batch: int) -> Table:
    """A table that was measured anywhere, with or without the checksum of a run's.

    Args:
      file: ``--eval_latency_table``.
      space: that is searched.
      batch: that the search asks for.

    Raises:
      UsageError: it cannot be read, lacks something, or is of another space or batch.
    """
    flag = f"--eval_latency_table={file}"
    if not Path(file).is_file():
        raise UsageError(f"{flag}: there is no such file")
    table = workdir.read_json(Path(file), "give the latency.json of a run")
    problem = _shape(table) or _contents(table, space)
    if problem:
        raise UsageError(
            f"{flag} {problem}; take the latency.json of a run of this space as a model"
        )
    if problem := _other(table, space, batch):
        raise UsageError(f"{flag} {problem}")
    table.pop("checksum", None)
    return table


def read_kept(
    path: Path,
    space: BlockSpace,
    batch: int,
    machine: Mapping[str, Any] | None,
) -> Table:
    """The table of a run.

    Args:
      path: of the file.
      space: that is searched.
      batch: that the search asks for.
      machine: the present one; None where it does not matter.

    Raises:
      UsageError: it is damaged, or of another space, batch or machine.
    """
    remedy = "restore it, or remove it: a search that has not begun measures anew"
    table = workdir.read_sealed(path, remedy)
    differing = [] if machine is None else _differing(table["machine"], machine)
    problem = _other(table, space, batch)
    if problem is None and differing:
        problem = f"was measured on another machine ({'; '.join(differing)})"
    if problem is not None:
        here = f"go by it here by --eval_latency_table={path}, or " * bool(differing)
        raise UsageError(
            f"{path} {problem}; {here}remove it: a search that has not begun measures "
            "anew"
        )
    return table


def name(machine: Mapping[str, Any]) -> str:
    """A machine in a few words: ``NVIDIA H100 80GB HBM3, 16 cores``."""
    kind = str(machine.get("processor", machine["device"]))
    return f"{kind}, {machine['cores']} cores" if "cores" in machine else kind


def _differing(kept: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Differences between machines that a table depends on."""
    return [
        f"{key} {kept.get(key)}, here {now[key]}"
        for key in ("device", "devices", "cores", "precision")
        if kept.get(key) != now[key]
    ]


def _other(table: Table, space: BlockSpace, batch: int) -> str | None:
    """Says how the space or batch of a table differs; None if it does not."""
    for key, due in _space(space).items():
        if (found := table["space"].get(key)) != due:
            return f"is of another space ({key} {found}, here {due})"
    if table["batch"] != batch:
        return (
            f"is of batch {table['batch']}; give --eval_latency_batch={table['batch']}"
        )
    return None


def _shape(table: Any) -> str | None:
    """Says why a file is not a table; None if it is one."""
    if not isinstance(table, dict):
        return "is not a JSON object"
    due = {"space": dict, "batch": int, "machine": dict, "blocks": list}
    for key, kind in due.items():
        if not isinstance(table.get(key), kind):
            return f"lacks the entry {key}"
    if not isinstance(table["machine"].get("device"), str):
        return "lacks the device in its entry machine"
    for key in ("call", "head"):
        if not _is_time(table.get(key)):
            return f"lacks the entry {key}, in ms"
    for line in table["blocks"]:
        if not isinstance(line, dict) or not _names_place(line):
            return f"has a line in its entry blocks without {', '.join(_PLACE)} and ms"
        if not _is_time(line.get("ms")):
            return f"has no ms from 0 on for {line['block']} in stage {line['stage']}"
    return None


def _names_place(line: Mapping[str, Any]) -> bool:
    """Whether a line has the entries of `_PLACE`, each of its type."""
    for key, kind in _PLACE.items():
        # A bool is an int, too.
        if type(line.get(key)) is not kind:
            return False
    return all(type(side) is int for side in line["input"])


def _contents(table: Table, space: BlockSpace) -> str | None:
    """Says which block is missing."""
    if _other(table, space, table["batch"]):
        return None
    known = {_place(line) for line in table["blocks"]}
    for line in _places(space):
        if _place(line) not in known:
            size = "x".join(map(str, line["input"]))
            where = "as its first block" if line["first"] else "after its first block"
            return f"lacks {line['block']} in stage {line['stage']}, {where}, on {size}"
    return None


def _is_time(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value < float("inf")
    )


def _space(space: BlockSpace) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value := getattr(space, key), tuple) else value
        for key in _SPACE
    }


def _places(space: BlockSpace) -> list[dict[str, Any]]:
    """The lines of blocks, in the order of `BlockSpace.places`."""
    return [
        {
            "block": block,
            "stage": stage,
            "first": first,
            "input": list(space.in_size(stage, first)),
        }
        for stage in range(space.num_stages)
        for first in (True, False)
        for block in space.gene_names
    ]


def _place(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return line["block"], line["stage"], line["first"], *line["input"]
