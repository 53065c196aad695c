"""Makes the file of chainbench from its trainings.

    python launch/chainbench/fit.py --out=chainbench.npz

Chains with several trainings are held out: the ensemble is fitted to the others and
predicts these, whose ground truth is the mean over their keys. The file then holds an
ensemble fitted to all trainings. It is not written if R2 is below 0.8 or Kendall's tau
below 0.7.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
import scipy.stats
from trainings import Training, read

from gpt_nas_jax import workdir
from gpt_nas_jax.datasets.benchmarks import chainbench
from gpt_nas_jax.datasets.benchmarks.chainbench import Chainbench
from gpt_nas_jax.evaluation import chain_model
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.types import UsageError

TRAININGS = Path(__file__).parent / "trainings.csv"
_FEWEST = 20


def made(trainings: list[Training]) -> Chainbench:
    """Fits the benchmark to trainings.

    Raises:
      UsageError: fewer than 20 chains have several trainings.
    """
    space = BlockSpace(**chainbench.SPACE)
    values: dict[tuple[str, ...], list[float]] = {}
    for each in trainings:
        if each.accuracy is not None:
            values.setdefault(each.blocks, []).append(each.accuracy)
    genomes = np.stack([space.genome(blocks) for blocks in values])
    accuracy = np.array([np.mean(found) for found in values.values()])
    keys = np.array([len(found) for found in values.values()])
    held = keys > 1
    if held.sum() < _FEWEST:
        raise UsageError(
            f"{held.sum()} chains have several trainings; at least {_FEWEST} are "
            "needed: train.py --part=noise"
        )
    learned = chain_model.fit(space, genomes[~held], accuracy[~held], keys[~held])
    predicted = np.asarray(chain_model.predict(learned, genomes[held]), np.float64)
    truth = accuracy[held]
    residuals = np.concatenate(
        [np.array(found) - np.mean(found) for found in values.values()]
    )
    final = chain_model.fit(space, genomes, accuracy, keys)
    return Chainbench(
        genomes,
        accuracy,
        keys,
        np.asarray(final.weights),
        noise=float(np.sqrt((residuals**2).sum() / (keys - 1).sum())),
        r2=float(1 - ((predicted - truth) ** 2).mean() / truth.var()),
        tau=float(scipy.stats.kendalltau(predicted, truth).statistic),
        held_out=int(held.sum()),
    )


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=Path, default=TRAININGS)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(argv[1:])
    try:
        found = made(read(given.trainings))
        shown = dataclasses.asdict(found)
        print({name: shown[name] for name in ("noise", "r2", "tau", "held_out")})
        chainbench.check(found)
        workdir.write_bytes(given.out, chainbench.to_bytes(found))
    except UsageError as error:
        print(f"fit: {error}", file=sys.stderr)
        return 2
    print(f"{len(found.genomes)} chains, written to {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
