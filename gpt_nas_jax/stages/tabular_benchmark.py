"""A benchmark to search on: its networks, their accuracies and the space of them."""

import dataclasses
from pathlib import Path

import numpy as np

from gpt_nas_jax.config import TablesConfig
from gpt_nas_jax.datasets.benchmarks import nasbench101, nasbench201, scores
from gpt_nas_jax.spaces.nasbench101.space import NasBench101Space, genomes_of
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.spaces.scored import ScoredSpace, scored
from gpt_nas_jax.types import Space, UsageError


@dataclasses.dataclass(frozen=True, eq=False)
class TabularBenchmark:
    """The networks of a benchmark and their accuracies.

    Attributes:
      title: its name for people.
      space: of its networks, with their zero-cost scores where there are any.
      plain: the same without scores; a prior reads its genomes.
      genomes: ``int32[N, L]``.
      datasets: name -> accuracies to select by and on the test images, in %,
        ``float64[N]`` each.
      selection: the measure that incumbents are chosen by.
      repeats: whether another evaluation of the same network counts as a query.
    """

    title: str
    space: Space
    plain: Space
    genomes: np.ndarray
    datasets: dict[str, tuple[np.ndarray, np.ndarray]]
    selection: str
    repeats: bool


def load(config: TablesConfig) -> TabularBenchmark:
    """Reads the compact file of a benchmark, and ``--tables_scores`` where given.

    Raises:
      UsageError: a file is missing, damaged or another's, or lacks scores.
    """
    path = Path(config.source)
    if config.name == "nasbench201":
        cells = nasbench201.read(path)
        columns = zip(nasbench201.DATASETS, cells.valid, cells.test, strict=True)
        plain = NasBench201Space()
        return TabularBenchmark(
            "NAS-Bench-201",
            _scored(plain, Path(config.scores)) if config.scores else plain,
            plain,
            cells.ops.astype(np.int32),
            {name: (valid, test) for name, valid, test in columns},
            "validation accuracy",
            repeats=True,
        )
    graphs = nasbench101.read(path)
    genomes = genomes_of(graphs.n_vertices, graphs.edge_bits, graphs.ops)
    exact = graphs.accuracy_split == "validation"
    space = NasBench101Space(genomes)
    return TabularBenchmark(
        "NAS-Bench-101",
        space,
        space,
        genomes.astype(np.int32),
        {"cifar10": (100 * graphs.accuracy, 100 * graphs.test_accuracy)},
        "validation accuracy" if exact else "mean test accuracy",
        repeats=False,
    )


def _scored(space: NasBench201Space, path: Path) -> ScoredSpace:
    """The space with the scores of a file, each at the number of its genome."""
    found = scores.read(path)
    numbers = np.asarray(space.identity(found.ops.astype(np.int32)))[:, 0]
    if len(np.unique(numbers)) < nasbench201.CELLS:
        raise UsageError(
            f"{path}: scores of {len(found)} cells; --tables_scores needs all "
            f"{nasbench201.CELLS}: --stage=proxies with --proxies_networks=0"
        )
    return scored(space, found.scores[np.argsort(numbers)])
