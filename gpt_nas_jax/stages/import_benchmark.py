"""A benchmark as it was released becomes our compact file."""

import hashlib
import os
from pathlib import Path

import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.datasets.benchmarks import (
    compact,
    nasbench101,
    nasbench201,
    nats_bench,
)
from gpt_nas_jax.datasets.benchmarks.nasbench201_text import read_csv, read_json
from gpt_nas_jax.reports.terminal import progress, show_table
from gpt_nas_jax.types import UsageError

Columns = dict[str, np.ndarray]
Summary = list[tuple[str, str]]


def run(config: Config) -> None:
    """Reads the release, writes the compact file and prints what is in it.

    Raises:
      UsageError: the release cannot be read or is incomplete, or the file cannot be
        written; what stood in its place is left.
    """
    settings = config.imports
    out = Path(settings.out)
    workdir.require_writable("--imports_out", out.parent)
    if os.path.isdir(out):
        raise UsageError(f"--imports_out={out} is a folder; name a file")
    print(f"reading {settings.source}")
    convert = {"nasbench101": _nasbench101, "nasbench201": _nasbench201}[settings.name]
    columns, optimum = convert(Path(settings.source))
    content = compact.to_bytes(columns)
    workdir.write_bytes(out, content)
    rows = [
        ("cells", f"{len(columns['ops']):,}"),
        *optimum,
        ("bytes", f"{len(content):,}"),
        ("SHA-256 of the file", hashlib.sha256(content).hexdigest()),
        ("SHA-256 of the columns", compact.digest(columns).hex()),
    ]
    show_table(f"{settings.name}: {out}", ("what", "value"), rows)


def _nasbench101(source: Path) -> tuple[Columns, Summary]:
    columns = nasbench101.read_official(source)
    cells = len(columns["ops"])
    # A TFRecord file that is cut between two records looks whole.
    if cells != nasbench101.CELLS:
        raise UsageError(
            f"{source}: {cells:,} of the {nasbench101.CELLS:,} cells are there; fetch "
            "nasbench_only108.tfrecord again"
        )
    valid, test = columns[nasbench101.VALID], columns[nasbench101.TEST]
    best = valid.argmax()
    return columns, [_optimum("cifar10", 100 * valid[best], 100 * test[best])]


def _nasbench201(source: Path) -> tuple[Columns, Summary]:
    benchmark = _read_nasbench201(source)
    best = benchmark.valid.argmax(1)
    return nasbench201.to_columns(benchmark), [
        _optimum(name, benchmark.valid[i, best[i]], benchmark.test[i, best[i]])
        for i, name in enumerate(nasbench201.DATASETS)
    ]


def _read_nasbench201(source: Path) -> nasbench201.Benchmark:
    if os.path.isdir(source):
        with progress("reading NATS-Bench", nasbench201.CELLS) as advance:
            return nats_bench.read(source, advance)
    readers = {".json": read_json, ".csv": read_csv}
    if source.suffix not in readers:
        raise UsageError(
            f"--imports_source={source} is no folder, .json or .csv; give the unpacked "
            "folder NATS-tss-v1_0-3ffb9-simple, or a table of all cells"
        )
    return readers[source.suffix](source)


def _optimum(dataset: str, valid: float, test: float) -> tuple[str, str]:
    return (
        f"{dataset}: best validation, its test accuracy",
        f"{valid:.3f} %, {test:.3f} %",
    )
