"""Zero-cost proxies on NAS-Bench-201: the scores of its networks, and their tables."""

import dataclasses
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import plugins, workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.datasets import registry
from gpt_nas_jax.datasets.benchmarks import nasbench201, scores
from gpt_nas_jax.datasets.benchmarks.nasbench201 import NasBench201
from gpt_nas_jax.datasets.benchmarks.scores import Scores
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.evaluation.proxies import own
from gpt_nas_jax.evaluation.scored import draw, scores_apart
from gpt_nas_jax.evaluation.zero_cost import Batches
from gpt_nas_jax.executors import machine
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.reports import output, proxy_tables
from gpt_nas_jax.reports.proxy_statistics import scored_networks, scores_of
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.spaces.nasbench201.network import network
from gpt_nas_jax.stages import claim, compile_cache
from gpt_nas_jax.stages.records import finite
from gpt_nas_jax.types import Key, UsageError
from gpt_nas_jax.workdir import Ledger

_LEDGER = "scores.jsonl"
_SCORES = "scores.npz"
_BATCHES = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Inputs:
    """The networks with their accuracies, and the images that they see."""

    benchmark: NasBench201
    dataset: Dataset


def _load(config: Config) -> Inputs:
    """Reads the benchmark and the images.

    Raises:
      UsageError: either is missing or damaged, or there are too few images.
    """
    benchmark = nasbench201.read(Path(config.proxies.source))
    dataset = registry.load(config.data.name, config.data.dir)
    batch, there = config.proxies.batch, len(dataset.train)
    if _BATCHES * batch > there:
        raise UsageError(
            f"--proxies_batch={batch}: {_BATCHES} batches take more than the {there} "
            "training images"
        )
    return Inputs(benchmark, dataset)


def run(config: Config) -> None:
    """Scores the networks that are missing and writes the tables.

    Resumes where it was stopped. Writes to the workdir ``scores.jsonl``, one line per
    network, ``scores.npz`` (see `benchmarks.scores`) and ``tables/``. A cell gets the
    same scores however many are scored, as its key derives from its row.

    Raises:
      UsageError: an input cannot be used, or the ledger is damaged or of another
        program.
    """
    claim.check(config)
    for name in filter(plugins.is_path, config.proxies.chosen()):
        own.find("--proxies_names", name)
    inputs = _load(config)
    compile_cache.keep(config.train)
    with claim.opened(config):
        _run(config, inputs)


def _run(config: Config, inputs: Inputs) -> None:
    path = workdir.folder(config.workdir)
    cells_key, images_key, init_key, draws_key = jax.random.split(
        stage_key(config.seed, "proxies"), 4
    )
    rows = _cells(cells_key, config.proxies.networks)
    names = config.proxies.chosen()
    scoring = _Scoring(
        inputs,
        names,
        draw(
            inputs.dataset.train,
            *inputs.dataset.train.moments(),
            config.proxies.batch,
            images_key,
        ),
        config.proxies.seeds,
        init_key,
        Ledger(path / _LEDGER, machine.describe()),
    )
    records = list(scoring.records(rows))
    values = scores_of(records, names)
    found = Scores(inputs.benchmark.ops[rows], names, values)
    workdir.write_bytes(path / _SCORES, scores.to_bytes(found))
    test = inputs.benchmark.test[:, rows]
    scored = scored_networks(config, records, values, test, _BATCHES)
    written = proxy_tables.write(path / "tables", scored, draws_key)
    output.show([path / _SCORES, *written])
    _tell_of_failures(records)


def _tell_of_failures(records: Sequence[Mapping[str, Any]]) -> None:
    """Says for how many networks a proxy failed; their scores by it are missing."""
    failed = [record["reason"] for record in records if "reason" in record]
    if failed:
        print(
            f"gpt_nas_jax: --proxies_names: proxies failed for {len(failed)} of "
            f"{len(records)} networks; the first: {failed[0]}",
            file=sys.stderr,
        )


def _cells(key: Key, count: int) -> np.ndarray:
    """Distinct rows of the benchmark in random order; more begin with the same ones."""
    return np.asarray(jax.random.permutation(key, nasbench201.CELLS))[: count or None]


@dataclasses.dataclass(frozen=True, eq=False)
class _Scoring:
    """The parts of a running measurement."""

    inputs: Inputs
    names: tuple[str, ...]
    batches: Batches
    seeds: int
    key: Key
    ledger: Ledger

    def records(self, rows: np.ndarray) -> Iterator[dict[str, Any]]:
        """The ledger's lines in order: those there, then new ones."""
        done = self.ledger.read()[: len(rows)]
        machine.tell_of_change(self.ledger.machines, machine.describe())
        with progress("scoring, networks", len(rows), done=len(done)) as advance:
            for index, row in enumerate(rows.tolist()):
                if index < len(done):
                    self._check(index, done[index], row)
                    yield done[index]
                else:
                    record = self._record(row)
                    self.ledger.append(record)
                    yield record
                    advance()

    def _check(self, index: int, record: dict[str, Any], row: int) -> None:
        names = tuple(record.get("scores", ()))
        kept = record.get("row"), record.get("ops"), names
        # Another file has other cells in the same rows.
        if kept != (row, self.inputs.benchmark.ops[row].tolist(), self.names):
            raise UsageError(
                f"{self.ledger.line(index)} does not match the cell that this program "
                "scores there; resume with the version and the --proxies_source that "
                "began the run, or choose another --workdir"
            )

    def _record(self, row: int) -> dict[str, Any]:
        operations = tuple(self.inputs.benchmark.ops[row].tolist())
        begin = time.monotonic()
        found, failures = scores_apart(
            network(operations, self.inputs.dataset.num_classes),
            self.names,
            self.batches,
            jax.random.split(jax.random.fold_in(self.key, row), self.seeds),
            "--proxies_batch",
        )
        seconds = time.monotonic() - begin
        reasons = [f"{', '.join(group)}: {why}" for group, why in failures.items()]
        return {
            "row": row,
            "ops": list(operations),
            # JSON has no infinity: a degenerate network's score is null.
            "scores": {name: finite(score) for name, score in found.items()},
            "seconds": round(seconds, 3),
            **({"reason": "; ".join(reasons)} if reasons else {}),
        }
