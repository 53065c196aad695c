"""A learning curve, and the point of it where learning stops."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Round:
    """Where learning stands.

    Attributes:
      step: updates so far.
      params: after them.
      train_loss: mean over the updates since the last round; None before the first.
    """

    step: int
    params: Any
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


def follow(
    rounds: Iterable[Round], measure: Callable[[Any], float], patience: int
) -> tuple[Any, tuple[Point, ...]]:
    """Measures every round, and stops where the loss no longer falls.

    Args:
      rounds: of the learning, at least one; no more are asked for than needed.
      measure: the held-out loss of parameters.
      patience: stop when the loss has not fallen for so many rounds, and go back to
        where it was lowest; 0 to take all rounds and keep the last.

    Returns:
      The parameters to keep, and the curve.
    """
    points: list[Point] = []
    kept = None
    for now in rounds:
        loss = measure(now.params)
        points.append(Point(now.step, now.train_loss, loss))
        since = len(points) - 1 - lowest(points)
        if not patience or not since:
            kept = now.params
        elif since >= patience:
            break
    return kept, tuple(points)


def lowest(points: Iterable[Point]) -> int:
    """The index of the first point of the lowest held-out loss; no number is last."""
    losses = np.array([point.held_out_loss for point in points])
    return int(np.where(np.isnan(losses), np.inf, losses).argmin())
