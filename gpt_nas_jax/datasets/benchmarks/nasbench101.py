"""NAS-Bench-101 (Ying et al., 2019, arXiv 1902.09635): its cells and accuracies."""

import array
import base64
import dataclasses
import json
import pathlib
import struct
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import numpy as np

from gpt_nas_jax.datasets.benchmarks import compact
from gpt_nas_jax.datasets.protobuf import read_fields
from gpt_nas_jax.datasets.tfrecord import read_records
from gpt_nas_jax.types import UsageError

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
NO_OPERATION = 255
"""The padding of ``Cells.ops`` after the last inner vertex."""

MAX_VERTICES = 7
EPOCHS = 108
CELLS = 423_624
_HASH_BYTES = 16

VALID, TEST = f"val_acc_{EPOCHS}", f"test_acc_{EPOCHS}"
"""The columns of accuracies, in [0, 1]."""

_COMPACT: dict[str, compact.Column] = {
    "n_vertices": (np.uint8, (compact.N,)),
    "edge_bits": (np.uint32, (compact.N,)),
    "ops": (np.uint8, (compact.N, MAX_VERTICES - 2)),
    "params": (np.int32, (compact.N,)),
    VALID: (np.float64, (compact.N,)),
    TEST: (np.float64, (compact.N,)),
}
_GRAPH = np.dtype(
    [
        ("n_vertices", np.uint8),
        ("edge_bits", np.uint32),
        ("ops", np.uint8, (MAX_VERTICES - 2,)),
    ]
)
_GRAPH_STRUCT = struct.Struct(f"=BI{MAX_VERTICES - 2}s")


# Arrays have no single truth value, so a generated __eq__ could only raise.
@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """Columns over N cells, ascending by module hash if returned by ``read``.

    Attributes:
      n_vertices: ``uint8[N]``, including input and output.
      edge_bits: ``uint32[N]``, from ``pack_edges``.
      ops: ``uint8[N, 5]``, per inner vertex an index into ``OPERATIONS``, then
        ``NO_OPERATION``.
      params: ``int32[N]``, trainable parameters of the whole network.
      accuracy: ``float64[N]`` in [0, 1], after 108 epochs, mean over the repeats; on
        the validation images if known.
      accuracy_split: the images of CIFAR-10 on which ``accuracy`` was measured.
      test_accuracy: ``float64[N]``, the same on the test images.
    """

    n_vertices: np.ndarray
    edge_bits: np.ndarray
    ops: np.ndarray
    params: np.ndarray
    accuracy: np.ndarray
    accuracy_split: Literal["validation", "test"]
    test_accuracy: np.ndarray

    def __len__(self) -> int:
        return len(self.n_vertices)


def pack_edges(edges: Iterable[tuple[int, int]]) -> int:
    """Returns the edges x -> y, x < y, as a bit set: bit ``x + y (y - 1) / 2`` each."""
    bits = 0
    for x, y in edges:
        bits |= 1 << x + y * (y - 1) // 2
    return bits


def select(cells: Cells, minimum_accuracy: float) -> Cells:
    """Returns the cells of at least this accuracy (in [0, 1]), in order."""
    chosen = cells.accuracy >= minimum_accuracy
    return Cells(
        n_vertices=cells.n_vertices[chosen],
        edge_bits=cells.edge_bits[chosen],
        ops=cells.ops[chosen],
        params=cells.params[chosen],
        accuracy=cells.accuracy[chosen],
        accuracy_split=cells.accuracy_split,
        test_accuracy=cells.test_accuracy[chosen],
    )


