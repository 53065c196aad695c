"""The chains that strategies evaluate when they search chainbench."""

from collections.abc import Iterator, Sequence

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.config import SearchConfig
from gpt_nas_jax.evaluation import tabular
from gpt_nas_jax.stages.benchmark_tables import setup_of
from gpt_nas_jax.strategies.proposers import Proposers
from gpt_nas_jax.types import Genome, Key, Space

STRATEGIES = (
    "genetic",
    "regularised_evolution",
    "local_search",
    "surrogate",
    "gpt_nas_online",
)
_BEST = _RANDOM = 4


@flax.struct.dataclass
class _Asked:
    """A table that keeps the genome of each query with its fitness."""

    table: tabular.Table

    def answer(
        self, space: Space, key: Key, genomes: Genome
    ) -> tuple[jax.Array, jax.Array]:
        fitness, _ = self.table.answer(space, key, genomes)
        bits = jax.lax.bitcast_convert_type(fitness, jnp.int32)
        return fitness, jnp.concatenate([genomes, bits[:, None]], -1)


def chains(
    config: SearchConfig,
    space: Space,
    table: tabular.Table,
    key: Key,
    strategies: Sequence[str] = STRATEGIES,
) -> Iterator[np.ndarray]:
    """Chains ``int32[L]``: the best queries of each search, and as many random ones.

    Args:
      config: of the strategies; holds the number of searches of each.
      space: of the chains.
      table: answers the queries.
      key: determines the searches and the random queries that are chosen.
      strategies: names of those that search.
    """
    key, gpt_key = jax.random.split(key)
    keys = jax.random.split(key, config.seeds)
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    found, proposers = [], Proposers(space, None)
    for name in strategies:
        setup = setup_of(name, config, proposers, gpt_key, repeats=False)
        rounds = config.queries // setup.asked(name)
        queries = tabular.searches(
            setup.build(name), space, _Asked(table), keys, rounds
        )
        found.append(np.asarray(queries))
    for index in range(config.seeds):
        for queries in found:
            yield from _chosen(queries[index], random)


def _chosen(queries: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Chooses from ``int32[Q, L + 1]`` as kept by `_Asked`."""
    fitness = queries[:, -1].copy().view(np.float32)
    best = np.argsort(-fitness, kind="stable")[:_BEST]
    others = random.permutation(np.setdiff1d(np.arange(len(queries)), best))
    return queries[np.concatenate([best, others[:_RANDOM]]), :-1]
