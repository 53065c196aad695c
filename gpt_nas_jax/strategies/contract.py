"""Checks of a strategy by tracing its shapes."""

import dataclasses
import numbers
from typing import Any

import jax
import jax.numpy as jnp

from gpt_nas_jax.plugins import require, traced
from gpt_nas_jax.strategies.history import History
from gpt_nas_jax.types import Candidates, Key, Space, Strategy, UsageError


def require_count(evaluations: int) -> None:
    """Raises UsageError unless a search has a whole number of evaluations."""
    whole = isinstance(evaluations, numbers.Integral) and evaluations is not True
    if not whole or evaluations < 1:
        raise UsageError(
            f"evaluations={evaluations!r}: give a whole number of 1 or more"
        )


def require_divisor(name: str, size: int, evaluations: int) -> None:
    """Raises UsageError if a strategy's candidates per `ask` do not add up to a search.

    Args:
      name: of the strategy.
      size: candidates per `ask`.
      evaluations: number in the whole search.
    """
    if evaluations % size:
        raise UsageError(
            f"{name} asks for {size} candidates at a time, which must divide the "
            f"{evaluations} evaluations"
        )


def require_room(name: str, strategy: Strategy, evaluations: int) -> None:
    """Raises UsageError if a strategy was created for fewer evaluations.

    Args:
      name: of the strategy.
      strategy: a pytree whose state may hold a `History`.
      evaluations: number in the whole search.
    """
    state = jax.eval_shape(strategy.init, jax.random.key(0))
    nodes = jax.tree.leaves(state, is_leaf=_is_history)
    for history in filter(_is_history, nodes):
        room = history.fitness.shape[0]
        if room < evaluations:
            raise UsageError(
                f"{name} was created for {room} evaluations, and the search has "
                f"{evaluations}; give both the same number"
            )


def _is_history(node: Any) -> bool:
    return isinstance(node, History)


def asked(name: str, strategy: Strategy, space: Space) -> int:
    """Checks a strategy and returns its candidates per `ask`; nothing is computed.

    Raises:
      UsageError: it is not an instance, lacks a method, or a method raises under jit
        or returns a wrong type or shape, or a state that cannot be saved.
    """
    if isinstance(strategy, type):
        raise UsageError(
            f"{name} is a class; give an instance, or its import path, module:Name"
        )
    require(name, strategy, Strategy)
    if jax.tree_util.all_leaves([strategy]):
        raise UsageError(
            f"{name} is not a pytree; decorate its class with @flax.struct.dataclass"
        )
    if dataclasses.is_dataclass(strategy):
        require_static(name, type(strategy))
    key = jax.random.key(0)
    state = traced(f"{name}.init", strategy.init, key)
    _require_arrays(name, strategy)
    # As in a search, which passes the strategy to its programs as an argument.
    candidates = traced(f"{name}.ask", _ask, strategy, key, state)
    if not isinstance(candidates, Candidates):
        kind = type(candidates)
        found = "an array" if kind is jax.ShapeDtypeStruct else kind.__name__
        raise UsageError(
            f"{name}.ask must return gpt_nas_jax.Candidates(genomes, proposed), not "
            f"{found}"
        )
    due = getattr(strategy, "batch", getattr(strategy, "population", None))
    parts = jax.tree.leaves(candidates.replace(parents=None))
    shapes = [getattr(part, "shape", None) for part in parts]
    genomes = shapes[0] if shapes else None
    if shapes != [genomes, genomes] or len(genomes) != 2 or genomes[1] != space.length:
        raise UsageError(
            f"{name}.ask must return genomes int32[P, {space.length}] and proposed "
            f"bool[P, {space.length}], not {' and '.join(map(str, shapes))}"
        )
    kinds = [jnp.dtype(part.dtype).kind for part in parts]
    if kinds[0] not in "iu" or kinds[1] != "b":
        types = " and ".join(str(part.dtype) for part in parts)
        raise UsageError(
            f"{name}.ask must return genomes as int32 and proposed as bool, not {types}"
        )
    _require_parents(name, candidates.parents, genomes[0])
    if due not in (None, genomes[0]):
        raise UsageError(
            f"{name}.ask returned {genomes[0]} candidates; its batch, or else its "
            f"population, is {due}"
        )
    fitness = jax.ShapeDtypeStruct(genomes[:1], jnp.float32)
    told = candidates.replace(parents=None)
    after = traced(f"{name}.tell", _tell, strategy, state, told, fitness)
    _require_alike(name, state, after)
    return genomes[0]


def _ask(strategy: Strategy, key: Key, state: Any) -> Any:
    return strategy.ask(key, state)


def _tell(
    strategy: Strategy, state: Any, candidates: Candidates, fitness: jax.Array
) -> Any:
    return strategy.tell(state, candidates, fitness)


def _require_arrays(name: str, strategy: Strategy) -> None:
    """Raises UsageError if a field that jit would trace holds no array or number."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(strategy):
        if not isinstance(leaf, jax.typing.ArrayLike):
            place = jax.tree_util.keystr(path)
            raise UsageError(
                f"{name}{place} is of type {type(leaf).__name__}, not an array; make "
                "its field static: flax.struct.field(pytree_node=False)"
            )


def _require_alike(name: str, state: Any, after: Any) -> None:
    """Raises UsageError unless a state can be saved, and told of its restored copy.

    Args:
      name: of the strategy.
      state: shapes of the state that `init` returns.
      after: likewise, of the one that `tell` returns.
    """
    demand = f"{name}.tell must return a state like the one init returns"
    if jax.tree.structure(after) != jax.tree.structure(state):
        raise UsageError(demand)
    leaves = jax.tree_util.tree_leaves_with_path(state)
    for (path, first), then in zip(leaves, jax.tree.leaves(after), strict=True):
        place = f"state{jax.tree_util.keystr(path)}"
        if first.size == 0:
            raise UsageError(
                f"{name}.init returns an empty array, {place} = {_text(first)}, which "
                "cannot be saved; leave it out"
            )
        if (first.shape, first.dtype) != (then.shape, then.dtype):
            raise UsageError(
                f"{demand}; {place} is {_text(first)} from init and {_text(then)} "
                "from tell"
            )


def _text(array: jax.ShapeDtypeStruct) -> str:
    return f"{array.dtype}{list(array.shape)}"


def _require_parents(name: str, parents: Any, count: int) -> None:
    if parents is None:
        return
    shape, kind = getattr(parents, "shape", None), getattr(parents, "dtype", None)
    is_right = shape is not None and len(shape) == 2 and shape[0] == count
    if not is_right or jnp.dtype(kind).kind not in "iu":
        raise UsageError(
            f"{name}.ask must return parents as int32[{count}, K], or None, not "
            f"{shape} of {kind}"
        )


_STATIC = ("space", "batch", "queries", "population", "generations", "costs")


def require_static(where: str, kind: type) -> None:
    """Raises UsageError if a field that holds a Python value would be traced."""
    for field in dataclasses.fields(kind):
        plain = field.type in (int, bool, str) or field.type in ("int", "bool", "str")
        traced = field.metadata.get("pytree_node", True)
        if traced and (plain or field.name in _STATIC):
            raise UsageError(
                f"{where}: the field {field.name} must be static; write {field.name}: "
                "... = flax.struct.field(pytree_node=False)"
            )
