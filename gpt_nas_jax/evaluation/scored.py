"""Fitness by zero-cost proxies: scores of a network that was not trained."""

import dataclasses
import math
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gpt_nas_jax.datasets.augment import normalise
from gpt_nas_jax.datasets.images import ImageSet
from gpt_nas_jax.evaluation import ranks, zero_cost
from gpt_nas_jax.evaluation.evaluator import (
    Candidate,
    attempt,
    built,
    check_memory,
)
from gpt_nas_jax.evaluation.zero_cost import Batches
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.training.footprint import estimated_peak
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.types import Evaluation, Key

# Proxies have no state of an optimiser.
_UPDATE = optax.identity()


@dataclasses.dataclass(frozen=True, eq=False)
class Scorer:
    """Scores networks of a space.

    All see the same images and draw their weights by the same key, so that a genome
    always gets the same scores. They compute in float32.

    Attributes:
      space: decodes genomes.
      names: of the proxies.
      batches: what the networks see.
      max_memory: limit on the estimated memory of a training step for every batch, GiB.
      key: decides the weights of every network.
    """

    space: NetworkSpace
    names: tuple[str, ...]
    batches: Batches
    max_memory: float
    key: Key

    def __call__(self, genome: np.ndarray) -> tuple[np.ndarray, str | None]:
        """``float64[K]`` scores, and why one of them is ``-inf`` or None.

        Failures of the network are results, not exceptions.
        """
        network, reason = built(self.space, genome)
        if network is None:
            return self.failed(reason)
        return self.of_network(network[0])

    def failed(self, reason: str) -> tuple[np.ndarray, str | None]:
        """The scores of a network that kills every worker scoring it."""
        return np.full(len(self.names), -np.inf), reason

    def of_network(self, chain: Chain) -> tuple[np.ndarray, str | None]:
        """The same for a network that is already built."""
        scores, reason = attempt(lambda: self._scores(chain), "--eval_proxy_batch")
        if scores is None:
            return self.failed(reason)
        without = [self.names[place] for place in np.flatnonzero(np.isneginf(scores))]
        if without:
            reason = f"degenerate: no score by {', '.join(without)}"
        return scores, reason

    def _scores(self, chain: Chain) -> np.ndarray:
        check_memory(self._memory(chain), self.max_memory)
        scores = zero_cost.score(chain, self.names, self.batches, self.key[None])
        return np.array([scores[name] for name in self.names], np.float64)

    def _memory(self, chain: Chain) -> int:
        """Bytes of a training step for every batch: the proxies keep all passes."""
        rules = (Rule.ALL,) * len(chain.blocks)
        count, batch = self.batches.labels.shape
        size = self.space.image
        return count * estimated_peak(chain, rules, _UPDATE, size, batch, "float32")


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredEvaluator:
    """Scores a candidate and compares it with networks that never change.

    A candidate that needs too much memory, or that a proxy has no score for, gets
    fitness ``-inf`` and a reason.

    Attributes:
      scorer: of the networks.
      reference: ``float64[M, K]``, scores of random networks of the space, that ranks
        are measured by; see `ranks.fitness`.
    """

    scorer: Scorer
    reference: np.ndarray

    def __call__(self, candidate: Candidate) -> Evaluation:
        """Scores a candidate; its failures are results, not exceptions."""
        begin = time.monotonic()
        network, reason = built(self.scorer.space, candidate.genome)
        if network is None:
            return Evaluation(-math.inf, reason, time.monotonic() - begin)
        chain, cost = network
        scores, reason = self.scorer.of_network(chain)
        (fitness,) = ranks.fitness(scores[None], self.reference).tolist()
        named = dict(zip(self.scorer.names, scores.tolist(), strict=True))
        seconds = time.monotonic() - begin
        return Evaluation(fitness, reason, seconds, cost.params, cost.flops, named)


def draw(
    images: ImageSet, mean: np.ndarray, std: np.ndarray, size: int, key: Key
) -> Batches:
    """Two batches of ``size`` different images, normalised and not augmented.

    Args:
      images: at least twice as many.
      mean: ``float32[C]`` of pixels in [0, 1].
      std: ``float32[C]``, likewise.
      size: of one batch.
      key: decides which.
    """
    rows = np.asarray(jax.random.permutation(key, len(images))[: 2 * size])
    chosen = images.take(rows)
    x = normalise(*map(jnp.asarray, (chosen.pixels(), mean, std)))
    labels = jnp.asarray(chosen.labels, jnp.int32)
    return Batches(x.reshape(2, size, *x.shape[1:]), labels.reshape(2, size))
