"""Asks strategies for candidates, which zero-cost proxies may then filter."""

from typing import Any

import jax
import numpy as np

from gpt_nas_jax.evaluation import ranks
from gpt_nas_jax.evaluation.scored import Scorer
from gpt_nas_jax.executors.registry import Executor
from gpt_nas_jax.strategies.jitted import jit_by_class
from gpt_nas_jax.types import Candidates, Key, Strategy


# Strategies are pytrees: their arrays, a prior's too, are arguments of the programs.
@jit_by_class
def ask(strategy: Strategy, key: Key, state: Any) -> Candidates:
    """Asks for the candidates to evaluate next."""
    return strategy.ask(key, state)


def ask_filtered(
    strategy: Strategy,
    key: Key,
    state: Any,
    times: int,
    scorer: Scorer,
    executor: Executor,
    workers: int,
) -> Candidates:
    """Asks a strategy for ``times`` as many candidates and keeps the best.

    It is asked ``times`` times in the same state, each time with its own key, and is
    told of the kept candidates alone. That is valid for every strategy whose state
    depends only on what is evaluated; in particular:

    - genetic, gpt_nas: every ask draws its own random networks or children.
    - regularised_evolution: only kept candidates are born and age.
    - surrogate, gpt_nas_online: every ask returns the most promising of its own pool;
      proxies choose among these.
    - local_search returns the neighbours of one network in an order that is part of its
      state, hence the same ones each time: `checks` refuses it.

    Several proxies are combined by their ranks among these candidates. Duplicates come
    after the others, candidates without a score last.

    Args:
      strategy: to ask.
      key: of the generation; every ask folds its number in.
      state: of the strategy.
      times: how often it is asked.
      scorer: of the networks.
      executor: where networks are scored.
      workers: networks scored at a time on each device.
    """
    asked = [
        ask(strategy, jax.random.fold_in(key, turn), state) for turn in range(times)
    ]
    pool = jax.tree.map(lambda *parts: np.concatenate(parts), *asked)
    genomes = pool.genomes
    _, first, network = np.unique(
        scorer.space.identity(genomes), axis=0, return_index=True, return_inverse=True
    )
    scores = np.stack([row for row, _ in executor(scorer, genomes[first], workers)])
    fitness = ranks.fitness(scores, scores)[network.ravel()]
    repeated = ~np.isin(np.arange(len(genomes)), first)
    rows = ranks.best(fitness, repeated, len(genomes) // times)
    return jax.tree.map(lambda part: part[rows], pool)
