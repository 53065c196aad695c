"""NAS-Bench-201 (Dong and Yang, 2020, arXiv 2001.00326): its cells and accuracies."""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from gpt_nas_jax.datasets.benchmarks import compact
from gpt_nas_jax.types import UsageError

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""Source and target node, in the order of the operations in a cell's name."""

DATASETS = ("cifar10", "cifar100", "imagenet16_120")
CELLS = len(OPERATIONS) ** len(EDGES)

VALID, TEST = "val_acc_200", "test_acc_200"
ACCURACIES = tuple((name, kind) for name in DATASETS for kind in (VALID, TEST))
"""Data set and kind of every accuracy, as named in columns and text files."""

_FORM = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"
_OPERATION = f"({'|'.join(OPERATIONS)})"
_NAME = re.compile(re.escape(_FORM).replace(r"\{\}", _OPERATION))
_COMPACT: dict[str, compact.Column] = {
    "ops": (np.uint8, (compact.N, len(EDGES))),
    "op_names": (np.array(OPERATIONS).dtype, (len(OPERATIONS),)),
    "edges": (np.uint8, (len(EDGES), 2)),
    **{f"{name}/{kind}": (np.float64, (compact.N,)) for name, kind in ACCURACIES},
}
_PLACE = len(OPERATIONS) ** np.arange(len(EDGES))


# Arrays have no single truth value, so a generated __eq__ could only raise.
@dataclasses.dataclass(frozen=True, eq=False)
class NasBench201:
    """All N = 15,625 cells, each once.

    Attributes:
      ops: ``uint8[N, 6]``, per edge of ``EDGES`` an index into ``OPERATIONS``.
      valid: ``float64[3, N]`` validation accuracies after 200 epochs in per cent, means
        over the repeats; the rows are ``DATASETS``.
      test: the same on the test images. On CIFAR-10 they are from a separate training
        on training and validation images.
    """

    ops: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    def __len__(self) -> int:
        return len(self.ops)


def read(path: pathlib.Path) -> NasBench201:
    """Reads a compact ``nasbench201.npz``, its cells in the file's order.

    Raises:
      UsageError: the file is missing, damaged, of another format or incomplete.
    """
    columns = compact.read(path, "NAS-Bench-201", _COMPACT)
    if tuple(columns["op_names"]) != OPERATIONS or (columns["edges"] != EDGES).any():
        raise UsageError(
            f"{path}: not a NAS-Bench-201 file: its op_names or edges are in another "
            "order; import it again"
        )
    accuracies = [columns[f"{name}/{kind}"] for name, kind in ACCURACIES]
    return _checked(columns["ops"], np.stack(accuracies), path)


def from_rows(
    rows: Iterable[tuple[str, Sequence[float]]], source: pathlib.Path
) -> NasBench201:
    """Builds the benchmark from rows of a cell's name and its ``ACCURACIES``.

    Raises:
      UsageError: a name is invalid, a cell is missing or duplicated, or an accuracy is
        not a percentage; the message begins with the source.
    """
    ops, accuracies = [], []
    for name, values in rows:
        ops.append(_from_string_of(source, name))
        accuracies.append(values)
    return _checked(
        np.array(ops, np.uint8).reshape(-1, len(EDGES)),
        np.array(accuracies, np.float64).reshape(-1, len(ACCURACIES)).T,
        source,
    )


def to_columns(benchmark: NasBench201) -> dict[str, np.ndarray]:
    """Returns the columns of the compact file that ``read`` accepts."""
    columns = {
        "ops": benchmark.ops,
        "op_names": np.array(OPERATIONS),
        "edges": np.array(EDGES, np.uint8),
    }
    for i, name in enumerate(DATASETS):
        columns[f"{name}/{VALID}"] = benchmark.valid[i]
        columns[f"{name}/{TEST}"] = benchmark.test[i]
    return columns


def check_cells(names: Iterable[str], source: pathlib.Path) -> None:
    """Raises UsageError unless every cell of the benchmark is named exactly once."""
    ops = [_from_string_of(source, name) for name in names]
    _check_ops(np.array(ops, np.uint8).reshape(-1, len(EDGES)), source)


def _checked(
    ops: np.ndarray, accuracies: np.ndarray, source: pathlib.Path
) -> NasBench201:
    """Checks ``uint8[N, 6]`` and ``float64[6, N]``, the rows as ``ACCURACIES``."""
    _check_ops(ops, source)
    impossible = ~((accuracies >= 0) & (accuracies <= 100)).all(0)
    if impossible.any():
        raise UsageError(
            f"{source}: {to_string(ops[impossible.argmax()])} has an accuracy that is "
            "not a percentage; fetch the benchmark again"
        )
    # Copies, since views would keep the other half in memory.
    return NasBench201(ops, accuracies[::2].copy(), accuracies[1::2].copy())


def _check_ops(ops: np.ndarray, source: pathlib.Path) -> None:
    if (ops >= len(OPERATIONS)).any():
        raise UsageError(f"{source}: NAS-Bench-201 has no operation {ops.max()}")
    counts = np.bincount(ops @ _PLACE, minlength=CELLS)
    for wrong, what in ((counts == 0, "missing"), (counts > 1, "duplicated")):
        if wrong.any():
            first = to_string(wrong.argmax() // _PLACE % len(OPERATIONS))
            raise UsageError(
                f"{source}: {wrong.sum()} of the {CELLS} cells are {what}, such as "
                f"{first}; fetch the benchmark again"
            )


def _from_string_of(source: pathlib.Path, name: str) -> tuple[int, ...]:
    try:
        return from_string(name)
    except UsageError as error:
        raise UsageError(f"{source}: {error}") from error


def to_string(ops: Sequence[int] | np.ndarray) -> str:
    """Returns the benchmark's name of a cell, given one operation per edge.

    For example ``|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|none~2|``: the
    inputs of nodes 1, 2 and 3, each an operation and its source node.
    """
    return _FORM.format(*(OPERATIONS[op] for op in ops))


def from_string(text: str) -> tuple[int, ...]:
    """Returns the operations of the cell with this name; the inverse of ``to_string``.

    Raises:
      UsageError: there is no such cell.
    """
    match = _NAME.fullmatch(text)
    if not match:
        raise UsageError(
            f"{text!r} is not a cell of NAS-Bench-201; give {_FORM.format(*'abcdef')} "
            f"with operations {', '.join(OPERATIONS)}"
        )
    return tuple(OPERATIONS.index(name) for name in match.groups())
