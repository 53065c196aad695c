"""Fitness by training for a few epochs."""

import dataclasses
import math
import time
from collections.abc import Callable, Container
from typing import Any

import jax

from gpt_nas_jax.config import BALANCED, EvalConfig
from gpt_nas_jax.datasets.images import Splits
from gpt_nas_jax.evaluation.evaluator import (
    Candidate,
    Failure,
    attempt,
    built,
    check_memory,
)
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import Cost
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.training import chain as chain_training
from gpt_nas_jax.training import input_wait
from gpt_nas_jax.training.batches import TrainingData
from gpt_nas_jax.training.chain import WHOLE, Part, States
from gpt_nas_jax.training.footprint import estimated_peak
from gpt_nas_jax.training.placement import SINGLE, Placement
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule, accelerated
from gpt_nas_jax.training.shared import SharedImages
from gpt_nas_jax.types import Evaluation


@dataclasses.dataclass(frozen=True)
class Curve:
    """Validation accuracy of one candidate in the course of training.

    Attributes:
      accuracies: in [0, 1], after each requested epoch; None if the candidate failed.
      reason: why it failed, or None.
      seconds: wall-clock time of the training.
      cost: of its network; None where that could not be built.
    """

    accuracies: tuple[float, ...] | None
    reason: str | None
    seconds: float
    cost: Cost | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedEvaluator:
    """Trains a candidate and measures its accuracy on the validation images.

    Blocks are trained by the paper's rules (`training.rules`); the classifier, which is
    in no genome, always is. A candidate that needs too much memory or time, or whose
    loss is not a number, gets fitness ``-inf`` and a reason. Images are placed on a
    device once, for all candidates that are trained there.

    Attributes:
      space: decodes genomes.
      splits: the images.
      config: recipe, rules and limits.
      placement: where, and in which type candidates compute.
      max_memory: most memory that a training step may take, GiB.
      balance: a value of ``--data_balance``.
      train: what candidates are trained on, made from the splits.
      valid: what they are measured on, likewise.
    """

    space: NetworkSpace
    splits: Splits
    config: EvalConfig
    placement: Placement = SINGLE
    max_memory: float = math.inf
    balance: str = "none"
    train: SharedImages = dataclasses.field(init=False)
    valid: SharedImages = dataclasses.field(init=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # The receiving process places the images itself.
        made_of = (f for f in dataclasses.fields(self) if f.init)
        return type(self), tuple(getattr(self, field.name) for field in made_of)

    def __post_init__(self) -> None:
        for name, balance in (("train", self.balance), ("valid", "none")):
            part = getattr(self.splits, name)
            images = SharedImages(part, self.splits, self.placement, balance)
            object.__setattr__(self, name, images)

    def __call__(self, candidate: Candidate) -> Evaluation:
        """Evaluates a candidate; its failures are results, not exceptions."""
        return self.trained(candidate, WHOLE, lambda states: None)

    def trained(
        self, candidate: Candidate, part: Part, keep: Callable[[States], None]
    ) -> Evaluation:
        """Evaluates a candidate after a part of its training.

        Args:
          candidate: the network.
          part: which epochs are trained; the accuracies are of these.
          keep: called with the blocks at the end.
        """
        until = part.until or self.config.recipe.epochs
        with input_wait.measured() as wait:
            curve = self.curve(
                candidate,
                (until,),
                self.config.trained_blocks,
                range(part.begun + 1, until),
                part,
                keep,
            )
        found, cost = curve.accuracies, curve.cost
        counts = (None, None) if cost is None else (cost.params, cost.flops)
        return Evaluation(
            -math.inf if found is None else found[-1],
            curve.reason,
            curve.seconds,
            *counts,
            accuracies=found and tuple(a if math.isfinite(a) else None for a in found),
            waited=wait.seconds,
        )

    def curve(
        self,
        candidate: Candidate,
        epochs: tuple[int, ...],
        trained_blocks: str,
        further: Container[int] = (),
        part: Part = WHOLE,
        keep: Callable[[States], None] = lambda states: None,
    ) -> Curve:
        """Trains once and measures after each of ``epochs``.

        Args:
          candidate: the network.
          epochs: ascending, from 1.
          trained_blocks: ``proposed``, by the paper's rules, or ``all``.
          further: additional epochs to measure after; outputs that are not finite give
            NaN there instead of a failure.
          part: which epochs are trained.
          keep: called with the blocks at the end.
        """
        begin = time.monotonic()
        network, reason = built(self.space, candidate.genome)
        if network is None:
            return Curve(None, reason, time.monotonic() - begin)
        chain, cost = network
        found, reason = attempt(
            lambda: self._accuracies(
                chain, candidate, epochs, trained_blocks, further, part, keep, begin
            ),
            "--eval_batch",
        )
        return Curve(found, reason, time.monotonic() - begin, cost)

    def _accuracies(
        self,
        chain: Chain,
        candidate: Candidate,
        epochs: tuple[int, ...],
        trained_blocks: str,
        further: Container[int],
        part: Part,
        keep: Callable[[States], None],
        begin: float,
    ) -> tuple[float, ...]:
        recipe = self.config.recipe
        rules = self._rules(chain, candidate, trained_blocks)
        update = optimizer(recipe, len(self.splits.train) // recipe.batch)
        size, dtype = self.space.image, self.placement.dtype
        needed = estimated_peak(chain, rules, update, size, recipe.batch, dtype)
        check_memory(needed, self.max_memory)
        valid = self.valid.here()
        found = []

        def after_epoch(epoch: int, states: States, loss: jax.Array) -> None:
            needed = epoch in epochs
            if not needed and epoch not in further:
                return
            if needed and not math.isfinite(loss):
                raise Failure("loss is not a number")
            found.append(self._measured(states, valid))
            # The last step may have broken what its loss did not show yet.
            if needed and not math.isfinite(found[-1]):
                raise Failure("output is not a number")

        states, _ = chain_training.fit(
            chain,
            rules,
            recipe,
            self.train.here(),
            candidate.key,
            lambda: self._check_time(begin),
            after_epoch,
            part,
        )
        keep(states)
        return tuple(found)

    def _measured(self, states: States, valid: TrainingData) -> float:
        """NaN where any logit is not a finite number."""
        batch = self.config.recipe.batch
        if self.config.measure == BALANCED:
            return chain_training.balanced_accuracy(
                states, valid, batch, self.splits.num_classes
            )
        return chain_training.accuracy(states, valid, batch)

    def _rules(
        self, chain: Chain, candidate: Candidate, trained_blocks: str
    ) -> tuple[Rule, ...]:
        if trained_blocks == "all":
            return (Rule.ALL,) * len(chain.blocks)
        proposed = self.space.proposed_blocks(candidate.genome, candidate.proposed)
        # Only BatchNorm carries running statistics.
        has_norm = trace(chain, self.space.image).state > 0
        return (*accelerated(proposed, has_norm), Rule.ALL)

    def _check_time(self, begin: float) -> None:
        limit = self.config.max_seconds
        if limit and time.monotonic() - begin > limit:
            raise Failure(f"took longer than --eval_max_seconds={limit}")
