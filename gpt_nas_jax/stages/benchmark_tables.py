"""Whole searches on a tabular benchmark, and their tables and figure."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, SearchConfig
from gpt_nas_jax.evaluation import tabular
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.reports import contrasts, curve_tables, curves, output
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.stages import (
    claim,
    compile_cache,
    pretrain,
    problem,
    tabular_benchmark,
)
from gpt_nas_jax.stages.tabular_benchmark import TabularBenchmark
from gpt_nas_jax.strategies import registry
from gpt_nas_jax.strategies.proposers import Proposers
from gpt_nas_jax.strategies.registry import Setup
from gpt_nas_jax.types import Key, Space, Strategy, UsageError

# Searches side by side: more fill the memory, fewer leave the processor idle.
_CHUNK = 25
# As usual on NAS-Bench-201: a population of 50, and one candidate at a time.
_AGEING = 50
_SEQUENTIAL = ("random", "regularised_evolution", "local_search")


def run(config: Config) -> None:
    """Runs the searches that are missing and writes tables and figure.

    Resumes where it was stopped. Writes ``rows/`` in the workdir, which holds the rows
    of the benchmark that each search evaluated, in order, and ``tables/``.

    Raises:
      UsageError: an input cannot be used.
    """
    claim.check(config)
    for name in config.strategies():
        registry.check(name, config.search, config.search.queries)
    least = _CHUNK * (config.tables.priors - 1) + 1
    if config.search.seeds < least:
        raise UsageError(
            f"--tables_priors={config.tables.priors} needs --search_seeds={least} or "
            f"more: {_CHUNK} searches share a prior"
        )
    benchmark = tabular_benchmark.load(config.tables)
    within = problem.within_limits(config, benchmark.space)
    benchmark = dataclasses.replace(benchmark, space=within)
    cells = pretrain.read_cells(config.prior) if config.needs_prior() else None
    seeds = range(config.seed, config.seed + config.tables.priors)
    each = [dataclasses.replace(config, seed=seed) for seed in seeds]
    if cells:
        for one in each:
            pretrain.require_place(one, benchmark.plain, cells)
    compile_cache.keep(config.train)
    with claim.opened(config):
        path = workdir.folder(config.workdir)
        for name, digest in benchmark.digests.items():
            # Rows are numbers in the file's order; another file has others.
            began = tabular_benchmark.FILES[name]
            workdir.keep_same(path, name, digest, began)
        priors: list[Prior | None] = [None]
        if cells:
            priors = [pretrain.run(one, benchmark.plain, cells) for one in each]
        _run(config, benchmark, priors)


def _run(
    config: Config, benchmark: TabularBenchmark, priors: Sequence[Prior | None]
) -> None:
    # Shared by all data sets: computing a prior takes longer than a search.
    proposers = [
        Proposers(
            benchmark.space, prior, benchmark.few_contexts, config.prior.fcn_steps
        )
        for prior in priors
    ]
    every = {
        (dataset, name): _searches(config, benchmark, proposers, dataset, name)
        for dataset in benchmark.datasets
        for name in config.strategies()
    }
    total = config.search.seeds * len(every)
    done = sum(searches.kept() for searches in every.values())
    found = []
    with progress(f"searches on {benchmark.title}", total, done) as advance:
        for dataset, accuracies in benchmark.datasets.items():
            table = accuracies.table(benchmark.space)
            kept = {}
            for name in config.strategies():
                tell = functools.partial(advance, note=f"{dataset}, {name}")
                kept[name] = every[dataset, name].rows(table, tell)
            found.append(accuracies.curves(benchmark.space, dataset, kept))
    folder = workdir.folder(config.workdir) / "tables"
    written = curve_tables.write(
        folder,
        benchmark.title,
        found,
        curves.COUNTS,
        curves.AGAINST,
        contrasts.CONTRASTS,
        sum(prior is not None for prior in priors),
    )
    output.show(written)


@dataclasses.dataclass(frozen=True, eq=False)
class _Searches:
    """Searches of one strategy on one data set, kept on disk in chunks.

    Attributes:
      folder: of the chunks.
      name: of the strategy.
      space: where it searches.
      builds: make the strategy with each of the priors; chunks use them in turn.
      rounds: how often it is asked.
      seeds: searches.
      key: of all searches.
    """

    folder: Path
    name: str
    space: Space
    builds: Sequence[Callable[[], Strategy]]
    rounds: int
    seeds: int
    key: Key

    def kept(self) -> int:
        """How many searches are on disk."""
        return sum(len(seeds) for seeds, file in self._chunks() if file.exists())

    def rows(self, table: tabular.Table, advance: Callable[[int], None]) -> np.ndarray:
        """Like `tabular.searches`, for all seeds; ``advance`` counts searches."""
        for index, (seeds, file) in enumerate(self._chunks()):
            if file.exists():
                continue
            keys = jax.vmap(jax.random.fold_in, (None, 0))(self.key, np.array(seeds))
            strategy = self.builds[index % len(self.builds)]()
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


def setup_of(
    name: str, settings: SearchConfig, proposers: Proposers, key: Key, repeats: bool
) -> Setup:
    """The setup of a strategy of this name, as usual on tabular benchmarks.

    Args:
      name: of the strategy.
      settings: of the search.
      proposers: of the space.
      key: decides the initial weights of a GPT.
      repeats: whether another evaluation of the same network counts as a query.
    """
    return Setup(
        config=settings,
        space=proposers.space,
        queries=settings.queries,
        batch=1 if name in _SEQUENTIAL else settings.batch,
        ageing=_AGEING,
        key=key,
        proposers=proposers,
        repeats=repeats,
    )


def _searches(
    config: Config,
    benchmark: TabularBenchmark,
    proposers: Sequence[Proposers],
    dataset: str,
    name: str,
) -> _Searches:
    settings, space = config.search, benchmark.space
    # One seed means one key, whatever the strategy.
    gpt_key, key = jax.random.split(
        stage_key(config.seed, f"tables/{config.tables.name}/{dataset}")
    )
    setups = [
        setup_of(name, settings, each, gpt_key, benchmark.repeats)
        for each in (proposers if registry.asks_prior(name) else proposers[:1])
    ]
    return _Searches(
        workdir.folder(config.workdir) / "rows" / dataset,
        name,
        space,
        [functools.cache(functools.partial(each.build, name)) for each in setups],
        settings.queries // setups[0].asked(name),
        settings.seeds,
        key,
    )
