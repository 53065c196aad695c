"""Reads NAS-Bench-201 from JSON or CSV files."""

import collections
import csv
import io
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from gpt_nas_jax.datasets.benchmarks import nasbench201
from gpt_nas_jax.types import UsageError

_HEADER = [f"{name}/{kind}" for name, kind in nasbench201.ACCURACIES]


def read_json(path: pathlib.Path) -> nasbench201.NasBench201:
    """Reads a JSON object from cell names to accuracies in per cent.

    The value of a cell is ``{"cifar10": {"val_acc_200": 81.98, "test_acc_200": 85.86},
    "cifar100": {...}, "imagenet16_120": {...}}``, and may hold more. The names are
    those of ``nasbench201.to_string``; cells keep the file's order.

    Raises:
      UsageError: the file is missing or not such JSON, or a cell is missing or
        duplicated.
    """
    return nasbench201.from_rows(_json_rows(path), path)


def _json_rows(path: pathlib.Path) -> Iterator[tuple[str, list[float]]]:
    text = _load_text(path)
    try:
        table = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(table, dict):
        raise UsageError(f"{path}: not a JSON object from names of cells to accuracies")
    for name, entry in table.items():
        try:
            values = [entry[d][kind] for d, kind in nasbench201.ACCURACIES]
        except (KeyError, TypeError) as error:
            raise UsageError(
                f"{path}: {name!r} lacks an accuracy; it needs {', '.join(_HEADER)}"
            ) from error
        for value in values:
            if type(value) not in (int, float) or not 0 <= value <= 100:
                raise UsageError(f"{path}: {name!r}: {value!r} is not a percentage")
        yield name, values


def read_csv(path: pathlib.Path) -> nasbench201.NasBench201:
    """Reads a CSV file with one line per cell and accuracies in per cent.

    The header names the columns ``arch``, ``cifar10/val_acc_200``,
    ``cifar10/test_acc_200`` and the same for ``cifar100`` and ``imagenet16_120``, in
    any order, and may name more. The names of cells are those of
    ``nasbench201.to_string``; cells keep the file's order.

    Raises:
      UsageError: the file is missing or not such a CSV, or a cell is missing or
        duplicated.
    """
    text = _load_text(path)
    if not text.endswith("\n"):
        raise UsageError(f"{path}: the last line does not end; is the file cut short?")
    return nasbench201.from_rows(_csv_rows(path, text), path)


def _csv_rows(path: pathlib.Path, text: str) -> Iterator[tuple[str, list[float]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        if absent := {"arch", *_HEADER} - {*(reader.fieldnames or ())}:
            missing = ", ".join(sorted(absent))
            raise UsageError(f"{path}: the header lacks {missing}")
        for row in reader:
            where = f"{path}:{reader.line_num}"
            yield row["arch"] or "", [_number(row[name], where) for name in _HEADER]
    except csv.Error as error:
        raise UsageError(f"{path}:{reader.line_num}: {error}") from error


def _number(text: str | None, where: str) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise UsageError(f"{where}: {text!r} is not an accuracy") from error


def _load_text(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without duplicate names; Python would keep the last one."""
    table = dict(pairs)
    if len(table) < len(pairs):
        counts = collections.Counter(name for name, _ in pairs)
        twice, _ = counts.most_common(1)[0]
        raise ValueError(f"{twice!r} is duplicated")
    return table
