"""The machine that evaluations run on, as far as their last digits depend on it."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax


def describe() -> dict[str, Any]:
    """What is written into the ledger.

    XLA's CPU backend cuts sums into as many parts as its thread pool has threads, and
    the pool has at least one for each core and each device.
    """
    device = jax.local_devices()[0]
    return {
        "device": device.device_kind,
        "devices": jax.local_device_count(),
        "cores": len(os.sched_getaffinity(0)) if _LINUX else os.cpu_count(),
        "jax": jax.__version__,
    }


def tell_of_change(machines: Sequence[Mapping[str, Any]]) -> None:
    """Says on the terminal where a run goes on that began on another machine."""
    now = describe()
    if not machines or machines[-1] == now:
        return
    changed = [
        f"{name} {value}, was {machines[-1].get(name)}"
        for name, value in now.items()
        if value != machines[-1].get(name)
    ]
    print(
        "gpt_nas_jax: this run goes on with other hardware or another JAX "
        f"({'; '.join(changed)}); fitness may differ from that of a run on one machine",
        file=sys.stderr,
    )


_LINUX = sys.platform == "linux"
