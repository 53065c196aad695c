"""A learning curve, and the point of it where learning stops."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Round:
    """Where learning stands.

    Attributes:
      step: updates so far.
      params: after them.
      optimizer: its state after them.
      train_loss: mean over the updates since the last round; None before the first.
    """

    step: int
    params: Any
    optimizer: Any
    train_loss: float | None


@dataclasses.dataclass(frozen=True)
class Point:
    """One measurement of a learning curve, in nats.

    Attributes:
      step: updates so far.
      train_loss: of the samples since the last point, all layers of a window alike,
        some of them made unknown; None before the first update.
      held_out_loss: of the last layer of windows that are not learned from.
    """

    step: int
    train_loss: float | None
    held_out_loss: float


@dataclasses.dataclass(frozen=True)
class Course:
    """A learning up to a measurement: all that it takes to go on from there.

    Attributes:
      now: the round that was measured last.
      kept: the parameters to keep if there were no other.
      points: the curve.
    """

    now: Round
    kept: Any
    points: tuple[Point, ...]


def follow(
    rounds: Iterator[Round],
    measure: Callable[[Any], float],
    patience: int,
    course: Course | None = None,
) -> Iterator[Course]:
    """Measures every round, and stops where the loss no longer falls.

    Args:
      rounds: of the learning; no more are asked for than needed.
      measure: the held-out loss of parameters.
      patience: stop when the loss has not fallen for so many rounds, and go back to
        where it was lowest; 0 to take all rounds and keep the last.
      course: up to the round before these; None where they are the first.

    Yields:
      The course up to every round.
    """
    while course is None or not patience or _stale(course.points) < patience:
        now = next(rounds, None)
        if now is None:
            return
        point = Point(now.step, now.train_loss, measure(now.params))
        points = (*(course.points if course else ()), point)
        better = not patience or not _stale(points)
        course = Course(now, now.params if better else course.kept, points)
        yield course


def _stale(points: Sequence[Point]) -> int:
    """How many points there are since the lowest."""
    return len(points) - 1 - lowest(points)


def lowest(points: Iterable[Point]) -> int:
    """The index of the first point of the lowest held-out loss; no number is last."""
    losses = np.array([point.held_out_loss for point in points])
    return int(np.where(np.isnan(losses), np.inf, losses).argmin())
