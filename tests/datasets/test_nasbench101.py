"""NAS-Bench-101 read from synthetic files in the official and the compact format."""

import base64
import dataclasses
import json
import pathlib
import random
import struct

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.datasets.benchmarks import compact, nasbench101
from gpt_nas_jax.main import main
from gpt_nas_jax.types import UsageError

CONV3, CONV1, POOL = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"
NONE = nasbench101.NO_OPERATION

# hash: (rows of the adjacency matrix, operations, parameters, final accuracies)
OFFICIAL = {
    "b" * 32: (["011", "001", "000"], ["input", POOL, "output"], 300, [0.9, 0.8, 0.7]),
    "0" * 31 + "a": (["01", "00"], ["input", "output"], 8_555_530, [0.5, 0.25, 0.75]),
    "a" * 32: (
        ["0100001", "0010000", "0001000", "0000100", "0000010", "0000001", "0000000"],
        ["input", CONV3, CONV1, POOL, CONV1, CONV3, "output"],
        2_000_000,
        [0.94, 0.95, 0.93],
    ),
}
GOOD = {
    "digest": "a" * 32,
    "epochs": 108,
    "rows": ["011", "001", "000"],
    "operations": ["input", CONV1, "output"],
    "params": 5,
    "accuracy": 0.9,
}


def varint(value: int) -> bytes:
    low, high = value % 128, value // 128
    return bytes([low + 128]) + varint(high) if high else bytes([low])


def nested(number: int, content: bytes) -> bytes:
    return varint(number * 8 + 2) + varint(len(content)) + content


def double(number: int, value: float) -> bytes:
    return varint(number * 8 + 1) + struct.pack("<d", value)


def evaluation(epoch: float, validation: float, test: float) -> bytes:
    """One EvaluationData, including its checkpoint path."""
    values = [epoch, 10 * epoch, 0.99, validation, test]
    doubles = b"".join(double(i, value) for i, value in enumerate(values, start=1))
    return doubles + nested(6, b"model.ckpt-0")


def record(digest, epochs, rows, operations, params, accuracy, test=0.25) -> bytes:
    """One record of the official file: untrained, half trained and fully trained."""
    halves = [(0, 0.1, 0.1), (epochs / 2, accuracy / 2, 0.2), (epochs, accuracy, test)]
    metrics = b"".join(nested(1, evaluation(*half)) for half in halves)
    metrics += b"\x10" + varint(params) + double(3, 1234.5)
    encoded = base64.b64encode(metrics).decode()
    fields = [digest, epochs, "".join(rows), ",".join(operations), encoded]
    return json.dumps(fields).encode()


@pytest.fixture
def official(tmp_path: pathlib.Path, write_records) -> pathlib.Path:
    """Three repeats of 108 epochs and one of 4 for each cell, shuffled."""
    records = [
        record(digest, epochs, *cell, accuracy, accuracy / 2)
        for digest, (*cell, accuracies) in OFFICIAL.items()
        for epochs, accuracy in [(4, 0.2), *((108, a) for a in accuracies)]
    ]
    random.Random(0).shuffle(records)
    path = tmp_path / "nasbench_only108.tfrecord"
    write_records(path, records)
    return path


def test_official_file(official):
    cells = nasbench101.read(official)
    assert cells.accuracy_split == "validation"
    # The bit of each edge, by hand: 0->1 is 0; 0->2 is 1, 1->2 is 2; 2->3 is 5; 3->4 is
    # 9; 4->5 is 14; 0->6 is 15, 5->6 is 20.
    chain = sum(1 << bit for bit in (0, 2, 5, 9, 14, 15, 20))
    for column, dtype, expected in [
        (cells.n_vertices, np.uint8, [2, 7, 3]),
        (cells.edge_bits, np.uint32, [1, chain, 0b111]),
        (cells.ops, np.uint8, [[NONE] * 5, [0, 1, 2, 1, 0], [2] + [NONE] * 4]),
        (cells.params, np.int32, [8_555_530, 2_000_000, 300]),
    ]:
        np.testing.assert_array_equal(column, np.array(expected, dtype), strict=True)
    np.testing.assert_allclose(cells.accuracy, [0.5, 0.94, 0.8], rtol=1e-15)
    np.testing.assert_allclose(cells.test_accuracy, [0.25, 0.47, 0.4], rtol=1e-15)


