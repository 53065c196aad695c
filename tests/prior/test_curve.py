"""Where learning stops, by the losses alone."""

import math
from collections.abc import Iterator

import hypothesis
from hypothesis import strategies as st

from gpt_nas_jax.prior.curve import Point, Round, follow

LOSSES = st.lists(st.floats(0, 10) | st.just(math.nan), min_size=1, max_size=30)


def run(losses: list[float], patience: int) -> tuple[int, tuple[Point, ...], int]:
    """What is kept, by its index, the curve, and how many rounds were asked for."""
    asked = []

    def rounds() -> Iterator[Round]:
        for index in range(len(losses)):
            asked.append(index)
            yield Round(index, index, None, None)

    *_, last = follow(rounds(), losses.__getitem__, patience)
    return last.kept, last.points, len(asked)


@hypothesis.given(LOSSES, st.integers(1, 5))
def test_the_lowest_is_kept_once_patience_is_at_an_end(
    losses: list[float], patience: int
):
    kept, points, asked = run(losses, patience)
    # No number is worse than any.
    values = [math.inf if math.isnan(loss) else loss for loss in losses]
    best = 0
    for index, value in enumerate(values):
        if value < values[best]:
            best = index
        if index - best == patience:
            break
    assert kept == best
    assert asked == len(points) == index + 1


@hypothesis.given(LOSSES)
def test_without_patience_all_is_learned_and_the_last_is_kept(losses: list[float]):
    kept, points, _ = run(losses, 0)
    assert kept == len(losses) - 1
    assert [point.step for point in points] == [*range(len(losses))]


def test_equal_losses_are_no_progress():
    assert run([1.0, 0.5, 0.5, 0.5, 0.1], 2)[0] == 1
