"""The executors by name."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol, cast

from gpt_nas_jax import plugins
from gpt_nas_jax.executors import local
from gpt_nas_jax.executors.local import Item, Result
from gpt_nas_jax.types import UsageError


class Executor(Protocol):
    """Calls a function on items, wherever it likes."""

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], workers: int
    ) -> Iterator[Result]:
        """Yields the results in the order of the items.

        A result does not depend on where or when it is computed. Leaving the iterator
        early drops the items that have not begun. What ``function`` raises is raised in
        its item's turn.

        Args:
          function: from one item to its result.
          items: to call it on.
          workers: calls at a time on each device.
        """


EXECUTORS: Mapping[str, Executor] = {"local": local.run}


def find(name: str) -> Executor:
    """The executor of a name, or of an import path, ``module:Name``.

    Raises:
      UsageError: it cannot be imported, or cannot be called as an `Executor`.
    """
    if name in EXECUTORS:
        return EXECUTORS[name]
    if not plugins.is_path(name):
        raise UsageError(
            f"unknown executor {name!r}; give {', '.join(EXECUTORS)} or module:Name"
        )
    found, where = plugins.load("--executor", name), f"--executor={name}"
    if not callable(found):
        raise UsageError(f"{where} is not a function")
    names = "function", "items", "workers"
    asked = "the keywords function, items and workers"
    plugins.require_keywords(where, found, asked, names)
    return functools.partial(_counted, cast(Executor, found), where)


def _counted(
    executor: Executor,
    where: str,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
) -> Iterator[Result]:
    """The results of an executor of the user's, which must be one for each item."""
    expected, count = list(items), 0
    for result in executor(function=function, items=expected, workers=workers):
        count += 1
        if count <= len(expected):
            yield result
    if count != len(expected):
        raise UsageError(
            f"{where} yielded {count} results for {len(expected)} items; yield one for "
            "each, in order"
        )
