"""Does the GPT help? ``gpt_nas`` against ``genetic`` on digits, equal evaluations.

    python launch/ablation_digits.py

Runs five seeds of both strategies with the settings of launch/digits.flags, except
that all blocks of every candidate are trained: under the paper's acceleration rules the
two would be trained differently, and their fitness would not be comparable. Additional
flags of gpt_nas_jax.main may follow. Finished searches are reused; expect about 20
minutes on 2 CPU cores.

Prints mean and standard deviation of the best fitness and of the mean fitness of the
first generation, and a paired t-test over the seeds.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
from scipy import stats

from gpt_nas_jax import flags
from gpt_nas_jax.api.runs import run
from gpt_nas_jax.reports.formats import spread
from gpt_nas_jax.reports.terminal import show_table
from gpt_nas_jax.stages import search
from gpt_nas_jax.types import UsageError

HOME = Path("runs/ablation_digits")
STRATEGIES = ("gpt_nas", "genetic")
DIGITS = Path(__file__).with_name("digits.flags")


def fitness(strategy: str, seed: int, extra: list[str]) -> np.ndarray:
    """``float[generations, population]`` of one search; failures count as 0."""
    workdir = HOME / f"{strategy}-{seed}"
    argv = ["main", f"--flagfile={DIGITS}", *extra]
    config = flags.parse(argv)
    config = dataclasses.replace(
        config,
        stage="search",
        seed=seed,
        workdir=str(workdir),
        search=dataclasses.replace(config.search, strategy=strategy),
    )
    run(config)
    values = [record["fitness"] or 0.0 for record in search.read(config)]
    return np.array(values).reshape(-1, config.search.population)


def compare(seeds: int, extra: list[str]) -> None:
    """Runs the missing searches and prints the comparison."""
    found = {
        strategy: [fitness(strategy, seed, extra) for seed in range(seeds)]
        for strategy in STRATEGIES
    }
    measures = {
        "best fitness": lambda values: values.max(),
        "mean of the first generation": lambda values: values[0].mean(),
    }
    rows = []
    for name, measure in measures.items():
        gpt, plain = (np.array([measure(v) for v in found[s]]) for s in STRATEGIES)
        rows.append(
            (
                name,
                *(spread(values, ".4f") for values in (gpt, plain)),
                f"{(gpt - plain).mean():+.4f}",
                f"{stats.ttest_rel(gpt, plain).pvalue:.3f}",
            )
        )
    show_table(
        f"digits, {seeds} seeds, {found['genetic'][0].size} evaluations each",
        ("validation accuracy", *STRATEGIES, "difference", "p, paired t-test"),
        rows,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="seeds of each strategy")
    known, rest = parser.parse_known_args()
    try:
        compare(known.seeds, rest)
    except UsageError as error:
        print(f"ablation_digits: {error}", file=sys.stderr)
        sys.exit(2)
