"""Properties of the machine that the last digits of evaluations depend on."""

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from gpt_nas_jax.executors import control_group


def describe(**limits: float) -> dict[str, Any]:
    """The machine and the limits of evaluations on it, for the ledger.

    XLA's CPU backend splits sums into as many parts as its thread pool has threads, and
    the pool has at least one for each core and each device.
    """
    device = jax.local_devices()[0]
    return {
        "device": device.device_kind,
        "devices": jax.local_device_count(),
        "cores": cores(),
        "jax": jax.__version__,
        **limits,
    }


def cores() -> int:
    """How many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if _LINUX else os.cpu_count() or 1


def processor() -> dict[str, str]:
    """The CPU model if CPU cores are the devices and it is known."""
    if jax.local_devices()[0].platform != "cpu":
        return {}
    with contextlib.suppress(OSError):
        for line in _MODEL.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return {"processor": value.strip()}
    return {}


def memory() -> int:
    """Bytes of memory that each local device has.

    Devices of the CPU share that of the host, or what its control groups allow.
    """
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    if limit:
        return limit
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    allowed = control_group.memory()
    host = host if allowed is None else min(host, allowed)
    return host // jax.local_device_count()


def tell_of_change(
    machines: Sequence[Mapping[str, Any]], now: Mapping[str, Any]
) -> None:
    """Says on the terminal that a run resumes on another machine.

    Args:
      machines: those of its ledger.
      now: as `describe` tells it.
    """
    if not machines or machines[-1] == now:
        return
    changed = [
        f"{name} {value}, was {machines[-1].get(name)}"
        for name, value in now.items()
        if value != machines[-1].get(name)
    ]
    print(
        f"gpt_nas_jax: the run resumes with {', '.join(changed)}; fitness may depend "
        "on this, so the ledger marks the line",
        file=sys.stderr,
    )


_LINUX = sys.platform == "linux"
_MODEL = Path("/proc/cpuinfo")
