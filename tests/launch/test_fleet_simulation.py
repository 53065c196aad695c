"""The simulated fleet, compared with one that advances second by second."""

import numpy as np
import pytest
from fleet_simulation import Costs, simulate


def stepped(durations: np.ndarray, workers: int, costs: Costs, lag: int) -> int:
    """The duration of a search whose times are all whole seconds."""
    generations, size = durations.shape
    left = [0] * workers
    doing: list[tuple[int, int] | None] = [None] * workers
    asked, told, handed = 0, 0, 0
    handing_until, recorded = 0, 0
    ended: set[tuple[int, int]] = set()
    # The leading process's current task, and when it ends.
    task, until = None, 0
    now = 0
    while told < generations:
        for worker in range(workers):
            if doing[worker] and left[worker] <= now:
                ended.add(doing[worker])
                doing[worker] = None
        while True:
            if task and until <= now:
                if task == "ask":
                    asked += 1
                elif task == "record":
                    recorded += 1
                else:
                    told, recorded = told + 1, 0
                task = None
            if task:
                break
            if asked < generations and asked - told <= lag and recorded == 0:
                task, until = "ask", now + costs.ask
            elif recorded == size:
                task, until = "tell", now + costs.tell
            elif (told, recorded) in ended:
                task, until = "record", now + costs.record
            else:
                break
        for worker in range(workers):
            if doing[worker] is None and handed < asked * size and handing_until <= now:
                doing[worker] = divmod(handed, size)
                handing_until = now + costs.hand
                left[worker] = handing_until + durations[doing[worker]]
                handed += 1
        now += 1
    return now - 1


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("hand", [0, 1])
@pytest.mark.parametrize("workers", [1, 3, 8])
def test_it_takes_as_long_as_one_that_goes_second_by_second(
    workers: int, hand: int, lag: int
):
    durations = np.random.default_rng(workers).integers(3, 40, (4, 7))
    costs = Costs(ask=5, tell=2, record=1, hand=hand)
    outcome = simulate(durations, workers, costs, lag)
    assert outcome.seconds == stepped(durations, workers, costs, lag)
    busy = durations.sum() / (workers * outcome.seconds)
    assert outcome.utilisation == pytest.approx(busy)
    assert outcome.rate == pytest.approx(28 / outcome.seconds)


def test_more_workers_than_candidates_wait():
    assert simulate(np.ones((5, 4)), 8).utilisation == 0.5


def test_a_lag_fills_the_wait_for_the_last_one():
    durations = np.random.default_rng(0).exponential(1.0, (10, 64))
    waits, lags = (simulate(durations, 32, lag=lag) for lag in (0, 1))
    assert lags.seconds < 0.8 * waits.seconds
