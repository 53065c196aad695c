"""The candidates of a strategy, and the choice among more by zero-cost proxies."""

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
    """Chooses the best of ``times`` as many candidates as a strategy asks.

    It is asked ``times`` times in the same state with keys of their own, and its state
    afterwards is made from those that were chosen alone. That is right for every
    strategy whose state follows from what is evaluated; in particular:

    - genetic, gpt_nas: every ask draws random networks or children of its own.
    - regularised_evolution: only those chosen are born and age.
    - surrogate, gpt_nas_online: every ask brings the most promising of a pool of its
      own; proxies choose among these.
    - local_search asks the neighbours of one network in an order that is in its state,
      hence the same ones each time: `checks` refuses it.

    Several proxies count by their ranks within what was asked. What is asked twice
    stands behind the others, what has no score last.

    Args:
      strategy: whose candidates.
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
