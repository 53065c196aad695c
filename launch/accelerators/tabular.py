"""Whole searches on a table of networks, many in parallel in one program."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax

from accelerators.work import Work, array, plain
from gpt_nas_jax.config import SearchConfig
from gpt_nas_jax.datasets.benchmarks.nasbench201 import CELLS
from gpt_nas_jax.evaluation import tabular
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.strategies.proposers import Proposers
from gpt_nas_jax.strategies.registry import Setup

_SEARCHES = 25
_QUERIES = 300
_STRATEGIES = ("genetic", "regularised_evolution", "local_search", "surrogate")


def works(short: bool) -> Iterator[Work]:
    """On NAS-Bench-201."""
    space, config = NasBench201Space(), SearchConfig()
    config = dataclasses.replace(config, population=10)
    one = jax.eval_shape(space.identity, array((CELLS, space.length), "int32"))
    table = tabular.FitnessTable(one, array((CELLS,), "int32"), array((CELLS,)))
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), _SEARCHES))
    none = Proposers(space, None)
    for name in _STRATEGIES[:1] if short else _STRATEGIES:
        setup = Setup(
            config=config,
            space=space,
            queries=_QUERIES,
            batch=10,
            ageing=50,
            key=jax.random.key(0),
            proposers=none,
        )
        strategy, rounds = setup.build(name), _QUERIES // setup.asked(name)

        def search(strategy: Any, table: Any, keys: Any, rounds: int = rounds) -> Any:
            return plain(tabular.searches)(strategy, space, table, keys, rounds)

        yield Work(
            "tabular",
            f"{_SEARCHES} searches of {_QUERIES} queries, {name}",
            search,
            (jax.eval_shape(lambda tree: tree, strategy), table, keys),
        )
