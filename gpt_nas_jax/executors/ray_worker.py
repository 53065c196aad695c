"""A worker of a Ray cluster, without the parts that need Ray."""

import collections
import contextlib
import io
import multiprocessing
import os
import queue
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax

from gpt_nas_jax import interruption
from gpt_nas_jax.executors import machine
from gpt_nas_jax.executors.sending import sendable
from gpt_nas_jax.types import UsageError

Get = Callable[[Any], Any]
"""Maps a reference to the object that was put on the cluster."""
Put = tuple[int, Any]
"""A number of an object, and a reference to it."""
Outcome = tuple[Any, Exception | None]
"""The result of a function, or the error that it raised."""
# A search evaluates by one function and scores by another.
FUNCTIONS = 2
"""Functions that are kept for further items."""
_HIDDEN = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "TPU_VISIBLE_CHIPS")


_MEMORY_FRACTION = ("XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION")


class _Printed(io.TextIOBase):
    """Buffers what one thread prints for another one."""

    def __init__(self) -> None:
        self._texts: queue.SimpleQueue[str] = queue.SimpleQueue()

    def write(self, text: str) -> int:
        self._texts.put(text)
        return len(text)

    def taken(self) -> str:
        texts = (self._texts.get() for _ in range(self._texts.qsize()))
        return "".join(texts)


def share_of_cores(cores: int, devices: float, amount: float) -> int:
    """The cores of a worker, if as many workers as fit on a node share its cores.

    Args:
      cores: of the node.
      devices: of the node.
      amount: of the devices that each worker has.
    """
    # A third of a device, three times, may be a little more than one.
    workers = int(devices / amount + 1e-6)
    return max(1, cores // max(1, workers))


class Worker:
    """Evaluates items on the devices that its process was given.

    Attributes:
      device: ``tpu``, ``gpu`` or ``cpu``.
    """

    def __init__(self, get: Get, device: str, amount: float, home: str) -> None:
        """A worker that sees one kind of device.

        Args:
          get: reads what was put on the cluster.
          device: ``tpu``, ``gpu`` or ``cpu``.
          amount: how many of these: CPU cores, or a share of a GPU where below 1.
          home: the folder that the run was started in.
        """
        self._get, self.device, self._home = get, device, home
        self._amount = amount
        self._made: set[int] = set()
        self._functions: collections.OrderedDict[int, Any] = collections.OrderedDict()
        self._printed = _Printed()
        if device == "cpu":
            # Ray leaves GPUs visible to actors that request none.
            os.environ.update(dict.fromkeys(_HIDDEN, ""))
            # By default XLA uses a thread for each core of the node.
            os.environ.setdefault("NPROC", str(int(amount)))
            jax.config.update("jax_platforms", "cpu")
        elif amount < 1:
            # By default a process takes three quarters of the memory. JAX accepts one
            # of the names, of which the second is the old one.
            given = [os.environ.pop(name, None) for name in _MEMORY_FRACTION]
            whole = float(next(filter(None, given), 0.75))
            os.environ[_MEMORY_FRACTION[0]] = f"{whole * amount:.3f}"

    def enter(self, node: str, devices: float) -> None:
        """Gets ready in its process.

        Args:
          node: a name of the machine.
          devices: how many of its kind the machine has.

        Raises:
          UsageError: JAX does not see the device.
        """
        multiprocessing.current_process().name = f"{node}:{os.getpid()}"
        with contextlib.suppress(OSError):
            os.chdir(self._home)
        # Plug-ins lie where the command was run.
        if self._home not in sys.path:
            sys.path.insert(0, self._home)
        if self.device == "cpu":
            return
        # All workers of the machine compile at the same time when they warm up. It
        # takes effect only before the backend starts.
        share = share_of_cores(machine.cores(), devices, self._amount)
        os.environ.setdefault("NPROC", str(share))
        if jax.default_backend() == "cpu":
            raise UsageError(
                f"JAX sees no {self.device.upper()} on {node}; install gpt_nas_jax"
                f"[{'tpu' if self.device == 'tpu' else 'cuda'}] there, or give "
                "--ray_device=cpu"
            )

    def prepare(self, common: Sequence[Put]) -> None:
        """Makes the calls that come before all items."""
        self._make(common)

    def call(self, common: Sequence[Put], function: Put, item: Any) -> Outcome:
        """The result of a function on an item.

        Args:
          common: pairs of a function and its arguments, called once before all items.
          function: kept for the next items.
          item: of the call.
        """
        try:
            self._make(common)
            return self._function(function)(item), None
        except Exception as error:
            return None, sendable(error)

    def work(self, common: Sequence[Put], task: Put) -> Outcome:
        """The result of a function of several arguments; nothing if `stop` ended it.

        Args:
          common: as of `call`.
          task: the function and its arguments.
        """
        try:
            with contextlib.redirect_stdout(self._printed):
                self._make(common)
                function, args = self._get(task[1])
                return function(*args), None
        except interruption.Stopped:
            return None, None
        except Exception as error:
            return None, sendable(error)

    def printed(self) -> str:
        """The text that `work` has printed since this was last asked."""
        return self._printed.taken()

    def stop(self, number: int) -> None:
        """Makes `work` end as at a signal, once it has saved its progress."""
        interruption.request(number)

    def _function(self, function: Put) -> Callable[[Any], Any]:
        number, put = function
        found = self._functions.pop(number, None) or self._get(put)
        self._functions[number] = found
        if len(self._functions) > FUNCTIONS:
            self._functions.popitem(last=False)
        return found

    def _make(self, common: Sequence[Put]) -> None:
        for number, put in common:
            if number not in self._made:
                function, args = self._get(put)
                function(*args)
                self._made.add(number)
