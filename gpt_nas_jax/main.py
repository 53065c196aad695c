"""Command line: ``gpt-nas --flagfile=launch/digits.flags``.

``python -m gpt_nas_jax.main`` is the same program.
"""

import contextlib
import logging
import os
import select
import signal
import sys
from typing import Any

import absl.logging

from gpt_nas_jax import interruption


def main(argv: list[str]) -> int:
    """Runs a command line; returns the exit code.

    0: done; 2: an error that the user can fix, in one line on stderr; 130, 143 or 129:
    ended by SIGINT, SIGTERM or SIGHUP; 75: another process of the run, its store or a
    device was lost, and the same command resumes; 141: the reader of the output has
    been closed.
    """
    _quieten()
    try:
        with interruption.handled():
            # An installed script does not search the current directory for plug-ins.
            if "" not in sys.path and os.getcwd() not in sys.path:
                sys.path.insert(0, os.getcwd())
            # These imports take seconds; a signal during them is handled, too.
            from gpt_nas_jax import flags
            from gpt_nas_jax.api.runs import run

            config = flags.parse(argv)
            if isinstance(config, str):
                print(config)
            else:
                run(config)
            _flush()
    except interruption.Stopped as stopped:
        return _stop(stopped)
    except Exception as error:
        # A library may have turned `Stopped` into an error of its own.
        if (stopped := interruption.received()) is not None:
            return _stop(stopped)
        if isinstance(error, BrokenPipeError) and _is_unread():
            return 128 + signal.SIGPIPE
        from gpt_nas_jax.endings import ending

        if (end := ending(error)) is not None:
            return _end(*end)
        raise
    return 0


def _is_unread() -> bool:
    """Whether the reader of the output, such as a pager, has been closed."""
    output = select.poll()
    output.register(sys.stdout, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in output.poll(0))


def _stop(stopped: interruption.Stopped) -> int:
    return _end("stopped; run the same command again to resume", stopped.exit_code)


def _quieten() -> None:
    """Silences Orbax, whose threads log an error several times before raising it."""
    absl.logging.set_verbosity(absl.logging.FATAL)
    for name in ("asyncio", "concurrent.futures"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    sys.unraisablehook = _unraisable


def _unraisable(found: Any) -> None:
    # After an array has failed, TensorStore reports to a loop that Orbax has closed.
    if str(found.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(found)


def _end(line: str, code: int) -> int:
    # A terminal that has hung up accepts no more lines.
    with contextlib.suppress(OSError):
        print(f"gpt_nas_jax: {line}", file=sys.stderr, flush=True)
    return code


def _flush() -> None:
    """Delivers what was printed; a program started without output has none."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _exit(code: int) -> None:
    """Exits at once after a failure, without waiting for candidates or processes."""
    if code:
        with contextlib.suppress(OSError):
            _flush()
        os._exit(code)


def _require_utf_8() -> None:
    """Restarts the program in Python's UTF-8 mode if the locale has another encoding.

    TensorStore takes paths as UTF-8, which is then also the encoding of file names.
    """
    if sys.getfilesystemencoding() != "utf-8":
        module = ("-m", "gpt_nas_jax.main")
        command = [sys.executable, "-X", "utf8", *module, *sys.argv[1:]]
        os.execv(sys.executable, command)


def console() -> None:
    """Entry point of the command ``gpt-nas``."""
    _require_utf_8()
    _exit(main(sys.argv))


if __name__ == "__main__":
    console()
