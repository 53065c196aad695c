"""Fitness by zero-cost proxies: scores of a network that was not trained."""

import dataclasses
import functools
import math
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gpt_nas_jax import plugins
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

_BATCH_FLAG = "--eval_proxy_batch"
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
        _, reason = attempt(lambda: self._check_memory(chain), _BATCH_FLAG)
        if reason is not None:
            return self.failed(reason)
        found, failures = scores_apart(
            chain, self.names, self.batches, self.key[None], _BATCH_FLAG
        )
        scores = np.array([*found.values()], np.float64)
        failed = {name for group in failures for name in group}
        without = [
            name
            for name, score in found.items()
            if score == -math.inf and name not in failed
        ]
        reasons = [*failures.values()]
        if without:
            reasons.append(f"degenerate: no score by {', '.join(without)}")
        return scores, "; ".join(reasons) or None

    def _check_memory(self, chain: Chain) -> None:
        """Raises Failure where a training step for every batch needs too much.

        The proxies keep all passes.
        """
        rules = (Rule.ALL,) * len(chain.blocks)
        count, batch = self.batches.labels.shape
        size = self.space.image
        needed = estimated_peak(chain, rules, _UPDATE, size, batch, "float32")
        check_memory(count * needed, self.max_memory)


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


def scores_apart(
    chain: Chain, names: Sequence[str], batches: Batches, keys: Key, batch: str
) -> tuple[dict[str, float], dict[tuple[str, ...], str]]:
    """Scores a network as `zero_cost.score`, each of the user's proxies by itself.

    A proxy that fails leaves the scores of the others. The built-in ones share their
    passes and fail together.

    Args:
      chain: as of `zero_cost.score`, like names, batches and keys.
      names: of the proxies.
      batches: of images.
      keys: of initialisations.
      batch: the flag that `attempt` names where memory runs out.

    Returns:
      Every name's score, ``-inf`` where its proxy failed; and the reasons of failures,
      by the names that failed together.
    """
    own = [name for name in names if plugins.is_path(name)]
    built_in = tuple(name for name in names if name not in own)
    found, failures = dict.fromkeys(names, -math.inf), {}
    for group in filter(None, (built_in, *((name,) for name in own))):
        score = functools.partial(zero_cost.score, chain, group, batches, keys)
        scores, reason = attempt(score, batch)
        if reason is None:
            found |= scores
        else:
            failures[group] = reason
    return found, failures


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
