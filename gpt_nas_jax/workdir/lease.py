"""Who may write to a workdir on a store, and which files belong to it.

Both stand in one object, the state. It is never changed: each state has the next number
and is created exclusively, so of two processes one at most writes the next.
"""

import contextlib
import dataclasses
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from gpt_nas_jax.types import Lost, UsageError
from gpt_nas_jax.workdir.objects import Objects

_FOLDER = ".store/states"
_STATE = re.compile(rf"{_FOLDER}/(\d+)")
# As many may be made before one that began to make the next can do harm.
_KEPT = 8
_RENEWAL_SECONDS = 10.0
_STALE_SECONDS = 45.0
_LOOK_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class State:
    """A workdir on a store at one time.

    Attributes:
      number: counts states.
      owner: the process that may write; None after a clean exit.
      host: where that is, for people.
      files: all that belong to the workdir, except the objects of its ledgers.
    """

    number: int = 0
    owner: str | None = None
    host: str = ""
    files: tuple[str, ...] = ()


class Lease:
    """The right to write to a workdir on a store, held by one process at a time.

    While it is held, a thread makes the next state every few seconds. A process that
    sees the same state for some time may take the lease; no two clocks are compared.
    """

    def __init__(
        self,
        objects: Objects,
        owner: str,
        is_running: Callable[[str], bool | None],
        stale: float = _STALE_SECONDS,
    ) -> None:
        """Prepares the lease without taking it.

        Args:
          objects: of the workdir.
          owner: a name that no other process has.
          is_running: whether the owner of this name lives; None where this machine
            does not know.
          stale: seconds without a new state after which the lease can be taken.
        """
        self._objects = objects
        self._owner = owner
        self._is_running = is_running
        self._stale = stale
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._lost = False
        self.state = State()

    def take(self) -> None:
        """Takes the lease, and keeps it until `release`.

        Raises:
          UsageError: another process has it, or the store cannot hold a lease.
        """
        found = latest(self._objects)
        if found.owner is not None:
            self._outlast(found)
            found = latest(self._objects)
        state = dataclasses.replace(found, number=found.number + 1, **self._signed())
        if not self._objects.create(_name(state.number), _encoded(state)):
            raise self._in_use(latest(self._objects))
        if self._objects.create(_name(state.number), b"another one"):
            self._objects.remove([_name(state.number)])
            raise UsageError(
                f"--workdir={self._objects.url} cannot be used: this store replaces "
                "objects that are to be created only; choose another"
            )
        self.state = state
        threading.Thread(target=self._renew, daemon=True).start()

    def commit(self, files: Iterable[str]) -> None:
        """From now on these files belong to the workdir.

        Raises:
          UsageError: another process has taken the lease.
        """
        self._advance(files=tuple(files))

    def confirm(self) -> None:
        """Asks the store, and raises UsageError where another process has the lease."""
        with self._lock:
            self._lost = self._lost or latest(self._objects).owner != self._owner
            self.require()

    def require(self) -> None:
        """Raises UsageError where another process is known to have the lease."""
        if self._lost:
            raise UsageError(
                f"another process continues the run in {self._objects.url}; this "
                f"one did not answer for {self._stale:.0f} seconds, and ends"
            )

    def release(self) -> None:
        """Gives up the lease, if this process still has it."""
        self._ended.set()
        with contextlib.suppress(UsageError, Lost):
            self._advance(owner=None)

    def _signed(self) -> dict[str, str]:
        return {"owner": self._owner, "host": socket.gethostname()}

    def _advance(self, **changes: Any) -> None:
        """Makes the next state, the latest one with changes."""
        with self._lock:
            self.require()
            numbers, found = _look(self._objects)
            state = dataclasses.replace(self.state, number=found.number + 1, **changes)
            # Its own state may be ahead, where the answer of the store was lost.
            self._lost = found.owner != self._owner or not self._objects.create(
                _name(state.number), _encoded(state)
            )
            self.require()
            self.state = state
            old = [number for number in numbers if number <= state.number - _KEPT]
            self._objects.remove([_name(number) for number in old])

    def _renew(self) -> None:
        while not self._ended.wait(min(_RENEWAL_SECONDS, self._stale / 4)):
            # A temporary network failure must not end the run.
            with contextlib.suppress(UsageError, Lost):
                self._advance()
            if self._lost:
                return

    def _outlast(self, found: State) -> None:
        """Waits until the owner of a state has ended or appears dead."""
        running = self._is_running(str(found.owner))
        if running:
            raise self._in_use(found)
        if running is not None:
            return
        print(
            f"gpt_nas_jax: {self._objects.url} was in use on {found.host}; taking it "
            f"over if nothing happens there for {self._stale:.0f} seconds",
            file=sys.stderr,
            flush=True,
        )
        deadline = time.monotonic() + self._stale
        while time.monotonic() < deadline:
            self._ended.wait(min(_LOOK_SECONDS, self._stale / 4))
            now = latest(self._objects)
            if now.owner is None:
                return
            if now != found:
                raise self._in_use(now)

    def _in_use(self, state: State) -> UsageError:
        return UsageError(
            f"--workdir={self._objects.url} is in use by another process, on "
            f"{state.host}; wait for it or choose another directory"
        )


def latest(objects: Objects) -> State:
    """The latest state of a workdir; an empty one where nothing is there."""
    return _look(objects)[1]


def _look(objects: Objects) -> tuple[list[int], State]:
    """The numbers of the states that are there, and the latest state."""
    while True:
        found = map(_STATE.fullmatch, objects.names(_FOLDER))
        numbers = sorted(int(one[1]) for one in found if one)
        if not numbers:
            return [], State()
        data = objects.read(_name(numbers[-1]))
        # It may be gone if many were made since.
        if data is not None:
            try:
                kept = json.loads(data)
                return numbers, State(**kept | {"files": tuple(kept["files"])})
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(
                    f"{objects.url}/{_name(numbers[-1])} is damaged; restore it, or "
                    "remove it: the run goes on from the one before"
                ) from error


def _encoded(state: State) -> bytes:
    return json.dumps(dataclasses.asdict(state)).encode()


def _name(number: int) -> str:
    return f"{_FOLDER}/{number:010}"
