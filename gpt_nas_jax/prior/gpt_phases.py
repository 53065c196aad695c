"""The GPT's learning, phase after phase, and where it stands in between."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from gpt_nas_jax.prior import fit
from gpt_nas_jax.prior.clock import Clock
from gpt_nas_jax.prior.curve import Course, Point
from gpt_nas_jax.prior.fit import Progress
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.phases import Phase
from gpt_nas_jax.types import Key

NAMES = ("pretrain", "finetune")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a phase came to.

    Attributes:
      points: its curve.
      perplexity: on what is held out, with the parameters that were kept.
    """

    points: tuple[Point, ...]
    perplexity: float


@dataclasses.dataclass(frozen=True)
class Standing:
    """A learning at a measurement: all that it takes to go on from there.

    Attributes:
      outcomes: of the phases that have ended.
      course: of the phase behind those.
      seconds: that were spent so far, by what on.
    """

    outcomes: tuple[Outcome, ...]
    course: Course
    seconds: Mapping[str, float]

    @property
    def steps(self) -> int:
        """Updates so far, of all phases."""
        ended = sum(outcome.points[-1].step for outcome in self.outcomes)
        return ended + self.course.now.step


AfterRound: TypeAlias = Callable[[Standing], None]
"""Called with every measurement's standing."""


def learn(
    model: GPT,
    params: Any,
    parts: Sequence[Phase],
    keys: Sequence[Key],
    clock: Clock,
    progress: Progress,
    standing: Standing | None,
    after_round: AfterRound,
) -> tuple[Any, list[Outcome]]:
    """Learns each phase from the parameters that the one before has kept.

    Args:
      model: the GPT.
      params: to start from.
      parts: the phases.
      keys: one a phase, decides what is drawn.
      clock: told of the time spent on each phase and on measuring its end.
      progress: called as steps are done.
      standing: of this very learning, to go on from instead, with the same result.
      after_round: called with every measurement's standing.

    Returns:
      Parameters, and the outcomes of all phases.
    """
    outcomes = [] if standing is None else [*standing.outcomes]
    course = None if standing is None else standing.course
    first = len(outcomes)
    rest = zip(NAMES[first:], parts[first:], keys[first:], strict=True)
    for name, phase, key in rest:

        def measured(course: Course, name: str = name) -> None:
            clock.stop(name)
            after_round(Standing(tuple(outcomes), course, clock.seconds()))

        params, points = fit.fit_gpt(
            model,
            params,
            phase.windows,
            phase.curve,
            key,
            phase.schedule,
            progress,
            course,
            measured,
        )
        course = None
        clock.stop(name)
        perplexity = fit.perplexity(model, params, phase.held)
        outcomes.append(Outcome(points, perplexity))
        clock.stop("measuring")
    return params, outcomes
