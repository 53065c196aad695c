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
    here = Path(__file__)
    # An environment may lie in the folder of another project.
    tracked = _git(here.parent, "ls-files", "--error-unmatch", here.name)
    found = tracked and _git(
        here.parent, "describe", "--always", "--dirty", "--exclude=*"
    )
    return f", commit {found}," if found else ""


def _git(folder: Path, *command: str) -> str:
    """The output of git; empty if it fails or is not installed."""
    try:
        ran = subprocess.run(
            ("git", *command), cwd=folder, capture_output=True, text=True
        )
    except OSError:
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
