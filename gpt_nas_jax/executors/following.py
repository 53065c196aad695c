"""The side of the follower processes, which another one leads."""

import collections
import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from gpt_nas_jax import interruption
from gpt_nas_jax.endings import ending
from gpt_nas_jax.executors import local, sharing
from gpt_nas_jax.executors.sending import Common, Recent, Sent, sendable, trace
from gpt_nas_jax.executors.team import Team
from gpt_nas_jax.types import UsageError

_END, _LEAVE, _THERE = b"end ", b"leave", b"there?"
# A live process responds within milliseconds, unless it is busy with something long.
_END_SECONDS, _THERE_SECONDS = 5, 20
_LEAVE_SECONDS = 2


class Mate:
    """A process of a team, with what it has in common with the others.

    Attributes:
      team: the processes.
      common: what all have made for themselves.
      functions: those that items were evaluated by.
    """

    def __init__(self, team: Team) -> None:
        """Has nothing in common yet."""
        self.team = team
        self.common = Common()
        self.functions = Recent()
        self._lock = threading.Lock()

    def say(self, action: Callable[..., None], *args: Any) -> int:
        """Makes the others call ``action(mate, number, *args)``; returns the number."""
        return self.team.say(self.common.dumps((action, args)))

    def share(
        self, function: Callable[..., Any], items: Sequence[Any], workers: int
    ) -> int:
        """Makes the others evaluate items; returns the number of the call."""
        # Another thread's call may refer to the function only once it was said.
        with self._lock:
            return self.say(evaluate, self.functions.sent(function), items, workers)

    def end(self, code: int) -> bool:
        """Ends all followers with an exit code; False if one is gone."""
        said = self.team.say(_END + str(code).encode())
        if not self.team.heard(said, _END_SECONDS):
            return False
        self.team.say(_LEAVE)
        self.team.leave()
        return True

    def is_complete(self) -> bool:
        """Whether all others answer."""
        return self.team.heard(self.team.say(_THERE), _THERE_SECONDS)

    def tell(self, number: int, reason: str | None = None) -> None:
        """Tells the leader of a signal, or of an exit code if there is a reason."""
        self.team.tell(self.common.dumps((self.team.index, number, reason)))

    def answer(self, number: int, text: str = "") -> None:
        """Answers a message of the leader."""
        self.team.put(answer_key(number, self.team.index), text.encode())

    def made(self, function: Callable[..., Any], args: Sequence[Any]) -> Any:
        """Calls a function that all call; what it makes is not sent from now on."""
        result = function(*args)
        self.common.keep(f"{function.__module__}.{function.__qualname__}", result)
        return result


def serve(mate: Mate) -> None:
    """Follows the leader until told to end.

    The files of a run are the leader's, and so is the terminal.
    """
    # What it compiles is kept nowhere, and its threads ask again for what it compiled.
    sharing.share()
    calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(mate.team, calls), daemon=True).start()
    with _silent(), interruption.forwarded(mate.tell):
        while (call := calls.get()) is not None:
            number, data = call
            try:
                action, args = mate.common.loads(data)
                action(mate, number, *args)
            except Exception as error:
                line, code = ending(error) or (trace(error), 1)
                mate.tell(code, line)
    mate.team.leave()


def evaluate(
    mate: Mate, number: int, sent: Sent, items: Sequence[Any], workers: int
) -> None:
    """Evaluates some of the items of a call."""
    claim(mate, number, mate.functions.received(sent), items, workers)


def claim(
    mate: Mate,
    number: int,
    function: Callable[[Any], Any],
    items: Sequence[Any],
    workers: int,
) -> None:
    """Evaluates items on the local devices until none is left.

    Args:
      mate: this process.
      number: of the call.
      function: from an item to its result, which goes to the leader.
      items: of all processes.
      workers: items at a time on each device.
    """

    def work(_: int) -> None:
        while (index := mate.team.add(claims_key(number), 1) - 1) < len(items):
            try:
                found = function(items[index]), None
            except Exception as error:
                found = None, sendable(error)
            mate.team.put(result_key(number, index), mate.common.dumps(found))

    threads = range(workers * jax.local_device_count())
    collections.deque(local.run(work, threads, workers), maxlen=0)


def do(
    mate: Mate, number: int, function: Callable[..., Any], args: Sequence[Any]
) -> None:
    """Calls a function, then answers: why it failed, or nothing."""
    reason = ""
    try:
        mate.made(function, args)
    except (UsageError, OSError) as error:
        reason, _ = ending(error)
    mate.answer(number, reason)


def join_in(
    mate: Mate, number: int, function: Callable[..., Any], args: Sequence[Any]
) -> None:
    """Answers, then calls a function that all processes call."""
    mate.answer(number)
    function(*args)


def claims_key(number: int) -> str:
    """Of the counter of items that were begun."""
    return f"claims/{number}"


def result_key(number: int, index: int) -> str:
    """Of an item's result."""
    return f"result/{number}/{index}"


def answer_key(number: int, index: int) -> str:
    """Of what a process answers to a message."""
    return f"answer/{number}/{index}"


def exit_code(error: BaseException) -> int:
    """The exit code that the command line makes of an error."""
    stopped = error if isinstance(error, interruption.Stopped) else None
    stopped = stopped or interruption.received()
    if stopped is not None:
        return stopped.exit_code
    end = ending(error)
    return 1 if end is None else end[1]


def _listen(team: Team, calls: queue.SimpleQueue[Any]) -> None:
    """Passes calls on, in a thread; ends the process at once where the leader fails.

    It has nothing to save.
    """
    code = 0
    for number, data in team.hear():
        if data == _THERE:
            continue
        if data.startswith(_END):
            code = int(data.removeprefix(_END))
            if code:
                # If another process is gone, none can exit cleanly.
                threading.Timer(_LEAVE_SECONDS, os._exit, (code,)).start()
        elif data != _LEAVE:
            calls.put((number, data))
        elif code:
            team.leave()
            os._exit(code)
        else:
            calls.put(None)
            return


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Silences this process, except for fatal errors of native libraries."""
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        # Gloo logs its connections from C++.
        kept = os.dup(1)
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