def test_official_file_as_the_columns_of_the_compact_one(official, tmp_path):
    columns = nasbench101.read_official(official)
    assert [bytes(row).hex() for row in columns["hash"]] == sorted(OFFICIAL)
    path = tmp_path / "some.npz"
    path.write_bytes(compact.to_bytes(columns))
    cells, expected = nasbench101.read(path), nasbench101.read(official)
    assert cells.accuracy_split == "validation"
    for field in dataclasses.fields(cells):
        np.testing.assert_array_equal(
            getattr(cells, field.name), getattr(expected, field.name)
        )


def test_an_import_of_fewer_cells_is_refused(official, tmp_path, capsys):
    # A file that was cut between two records looks complete.
    out = tmp_path / "out.npz"
    flags = [f"--imports_source={official}", f"--imports_out={out}"]
    stage = ["--stage=import_benchmark", "--imports_name=nasbench101"]
    assert main(["main", *stage, *flags]) == 2
    assert "3 of the 423,624 cells are there" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [official.name]


def test_a_damaged_official_file_is_refused(official):
    content = bytearray(official.read_bytes())
    official.write_bytes(content[:-3])
    with pytest.raises(UsageError, match=r"the record at byte \d+ is cut short"):
        nasbench101.read(official)
    content[len(content) // 2] ^= 0x20
    official.write_bytes(content)
    with pytest.raises(UsageError, match=r"the record at byte \d+ has a wrong checks"):
        nasbench101.read(official)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"operations": ["input", "conv7x7", "output"]}, "conv7x7"),
        ({"operations": ["input", CONV1, CONV1]}, "operations"),
        ({"operations": ["input", CONV1, CONV1, "output"]}, "4 vertices"),
        ({"rows": ["011", "001", "100"]}, "adjacency '011001100'"),
        ({"rows": ["011", "002", "000"]}, "adjacency '011002000'"),
        ({"operations": ["input", *[POOL] * 6, "output"]}, "operations 'input"),
        ({"accuracy": 93.5}, "validation accuracy 93.5"),
        ({"accuracy": float("nan")}, "validation accuracy nan"),
        ({"params": 2**31}, "parameters 2147483648"),
        ({"digest": "no hash"}, "hex"),
        ({"digest": "a" * 30}, "hash 'a"),
        ({"test": -0.5}, "test accuracy -0.5"),
    ],
)
def test_a_wrong_record_is_refused(tmp_path, write_records, fault, message):
    path = tmp_path / "some.tfrecord"
    write_records(path, [record(**GOOD), record(**(GOOD | fault))])
    with pytest.raises(UsageError, match=f"record 1 is not of.*{message}"):
        nasbench101.read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\x00",
        b"3",
        b'["ab", 108, "0100", "input,output"]',
        b'["ab", 108, "0100", "input,output", "no base 64"]',
        b'["ab", 108, "0100", "input,output", ""]',
    ],
)
def test_another_kind_of_record_is_refused(tmp_path, write_records, content):
    path = tmp_path / "images.tfrecord"
    write_records(path, [content])
    with pytest.raises(UsageError, match="record 0 is not of NAS-Bench-101"):
        nasbench101.read(path)


def test_a_file_without_108_epochs_is_refused(tmp_path, write_records):
    path = tmp_path / "some.tfrecord"
    write_records(path, [record(**(GOOD | {"epochs": 36}))])
    with pytest.raises(UsageError, match="no cell trained for 108 epochs"):
        nasbench101.read(path)


