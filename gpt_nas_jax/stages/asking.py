"""Asks strategies for candidates, which zero-cost proxies may then filter."""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from gpt_nas_jax.evaluation import ranks
from gpt_nas_jax.evaluation.scored import Scorer
from gpt_nas_jax.executors.registry import Executor
from gpt_nas_jax.stages.records import commonest
from gpt_nas_jax.strategies.jitted import jit_by_class
from gpt_nas_jax.types import Candidates, Key, Strategy, UsageError


# Strategies are pytrees: their arrays, a prior's too, are arguments of the programs.
@jit_by_class
def ask(strategy: Strategy, key: Key, state: Any) -> Candidates:
    """Asks for the candidates to evaluate next."""
    return strategy.ask(key, state)


@dataclasses.dataclass(eq=False)
class Filter:
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

    Attributes:
      times: how often the strategy is asked.
      scorer: of the networks.
      executor: where networks are scored.
      workers: networks scored at a time on each device.
      enough: networks after which the search ends with an error if none of them has a
        score.
    """

    times: int
    scorer: Scorer
    executor: Executor
    workers: int
    enough: int
    _scored: bool = dataclasses.field(default=False, init=False)
    _failed: list[str] = dataclasses.field(default_factory=list, init=False)

    def __call__(self, strategy: Strategy, key: Key, state: Any) -> Candidates:
        """Asks for the candidates to evaluate next.

        Args:
          strategy: to ask.
          key: of the generation; every ask folds its number in.
          state: of the strategy.

        Raises:
          UsageError: ``enough`` networks failed and no other one was scored.
        """
        asked = [
            ask(strategy, jax.random.fold_in(key, turn), state)
            for turn in range(self.times)
        ]
        pool = jax.tree.map(lambda *parts: np.concatenate(parts), *asked)
        genomes = pool.genomes
        _, first, network = np.unique(
            self.scorer.space.identity(genomes),
            axis=0,
            return_index=True,
            return_inverse=True,
        )
        found = [*self.executor(self.scorer, genomes[first], self.workers)]
        self._tell([reason for _, reason in found])
        scores = np.stack([row for row, _ in found])
        fitness = ranks.fitness(scores, scores)[network.ravel()]
        repeated = ~np.isin(np.arange(len(genomes)), first)
        rows = ranks.best(fitness, repeated, len(genomes) // self.times)
        return jax.tree.map(lambda part: part[rows], pool)

    def _tell(self, reasons: Sequence[str | None]) -> None:
        """Says how many networks have no score, or raises as `__call__`."""
        failed = [reason for reason in reasons if reason is not None]
        self._scored |= len(failed) < len(reasons)
        if not failed:
            return
        if not self._scored:
            self._failed += failed
        # A small pool may hold only networks that no proxy can score.
        if not self._scored and len(self._failed) >= self.enough:
            raise UsageError(
                f"--search_filter: none of {len(self._failed)} networks could be "
                f"scored; {commonest(self._failed)}"
            )
        print(
            f"gpt_nas_jax: --search_filter: {len(failed)} of {len(reasons)} networks "
            f"have no score; the first: {failed[0]}",
            file=sys.stderr,
        )
