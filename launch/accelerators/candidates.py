"""Random candidates of cifar10.flags, by the programs of their blocks."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from accelerators import settings
from accelerators.blocks import places
from accelerators.work import array
from gpt_nas_jax.networks.candidate import BLOCK_NAMES
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.platform import compiling_for
from gpt_nas_jax.networks.trace import trace
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


def of_blocks(lines: Sequence[dict[str, Any]], chip: str) -> Lines:
    """The lines of a chip's block programs by their names."""
    chosen = (
        line for line in lines if (line["chip"], line["part"]) == (chip, "blocks")
    )
    return {line["name"]: line for line in chosen}


def moved(lines: Lines) -> list[float]:
    """Bytes that the 12 candidates of benchmarks/candidate_training.py move.

    Empty where a program of theirs is missing.
    """
    try:
        return accessed(lines, sampled(0, 12))
    except KeyError:
        return []


def peaks(lines: Lines, chip: str) -> list[tuple[int, int]]:
    """Peak memory of 24 candidates, by the compiler and as foreseen.

    Empty where a program of theirs is missing.
    """
    with compiling_for(chip):
        try:
            chains = sampled(1, 24)
            return [(compiled_peak(lines, c), expected_peak(c)) for c in chains]
        except KeyError:
            return []
