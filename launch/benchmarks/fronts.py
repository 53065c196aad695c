"""Pareto fronts of accuracy and FLOPs on NAS-Bench-201, compared with pymoo's NSGA-II.

    python launch/benchmarks/fronts.py --source=nasbench201.npz > fronts.md

All searches evaluate the same number of networks. The measure is the hypervolume of the
front, relative to that of all 15,625 networks: validation accuracy above chance, and
operations below those of the largest network. pymoo uses the operators that it
documents for integers, and those for choices. `nsga2` is `genetic` with both
objectives; `surrogate` and `gpt_nas_online` also optimise both. The names that end in
`_accuracy` optimise accuracy alone.

Expect 15 minutes on one CPU core. Needs `pip install pymoo`.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import numpy as np
import pymoo
import scipy.stats
from hypervolume import hypervolume
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.crossover.ux import UniformCrossover
from pymoo.operators.mutation.pm import PM
from pymoo.operators.mutation.rm import ChoiceRandomMutation
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

from gpt_nas_jax.config import TablesConfig
from gpt_nas_jax.datasets.benchmarks import nasbench201
from gpt_nas_jax.evaluation import tabular
from gpt_nas_jax.reports import formats
from gpt_nas_jax.reports.contrasts import holm
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.stages import tabular_benchmark
from gpt_nas_jax.strategies.creation import create

_POPULATION, _CHUNK = 20, 25
_BOTH, _ONE = ("accuracy", "flops"), ("accuracy",)
_OURS = {
    "random": ("random", _BOTH),
    "genetic_accuracy": ("genetic", _ONE),
    "nsga2": ("genetic", _BOTH),
    "surrogate_accuracy": ("surrogate", _ONE),
    "surrogate": ("surrogate", _BOTH),
    "gpt_nas_online": ("gpt_nas_online", _BOTH),
}
_THEIRS = ("pymoo, integers", "pymoo, choices")
_CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet16_120": 120}


class Cells(Problem):
    """The benchmark as a problem of pymoo; records its queries."""

    def __init__(self, values: np.ndarray, row_of: np.ndarray) -> None:
        super().__init__(n_var=6, n_obj=2, xl=0, xu=4, vtype=int)
        self._values, self._row_of = values, row_of
        self.asked: list[int] = []

    def _evaluate(self, x: np.ndarray, out: dict, *_: object, **__: object) -> None:
        rows = self._row_of[tuple(np.asarray(x, int).T)]
        self.asked += rows.tolist()
        out["F"] = self._values[rows]


class Choice(ChoiceRandomMutation):
    """A mutation of single genes to any operation; pymoo's requires mixed variables."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = np.random.default_rng(seed)

    def _do(self, problem: Problem, x: np.ndarray, **_: object) -> np.ndarray:
        changed = self._random.random(x.shape) < 1 / problem.n_var
        return np.where(changed, self._random.integers(0, 5, x.shape), x)


def of_pymoo(
    name: str, values: np.ndarray, row_of: np.ndarray, seeds: int, queries: int
) -> np.ndarray:
    """The rows of the benchmark that pymoo's searches evaluate, ``int[S, Q]``."""
    kept = []
    for seed in range(seeds):
        problem = Cells(values, row_of)
        if name == "pymoo, choices":
            operators = {"crossover": UniformCrossover(), "mutation": Choice(seed)}
        else:
            repair = {"vtype": float, "repair": RoundingRepair()}
            operators = {
                "crossover": SBX(prob=1.0, eta=3.0, **repair),
                "mutation": PM(prob=1.0, eta=3.0, **repair),
            }
        algorithm = NSGA2(
            pop_size=_POPULATION,
            sampling=IntegerRandomSampling(),
            eliminate_duplicates=True,
            **operators,
        )
        minimize(problem, algorithm, ("n_eval", queries), seed=seed)
        # A network that has no new children ends a search of pymoo early.
        kept.append(np.resize(problem.asked, queries))
    return np.array(kept)


def ours(name: str, table: tabular.Table, seeds: int, queries: int) -> np.ndarray:
    """The rows of the benchmark that a strategy's searches evaluate, ``int[S, Q]``."""
    strategy, objectives = _OURS[name]
    space = NasBench201Space()
    made = create(
        strategy,
        space,
        queries,
        batch=5,
        population=_POPULATION,
        objectives=objectives,
    )
    rounds = queries // (_POPULATION if strategy == "genetic" else 5)
    keys = jax.random.split(jax.random.key(1), seeds)
    chunks = [
        tabular.searches(made, space, table, keys[start : start + _CHUNK], rounds)
        for start in range(0, seeds, _CHUNK)
    ]
    return np.concatenate(chunks)


def show(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table as Markdown."""
    entries = [[formats.Entry(text) for text in row] for row in rows]
    print(formats.markdown(formats.Table(caption, columns, entries, names=2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--names", default=",".join((*_OURS,)))
    args = parser.parse_args()
    config = TablesConfig(name="nasbench201", source=str(args.source))
    benchmark = tabular_benchmark.load(config)
    genomes = nasbench201.read(args.source).ops.astype(np.int32)
    flops = np.asarray(NasBench201Space().flops(genomes), np.float64)
    row_of = np.empty((5,) * 6, int)
    row_of[tuple(genomes.T)] = np.arange(len(genomes))
    counts = [count for count in (50, 100, 150, 200) if count <= args.queries]
    print(f"pymoo {pymoo.__version__}, JAX {jax.__version__}; {args.seeds} searches\n")
    rows, contrasts = [], []
    for dataset, accuracies in benchmark.datasets.items():
        accuracy, table = accuracies.fitness, accuracies.table(NasBench201Space())
        least, most = 100 / _CLASSES[dataset], flops.max()
        whole = hypervolume(accuracy, flops, least, most)
        found = {}
        for name in (*args.names.split(","), *_THEIRS):
            if name in _THEIRS:
                values = np.stack([-accuracy, flops], -1)
                asked = of_pymoo(name, values, row_of, args.seeds, args.queries)
            else:
                asked = ours(name, table, args.seeds, args.queries)
            shares = np.array(
                [
                    [
                        100
                        * hypervolume(accuracy[row[:n]], flops[row[:n]], least, most)
                        / whole
                        for n in counts
                    ]
                    for row in asked
                ]
            )
            found[name] = shares
            cells = [f"{m:.2f} +- {s:.2f}" for m, s in _mean_and_std(shares)]
            rows.append((dataset, name, *cells))
        last = {name: shares[:, -1] for name, shares in found.items()}
        best = max(_THEIRS, key=lambda name: last[name].mean())
        mine = [name for name in last if name not in _THEIRS]
        p = holm(
            [
                scipy.stats.ttest_ind(last[n], last[best], equal_var=False).pvalue
                for n in mine
            ]
        )
        for name, corrected in zip(mine, p, strict=True):
            difference = f"{last[name].mean() - last[best].mean():+.2f}"
            text = f"{name} minus {best}"
            contrasts.append((dataset, text, difference, formats.p_value(corrected)))
    volumes = "Hypervolume in % of that of all networks, mean and standard deviation"
    show(volumes, ("data set", "search", *map(str, counts)), rows)
    differences = (
        "Differences after the last query; Welch's t-test, Holm's correction within a "
        "data set"
    )
    show(differences, ("data set", "difference of", "in points", "p"), contrasts)


def _mean_and_std(shares: np.ndarray) -> Iterator[tuple[float, float]]:
    return zip(shares.mean(0), shares.std(0, ddof=1), strict=True)


if __name__ == "__main__":
    main()
