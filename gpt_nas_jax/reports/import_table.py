"""The table of an imported benchmark: its size, its best cells and its checksums."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from gpt_nas_jax.datasets.benchmarks import compact, nasbench101, nasbench201
from gpt_nas_jax.reports.terminal import show_table


def show(
    name: str, out: Path, columns: Mapping[str, np.ndarray], content: bytes
) -> None:
    """Prints the table.

    Args:
      name: ``nasbench101`` or ``nasbench201``.
      out: the compact file.
      columns: of the compact file.
      content: of the compact file.
    """
    best = {"nasbench101": _nasbench101, "nasbench201": _nasbench201}[name]
    rows = [
        ("cells", f"{len(columns['ops']):,}"),
        *best(columns),
        ("bytes", f"{len(content):,}"),
        ("SHA-256 of the file", hashlib.sha256(content).hexdigest()),
        ("SHA-256 of the columns", compact.digest(columns).hex()),
    ]
    show_table(f"{name}: {out}", ("what", "value"), rows)


def _nasbench101(columns: Mapping[str, np.ndarray]) -> Iterator[tuple[str, str]]:
    valid, test = columns[nasbench101.VALID], columns[nasbench101.TEST]
    yield _best("cifar10", 100 * valid, 100 * test)


def _nasbench201(columns: Mapping[str, np.ndarray]) -> Iterator[tuple[str, str]]:
    for dataset in nasbench201.DATASETS:
        valid, test = (
            columns[f"{dataset}/{kind}"]
            for kind in (nasbench201.VALID, nasbench201.TEST)
        )
        yield _best(dataset, valid, test)


def _best(dataset: str, valid: np.ndarray, test: np.ndarray) -> tuple[str, str]:
    best = valid.argmax()
    return (
        f"{dataset}: best validation, its test accuracy",
        f"{valid[best]:.3f} %, {test[best]:.3f} %",
    )
