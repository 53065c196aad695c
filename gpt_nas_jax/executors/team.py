"""The processes of a `jax.distributed` run, and their messages.

Everything goes through the key-value store of JAX's coordination service, which process
0 holds: no program runs over several processes, and numbers keep all their bits.
"""

import contextlib
import dataclasses
import itertools
import os
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import jax

from gpt_nas_jax.config import HostsConfig
from gpt_nas_jax.types import Lost, UsageError

_PORT = "8476"
"""JAX's choice for TPUs, 8482, is closed between the hosts of some of them."""
_JOB_VARIABLES = ("SLURM_JOB_ID", "OMPI_MCA_orte_hnp_uri")
"""Variables of Slurm and Open MPI, for which JAX's port depends on the job.

With one port for all, processes of two jobs on a machine would join each other.
"""
_SHUTDOWN_SECONDS = 10
# The service keeps unanswered requests, so there should be few.
_POLL_SECONDS = 60


@dataclasses.dataclass(eq=False)
class Team:
    """All processes of a run, as one of them sees them; process 0 leads.

    Attributes:
      client: of JAX's coordination service.
      index: of this process.
      count: of the processes.
    """

    client: Any
    index: int
    count: int

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._said = 0
        # Messages that not all followers have heard yet.
        self._pending: list[int] = []

    def say(self, message: bytes) -> int:
        """Leader: a message to all followers; returns its number."""
        with self._lock:
            self._pending = [n for n in self._pending if not self._forget(n)]
            number, self._said = self._said, self._said + 1
            self.put(f"said/{number}", message)
            self._pending.append(number)
        return number

    def heard(self, number: int, seconds: float) -> bool:
        """Leader: whether all followers have a message, after some seconds at most."""
        deadline = time.monotonic() + seconds
        while not self._is_heard(number):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def hear(self) -> Iterator[tuple[int, bytes]]:
        """Follower: the leader's messages with their numbers, in order, for ever.

        Where the leader is gone, JAX ends the process.
        """
        with contextlib.suppress(jax.errors.JaxRuntimeError):
            for number in itertools.count():
                message = self.get(f"said/{number}")
                self.add(f"heard/{number}", 1)
                yield number, message

    def tell(self, message: bytes) -> None:
        """Follower: a message to the leader."""
        self.put(f"told/{self.add('told', 1) - 1}", message)

    def told(self) -> Iterator[bytes]:
        """Leader: the followers' messages, until it leaves."""
        with contextlib.suppress(jax.errors.JaxRuntimeError):
            for number in itertools.count():
                yield self.take(f"told/{number}")

    def put(self, key: str, value: bytes) -> None:
        """Gives a key its value, once."""
        self.client.key_value_set_bytes(key, value)

    def get(self, key: str) -> bytes:
        """The value of a key, once it has one. No signal is noticed meanwhile."""
        while True:
            try:
                return self.client.blocking_key_value_get_bytes(
                    key, 1000 * _POLL_SECONDS
                )
            except jax.errors.JaxRuntimeError as error:
                if "DEADLINE_EXCEEDED" not in str(error):
                    raise

    def take(self, key: str) -> bytes:
        """Like `get`, for the only reader of a key."""
        value = self.get(key)
        self.client.key_value_delete(key)
        return value

    def taken(self, keys: Iterable[str]) -> Iterator[bytes]:
        """The values of keys in order; signals are noticed while it waits."""
        keys = list(keys)
        found: queue.SimpleQueue[bytes] = queue.SimpleQueue()

        def take() -> None:
            # Without the service JAX ends the process.
            with contextlib.suppress(jax.errors.JaxRuntimeError):
                for key in keys:
                    found.put(self.take(key))

        threading.Thread(target=take, daemon=True).start()
        for _ in keys:
            yield found.get()

    def leave(self) -> None:
        """Waits until all leave; where one has ended, JAX ends this process."""
        jax.distributed.shutdown()

    def add(self, key: str, number: int) -> int:
        """Adds to a counter that begins at 0; returns it."""
        return self.client.key_value_increment(key, number)

    def _is_heard(self, number: int) -> bool:
        # Under the lock: another thread that says something forgets what was heard.
        with self._lock:
            if number in self._pending and self._forget(number):
                self._pending.remove(number)
            return number not in self._pending

    def _forget(self, number: int) -> bool:
        """Deletes a message that all have heard; returns whether they have."""
        if self.add(f"heard/{number}", 0) < self.count - 1:
            return False
        self.client.key_value_delete(f"said/{number}")
        self.client.key_value_delete(f"heard/{number}")
        return True


def join(settings: HostsConfig) -> Team:
    """Waits until all processes are there.

    Raises:
      UsageError: nothing says where the leader is, or it cannot be reached at the
        address of the settings.
      Lost: JAX knows where the others are to be, but does not reach them.
    """
    for problem in settings.problems():
        raise UsageError(problem)
    # Its handler would take SIGTERM from `interruption`.
    jax.config.update("jax_enable_preemption_service", False)
    if not any(name in os.environ for name in _JOB_VARIABLES):
        os.environ.setdefault("JAX_COORDINATOR_PORT", _PORT)
    named = settings.coordinator or None
    try:
        jax.distributed.initialize(
            named,
            settings.count if named else None,
            settings.index if named else None,
            shutdown_timeout_seconds=_SHUTDOWN_SECONDS,
        )
    except (ValueError, RuntimeError, OSError) as error:
        reason = str(error).partition("\n")[0]
        if named is None and _may_pass(error):
            raise Lost(
                f"--executor=hosts did not reach the other processes ({reason})"
            ) from error
        raise UsageError(
            f"--executor=hosts cannot join the other processes ({reason}); outside "
            "TPU slices, Slurm and Open MPI give --hosts_coordinator, --hosts_count "
            "and --hosts_index"
        ) from error
    # Processes exchange their devices when a backend starts, waiting up to two minutes:
    # do so now, before any can fail for another reason.
    jax.devices()
    # Not in JAX's public interface.
    from jax._src import distributed

    state = distributed.global_state
    return Team(state.client, state.process_id, state.num_processes)


def _may_pass(error: Exception) -> bool:
    """Whether joining may succeed later: others still start, or a network fails."""
    # An error about a wrong call of the function names it.
    is_call = "distributed.initialize" in str(error)
    return not isinstance(error, ValueError) and not is_call
