"""Runs of the command line in forked processes, which start in milliseconds."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

PRELOADED = (
    *("gpt_nas_jax.main", "gpt_nas_jax.flags", "gpt_nas_jax.api.runs"),
    *("sklearn.datasets", "orbax.checkpoint", "forked", "faulty"),
)
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(list(PRELOADED))


class Run:
    """A command line in its own process."""

    def __init__(
        self,
        flags: list[str],
        log: Path,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """Starts the process, which calls ``prepare`` first."""
        self.log = log
        log.unlink(missing_ok=True)
        self._process: BaseProcess = _context.Process(
            target=_run, args=(flags, str(log), prepare)
        )
        self._process.start()

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code, negative for a signal; None while the process is running."""
        self._process.join(seconds)
        return self._process.exitcode

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, unless the process has ended."""
        if self._process.exitcode is None:
            os.kill(self._process.pid, number)

    def printed(self) -> str:
        """Everything that it has printed so far."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""


def _run(flags: list[str], log: str, prepare: Callable[[], None] | None) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from gpt_nas_jax import main

    # Background jobs of a shell, and their children, ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if prepare is not None:
        prepare()
    code = main.main(["gpt_nas_jax", *flags])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
