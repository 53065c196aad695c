"""Checks of a strategy, on shapes alone."""

from typing import Any

import jax
import jax.numpy as jnp

from gpt_nas_jax.plugins import require
from gpt_nas_jax.types import Candidates, Space, Strategy, UsageError


def asked(name: str, strategy: Strategy, space: Space) -> int:
    """How many candidates a strategy asks at a time; nothing is computed.

    Raises:
      UsageError: it is no instance, lacks a method, or a method raises under jit or
        returns something else than it should.
    """
    if isinstance(strategy, type):
        raise UsageError(
            f"{name} is a class; give an instance, or its import path, module:Name"
        )
    require(name, strategy, Strategy)
    key = jax.random.key(0)
    state = _traced(f"{name}.init", strategy.init, key)
    candidates = _traced(f"{name}.ask", strategy.ask, key, state)
    if not isinstance(candidates, Candidates):
        raise UsageError(
            f"{name}.ask must return gpt_nas_jax.Candidates(genomes, proposed), not "
            f"{type(candidates).__name__}"
        )
    shapes = [getattr(part, "shape", None) for part in jax.tree.leaves(candidates)]
    genomes = shapes[0] if shapes else None
    if shapes != [genomes, genomes] or len(genomes) != 2 or genomes[1] != space.length:
        raise UsageError(
            f"{name}.ask must return genomes int32[P, {space.length}] and proposed "
            f"bool[P, {space.length}], not {' and '.join(map(str, shapes))}"
        )
    fitness = jax.ShapeDtypeStruct(genomes[:1], jnp.float32)
    after = _traced(f"{name}.tell", strategy.tell, state, candidates, fitness)
    if jax.tree.structure(after) != jax.tree.structure(state):
        raise UsageError(f"{name}.tell must return a state like the one init returns")
    return genomes[0]


def _traced(where: str, method: Any, *args: Any) -> Any:
    try:
        return jax.eval_shape(method, *args)
    except Exception as error:
        text = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"{where} cannot be traced by jit: {type(error).__name__}: {text}"
        ) from error
