"""The workers of a Ray cluster, as the process that leads the run sees them."""

import dataclasses
import functools
import itertools
import math
import os
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, NoReturn

import jax
import ray

from gpt_nas_jax import interruption
from gpt_nas_jax.config import RayConfig
from gpt_nas_jax.executors.attempts import Rounds
from gpt_nas_jax.executors.ray_worker import FUNCTIONS, Put, Worker
from gpt_nas_jax.types import Lost, UsageError

TICK_SECONDS = 1
"""Longest wait before other work is looked at."""
_LOOK_SECONDS = 5
_IDLE_SECONDS = 30
_REFUSED_SECONDS = 60
"""Wait before another worker is requested where a node could not start one."""
_EARLY = 10
"""Losses in a row, each of one or more workers that have not worked yet."""
_NAMES = {"tpu": "TPU", "gpu": "GPU", "cpu": "CPU"}
"""Ray's names of the devices, the best first."""
_IN_CREATION = "creation task"
"""In Ray's message if an actor could not be created."""
_ADDRESS = re.compile(r"\bip=([^\s,)]+)")
"""Of the node in Ray's message about an error there."""


class _Actor(Worker):
    """A worker as a Ray actor."""

    def __init__(self, device: str, amount: float, home: str) -> None:
        super().__init__(ray.get, device, amount, home)

    def begin(self) -> str:
        """Gets ready; returns the node that it is on."""
        node = ray.get_runtime_context().get_node_id()
        found = (n["Resources"] for n in ray.nodes() if n["NodeID"] == node)
        devices = next(found, {}).get(_NAMES[self.device], 0)
        self.enter(ray.util.get_node_ip_address(), devices)
        return node


@dataclasses.dataclass(eq=False)
class Member:
    """A worker.

    Attributes:
      actor: Ray's handle.
      node: that it is on, once it has begun; empty where that is to be gone.
      began: when it began, or, before that, when it was requested, in seconds.
    """

    actor: Any
    node: str = ""
    began: float = dataclasses.field(default_factory=time.monotonic)


