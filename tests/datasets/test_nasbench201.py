"""NAS-Bench-201 as a compact file, and the names of its cells."""

import functools
import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.datasets.benchmarks import compact, nasbench201
from gpt_nas_jax.types import UsageError

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
DATASETS = ("cifar10", "cifar100", "imagenet16_120")


@functools.cache
def columns() -> dict[str, np.ndarray]:
    """A complete benchmark with accuracies computed from the operations."""
    ops = np.array([*itertools.product(range(5), repeat=6)], np.uint8)
    accuracy = ops @ np.array([1, 2, 3, 1.5, 2.5, 0.25])
    found = {
        "ops": ops,
        "op_names": np.array(OPERATIONS),
        "edges": np.array([(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)], np.uint8),
        "something/else": np.arange(3),
    }
    for i, dataset in enumerate(DATASETS):
        found[f"{dataset}/val_acc_200"] = accuracy + i
        found[f"{dataset}/test_acc_200"] = accuracy + i + 0.5
    return found


@pytest.fixture
def save(tmp_path):
    """Saves the benchmark with these columns changed; None removes one."""

    def saved(**changes):
        kept = {k: v for k, v in (columns() | changes).items() if v is not None}
        path = tmp_path / "some.npz"
        np.savez(path, **kept)
        return path

    return saved


def test_a_compact_file(save):
    benchmark = nasbench201.read(save())
    expected = columns()
    assert len(benchmark) == 15_625
    np.testing.assert_array_equal(benchmark.ops, expected["ops"], strict=True)
    for i, dataset in enumerate(DATASETS):
        valid, test = expected[f"{dataset}/val_acc_200"], benchmark.test[i]
        np.testing.assert_array_equal(benchmark.valid[i], valid)
        np.testing.assert_array_equal(test, valid + 0.5)


def test_columns_are_those_that_are_read(tmp_path, save):
    benchmark = nasbench201.read(save())
    path = tmp_path / "again"
    path.write_bytes(compact.to_bytes(nasbench201.to_columns(benchmark)))
    again = nasbench201.read(path)
    for name in ("ops", "valid", "test"):
        np.testing.assert_array_equal(getattr(again, name), getattr(benchmark, name))


def changed(name, index, value):
    column = columns()[name].copy()
    column[index] = value
    return {name: column}


BAD = {
    "no operations": ({"ops": None}, "it lacks ops"),
    "one data set less": ({"cifar100/val_acc_200": None}, "it lacks cifar100/val"),
    "other numbers": ({"cifar10/test_acc_200": np.zeros(15_625, "f4")}, "float32"),
    "other order of operations": (
        changed("op_names", [0, 1], ["skip_connect", "none"]),
        "order",
    ),
    "other order of edges": (changed("edges", [0, 1], [[0, 2], [0, 1]]), "order"),
    "unknown operation": (changed("ops", (7, 2), 5), "operation 5"),
    "a cell twice": (
        changed("ops", 0, [4] * 6),
        r"1 of the 15625 cells are missing, such as \|none~0\|",
    ),
    "over 100": (
        changed("cifar10/val_acc_200", 0, 100.5),
        r"\|none~0\|.*not a percentage",
    ),
    "no number": (
        changed("imagenet16_120/test_acc_200", 0, np.nan),
        "not a percentage",
    ),
    "too few rows": ({"cifar10/test_acc_200": np.zeros(15_624)}, r"\(15624,\)"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_another_file_is_refused(save, changes, message):
    with pytest.raises(UsageError, match=message) as caught:
        nasbench201.read(save(**changes))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        nasbench201.read(tmp_path / "absent.npz")
    with pytest.raises(UsageError, match="cannot read"):
        nasbench201.read(tmp_path)


@hypothesis.given(st.tuples(*[st.integers(0, 4)] * 6))
def test_names_of_cells_go_both_ways(ops):
    a, b, c, d, e, f = (OPERATIONS[op] for op in ops)
    name = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
    assert nasbench201.to_string(np.array(ops, np.uint8)) == name
    assert nasbench201.from_string(name) == ops


@pytest.mark.parametrize(
    "name",
    [
        "",
        "|none~0|+|none~0|none~1|",
        "|none~0|+|none~1|none~0|+|none~0|none~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|\n",
        "|max_pool~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ],
)
def test_another_name_is_refused(name):
    with pytest.raises(UsageError, match="is not a cell of NAS-Bench-201") as caught:
        nasbench201.from_string(name)
    assert "\n" not in str(caught.value)


def test_the_benchmark(shared_data):
    benchmark = nasbench201.read(shared_data / "nasbench201.npz")
    best = benchmark.valid.argmax(1)
    tested = [benchmark.test[i, cell] for i, cell in enumerate(best)]
    assert benchmark.valid.max(1) == pytest.approx([91.607, 73.493, 46.733], abs=5e-4)
    assert tested == pytest.approx([94.373, 73.513, 46.200], abs=5e-4)
    assert benchmark.test[2].max() == pytest.approx(47.311, abs=5e-4)
    assert nasbench201.to_string(benchmark.ops[0]) == (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
