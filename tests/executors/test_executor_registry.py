"""Executors by name and by import path."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from gpt_nas_jax.executors import local, registry
from gpt_nas_jax.types import UsageError

EXECUTORS = """
def in_order(function, items, workers):
    yield from map(function, items)

def loses(function, items, workers):
    yield from map(function, items[1:])

def repeats(function, items, workers):
    for item in items:
        yield function(item)
        yield function(item)

def last(function, items, workers):
    yield from map(function, items[:-1])

def reverses(function, items, workers):
    yield from map(function, items[::-1])

def forgets(function, items, workers):
    for item in items:
        function(item)

def unpacks(function, items, workers):
    for item in items:
        yield function(item).result

def ignores(function, items, workers):
    yield from items

def breaks(function, items, workers):
    raise OSError("no threads")
    yield

def kills(function, items, workers):
    for item in items:
        yield function.failed(item, "killed")

def other(function, items):
    yield from map(function, items)

value = 3
"""

Executor = Callable[..., Iterator[int]]


@pytest.fixture
def find(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Executor]:
    """Finds one of the user's executors."""
    module = f"executors_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(EXECUTORS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return lambda name: registry.find(f"{module}:{name}")


def squares(executor: Executor, items: Iterable[int]) -> list[int]:
    return list(executor(lambda item: item * item, items, 1))


def test_a_users_executor_yields_like_the_local_one(find: Callable[[str], Executor]):
    assert registry.find("local") is local.finish
    for items in ([], [3], range(5)):
        assert squares(find("in_order"), items) == squares(local.run, items)


class Evaluator:
    """Maps items to numbers, and failures to their reason."""

    def __call__(self, item: int) -> int | str:
        return item

    def failed(self, reason: str) -> int | str:
        return reason


def test_an_executor_may_give_up_an_item(find: Callable[[str], Executor]):
    assert list(find("kills")(Evaluator(), range(2), 1)) == ["killed", "killed"]
    with pytest.raises(UsageError, match="an item of the executor failed: killed"):
        squares(find("kills"), range(2))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("last", "yielded 2 results for 3 items"),
        ("loses", "yielded the result of item 1 where that of item 0 was due"),
        ("repeats", "yielded the result of item 0 where that of item 1 was due"),
        ("reverses", "yielded the result of item 2 where that of item 0 was due"),
        ("forgets", "returned NoneType; yield function"),
        ("unpacks", "yielded int; yield function"),
        ("ignores", "yielded tuple; yield function"),
        ("breaks", r"^--executor=.* raised OSError: no threads \(.*, line 31\)$"),
    ],
)
def test_results_that_do_not_match_the_items_are_refused(
    find: Callable[[str], Executor], name: str, message: str
):
    with pytest.raises(UsageError, match=message):
        squares(find(name), range(3))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other", "must take the keywords function, items and workers"),
        ("value", "is not a function"),
    ],
)
def test_what_is_no_executor_is_refused(
    find: Callable[[str], Executor], name: str, message: str
):
    with pytest.raises(UsageError, match=message):
        find(name)


def test_errors_of_the_function_are_not_the_executors(find: Callable[[str], Executor]):
    with pytest.raises(ZeroDivisionError):
        list(find("in_order")(lambda item: 1 // item, [1, 0], 1))


def test_an_unknown_name_is_refused():
    with pytest.raises(UsageError, match="unknown executor 'cluster'; give local"):
        registry.find("cluster")
