"""The tables of docs/results/claim/tables.md, from the lines that searches.py left.

    python launch/claim/claim_report.py

Uses the seeds that all strategies have; runs nothing.
"""

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy
from claim_lines import HOME, Candidate, Outcome

from gpt_nas_jax import workdir
from gpt_nas_jax.config import TablesConfig
from gpt_nas_jax.reports import origin
from gpt_nas_jax.reports.contrasts import holm, paired
from gpt_nas_jax.reports.curves import t_test
from gpt_nas_jax.reports.formats import Entry, Table, markdown_page, p_value, spread
from gpt_nas_jax.stages import tabular_benchmark
from gpt_nas_jax.stages.tabular_benchmark import TabularBenchmark
from gpt_nas_jax.types import PAD

CONTRASTS = (
    ("gpt_nas", "genetic"),
    ("gpt_nas", "unigram_refill"),
    ("gpt_nas_online", "genetic"),
    ("gpt_nas_online", "gpt_nas"),
)
PLANNED = range(8)
"""The seeds that the contrasts were fixed for."""
_PLANNED = "Test accuracy"
_EXPLORED = "Looked at afterwards, not planned: fitness of the chosen network"
_STRATEGIES = tuple(dict.fromkeys(name for pair in CONTRASTS for name in pair))
_CHAINBENCH = TablesConfig(name="chainbench", source="launch/chainbench/chainbench.npz")


@functools.cache
def _chainbench() -> TabularBenchmark:
    return tabular_benchmark.load(_CHAINBENCH)


def predictions(candidates: Sequence[Candidate]) -> np.ndarray:
    """Accuracies that chainbench predicts for candidates, in %, ``float64[N]``."""
    benchmark = _chainbench()
    space = benchmark.plain
    genomes = np.full((len(candidates), space.length), PAD, np.int32)
    for row, one in zip(genomes, candidates, strict=True):
        names = one.blocks.split()
        row[: len(names)] = [space.gene_names.index(name) for name in names]
    model = benchmark.datasets["cifar10"].model
    return 100 * np.asarray(model.predict(genomes), np.float64)


def _row(*texts: str) -> list[Entry]:
    return [Entry(text) for text in texts]


def strategies(
    tested: dict[str, np.ndarray], chosen: dict[str, list[Candidate]]
) -> Table:
    """Each strategy's accuracies, in %."""
    seeds, rows = len(tested[_STRATEGIES[0]]), []
    for name, accuracy in tested.items():
        rows.append(
            _row(
                name,
                spread(accuracy, ".2f"),
                spread([100 * one.fitness for one in chosen[name]], ".2f"),
                spread(predictions(chosen[name]), ".2f"),
                f"{np.mean([one.flops for one in chosen[name]]) / 1e6:.2f}",
            )
        )
    return Table(
        f"Means +- standard deviations in % over {seeds} seeds.",
        (
            "strategy",
            "test accuracy",
            "fitness of the chosen network",
            "chainbench's prediction for it",
            "its FLOPs in millions",
        ),
        rows,
    )


def contrasts(tested: dict[str, np.ndarray], measured: str = _PLANNED) -> Table:
    """The contrasts; without p until all planned seeds are done.

    Args:
      tested: accuracies of each strategy in %, ``float64[S]``.
      measured: what they are, the beginning of the caption.
    """
    p = [t_test(tested[first], tested[second]) for first, second in CONTRASTS]
    seeds = len(tested[CONTRASTS[0][0]])
    rows = []
    for (first, second), own, corrected in zip(CONTRASTS, p, holm(p), strict=True):
        mean, low, high = paired(tested[first], tested[second])
        interval, text = f"{low:+.2f} to {high:+.2f}", f"{mean:+.2f}"
        decided = p_value(own), p_value(corrected)
        values = decided if seeds == len(PLANNED) else ("", "")
        rows.append(_row(first, second, text, interval, *values))
    return Table(
        f"{measured} of a strategy minus that of another with the same seed, in "
        "percentage points; p is two-sided, of the paired t-test, then corrected by "
        "Holm's method.",
        ("strategy", "minus", "difference", "95 % interval", "p", "p, Holm"),
        rows,
        names=2,
    )


def foretold(tested: dict[str, np.ndarray], chosen: dict[str, list[Candidate]]) -> str:
    """How well fitness and the ensemble predict which networks test better."""
    networks = [one for ones in chosen.values() for one in ones]
    accuracy = np.concatenate([*tested.values()])
    fitness = [one.fitness for one in networks]
    by_fitness = scipy.stats.kendalltau(fitness, accuracy).statistic
    by_ensemble = scipy.stats.kendalltau(predictions(networks), accuracy).statistic
    return (
        f"The test accuracies of the {len(networks)} chosen networks agree with their "
        f"fitness with Kendall's tau {by_fitness:.2f}, and with chainbench's "
        f"prediction with {by_ensemble:.2f}.\n"
    )


def agreement(candidates: Sequence[Candidate]) -> str:
    """How well the ensemble predicts the fitness of the searches' candidates."""
    networks = {one.blocks: one for one in candidates if math.isfinite(one.fitness)}
    distinct = [*networks.values()]
    fitness = np.array([100 * one.fitness for one in distinct])
    predicted = predictions(distinct)
    tau = scipy.stats.kendalltau(predicted, fitness).statistic
    r2 = 1 - ((predicted - fitness) ** 2).mean() / fitness.var()
    return (
        f"Of the {len(distinct)} distinct candidates, chainbench's ensemble predicts "
        f"the fitness with Kendall's tau {tau:.2f} and R2 {r2:.2f}; the mean error is "
        f"{(predicted - fitness).mean():+.2f} points.\n"
    )


def page(tested: Sequence[Outcome], candidates: Sequence[Candidate]) -> str:
    """The figures of the planned seeds that all strategies have, in Markdown."""
    by_run = {(line.strategy, line.seed): line for line in tested}
    seeds = [
        seed for seed in PLANNED if all((name, seed) in by_run for name in _STRATEGIES)
    ]
    accuracy = {
        name: np.array([100 * by_run[name, seed].test_accuracy for seed in seeds])
        for name in _STRATEGIES
    }
    chosen = {
        name: [
            max(
                (one for one in candidates if (one.strategy, one.seed) == (name, seed)),
                key=lambda one: one.fitness if math.isfinite(one.fitness) else -1,
            )
            for seed in seeds
        ]
        for name in _STRATEGIES
    }
    fitness = {
        name: np.array([100 * one.fitness for one in ones])
        for name, ones in chosen.items()
    }
    listed = f"Seeds {', '.join(map(str, seeds))}"
    if len(seeds) < len(PLANNED):
        listed += f" of the {len(PLANNED)} planned: no contrast is decided yet"
    parts: list[str | Table] = [
        f"{origin.line('launch/claim/claim_report.py')} {listed}.\n"
    ]
    if len(seeds) < 2:
        return markdown_page("The claim in figures", parts)
    parts += [
        strategies(accuracy, chosen),
        contrasts(accuracy),
        contrasts(fitness, _EXPLORED),
        foretold(accuracy, chosen),
        agreement([one for one in candidates if one.seed in seeds]),
    ]
    return markdown_page("The claim in figures", parts)


if __name__ == "__main__":
    made = page(Outcome.read(), Candidate.read())
    workdir.write_text(Path(HOME) / "tables.md", made)
