"""Compiles programs for one chip, run in a process that sees its compiler.

    python -m accelerators.compiling CHIP PARTS SHORT FILE

A line of JSON is appended to FILE for every program; programs already in it are not
compiled again.
"""

import sys
import time
from pathlib import Path
from typing import Any

import jax
from jax.sharding import AxisType, Mesh

from accelerators import blocks, gpt, proxies, retrain, tabular
from accelerators.chips import CHIPS, SLICE, Chip
from accelerators.ledger import Ledger, fingerprint
from accelerators.work import BATCH, Work
from gpt_nas_jax.networks.platform import compiling_for

PARTS = {
    "tabular": tabular.works,
    "gpt": gpt.works,
    "retrain": retrain.works,
    "blocks": blocks.works,
    "proxies": proxies.works,
}


def main(name: str, parts: str, short: str, file: str) -> None:
    """Compiles what is not in the file yet."""
    chip, ledger = CHIPS[name], Ledger(Path(file))
    counts = (1, SLICE) if chip.slice else (1,)
    meshes = {count: _mesh(chip, count) for count in counts}
    with compiling_for(name):
        for part in parts.split(","):
            for work in PARTS[part](short == "short"):
                if work.chips in meshes:
                    line = {"chip": name, "part": work.part, "name": work.name}
                    _compile(chip, meshes[work.chips], work, line, ledger)


def _compile(
    chip: Chip, mesh: Mesh, work: Work, line: dict[str, Any], ledger: Ledger
) -> None:
    line |= {"chips": work.chips, "jax": jax.__version__}
    try:
        lowered = work.lower(mesh)
        line["program"] = fingerprint(lowered.as_text())
        if ledger.holds(line):
            return
        begin = time.monotonic()
        compiled = lowered.compile(chip.options)
        line["seconds"] = round(time.monotonic() - begin, 2)
        line |= _figures(compiled)
    # Any error of a compiler is a result of this check.
    except Exception as error:
        line["error"] = f"{type(error).__name__}: {error}"[:2000]
    ledger.append(line)
    chips = f", {work.chips} chips" if work.chips > 1 else ""
    said = line.get("error") or f"{line['seconds']:.1f} s"
    print(f"{chip.title}, {work.part}: {work.name}{chips}: {said[:200]}", flush=True)


def _mesh(chip: Chip, count: int) -> Mesh:
    return jax.make_mesh(
        (count,), (BATCH,), (AxisType.Auto,), devices=chip.devices(count)
    )


def _figures(compiled: Any) -> dict[str, float]:
    """The compiler's figures of one chip's program; a loop's body counts once."""
    figures = {}
    memory = compiled.memory_analysis()
    if memory is not None:
        figures["temporary"] = memory.temp_size_in_bytes
        figures["bytes"] = (
            memory.temp_size_in_bytes
            + memory.argument_size_in_bytes
            + memory.output_size_in_bytes
            - memory.alias_size_in_bytes
        )
    # The CUDA plugin provides none.
    cost = compiled.cost_analysis() or {}
    if "bytes accessed" in cost:
        figures["flops"] = cost.get("flops", 0.0)
        figures["accessed"] = cost["bytes accessed"]
    return figures


if __name__ == "__main__":
    main(*sys.argv[1:])
