"""The strategies by name."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from gpt_nas_jax.config import WHOLE, SearchConfig
from gpt_nas_jax.prior import conditional
from gpt_nas_jax.prior.lookup import LookupPrior
from gpt_nas_jax.prior.reconstruct import Prior
from gpt_nas_jax.strategies.genetic import Genetic
from gpt_nas_jax.strategies.gpt_nas import GptNas
from gpt_nas_jax.strategies.gpt_nas_online import GptNasOnline
from gpt_nas_jax.strategies.local_search import LocalSearch
from gpt_nas_jax.strategies.random_search import RandomSearch
from gpt_nas_jax.strategies.regularised import RegularisedEvolution
from gpt_nas_jax.strategies.surrogate import Surrogate
from gpt_nas_jax.types import Key, Space, Strategy

# Regularised evolution's parents are the best of so large a share of the population,
# as usual on NAS-Bench-201.
_SAMPLE_SHARE = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Setup:
    """What strategies are made from.

    Attributes:
      config: their settings.
      space: where they search.
      queries: evaluations of a whole search.
      batch: candidates that those ask at a time which need not ask one.
      ageing: the population of regularised evolution.
      key: decides what a GPT knows before the search.
      prior: the paper's, for ``gpt_nas``.
      repeats: whether regularised evolution may evaluate a network again.
    """

    config: SearchConfig
    space: Space
    queries: int
    batch: int
    ageing: int
    key: Key
    prior: Prior | LookupPrior | None
    repeats: bool = False

    def _batched(self, kind: Callable[..., Any], *args: Any) -> Strategy:
        return kind(self.space, self.batch, self.queries, *args)

    def _genetic(self) -> Genetic:
        settings = self.config
        return Genetic(
            self.space,
            settings.population,
            settings.crossover_rate,
            settings.mutation_rate,
        )

    def _gpt_nas(self) -> GptNas:
        generations = self.queries // self.config.population
        rate = self.config.elimination_rate
        return GptNas(self._genetic(), rate, generations, self.prior)

    def build(self, name: str) -> Strategy:
        """The strategy of this name, a pytree."""
        kinds: Mapping[str, Callable[[], Strategy]] = {
            "random": lambda: self._batched(RandomSearch),
            "regularised_evolution": lambda: self._batched(
                RegularisedEvolution,
                self.ageing,
                -(-self.ageing // _SAMPLE_SHARE),
                self.repeats,
            ),
            "local_search": lambda: self._batched(LocalSearch),
            "genetic": self._genetic,
            "gpt_nas": self._gpt_nas,
            "surrogate": lambda: self._batched(Surrogate),
            "gpt_nas_online": lambda: self._batched(
                GptNasOnline, conditional.pretrained(self.space, self.key)
            ),
        }
        return kinds[name]()

    def asked(self, name: str) -> int:
        """Candidates that a strategy asks at a time."""
        return self.config.population if name in WHOLE else self.batch
