"""The first line of a results page that a program writes."""

import datetime
import platform

from gpt_nas_jax.executors import machine


def line(program: str) -> str:
    """The program, the date, and the cores and versions of the process that writes."""
    here = machine.describe()
    cores = f"{here['cores']} CPU core{'s' * (here['cores'] > 1)}"
    return (
        f"Written by `{program}` on {datetime.date.today()}: {cores}, Python "
        f"{platform.python_version()}, JAX {here['jax']}."
    )
