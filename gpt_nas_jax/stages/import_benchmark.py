"""A benchmark as it was released, converted to our compact file."""

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
from gpt_nas_jax.reports import import_table
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.types import UsageError


def run(config: Config) -> None:
    """Reads the release, writes the compact file and prints what is in it.

    Raises:
      UsageError: the release cannot be read or is incomplete, or the file cannot be
        written; a file in its place is left as it was.
    """
    settings = config.imports
    out = Path(settings.out)
    workdir.require_file("--imports_out", out)
    print(f"reading {settings.source}")
    convert = {"nasbench101": _nasbench101, "nasbench201": _nasbench201}[settings.name]
    columns = convert(Path(settings.source))
    content = compact.to_bytes(columns)
    workdir.write_bytes(out, content)
    import_table.show(settings.name, out, columns, content)


def _nasbench101(source: Path) -> dict[str, np.ndarray]:
    columns = nasbench101.read_official(source)
    cells = len(columns["ops"])
    # A TFRecord file that is cut between two records looks whole.
    if cells != nasbench101.CELLS:
        raise UsageError(
            f"{source}: {cells:,} of the {nasbench101.CELLS:,} cells are there; fetch "
            "nasbench_only108.tfrecord again"
        )
    return columns


def _nasbench201(source: Path) -> dict[str, np.ndarray]:
    return nasbench201.to_columns(_read_nasbench201(source))


def _read_nasbench201(source: Path) -> nasbench201.NasBench201:
    if os.path.isdir(source):
        with progress("reading NATS-Bench", nasbench201.CELLS) as advance:
            return nats_bench.read(source, advance)
    readers = {".json": read_json, ".csv": read_csv}
    if source.suffix not in readers:
        raise UsageError(
            f"--imports_source={source} is not a folder, .json or .csv; give the "
            "unpacked folder NATS-tss-v1_0-3ffb9-simple, or a table of all cells"
        )
    return readers[source.suffix](source)
