"""NAS-Bench-201 read from JSON and CSV."""

import csv
import itertools
import json
import pathlib

import numpy as np
import pytest

from gpt_nas_jax.datasets.benchmarks import nasbench201
from gpt_nas_jax.datasets.benchmarks.nasbench201_text import read_csv, read_json
from gpt_nas_jax.types import UsageError

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
COLUMNS = [
    f"{dataset}/{kind}_acc_200"
    for dataset in ("cifar10", "cifar100", "imagenet16_120")
    for kind in ("val", "test")
]
NAMES = [
    f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
    for a, b, c, d, e, f in itertools.product(OPERATIONS[::-1], repeat=6)
]
ROWS = {
    name: [(7 * i + j) % 1001 / 10 for j in range(6)] for i, name in enumerate(NAMES)
}


def entry(values: list[float]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for column, value in zip(COLUMNS, values, strict=True):
        dataset, kind = column.split("/")
        found.setdefault(dataset, {"seeds": 3})[kind] = value
    return found


def write_json(path: pathlib.Path, rows: dict[str, list[float]]) -> pathlib.Path:
    path.write_text(
        json.dumps({name: entry(rows[name]) for name in rows}), encoding="utf-8"
    )
    return path


def write_csv(path: pathlib.Path, rows: dict[str, list[float]]) -> pathlib.Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["index", *COLUMNS[::-1], "arch"])
        for i, (name, values) in enumerate(rows.items()):
            writer.writerow([i, *values[::-1], name])
    return path


@pytest.fixture
def json_path(tmp_path):
    return write_json(tmp_path / "cells.json", ROWS)


@pytest.fixture
def csv_path(tmp_path):
    return write_csv(tmp_path / "cells.csv", ROWS)


def refused(read, path: pathlib.Path, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_both_forms_in_the_order_of_the_file(json_path, csv_path):
    for benchmark in (read_json(json_path), read_csv(csv_path)):
        assert [*map(nasbench201.to_string, benchmark.ops)] == NAMES
        table = np.array([*ROWS.values()]).T
        np.testing.assert_array_equal(benchmark.valid, table[::2])
        np.testing.assert_array_equal(benchmark.test, table[1::2])


@pytest.mark.parametrize(
    ("read", "write"), [(read_json, write_json), (read_csv, write_csv)]
)
def test_wrong_cells_are_refused(tmp_path, read, write):
    path = tmp_path / "cells"
    fewer = {name: ROWS[name] for name in NAMES[:3] + NAMES[5:]}
    refused(
        read,
        write(path, fewer),
        r"2 of the 15625 cells are missing, such as \|avg_pool",
    )
    refused(read, write(path, ROWS | {"|a~0|": [1.0] * 6}), r"'\|a~0\|' is not a cell")
    refused(read, write(path, ROWS | {NAMES[0]: [101.0] * 6}), "not a percentage")
    refused(
        read, write(path, ROWS | {NAMES[0]: [float("nan")] * 6}), "not a percentage"
    )
    refused(read, write(path, {}), "15625 of the 15625 cells are missing")
    refused(read, tmp_path / "absent", "cannot read")
    refused(read, tmp_path, "cannot read")
    path.write_bytes(b"\xff\xfe\x00")
    refused(read, path, "not a text file")


def test_a_truncated_json_is_refused(tmp_path, json_path):
    text = json_path.read_text(encoding="utf-8")
    for length in (0, 1, 50, 100, len(text) // 2, len(text) - 2, len(text) - 1):
        (tmp_path / "cut.json").write_text(text[:length], encoding="utf-8")
        refused(read_json, tmp_path / "cut.json", "not valid JSON")


def test_a_truncated_csv_is_refused(tmp_path, csv_path):
    text = csv_path.read_text(encoding="utf-8")
    ends = [i + 1 for i, letter in enumerate(text) if letter == "\n"]
    places = [0, 1, *ends[:3], ends[-2], *range(ends[-2] + 1, len(text))]
    for length in places:
        (tmp_path / "cut.csv").write_text(text[:length], encoding="utf-8")
        refused(read_csv, tmp_path / "cut.csv", "cut short|missing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "not a JSON object"),
        ("3", "not a JSON object"),
        ("[" * 100_000, "not valid JSON"),
        ('{"a": {}, "a": {}}', "'a' is duplicated"),
        (json.dumps({NAMES[0]: {"cifar10": {}}}), "lacks an accuracy"),
        (json.dumps({NAMES[0]: [90.0]}), "lacks an accuracy"),
        (json.dumps({NAMES[0]: entry(["91.5"] * 6)}), "'91.5' is not a percentage"),
        (json.dumps({NAMES[0]: entry([True] * 6)}), "True is not a percentage"),
        (json.dumps({NAMES[0]: entry([10**400] * 6)}), "0 is not a percentage"),
    ],
)
def test_another_json_is_refused(tmp_path, text, message):
    path = tmp_path / "cells.json"
    path.write_text(text, encoding="utf-8")
    refused(read_json, path, message)


HEADER = ",".join(["arch", *COLUMNS]) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n", "the header lacks arch, cifar10/test_acc_200"),
        (HEADER.replace("cifar100/val_acc_200,", ""), "lacks cifar100/val_acc_200"),
        (HEADER + f"{NAMES[0]},1,2,3\n", "cells.csv:2: None is not an accuracy"),
        (HEADER + f"{NAMES[0]},1,2,3,4,x,6\n", "cells.csv:2: 'x' is not an accuracy"),
        (HEADER + '"open\n', "unexpected end of data"),
        (HEADER + f"{NAMES[0]},1,2,3,4,5,6\n" * 2, "15624 of .* missing"),
    ],
)
def test_another_csv_is_refused(tmp_path, text, message):
    path = tmp_path / "cells.csv"
    path.write_text(text, encoding="utf-8")
    refused(read_csv, path, message)