def read(path: pathlib.Path) -> Cells:
    """Reads all cells trained for 108 epochs, ascending by module hash.

    Accepts the compact ``nasbench101.npz``, possibly with test accuracies only, or the
    official ``nasbench_only108.tfrecord`` (or ``nasbench_full.tfrecord``).

    Raises:
      UsageError: the file is missing, damaged, or in neither format.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if path.suffix == ".npz" or magic == b"PK\x03\x04":
        columns = compact.read(path, "NAS-Bench-101", _COMPACT, optional=(VALID,))
    else:
        columns = read_official(path)
    has_valid = VALID in columns
    return Cells(
        n_vertices=columns["n_vertices"],
        edge_bits=columns["edge_bits"],
        ops=columns["ops"],
        params=columns["params"],
        accuracy=columns[VALID if has_valid else TEST],
        accuracy_split="validation" if has_valid else "test",
        test_accuracy=columns[TEST],
    )


class _Repeat(NamedTuple):
    """One training of one cell: a record of the official file."""

    digest: bytes
    graph: bytes
    params: int
    valid: float
    test: float


def read_official(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads ``nasbench_only108.tfrecord`` as the columns of the compact file.

    These are the columns that ``read`` accepts and ``hash``, ``uint8[N, 16]``,
    ascending.

    Raises:
      UsageError: the file is missing, damaged, or in another format.
    """
    # Packed buffers, since a Python object for each of 423,624 cells takes far more.
    rows: dict[bytes, int] = {}
    graphs = bytearray()
    params, repeats = array.array("i"), array.array("I")
    valid, test = array.array("d"), array.array("d")
    for repeat in _read_repeats(path):
        row = rows.setdefault(repeat.digest, len(rows))
        if row == len(repeats):
            graphs += repeat.graph
            params.append(repeat.params)
            valid.append(0.0)
            test.append(0.0)
            repeats.append(0)
        valid[row] += repeat.valid
        test[row] += repeat.test
        repeats[row] += 1
    if not rows:
        raise UsageError(
            f"{path}: no cell trained for {EPOCHS} epochs; "
            "give nasbench_only108.tfrecord"
        )
    digests = sorted(rows)
    order = np.array([rows[digest] for digest in digests])
    graph_columns = np.frombuffer(graphs, _GRAPH)[order]
    return {
        "hash": np.frombuffer(b"".join(digests), np.uint8).reshape(-1, _HASH_BYTES),
        **{name: graph_columns[name].copy() for name in _GRAPH.names or ()},
        "params": np.array(params, np.int32)[order],
        VALID: (np.array(valid) / np.array(repeats))[order],
        TEST: (np.array(test) / np.array(repeats))[order],
    }


def _read_repeats(path: pathlib.Path) -> Iterator[_Repeat]:
    for i, record in enumerate(read_records(path)):
        try:
            digest, epochs, adjacency, operations, metrics = _parse_record(record)
            if epochs != EPOCHS:
                continue
            valid, test, params = _parse_metrics(base64.b64decode(metrics))
            graph = _parse_graph(adjacency, operations)
        except ValueError as error:
            raise UsageError(
                f"{path}: record {i} is not of NAS-Bench-101: {error}; "
                "give nasbench_only108.tfrecord"
            ) from error
        yield _Repeat(digest, graph, params, valid, test)


def _parse_record(record: bytes) -> tuple[bytes, int, str, str, str]:
    match json.loads(record):
        case [str(digest), int(epochs), str(adjacency), str(operations), str(metrics)]:
            module_hash = bytes.fromhex(digest)
            if len(module_hash) != _HASH_BYTES:
                raise ValueError(f"hash {digest!r}")
            return module_hash, epochs, adjacency, operations, metrics
    raise ValueError("no list of hash, epochs, adjacency, operations and metrics")


def _parse_graph(adjacency: str, operations: str) -> bytes:
    """Packs a row-major 0/1 matrix and comma-separated names into a ``_GRAPH``."""
    names = operations.split(",")
    n, inner = len(names), names[1:-1]
    ends = (names[0], names[-1])
    if ends != ("input", "output") or n > MAX_VERTICES or {*inner} - {*OPERATIONS}:
        raise ValueError(f"operations {operations!r}")
    edges = [divmod(i, n) for i, bit in enumerate(adjacency) if bit == "1"]
    if (
        len(adjacency) != n * n
        or not {*adjacency} <= {"0", "1"}
        or any(x >= y for x, y in edges)
    ):
        raise ValueError(f"adjacency {adjacency!r} of {n} vertices")
    ops = bytes(OPERATIONS.index(name) for name in inner)
    padded_ops = ops.ljust(MAX_VERTICES - 2, bytes([NO_OPERATION]))
    return _GRAPH_STRUCT.pack(n, pack_edges(edges), padded_ops)


def _parse_metrics(message: bytes) -> tuple[float, float, int]:
    """Returns final validation and test accuracy and parameters of a ModelMetrics.

    Source: nasbench/lib/model_metrics.proto of google-research/nasbench: field 1 is
    an evaluation (whose fields 4 and 5 are the validation and the test accuracy),
    field 2 the parameters.
    """
    evaluation, params = None, None
    for number, value in read_fields(message):
        if number == 1 and isinstance(value, bytes):
            evaluation = value
        elif number == 2:
            params = value
    fields = dict(read_fields(evaluation or b""))
    valid, test = fields.get(4), fields.get(5)
    for name, accuracy in (("validation", valid), ("test", test)):
        if not isinstance(accuracy, float) or not 0 <= accuracy <= 1:
            raise ValueError(f"final {name} accuracy {accuracy}")
    if not isinstance(params, int) or params >= 2**31:
        raise ValueError(f"trainable parameters {params}")
    return valid, test, params
