"""The prior and its controls, as proposers for a search."""

import dataclasses
import functools
from typing import cast

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.prior import controls, lookup
from gpt_nas_jax.prior.prior import LayerPrior, Prior
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.tokens.reading import Proposer
from gpt_nas_jax.types import Space

_PROPOSERS = {
    "gpt_nas": "prior",
    "uniform_refill": "uniform",
    "unigram_refill": "unigram",
    "ngram_refill": "ngram",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Proposers:
    """The proposers of ``gpt_nas`` and its controls, each built on first use.

    Attributes:
      space: of the genomes.
      learned: the prior; None if no strategy uses it.
      few_contexts: whether the space has so few contexts that all proposals of a prior
        are computed beforehand.
      fcn_steps: updates of the FCN of a control, where it has one of its own.
    """

    space: Space
    learned: Prior | None
    few_contexts: bool = False
    fcn_steps: int = PriorConfig.fcn_steps

    @functools.cached_property
    def prior(self) -> Proposer | None:
        """The prior itself."""
        return None if self.learned is None else self._cheapest(self.learned)

    @functools.cached_property
    def uniform(self) -> Proposer:
        """See `controls.uniform`."""
        return controls.uniform(cast(ReadableSpace, self.space))

    @functools.cached_property
    def unigram(self) -> Proposer:
        """See `controls.unigram`."""
        space = cast(ReadableSpace, self.space)
        return controls.unigram(space, cast(Prior, self.learned), self.fcn_steps)

    @functools.cached_property
    def ngram(self) -> Proposer:
        """See `controls.ngram`."""
        space = cast(ReadableSpace, self.space)
        prior = cast(Prior, self.learned)
        return self._cheapest(controls.ngram(space, prior, self.fcn_steps))

    def of(self, strategy: str) -> Proposer:
        """Finds the proposer of ``gpt_nas`` or one of its controls by name."""
        return cast(Proposer, getattr(self, _PROPOSERS[strategy]))

    def _cheapest(self, prior: LayerPrior) -> Proposer:
        return lookup.work_out(prior) if self.few_contexts else prior
