"""Searches of CIFAR-10 at 16x16 for the claim, at equal training FLOPs.

    taskset -c 0 python launch/claim/searches.py --seeds=0,1 --data_dir=DIR

Every strategy searches with every seed by launch/claim/search.flags, generation by
generation, until the FLOPs of its candidates reach the budget. Of those within the
budget the fittest is trained for longer and tested once; the seed also decides that
training. Lines are added to docs/results/claim/candidates.csv and tested.csv. Runs that
are there are not repeated, and a search that was stopped resumes. Give several
processes different seeds.
"""

import argparse
import dataclasses
import itertools
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from claim_lines import Candidate, Outcome
from seed_list import seeds

import gpt_nas_jax as gnj
from gpt_nas_jax import flags, workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.stages import search
from gpt_nas_jax.types import UsageError

FLAGS = Path(__file__).with_name("search.flags")
STRATEGIES = ("gpt_nas", "gpt_nas_online", "genetic", "unigram_refill")
_FEWEST = 4
"""Generations of every search; only networks at the upper end of the band fill them."""
BUDGET = 40 * 2.95e6
"""FLOPs of all candidates for one image: 40 networks from the middle of the band."""


def within(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first candidates, as many as the budget allows."""
    spent = np.cumsum([record["flops"] or 0 for record in records])
    return list(records[: int((spent <= BUDGET).sum())])


def searched(config: Config) -> list[dict[str, Any]]:
    """The candidates of a search that are within the budget."""
    held = workdir.count(workdir.folder(config.workdir))
    begun = -(-held // config.search.population)
    for generations in itertools.count(max(_FEWEST, begun)):
        size = dataclasses.replace(config.search, generations=generations)
        config = dataclasses.replace(config, stage="search", search=size)
        gnj.run(config)
        records = search.read(config)
        if len(within(records)) < len(records):
            return within(records)
    raise AssertionError


def tested(config: Config, genes: Sequence[int]) -> dict[str, Any]:
    """Trains a network for longer and tests it; its ``result.json``."""
    genome = ",".join(map(str, genes))
    config = dataclasses.replace(
        config,
        stage="retrain",
        workdir=f"{config.workdir}-tested",
        retrain=dataclasses.replace(config.retrain, genome=genome),
    )
    gnj.run(config)
    return workdir.read_sealed(Path(config.workdir) / "result.json")


def run(base: Config, strategy: str, seed: int) -> None:
    """One search, and the test of the network that it chose."""
    config = dataclasses.replace(
        base,
        seed=seed,
        workdir=f"{base.workdir}/{strategy}-{seed}",
        prior=dataclasses.replace(base.prior, dir=f"{base.workdir}/prior"),
        search=base.search.by(strategy),
    )
    records = searched(config)
    fitness = [
        math.nan if record["fitness"] is None else record["fitness"]
        for record in records
    ]
    chosen = records[int(np.nanargmax(fitness))]
    result = tested(config, [gene for gene in chosen["genome"] if gene >= 0])
    candidates = []
    for index, (record, value) in enumerate(zip(records, fitness, strict=True)):
        blocks = " ".join(record["blocks"])
        line = (strategy, seed, index, blocks, record["flops"] or 0, value)
        candidates.append(Candidate(*line))
    # They are there if the program was stopped before it appended the outcome.
    if (strategy, seed) not in {
        (line.strategy, line.seed) for line in Candidate.read()
    }:
        Candidate.append(candidates)
    best, accuracy = result["best"], result["retrain"]["test_accuracy"]
    costs = best["params"], best["flops"]
    Outcome.append([Outcome(strategy, seed, len(records), *costs, accuracy)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    parser.add_argument("--seeds", default="0,1,2,3,4,5,6,7", help="comma-separated")
    known, rest = parser.parse_known_args()
    try:
        asked = seeds(known.seeds)
        parsed = flags.parse(["main", f"--flagfile={FLAGS}", *rest])
        done = {(line.strategy, line.seed) for line in Outcome.read()}
        for seed in asked:
            for strategy in STRATEGIES:
                if (strategy, seed) not in done:
                    run(parsed, strategy, seed)
    except UsageError as error:
        print(f"searches: {error}", file=sys.stderr)
        sys.exit(2)
