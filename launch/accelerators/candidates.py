"""Random candidates of cifar10.flags, by the programs of their blocks.

    cd launch && python -m accelerators.candidates FILE...

For each FILE of compiled programs, and each chip: the bytes that a step of the 12
candidates of benchmarks/candidate_training.py moves, and the peak memory of 24 others
beside what the program foresees. Chips of which programs are missing are left out.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from accelerators import settings
from accelerators.blocks import places
from accelerators.chips import CHIPS
from accelerators.ledger import Ledger
from accelerators.work import array
from gpt_nas_jax.networks.candidate import BLOCK_NAMES
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.platform import compiling_for
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.stages.terminal import show_table
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.footprint import BlockFootprint, foreseen, peak
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule

_STEPS = 83
Lines = dict[str, dict[str, Any]]


def sampled(seed: int, count: int) -> list[Chain]:
    """Random chains of the space of cifar10.flags."""
    space = settings.space("cifar10")
    genomes = np.asarray(space.sample(jax.random.key(seed), count))
    return list(map(space.decode, genomes))


def accessed(lines: Lines, chains: Sequence[Chain]) -> list[float]:
    """Bytes that each chain's forward and backward programs read and write."""
    return [
        sum(
            lines[f"{title} {part}"]["accessed"]
            for title, _, _ in _titled(chain)
            for part in ("forward", "backward")
        )
        for chain in chains
    ]


def compiled_peak(lines: Lines, chain: Chain) -> int:
    """Bytes in use at the most, by the compiler's analyses of all programs."""
    batch = settings.config("cifar10").eval.recipe.batch
    found = []
    for title, state, size in _titled(chain):
        forward, backward = (lines[f"{title} {p}"] for p in ("forward", "backward"))
        x = array((batch, *size), settings.COMPUTE)
        out = trace(state.block, size).out_size
        is_head = out[:2] == (1, 1)
        y = array((batch, *out), "float32" if is_head else settings.COMPUTE)
        taken = _bytes(state) + _bytes(x)
        put_out = forward["bytes"] - forward["temporary"] - taken
        found.append(
            BlockFootprint(
                state=_bytes(state),
                x=_bytes(x),
                y=_bytes(y),
                saved=put_out - _bytes(y) - _bytes(state.stats),
                space=backward["temporary"],
                trains=state.rule is not Rule.NOTHING,
            )
        )
    return peak(found)


def expected_peak(chain: Chain) -> int:
    """The same as the program foresees it."""
    recipe = settings.config("cifar10").eval.recipe
    rules, size = (Rule.ALL,) * len(chain.blocks), settings.space("cifar10").image
    update = optimizer(recipe, _STEPS)
    return foreseen(chain, rules, update, size, recipe.batch, settings.COMPUTE)


def _titled(chain: Chain) -> list[tuple[str, programs.BlockState, Any]]:
    """Name of the lines, state and input size of each block."""
    space = settings.space("cifar10")
    update = optimizer(settings.config("cifar10").eval.recipe, _STEPS)
    known, size, found = places(space, BLOCK_NAMES, False), space.image, []
    for block in chain.blocks:
        state = programs.shapes(block, Rule.ALL, update, size)
        title = f"cifar10 {known[block, size]} {state.rule.value}"
        found.append((title, state, size))
        size = trace(block, size).out_size
    return found


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def show(path: Path) -> None:
    """Prints what a file of compiled programs says of both."""
    for name, chip in CHIPS.items():
        lines = {
            line["name"]: line
            for line in Ledger(path).lines()
            if (line["chip"], line["part"]) == (name, "blocks")
        }
        try:
            moved = accessed(lines, sampled(0, 12))
        except KeyError:
            moved = []
        if moved:
            rows = [(str(i), f"{gb / 1e9:.2f}") for i, gb in enumerate(moved)]
            rows.append(("all", f"{sum(moved) / 1e9:.2f}"))
            title = f"{chip.title}, {path}: a step of 12 candidates"
            show_table(title, ("candidate", "GB"), rows)
        with compiling_for(name):
            try:
                chains = sampled(1, 24)
                pairs = [(compiled_peak(lines, c), expected_peak(c)) for c in chains]
            except KeyError:
                continue
        show_table(
            f"{chip.title}, {path}: peak memory of 24 candidates, GiB",
            ("candidate", "compiler", "foreseen", "foreseen / compiler"),
            [
                (str(i), f"{a / 2**30:.2f}", f"{b / 2**30:.2f}", f"{b / a:.2f}")
                for i, (a, b) in enumerate(pairs)
            ],
        )


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        show(Path(argument))
