"""Random candidates of cifar10.flags, by the programs of their blocks."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from accelerators import settings
from accelerators.blocks import places
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.platform import compiling_for
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.footprint import (
    BlockFootprint,
    bytes_of,
    footprints,
    peak,
)
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
            for title, _ in _titled(chain)
            for part in ("forward", "backward")
        )
        for chain in chains
    ]


def _estimated(chain: Chain) -> list[BlockFootprint]:
    """Memory of each block as the program predicts it."""
    recipe = settings.config("cifar10").eval.recipe
    rules, size = (Rule.ALL,) * len(chain.blocks), settings.space("cifar10").image
    update = optimizer(recipe, _STEPS)
    return footprints(chain, rules, update, size, recipe.batch, settings.COMPUTE)


def _compiled(lines: Lines, chain: Chain) -> list[BlockFootprint]:
    """The same from the compiler's analyses of the programs."""
    found = []
    for (title, state), block in zip(_titled(chain), _estimated(chain), strict=True):
        forward, backward = (lines[f"{title} {p}"] for p in ("forward", "backward"))
        put_out = forward["bytes"] - forward["temporary"] - block.state - block.x
        saved = put_out - block.y - bytes_of(state.stats)
        space = backward["temporary"]
        found.append(dataclasses.replace(block, saved=saved, space=space))
    return found


def _titled(chain: Chain) -> list[tuple[str, programs.BlockState]]:
    """Name of the lines and state of each block."""
    space = settings.space("cifar10")
    update = optimizer(settings.config("cifar10").eval.recipe, _STEPS)
    known, size, found = places(space, BLOCK_NAMES, False), space.image, []
    for block in chain.blocks:
        state = programs.shapes(block, Rule.ALL, update, size)
        title = f"cifar10 {known[block, size]} {state.rule.value}"
        found.append((title, state))
        size = trace(block, size).out_size
    return found


def of_blocks(lines: Sequence[dict[str, Any]], chip: str) -> Lines:
    """The lines of a chip's block programs by their names."""
    chosen = (
        line for line in lines if (line["chip"], line["part"]) == (chip, "blocks")
    )
    return {line["name"]: line for line in chosen}


def moved(lines: Lines) -> list[float]:
    """Bytes that the 12 candidates of benchmarks/candidate_training.py move.

    Empty if one of their programs is missing.
    """
    try:
        return accessed(lines, sampled(0, 12))
    except KeyError:
        return []


def peaks(lines: Lines, chip: str) -> list[tuple[int, int]]:
    """Peak memory of 24 candidates, by the compiler and as predicted.

    Empty if one of their programs is missing.
    """
    with compiling_for(chip):
        try:
            chains = sampled(1, 24)
            return [(peak(_compiled(lines, c)), peak(_estimated(c))) for c in chains]
        except KeyError:
            return []