COMPACT = {
    "hash": np.zeros((2, 16), np.uint8),
    "n_vertices": np.array([2, 3], np.uint8),
    "edge_bits": np.array([1, 7], np.uint32),
    "ops": np.array([[NONE] * 5, [1] + [NONE] * 4], np.uint8),
    "test_acc_108": np.array([0.8, 0.9]),
    "params": np.array([10, 20], np.int32),
}


def test_compact_file_whatever_its_name(tmp_path):
    path = tmp_path / "renamed.data"
    with path.open("wb") as file:
        np.savez_compressed(file, **COMPACT)
    cells = nasbench101.read(path)
    assert cells.accuracy_split == "test"
    np.testing.assert_array_equal(cells.accuracy, COMPACT["test_acc_108"])
    np.testing.assert_array_equal(cells.test_accuracy, COMPACT["test_acc_108"])
    for name in ("n_vertices", "edge_bits", "ops", "params"):
        np.testing.assert_array_equal(getattr(cells, name), COMPACT[name])


@pytest.mark.parametrize("column", ["n_vertices", "edge_bits", "ops", "params"])
def test_a_compact_file_of_other_columns_is_refused(tmp_path, column):
    path = tmp_path / "some.npz"
    np.savez(path, **{k: v for k, v in COMPACT.items() if k != column})
    with pytest.raises(UsageError, match=f"no NAS-Bench-101 file: .*{column}"):
        nasbench101.read(path)
    np.savez(path, **(COMPACT | {column: np.zeros(5)}))
    with pytest.raises(UsageError, match="no NAS-Bench-101 file"):
        nasbench101.read(path)


def test_a_truncated_compact_file_is_refused(tmp_path):
    path = tmp_path / "some.npz"
    np.savez(path, **COMPACT)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UsageError, match="truncated"):
        nasbench101.read(path)


@hypothesis.settings(deadline=None)
@hypothesis.given(data=st.data())
def test_a_flipped_bit_of_the_compact_file_changes_nothing_silently(
    tmp_path_factory, data
):
    path = tmp_path_factory.mktemp("flipped") / "some.npz"
    np.savez(path, **COMPACT)
    whole = nasbench101.read(path)
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    try:
        cells = nasbench101.read(path)
    except UsageError:
        return
    # No value depends on this bit, which may be part of a time stamp.
    for field in dataclasses.fields(cells):
        expected = getattr(whole, field.name)
        np.testing.assert_array_equal(getattr(cells, field.name), expected)


@pytest.mark.parametrize("name", ["absent.npz", "absent.tfrecord", "."])
def test_a_missing_file_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot read"):
        nasbench101.read(tmp_path / name)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.floats(0, 1), max_size=20), st.floats(0, 1))
def test_select_keeps_whole_rows_in_order(accuracies, minimum):
    n = len(accuracies)
    cells = nasbench101.Cells(
        n_vertices=np.full(n, 3, np.uint8),
        edge_bits=np.arange(n, dtype=np.uint32),
        ops=np.arange(5 * n, dtype=np.uint8).reshape(n, 5),
        params=np.arange(n, dtype=np.int32),
        accuracy=np.array(accuracies),
        accuracy_split="validation",
        test_accuracy=1 - np.array(accuracies),
    )
    kept = [i for i, accuracy in enumerate(accuracies) if accuracy >= minimum]
    chosen = nasbench101.select(cells, minimum)
    assert chosen.params.tolist() == chosen.edge_bits.tolist() == kept
    assert chosen.ops.tolist() == [list(range(5 * i, 5 * i + 5)) for i in kept]
    assert chosen.accuracy.tolist() == [accuracies[i] for i in kept]
    assert chosen.test_accuracy.tolist() == [1 - accuracies[i] for i in kept]
    assert len(chosen) == len(chosen.n_vertices) == len(kept)


def test_the_benchmark(shared_data):
    cells = nasbench101.read(shared_data / "nasbench101.npz")
    assert len(cells) == 423_624
    assert cells.accuracy.max() == pytest.approx(0.9431757529, abs=1e-10)
    assert len(nasbench101.select(cells, 0.8942)) == 295_778
    assert len(nasbench101.select(cells, 0.9)) == 259_703
