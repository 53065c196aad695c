"""The processes that take part in a run, whichever executor brings them together."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from gpt_nas_jax import checks
from gpt_nas_jax.config import STAGES, Config
from gpt_nas_jax.executors import hosts, registry

Value = TypeVar("Value")


class _Leader(Protocol):
    """An executor whose other processes do more than evaluate."""

    def everywhere(self, function: Callable[..., Value], *args: Any) -> Value: ...

    def together(self, function: Callable[..., Value], *args: Any) -> Value: ...

    def by_workers(self, function: Callable[..., object], *args: Any) -> None: ...

    def at_worker(self, function: Callable[..., Value], *args: Any) -> Value: ...

    def devices(self) -> int: ...

    def sharers(self, workers: int) -> int: ...


class _Here:
    """A process leads one run at most."""

    leader: _Leader = hosts


def lead(config: Config, main: Callable[[], object]) -> None:
    """Calls ``main`` while the other processes of the run serve it.

    Raises:
      UsageError: they cannot be reached; or as ``main``.
      Lost: a process that is needed has ended.
    """
    if config.executor == "hosts":
        hosts.lead(config.hosts, main)
        return
    if config.executor == "ray":
        # A cluster takes seconds to start.
        checks.check(config)
    if config.executor == "ray" and "executor" in STAGES[config.stage].reads:
        ray = registry.require_ray()
        _Here.leader = ray
        try:
            ray.lead(config.ray, config.search.workers, main)
        finally:
            _Here.leader = hosts
    else:
        main()


def everywhere(function: Callable[..., Value], *args: Any) -> Value:
    """Calls a function in every process that needs its result; returns this one's.

    See the `everywhere` of the executor. Without other processes it is a plain call.

    Raises:
      UsageError: the function raises it in one of the processes.
    """
    return _Here.leader.everywhere(function, *args)


def by_workers(function: Callable[..., object], *args: Any) -> None:
    """Makes each process that evaluates candidates call a function first."""
    _Here.leader.by_workers(function, *args)


def together(function: Callable[..., Value], *args: Any) -> Value:
    """Calls a function where it has the most devices; returns its result.

    With `hosts` these are the devices of all processes, with `ray` those of one
    machine. Without other processes it is a plain call.
    """
    return _Here.leader.together(function, *args)


def devices() -> int:
    """How many devices a function called by `together` has."""
    return _Here.leader.devices()


def at_worker(function: Callable[..., Value], *args: Any) -> Value:
    """The result of a function where candidates are evaluated.

    This process may have other devices, or none.
    """
    return _Here.leader.at_worker(function, *args)


def sharers(workers: int) -> int:
    """How many items share the memory of one device, ``workers`` at a time on each.

    On a CPU that is the memory of the whole machine.
    """
    return _Here.leader.sharers(workers)
