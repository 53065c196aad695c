"""Items whose workers are lost are retried, or found to be the cause."""

from gpt_nas_jax.executors.attempts import DEATHS, SETTLED_SECONDS, Attempts, Rounds


def lose(attempts: Attempts, machines: list[str], begin: float = 0.0) -> int:
    """Loses a worker on each machine, a second apart; returns the item they all had."""
    lost = set()
    for second, machine in enumerate(machines):
        index = attempts.begin()
        assert index is not None
        lost.add(index)
        attempts.lost(index, machine, begin + second)
    (item,) = lost
    return item


def test_items_are_begun_in_order_and_lost_ones_before_all_others() -> None:
    attempts = Attempts(4)
    assert [attempts.begin() for _ in range(3)] == [0, 1, 2]
    attempts.lost(1, "a", 0.0)
    assert [attempts.begin() for _ in range(3)] == [1, 3, None]


def test_an_item_that_ends_its_workers_is_found_when_their_machines_live_on() -> None:
    attempts = Attempts(2)
    item = lose(attempts, ["a", "b", "a"])
    # The item waits until the fate of the machines is known; others go on.
    assert attempts.begin() == 1 != item
    assert attempts.begin() is None
    last = DEATHS - 1 + SETTLED_SECONDS
    assert attempts.condemned(last - 1, lambda: {"a", "b"}) == []
    assert attempts.condemned(last, lambda: {"a", "b"}) == [item]
    assert attempts.begin() is None
    assert attempts.condemned(last + 99, lambda: {"a", "b"}) == []


def test_an_item_is_not_to_blame_for_machines_that_went() -> None:
    attempts = Attempts(1)
    item = lose(attempts, ["a", "gone", "a"])
    assert attempts.begin() is None
    settled = DEATHS - 1 + SETTLED_SECONDS
    assert attempts.condemned(settled, lambda: {"a"}) == []
    # It caused two of the losses, so one more is enough.
    assert lose(attempts, ["a"], begin=100.0) == item
    assert attempts.condemned(100 + SETTLED_SECONDS, lambda: {"a"}) == [item]


def test_machines_are_asked_for_only_where_an_item_is_suspect() -> None:
    def alive() -> set[str]:
        raise AssertionError

    attempts = Attempts(2)
    lose(attempts, ["a"] * (DEATHS - 1))
    assert attempts.condemned(999.0, alive) == []


def test_an_item_that_is_not_to_blame_begins_again_at_once() -> None:
    attempts = Attempts(1)
    for second in range(2 * DEATHS):
        assert attempts.begin() == 0
        attempts.lost(0, "", second)
    assert attempts.begin() == 0


def test_workers_that_are_lost_together_are_one_loss() -> None:
    losses = Rounds()
    for now in (10, 11, 12):
        losses.lost(began=now - 9, now=now)
    assert losses.count == 1
    # These began after that loss.
    losses.lost(began=13, now=14)
    losses.lost(began=13, now=15)
    assert losses.count == 2
    losses.end()
    losses.lost(began=16, now=17)
    assert losses.count == 1