class Cluster:
    """The workers of a run.

    Attributes:
      free: the idle ones.
    """

    def __init__(self, settings: RayConfig, per_device: int) -> None:
        """Starts none yet.

        Raises:
          UsageError: a device cannot be shared by so many.
        """
        self._settings = settings
        self._device = settings.device
        if self._device == "auto":
            there = ray.cluster_resources()
            has = (device for device, name in _NAMES.items() if there.get(name))
            self._device = next(has, "cpu")
        if self._device == "tpu" and per_device > 1:
            raise UsageError(
                f"--search_workers={per_device}: a TPU chip belongs to one worker of "
                "--executor=ray; leave it out"
            )
        # The amount of the device's resource that Ray reserves for a worker.
        self._amount = {"tpu": 1, "gpu": 1 / per_device, "cpu": settings.cores}[
            self._device
        ]
        self.free: list[Member] = []
        self._starting: dict[ray.ObjectRef, Member] = {}
        self._numbers = itertools.count()
        self._common: dict[str, Put] = {}
        self._functions: list[tuple[Any, Put]] = []
        self._looked = -math.inf
        self._idle_since, self._told = time.monotonic(), False
        self._has_begun, self._losses = False, Rounds()

    def put(self, value: Any) -> Put:
        """An object for workers, sent once to a node.

        Raises:
          UsageError: it cannot be pickled.
        """
        try:
            return next(self._numbers), ray.put(value)
        # Objects that cannot be pickled raise errors of their own.
        except Exception as error:
            line = str(error).strip().partition("\n")[0]
            raise UsageError(
                f"--executor=ray cannot send a part of the run to workers: {line}; "
                "what is your own must be picklable, such as a class or function at "
                "the top of a module"
            ) from error

    def function(self, function: Any) -> Put:
        """A function for workers; recently used ones are not sent again."""
        put = next((put for one, put in self._functions if one is function), None)
        others = [pair for pair in self._functions if pair[0] is not function]
        put = put or self.put(function)
        self._functions = [*others[1 - FUNCTIONS :], (function, put)]
        return put

    def keep(self, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Makes each worker call a function before its next item.

        It replaces an earlier call of the same function.
        """
        name = f"{function.__module__}.{function.__qualname__}"
        self._common[name] = self.put((function, args))

    def common(self) -> list[Put]:
        """The calls that each worker makes."""
        return [*self._common.values()]

    def clear(self) -> None:
        """Ends all workers, so that their devices are free."""
        for member in (*self.free, *self._starting.values()):
            ray.kill(member.actor)
        self.free, self._starting = [], {}

    def grow(self, items: int, busy: int) -> None:
        """Starts workers, as many as there may be and items for.

        Args:
          items: those without a result.
          busy: workers that evaluate some of them.
        """
        there = busy + len(self.free) + len(self._starting)
        now = time.monotonic()
        if there >= items or now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        most = self._settings.workers or self._room(self._amounts())
        for _ in range(min(most, items) - there):
            member = self._started(self._amount)
            self._starting[member.actor.begin.remote()] = member

    def wait(self, running: Collection[ray.ObjectRef]) -> list[ray.ObjectRef]:
        """The calls that have ended; returns after a moment, even without any.

        Workers that have begun are free then.

        Raises:
          Lost: worker after worker cannot start.
        """
        refs = [*running, *self._starting]
        if not refs:
            self._idle_since = time.monotonic()
            time.sleep(TICK_SECONDS)
            return []
        ended, _ = ray.wait(refs, num_returns=1, timeout=TICK_SECONDS)
        begun = {ref: self._starting.pop(ref) for ref in ended if ref in self._starting}
        self.free += [m for ref, m in begun.items() if self._begun(ref, m)]
        if ended or running or self.free:
            self._idle_since = time.monotonic()
        elif not self._told and time.monotonic() - self._idle_since > _IDLE_SECONDS:
            self._told = True
            needed = f"{self._amount:g} {_NAMES[self._device]}"
            _say(f"no worker has begun yet: each needs {needed} of a node")
        return [ref for ref in ended if ref in running]

    def outcome(self, ref: ray.ObjectRef, member: Member) -> Callable[[], Any] | None:
        """Returns the result of a call, or raises its error; None: the worker is lost.

        Then there is room for another one.
        """
        try:
            value, raised = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            # Of what could not be sent.
            return functools.partial(_raise, _cause(error))
        except ray.exceptions.RayError as error:
            self._give_up(member, type(error).__name__)
            if getattr(error, "preempted", False):
                member.node = ""
            return None
        if isinstance(raised, Lost):
            # Its process may never compute again; a new one may.
            self._give_up(member, str(raised))
            return None
        if raised is not None:
            return functools.partial(_raise, raised)
        return lambda: value

    def is_prepared(self, ref: ray.ObjectRef) -> bool:
        """Whether a call of `Worker.prepare` has ended."""
        if not ray.wait([ref], timeout=0)[0]:
            return False
        try:
            ray.get(ref)
        except ray.exceptions.RayTaskError:
            return True
        except ray.exceptions.RayError:
            return False
        return True

    def lose_early(self, member: Member) -> None:
        """Counts a worker that was lost before it worked.

        Raises:
          Lost: they were lost again and again.
        """
        self._losses.lost(member.began, time.monotonic())
        if self._losses.count == _EARLY:
            raise Lost(
                f"workers were lost {_EARLY} times in a row while they got ready; "
                "their nodes may lack memory for --train_warmup, or a JAX that works"
            )

    def end_losses(self) -> None:
        """Notes that a worker has worked."""
        self._losses.end()

    def _give_up(self, member: Member, reason: str) -> None:
        """Ends a worker, so that there is room for another one."""
        ray.kill(member.actor)
        self._looked = -math.inf
        _say(f"a worker was lost ({reason}); another goes on")

    def whole_node(self) -> Member:
        """A worker that has all devices of a node, once it has begun.

        The node is one of those that have the most. A signal is obeyed meanwhile.
        """
        while True:
            amount = self._most()
            # One works, one tells what is printed, one says when to stop.
            member = self._started(amount, threads=3)
            ref = member.actor.begin.remote()
            while amount == self._most():
                interruption.obey()
                if ray.wait([ref], timeout=TICK_SECONDS)[0]:
                    if self._begun(ref, member):
                        return member
                    break
            # The node that it waits for may be gone.
            ray.kill(member.actor)

    def devices(self) -> int:
        """How many devices a worker with a whole node has."""
        return jax.device_count() if self._device == "cpu" else self._most()

    def sharers(self, workers: int) -> int:
        """How many workers share the memory that each sees, on the node with the most.

        Those that share a GPU see their shares of it alone, see `Worker`.
        """
        return max(1, self._room([self._most()])) if self._device == "cpu" else 1

    def alive(self) -> set[str]:
        """The nodes of the cluster that are there."""
        return {node["NodeID"] for node in ray.nodes() if node["Alive"]}

    def _amounts(self) -> Iterable[float]:
        """The amount of the workers' resource on each node."""
        name = _NAMES[self._device]
        return [n["Resources"].get(name, 0) for n in ray.nodes() if n["Alive"]]

    def _room(self, amounts: Iterable[float]) -> int:
        """How many workers there is room for."""
        return sum(int(amount / self._amount + 1e-6) for amount in amounts)

    def _most(self) -> int:
        return max(1, int(max(self._amounts(), default=0)))

    def _started(self, amount: float, threads: int = 1) -> Member:
        """A worker that begins when there is room for it."""
        needs: dict[str, Any] = {"num_cpus": 0}
        if self._device == "tpu":
            needs["resources"] = {"TPU": amount}
        else:
            needs[f"num_{self._device}s"] = amount
        # A lost worker is replaced by a new one: if Ray restarted it, calls would fail
        # until it is back.
        needs |= {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": threads}
        kind = ray.remote(_Actor).options(**needs)
        return Member(kind.remote(self._device, amount, os.getcwd()))

    def _begun(self, ref: ray.ObjectRef, member: Member) -> bool:
        """Whether a worker is there; it may have been lost before.

        Raises:
          UsageError: it can never begin, and no other one has begun.
          Lost: worker after worker cannot start.
        """
        try:
            member.node = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            self._refuse(member, str(error), _cause(error))
            return False
        except ray.exceptions.RayError as error:
            if _IN_CREATION in str(error):
                line = str(error).strip().splitlines()[-1].strip()
                reason = UsageError(
                    f"a worker of --executor=ray cannot start ({line}); install the "
                    "same versions of gpt_nas_jax and Ray on all nodes"
                )
                self._refuse(member, str(error), reason)
            else:
                self._looked = -math.inf
            return False
        member.began, self._has_begun = time.monotonic(), True
        return True

    def _refuse(self, member: Member, message: str, reason: Exception) -> None:
        """Ends a worker that cannot start.

        Args:
          member: the worker.
          message: of Ray.
          reason: raised if no worker has begun yet, as all nodes may be like this one.
        """
        if not self._has_begun:
            raise reason from None
        ray.kill(member.actor)
        # Ray may choose the same node, which will hardly be better then.
        self._looked = time.monotonic() + _REFUSED_SECONDS
        found = _ADDRESS.search(message)
        node = f"node {found[1]}" if found else "a node"
        line = (str(reason).strip() or repr(reason)).splitlines()[0]
        _say(f"{node} cannot start a worker ({line}); the others go on")
        self.lose_early(member)


def _say(line: str) -> None:
    print(f"gpt_nas_jax: {line}", file=sys.stderr, flush=True)


def _cause(error: ray.exceptions.RayTaskError) -> Exception:
    """The error that a function has raised in a worker."""
    cause = error.cause
    if not isinstance(cause, Exception):
        return RuntimeError(str(error))
    cause.add_note(str(error))
    return cause


def _raise(error: Exception) -> NoReturn:
    raise error
