"""Released benchmarks are converted to compact files."""

import csv
import hashlib
import itertools
import json
import pathlib

import numpy as np
import pytest

from gpt_nas_jax.main import main

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
DATASETS = ("cifar10", "cifar100", "imagenet16_120")
COLUMNS = [f"{d}/{kind}_acc_200" for d in DATASETS for kind in ("val", "test")]

Table = dict[str, dict[str, float]]
"""Cell to column to accuracy."""


def name_of(ops: tuple[int, ...]) -> str:
    a, b, c, d, e, f = (OPERATIONS[op] for op in ops)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def table() -> Table:
    """A benchmark whose best cell has 3x3 convolutions only."""
    found = {}
    for ops in itertools.product(range(5), repeat=6):
        good = sum(op == 3 for op in ops)
        found[name_of(ops)] = {c: 10 * good + i for i, c in enumerate(COLUMNS)}
    return found


def write_json(path: pathlib.Path, rows: Table) -> pathlib.Path:
    nested = {}
    for name, row in rows.items():
        nested[name] = {
            d: {c.split("/")[1]: row[c] for c in COLUMNS if c.startswith(f"{d}/")}
            for d in DATASETS
        }
    path.write_text(json.dumps(nested), encoding="utf-8")
    return path


def write_csv(path: pathlib.Path, rows: Table) -> pathlib.Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["arch", *COLUMNS])
        writer.writerows([name, *row.values()] for name, row in rows.items())
    return path


def run(source: pathlib.Path, out: pathlib.Path, name: str = "nasbench201") -> int:
    return main(
        [
            "main",
            "--stage=import_benchmark",
            f"--imports_name={name}",
            f"--imports_source={source}",
            f"--imports_out={out}",
        ]
    )


def test_json_becomes_a_compact_file(tmp_path, capsys):
    out = tmp_path / "new" / "nasbench201.npz"
    source = write_json(tmp_path / "cells.json", table())
    assert run(source, out) == 0
    printed = capsys.readouterr().out
    content = out.read_bytes()
    for text in (
        "15,625",
        f"{len(content):,}",
        hashlib.sha256(content).hexdigest(),
        "60.000 %, 61.000 %",
        "64.000 %, 65.000 %",
    ):
        assert text in printed
    with np.load(out) as archive:
        assert archive["op_names"].tolist() == list(OPERATIONS)
        assert archive["edges"].tolist() == [list(edge) for edge in EDGES]
        assert [*map(name_of, archive["ops"])] == [*table()]
        for column in COLUMNS:
            assert archive[column].tolist() == [row[column] for row in table().values()]
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_the_same_source_gives_the_same_bytes(tmp_path):
    outs = [tmp_path / "first.npz", tmp_path / "second.npz"]
    source = write_csv(tmp_path / "cells.csv", table())
    for out in outs:
        assert run(source, out) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_an_incomplete_source_leaves_the_old_file(tmp_path, capsys):
    rows = table()
    del rows[name_of((3, 3, 3, 3, 3, 3))]
    out = tmp_path / "nasbench201.npz"
    out.write_bytes(b"what was")
    assert run(write_json(tmp_path / "cells.json", rows), out) == 2
    error = capsys.readouterr().err
    assert "1 of the 15625 cells are missing, such as |nor_conv_3x3~0|" in error
    assert error.count("\n") == 1
    assert out.read_bytes() == b"what was"
    assert {path.name for path in tmp_path.iterdir()} == {out.name, "cells.json"}


@pytest.mark.parametrize("name", ["NATS-tss-v1_0-3ffb9-simple.tar", "cells.npz"])
def test_another_kind_of_source_is_refused(tmp_path, capsys, name):
    source = tmp_path / name
    source.write_bytes(b"anything")
    assert run(source, tmp_path / "out.npz") == 2
    assert "not a folder, .json or .csv" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_a_folder_as_output_is_refused(tmp_path, capsys):
    out = tmp_path / "folder.npz"
    out.mkdir()
    source = write_json(tmp_path / "cells.json", table())
    assert run(source, out) == 2
    assert "--imports_out" in capsys.readouterr().err
    assert not [*out.iterdir()]


def test_a_nasbench101_that_is_no_tfrecord_is_refused(tmp_path, capsys):
    source = tmp_path / "nasbench_only108.tfrecord"
    source.write_bytes(b"anything but a record")
    assert run(source, tmp_path / "out.npz", "nasbench101") == 2
    assert "fetch it again" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("write", [write_json, write_csv])
def test_the_benchmark_comes_back_equal(shared_data, tmp_path, capsys, write):
    with np.load(shared_data / "nasbench201.npz") as archive:
        expected = {name: archive[name] for name in ("ops", *COLUMNS)}
    rows = {
        name_of(ops): {c: float(expected[c][i]) for c in COLUMNS}
        for i, ops in enumerate(expected["ops"])
    }
    suffix = write.__name__.removeprefix("write_")
    source = write(tmp_path / f"cells.{suffix}", rows)
    assert run(source, tmp_path / "again.npz") == 0
    with np.load(tmp_path / "again.npz") as archive:
        for name, column in expected.items():
            np.testing.assert_array_equal(archive[name], column, strict=True)
    printed = capsys.readouterr().out
    for optimum in (
        "91.607 %, 94.373 %",
        "73.493 %, 73.513 %",
        "46.733 %, 46.200 %",
    ):
        assert optimum in printed
