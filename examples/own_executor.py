"""A custom executor: evaluations one after another, each announced.

    PYTHONPATH=examples python -m gpt_nas_jax.main --flagfile=launch/digits.flags \
        --stage=search --workdir=runs/own_executor --executor=own_executor:announced

An executor calls a function on items, for example in threads or other processes, and
yields the results in the order of the items.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def announced(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Calls ``function`` on every item in this thread.

    Args:
      function: from an item to its result; it must not be called twice on an item.
      items: to call it on.
      workers: concurrent calls per device, which this executor does not use.
    """
    for number, item in enumerate(items):
        print(f"item {number}", flush=True)
        yield function(item)
