"""Many whole searches on a benchmark, and the tables and the figure of them."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, TablesConfig
from gpt_nas_jax.datasets.benchmarks import nasbench101, nasbench201, scores
from gpt_nas_jax.evaluation import tabular
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.prior import lookup
from gpt_nas_jax.prior.reconstruct import Prior
from gpt_nas_jax.reports import curve_tables
from gpt_nas_jax.reports.curves import COUNTS, Curves
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.spaces.nasbench101.space import NasBench101Space, genomes_of
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.spaces.scored import ScoredSpace, scored
from gpt_nas_jax.stages import claim, compile_cache, pretrain
from gpt_nas_jax.strategies import registry
from gpt_nas_jax.strategies.registry import Setup
from gpt_nas_jax.types import Key, Space, Strategy, UsageError

_AGAINST = ("local_search", "surrogate", "genetic")
# Searches side by side: more fill the memory, fewer leave the processor idle.
_CHUNK = 25
# As usual on NAS-Bench-201: a population of 50, and one candidate at a time.
_AGEING = 50
_SEQUENTIAL = ("random", "regularised_evolution", "local_search")


@dataclasses.dataclass(frozen=True, eq=False)
class Benchmark:
    """A table of networks.

    Attributes:
      title: for people.
      space: of its networks, with their zero-cost scores where there are any.
      plain: the same without scores, whose genomes a prior reads.
      genomes: ``int32[N, L]``.
      datasets: name -> accuracies to select by and on the test images, in %,
        ``float64[N]`` each.
      selection: what incumbents are chosen by.
      repeats: whether an evaluation of a network met before counts as one more.
    """

    title: str
    space: Space
    plain: Space
    genomes: np.ndarray
    datasets: dict[str, tuple[np.ndarray, np.ndarray]]
    selection: str
    repeats: bool


def load(config: TablesConfig) -> Benchmark:
    """Reads a benchmark's compact file, and scores of its networks where told.

    Raises:
      UsageError: one is missing, damaged or another's, or scores are missing.
    """
    path = Path(config.source)
    if config.name == "nasbench201":
        cells = nasbench201.read(path)
        columns = zip(nasbench201.DATASETS, cells.valid, cells.test, strict=True)
        plain = NasBench201Space()
        return Benchmark(
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
    return Benchmark(
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


def run(config: Config) -> None:
    """Runs the searches that are missing and writes tables and figure.

    Goes on where it was stopped. What lies in the workdir afterwards: ``rows/``, for
    every search the rows of the benchmark in the order of their evaluation, and
    ``tables/``.

    Raises:
      UsageError: an input cannot be used.
    """
    claim.check(config)
    for name in config.strategies():
        registry.check(name, config.search, config.search.queries)
    workdir.require_writable("--prior_dir", pretrain.home(config))
    benchmark = load(config.tables)
    cells = pretrain.read_cells(config.prior) if config.needs_prior() else None
    compile_cache.keep(config.train)
    with claim.opened(config):
        prior = pretrain.run(config, benchmark.plain, cells) if cells else None
        _run(config, benchmark, prior)


def _run(config: Config, benchmark: Benchmark, prior: Prior | None) -> None:
    path = Path(config.workdir)
    worked_out = None if prior is None else lookup.work_out(prior)
    curves = []
    every = {
        (dataset, name): _searches(config, benchmark, worked_out, dataset, name)
        for dataset in benchmark.datasets
        for name in config.strategies()
    }
    total = config.search.seeds * len(every)
    done = sum(searches.kept() for searches in every.values())
    with progress(f"searches on {benchmark.title}", total, done) as advance:
        for dataset, (fitness, test) in benchmark.datasets.items():
            table = tabular.build(benchmark.space, benchmark.genomes, fitness)
            rows = {}
            for name in config.strategies():
                tell = functools.partial(advance, note=f"{dataset}, {name}")
                rows[name] = every[dataset, name].rows(table, tell)
            curves.append(_curves(dataset, rows, fitness, test, benchmark.selection))
    written = curve_tables.write(
        path / "tables",
        f"{benchmark.title}, {config.search.seeds} searches of each strategy",
        curves,
        COUNTS,
        _AGAINST,
    )
    print((path / "tables" / "table.md").read_text(encoding="utf-8"))
    print("written:", ", ".join(str(file) for file in written))


@dataclasses.dataclass(frozen=True, eq=False)
class _Searches:
    """Searches of one strategy on one data set, kept on disk in chunks."""

    folder: Path
    name: str
    space: Space
    build: Callable[[], Strategy]
    rounds: int
    seeds: int
    key: Key

    def kept(self) -> int:
        """How many searches are on disk."""
        return sum(len(seeds) for seeds, file in self._chunks() if file.exists())

    def rows(self, table: tabular.Table, advance: Callable[[int], None]) -> np.ndarray:
        """Rows ``int32[S, Q]``; ``advance`` is told of searches that are done."""
        for seeds, file in self._chunks():
            if file.exists():
                continue
            keys = jax.vmap(jax.random.fold_in, (None, 0))(self.key, np.array(seeds))
            strategy = self.build()
            rows = tabular.searches(strategy, self.space, table, keys, self.rounds)
            workdir.write_array(file, np.asarray(rows))
            advance(len(seeds))
        return np.concatenate(
            [
                workdir.read_array(file, "remove it: its searches are run again")
                for _, file in self._chunks()
            ]
        )

    def _chunks(self) -> Iterator[tuple[range, Path]]:
        for start in range(0, self.seeds, _CHUNK):
            stop = min(start + _CHUNK, self.seeds)
            # Rows of another version of the strategy are not those of this one.
            name = f"{self.name}@{registry.version(self.name)}-{start}-{stop}.npy"
            yield range(start, stop), self.folder / name


def _searches(
    config: Config,
    benchmark: Benchmark,
    prior: lookup.LookupPrior | None,
    dataset: str,
    name: str,
) -> _Searches:
    settings, space = config.search, benchmark.space
    # One seed means one key, whatever the strategy.
    gpt_key, key = jax.random.split(
        stage_key(config.seed, f"tables/{config.tables.name}/{dataset}")
    )
    setup = Setup(
        settings,
        space,
        settings.queries,
        1 if name in _SEQUENTIAL else settings.batch,
        _AGEING,
        gpt_key,
        prior,
        benchmark.repeats,
    )
    return _Searches(
        Path(config.workdir) / "rows" / dataset,
        name,
        space,
        functools.cache(lambda: setup.build(name)),
        settings.queries // setup.asked(name),
        settings.seeds,
        key,
    )


def _curves(
    dataset: str,
    rows: dict[str, np.ndarray],
    fitness: np.ndarray,
    test: np.ndarray,
    selection: str,
) -> Curves:
    """What the searches came to; a network that the table lacks changes nothing."""
    best = int(np.argmax(fitness))
    accuracy, reached = {}, {}
    for name, evaluated in rows.items():
        incumbents = tabular.incumbents(evaluated, fitness)
        accuracy[name] = np.where(incumbents >= 0, test[incumbents], 0.0)
        hits = evaluated == best
        reached[name] = np.where(hits.any(1), hits.argmax(1) + 1, 0)
    highest = float(test.max())
    return Curves(dataset, accuracy, reached, highest, float(test[best]), selection)
