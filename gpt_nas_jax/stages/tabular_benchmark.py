"""A benchmark to search on: its space, and the accuracies of its networks."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.config import TablesConfig
from gpt_nas_jax.datasets.benchmarks import (
    chainbench,
    compact,
    nasbench101,
    nasbench201,
    scores,
)
from gpt_nas_jax.evaluation import chain_model, tabular
from gpt_nas_jax.evaluation.chain_model import ChainModel
from gpt_nas_jax.evaluation.predicted import PredictedTable
from gpt_nas_jax.reports import curves
from gpt_nas_jax.reports.curves import Curves
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench101.space import NasBench101Space, genomes_of
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.spaces.scored import scored
from gpt_nas_jax.types import Space, UsageError

_BENCHMARK, _SCORES = "benchmark", "scores"
FILES = {_BENCHMARK: "--tables_source", _SCORES: "--tables_scores"}
"""Inputs of searches and the flags that name their files."""


class Accuracies(Protocol):
    """Accuracies of a benchmark's networks on one data set."""

    def table(self, space: Space) -> tabular.Table:
        """Answers the queries of searches."""

    def curves(
        self, space: Space, dataset: str, kept: Mapping[str, np.ndarray]
    ) -> Curves:
        """The curves of searches, by what `table` keeps of each, by strategy."""


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """The accuracies of all networks of a space.

    Attributes:
      genomes: ``int32[N, L]``.
      fitness: ``float64[N]``, in %, to select by.
      test: ``float64[N]``, in %, on the test images.
      selection: the measure that incumbents are chosen by.
    """

    genomes: np.ndarray
    fitness: np.ndarray
    test: np.ndarray
    selection: str

    def table(self, space: Space) -> tabular.Table:
        """Looks networks up."""
        return tabular.build(space, self.genomes, self.fitness)

    def curves(
        self, space: Space, dataset: str, kept: Mapping[str, np.ndarray]
    ) -> Curves:
        """Of the rows of each query; the optimum is within the limits of the space."""
        valid = np.asarray(jax.jit(space.valid)(self.genomes))
        return curves.of_searches(
            dataset, kept, self.fitness, self.test, self.selection, valid
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Predicted:
    """Accuracies that an ensemble predicts.

    Attributes:
      model: the ensemble.
      noise: standard deviation of a training's accuracy over keys.
    """

    model: ChainModel
    noise: float

    def table(self, space: Space) -> tabular.Table:
        """Asks the ensemble, and adds a training's noise."""
        return PredictedTable(self.model, jnp.float32(self.noise))

    def curves(
        self, space: Space, dataset: str, kept: Mapping[str, np.ndarray]
    ) -> Curves:
        """Of the accuracies of each query: with noise to select by, and without."""
        return curves.of_values(
            dataset,
            kept,
            selection="accuracy after one training",
            measure="expected validation accuracy",
        )


@dataclasses.dataclass(frozen=True, eq=False)
class TabularBenchmark:
    """The networks of a benchmark and their accuracies.

    Attributes:
      title: its name for people.
      space: of its networks, with their zero-cost scores where there are any.
      plain: the same without scores; a prior reads its genomes.
      datasets: name -> accuracies.
      repeats: whether another evaluation of the same network counts as a query.
      digests: input, of `FILES` -> SHA-256 of what searches depend on in its file.
      few_contexts: whether a prior meets so few contexts in the space that all its
        proposals can be precomputed.
    """

    title: str
    space: Space
    plain: Space
    datasets: Mapping[str, Accuracies]
    repeats: bool
    digests: Mapping[str, str]
    few_contexts: bool = True


def load(config: TablesConfig) -> TabularBenchmark:
    """Reads the compact file of a benchmark, and ``--tables_scores`` where given.

    Raises:
      UsageError: a file is missing, damaged or another's, or lacks scores.
    """
    path = Path(config.source)
    if config.name == "chainbench":
        return _chainbench(path)
    if config.name == "nasbench201":
        cells = nasbench201.read(path)
        columns = zip(nasbench201.DATASETS, cells.valid, cells.test, strict=True)
        plain, genomes = NasBench201Space(), cells.ops.astype(np.int32)
        space: Space = plain
        digests = {
            _BENCHMARK: _digest(ops=cells.ops, valid=cells.valid, test=cells.test)
        }
        if config.scores:
            values = _scores(plain, Path(config.scores))
            space = scored(plain, values)
            digests[_SCORES] = _digest(scores=values)
        return TabularBenchmark(
            "NAS-Bench-201",
            space,
            plain,
            {
                name: Measured(genomes, valid, test, "validation accuracy")
                for name, valid, test in columns
            },
            repeats=True,
            digests=digests,
        )
    graphs = nasbench101.read(path)
    genomes = genomes_of(graphs.n_vertices, graphs.edge_bits, graphs.ops)
    exact = graphs.accuracy_split == "validation"
    space = NasBench101Space(listed=genomes)
    measured = Measured(
        genomes.astype(np.int32),
        100 * graphs.accuracy,
        100 * graphs.test_accuracy,
        "validation accuracy" if exact else "mean test accuracy",
    )
    return TabularBenchmark(
        "NAS-Bench-101",
        space,
        space,
        {"cifar10": measured},
        repeats=False,
        digests={
            _BENCHMARK: _digest(
                genomes=genomes, fitness=measured.fitness, test=measured.test
            )
        },
    )


def _chainbench(path: Path) -> TabularBenchmark:
    found = chainbench.read(path)
    space = BlockSpace(**chainbench.SPACE)
    genomes = found.genomes.astype(np.int32)
    mean = float(found.accuracy.mean(dtype=np.float64))
    model = chain_model.of_weights(space, genomes, found.weights, mean)
    return TabularBenchmark(
        "chainbench",
        space,
        space,
        {"cifar10": Predicted(model, found.noise)},
        repeats=False,
        digests={
            _BENCHMARK: _digest(
                genomes=genomes,
                weights=found.weights,
                accuracy=found.accuracy,
                noise=np.asarray(found.noise),
            )
        },
        few_contexts=False,
    )


def _scores(space: NasBench201Space, path: Path) -> np.ndarray:
    """The scores of a file, each at the number of its genome: ``float64[N, K]``."""
    found = scores.read(path)
    numbers = np.asarray(space.identity(found.ops.astype(np.int32)))[:, 0]
    if len(np.unique(numbers)) < nasbench201.CELLS:
        raise UsageError(
            f"{path}: scores of {len(found)} cells; --tables_scores needs all "
            f"{nasbench201.CELLS}: --stage=proxies with --proxies_networks=0"
        )
    return found.scores[np.argsort(numbers)]


def _digest(**columns: np.ndarray) -> str:
    return compact.digest(columns).hex()
