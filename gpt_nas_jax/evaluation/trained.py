"""Fitness by training for a few epochs."""

import dataclasses
import math
import time

import flax.struct
import numpy as np

from gpt_nas_jax.config import EvalConfig
from gpt_nas_jax.data.images import Splits
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import Cost, cost
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks import BlockSpace
from gpt_nas_jax.training import chain as chain_training
from gpt_nas_jax.training.batches import to_device
from gpt_nas_jax.training.placement import SINGLE, Placement
from gpt_nas_jax.training.rules import Rule, accelerated
from gpt_nas_jax.types import PAD, Evaluation, Key

_GIB = 2**30


@flax.struct.dataclass
class Candidate:
    """One network to evaluate.

    Attributes:
      genome: ``int32[L]``.
      proposed: ``bool[L]``, the blocks that the GPT proposed.
      key: decides everything random in its training.
    """

    genome: np.ndarray
    proposed: np.ndarray
    key: Key


class _Failure(Exception):
    """Why a candidate has no fitness."""


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedEvaluator:
    """Trains a candidate and measures its accuracy on the validation images.

    Blocks are trained by the paper's rules (`training.rules`); the classifier,
    which is in no genome, always is. A candidate that needs too much memory or time,
    or whose loss is no number, gets fitness ``-inf`` and a reason.

    Attributes:
      space: decodes genomes.
      splits: the images.
      config: recipe, rules and limits.
      placement: where, and in which type candidates compute.
    """

    space: BlockSpace
    splits: Splits
    config: EvalConfig
    placement: Placement = SINGLE

    def __call__(self, candidate: Candidate) -> Evaluation:
        """Never raises for what a candidate is or does."""
        begin = time.monotonic()
        try:
            fitness, reason = self._fitness(candidate, begin), None
        except _Failure as failure:
            fitness, reason = -math.inf, str(failure)
        except Exception as error:
            # One network in a thousand may break a compiler; a search of days must
            # survive it. The ledger shows what happened.
            text = str(error).partition("\n")[0]
            fitness, reason = -math.inf, f"{type(error).__name__}: {text}"
        return Evaluation(fitness, reason, time.monotonic() - begin)

    def cost(self, genome: np.ndarray) -> Cost:
        """What a genome's network takes, without running it."""
        return cost(self.space.decode(genome), self.space.image)

    def _fitness(self, candidate: Candidate, begin: float) -> float:
        self._check_memory(candidate.genome)
        chain = self.space.decode(candidate.genome)
        splits, recipe = self.splits, self.config.recipe
        moments = splits.mean, splits.std, splits.flip, self.placement
        states, loss = chain_training.fit(
            chain,
            self._rules(chain, candidate),
            recipe,
            to_device(splits.train, *moments),
            candidate.key,
            lambda: self._check_time(begin),
        )
        if not math.isfinite(loss):
            raise _Failure("loss is not a number")
        valid = to_device(splits.valid, *moments)
        accuracy = chain_training.accuracy(states, valid, recipe.batch)
        # The last step may have broken what its loss did not show yet.
        if not math.isfinite(accuracy):
            raise _Failure("output is not a number")
        return accuracy

    def _rules(self, chain: Chain, candidate: Candidate) -> tuple[Rule, ...]:
        depth = int((candidate.genome != PAD).sum())
        if self.config.trained_blocks == "all":
            return (Rule.ALL,) * len(chain.blocks)
        proposed = tuple(map(bool, candidate.proposed[:depth]))
        # Only BatchNorm carries running statistics.
        has_norm = trace(chain, self.space.image).state > 0
        return (*accelerated(proposed, has_norm), Rule.ALL)

    def _check_memory(self, genome: np.ndarray) -> None:
        needed = self.cost(genome).training_bytes(self.config.recipe.batch) / _GIB
        if needed > self.config.max_memory:
            raise _Failure(
                f"needs about {needed:.2f} GiB of memory, "
                f"--eval_max_memory={self.config.max_memory}"
            )

    def _check_time(self, begin: float) -> None:
        limit = self.config.max_seconds
        if limit and time.monotonic() - begin > limit:
            raise _Failure(f"took longer than --eval_max_seconds={limit}")
