"""The first line of a results page that a program writes."""

import datetime
import platform
import subprocess
from pathlib import Path

from gpt_nas_jax.executors import machine


def line(program: str) -> str:
    """The program and its commit, the date, the cores and versions of the process."""
    here = machine.describe()
    cores = f"{here['cores']} CPU core{'s' * (here['cores'] > 1)}"
    return (
        f"Written by `{program}`{_commit()} on {datetime.date.today()}: {cores}, "
        f"Python {platform.python_version()}, JAX {here['jax']}."
    )


def _commit() -> str:
    """The commit of the clone that the package is imported from, if it is one."""
    command = ("git", "describe", "--always", "--dirty", "--exclude=*")
    try:
        found = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except OSError:
        return ""
    return f", commit {found.stdout.strip()}," if found.returncode == 0 else ""
