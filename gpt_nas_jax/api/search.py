"""A search with any evaluator: ``gpt_nas_jax.search``."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from gpt_nas_jax import workdir as storage
from gpt_nas_jax.api import identity
from gpt_nas_jax.api.prior import home, learned
from gpt_nas_jax.api.trials import Result, result_of
from gpt_nas_jax.config import COSTS, Config, PriorConfig, fields
from gpt_nas_jax.datasets.source import silent
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.plugins import described
from gpt_nas_jax.spaces import contract
from gpt_nas_jax.stages.asking import ask
from gpt_nas_jax.stages.loop import Evaluate as EvaluateBatch
from gpt_nas_jax.stages.loop import Loop
from gpt_nas_jax.stages.records import finite
from gpt_nas_jax.strategies import registry
from gpt_nas_jax.strategies.contract import (
    asked,
    require_count,
    require_divisor,
    require_room,
)
from gpt_nas_jax.strategies.creation import create
from gpt_nas_jax.types import Space, Strategy

Evaluate = Callable[[np.ndarray], float | Mapping[str, Any]]
"""Maps a genome, ``int32[L]``, to fitness, or to ``fitness``, ``reason``, details."""

_ENOUGH = 10
"""Candidates after which a search ends if all have failed; at least one batch."""

_RESERVED = (
    "generation",
    "genome",
    "index",
    "parents",
    "proposed",
    "seconds",
    "start",
    "worker",
)


def search(
    space: Space,
    evaluate: Evaluate,
    strategy: str | Strategy = "gpt_nas_online",
    evaluations: int = 200,
    seed: int = 0,
    workdir: str | os.PathLike[str] | None = None,
) -> Result:
    """Searches a space for the genome of the highest fitness.

    Example:
      >>> import gpt_nas_jax as gnj
      >>> space = gnj.spaces.CategoricalSpace((("a", "b", "c"),) * 4)
      >>> found = gnj.search(space, lambda g: float(sum(g)), "random", evaluations=50)
      >>> len(found), found.best.fitness > 4
      (50, True)

    Args:
      space: where to search.
      evaluate: called with one genome at a time. Returns a number, or a mapping with
        ``fitness`` (None if the candidate failed), ``reason`` and any further details
        to keep; ``generation``, ``genome``, ``index``, ``parents``, ``proposed``,
        ``seconds``, ``start`` and ``worker`` are the search's own. An exception fails
        the candidate and becomes its reason.
      strategy: a name, an import path ``module:Name``, or a strategy made by
        `strategies.create`. ``gpt_nas`` first learns its prior, which takes minutes.
      evaluations: their number. A strategy given by name has the population or
        batches that `strategies.create` chooses.
      seed: determines everything random.
      workdir: keeps every evaluation, in a folder or on a store (``gs://...``,
        ``s3://...``). An interrupted search resumes when it is called again with the
        same arguments. Once an evaluation has succeeded none is repeated; failures
        before that are evaluated again. None keeps nothing.

    Returns:
      All evaluations, and the best of them.

    Raises:
      UsageError: a number is out of range, the strategy is unknown or was created for
        fewer evaluations, the space lacks a part, the workdir belongs to another
        search, or none of the first 10 candidates, or of the first batch, could be
        evaluated.
    """
    contract.check("the space", space)
    require_count(evaluations)
    fields.check(Config(seed=seed))
    if isinstance(strategy, str):
        name = identified = strategy
    else:
        name = _class_of(strategy).__qualname__
        identified = f"{name}-{identity.digest(strategy)}"
    flags = {
        "space": _space_of(space),
        "strategy": identified,
        "evaluations": str(evaluations),
        "seed": str(seed),
    }
    with _claimed(workdir, flags) as path:
        if isinstance(strategy, str):
            prior = None
            if registry.asks_prior(strategy):
                folder = contextlib.nullcontext(path) if path else home(None)
                prior = learned(space, PriorConfig(), seed, folder)
            strategy = create(strategy, space, evaluations, seed=seed, prior=prior)
        size = asked(name, strategy, space)
        require_divisor(name, size, evaluations)
        require_room(name, strategy, evaluations)
        ledger = (
            storage.MemoryLedger()
            if path is None
            else storage.Ledger(path / storage.LEDGER)
        )
        loop = Loop(
            space=space,
            strategy=strategy,
            total=evaluations,
            size=size,
            enough=max(size, _ENOUGH),
            ledger=ledger,
            path=path,
            ask=lambda strategy, key, state, number: ask(strategy, key, state),
            evaluate=_evaluations(evaluate),
            progress=silent,
        )
        return result_of(loop.run(stage_key(seed, "search")))


def _class_of(strategy: Any) -> type:
    return strategy if isinstance(strategy, type) else type(strategy)


def _space_of(space: Space) -> str:
    """Identifies a space by its fields, and by its definition if it has one."""
    define = getattr(space, "definition", None)
    text = define() if define else f"{space.length} {space.num_genes}"
    return f"{type(space).__name__}-{identity.digest((space, text))}"


@contextlib.contextmanager
def _claimed(
    workdir: str | os.PathLike[str] | None, flags: Mapping[str, str]
) -> Iterator[Path | None]:
    """The folder of a workdir, claimed by this search."""
    if workdir is None:
        yield None
        return
    text = "".join(f"--{name}={value}\n" for name, value in flags.items())
    with storage.fetched(os.fspath(workdir)) as path:
        storage.check(path, flags)
        with storage.opened(path, text, flags):
            yield path


def _evaluations(evaluate: Evaluate) -> EvaluateBatch:
    def records(items: Sequence[Candidate], known: int) -> Iterator[dict[str, Any]]:
        for item in items[known:]:
            begin = time.monotonic()
            try:
                record = _record(evaluate(item.genome.copy()))
            except Exception as error:
                record = {"fitness": None, "reason": described(error)}
            yield record | {"seconds": round(time.monotonic() - begin, 3)}

    return records


def _record(found: float | Mapping[str, Any]) -> dict[str, Any]:
    """An evaluator's result as entries of the ledger."""
    given = dict(found) if isinstance(found, Mapping) else {"fitness": found}
    if reserved := sorted(set(given) & {*_RESERVED}):
        raise ValueError(f"the evaluator must not name {', '.join(reserved)}")
    if "fitness" not in given:
        raise TypeError(
            "evaluate returned a mapping without fitness; give a number, or None if "
            "the candidate failed"
        )
    fitness: Any = given.pop("fitness")
    reason = given.pop("reason", None)
    if fitness is None and isinstance(found, Mapping):
        reason = reason or "evaluate gave no reason"
    if np.ndim(fitness) or (fitness is None and not isinstance(found, Mapping)):
        raise TypeError(
            f"evaluate returned {type(fitness).__name__} of shape {np.shape(fitness)}; "
            "return one number"
        )
    fitness = None if fitness is None else finite(float(fitness))
    if fitness is None:
        reason = reason or "fitness is not a finite number"
    # JSON has no numbers that are not finite; a ledger keeps them as null.
    text = json.dumps(given, default=_plain)
    details = json.loads(text, parse_constant=lambda _: None)
    # The report page reads costs as floats, and blocks as names.
    for name in COSTS:
        cost = details.get(name)
        if not isinstance(cost, int | float | None):
            raise TypeError(f"evaluate returned {name}={cost!r}; return a number")
        if abs(cost or 0) > sys.float_info.max:
            raise ValueError(
                f"evaluate returned {name} of more than {sys.float_info.max_10_exp} "
                "digits; return a number that a float can hold"
            )
    blocks = details.get("blocks", [])
    if not isinstance(blocks, list) or not all(isinstance(b, str) for b in blocks):
        raise TypeError(f"evaluate returned blocks={blocks!r}; return a list of names")
    reason = None if reason is None else str(reason)
    return {"fitness": fitness, "reason": reason, **details}


def _plain(value: Any) -> Any:
    """NumPy's and JAX's numbers and arrays as numbers and lists."""
    array = np.asarray(value)
    # Booleans, integers and reals, of JAX's types, too.
    real = array.dtype == bool or jnp.issubdtype(array.dtype, np.number)
    if not real or not isinstance(
        array.item(0) if array.size else 0, bool | int | float
    ):
        raise TypeError(
            f"evaluate returned a detail of type {type(value).__name__}; return "
            "numbers, text, arrays, lists and mappings"
        )
    return array.tolist()
