"""The executors by name."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Generic, Protocol, cast

from gpt_nas_jax import plugins
from gpt_nas_jax.executors import hosts, local
from gpt_nas_jax.executors.local import Item, Result
from gpt_nas_jax.types import UsageError


class Executor(Protocol):
    """Calls a function on items, anywhere."""

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


def _on_ray(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    yield from require_ray().run(function, items, workers)


EXECUTORS: Mapping[str, Executor] = {
    "local": local.finish,
    "hosts": hosts.run,
    "ray": _on_ray,
}


def require_ray() -> ModuleType:
    """The executor on Ray, which an extra installs.

    Raises:
      UsageError: Ray is not installed.
    """
    try:
        from gpt_nas_jax.executors import ray
    except ImportError as error:
        raise UsageError(
            "--executor=ray needs the package ray; install it by pip install "
            "'gpt_nas_jax[ray]'"
        ) from error
    return ray


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
    plugins.require_call(where, found, asked, names)
    return functools.partial(_in_order, cast(Executor, found), where)


class _Raised(Exception):
    """Carries what the function raised through the executor."""

    def __init__(self, error: Exception) -> None:
        self.error = error


@dataclasses.dataclass(frozen=True)
class _Done(Generic[Result]):
    """A result and the number of its item."""

    number: int
    result: Result


@dataclasses.dataclass(frozen=True)
class _Numbered(Generic[Item, Result]):
    """Calls a function on numbered items; each result keeps its number."""

    function: Callable[[Item], Result]

    def __call__(self, item: tuple[int, Item]) -> _Done[Result]:
        number, value = item
        try:
            return _Done(number, self.function(value))
        except Exception as error:
            raise _Raised(error) from error

    def failed(self, item: tuple[int, Item], reason: str) -> _Done[Any]:
        """The result of an item that kills every process that evaluates it.

        Raises:
          UsageError: the function has no result for a failure.
        """
        fail = getattr(self.function, "failed", None)
        if fail is None:
            raise UsageError(f"an item of the executor failed: {reason}")
        return _Done(item[0], fail(reason))


def _in_order(
    executor: Executor,
    where: str,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
) -> Iterator[Result]:
    """The results of a user's executor: one for each item, in order.

    Only exceptions of the executor itself are blamed on it.
    """
    numbered = list(enumerate(items))

    def begin() -> Any:
        wrapped = _Numbered(function)
        return executor(function=wrapped, items=numbered, workers=workers)

    results = _checked(where, begin, len(numbered))
    while True:
        try:
            result = next(results)
        except StopIteration:
            return
        except UsageError:
            raise
        except _Raised as raised:
            raise raised.error from None
        except Exception as error:
            raise UsageError(f"{where} raised {plugins.described(error)}") from error
        yield result


def _checked(where: str, begin: Callable[[], Any], expected: int) -> Iterator[Any]:
    """Yields results after checking by their numbers that they are in order."""
    advice, count = "yield function(item) for each item, in order", 0
    found = begin()
    if not isinstance(found, Iterable):
        raise UsageError(f"{where} returned {type(found).__name__}; {advice}")
    for done in found:
        if not isinstance(done, _Done):
            raise UsageError(f"{where} yielded {type(done).__name__}; {advice}")
        if count < expected and done.number != count:
            raise UsageError(
                f"{where} yielded the result of item {done.number} where that of item "
                f"{count} was due; {advice}"
            )
        count += 1
        if count <= expected:
            yield done.result
    if count != expected:
        raise UsageError(
            f"{where} yielded {count} results for {expected} items; {advice}"
        )
