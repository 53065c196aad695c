"""Makes the file of chainbench from its trainings.

    python launch/chainbench/fit.py --out=chainbench.npz

Chains with several trainings are held out: the ensemble is fitted to the others and
predicts these, whose ground truth is the mean over their keys. It prints how well it
does so for all of them, and for those in the band of FLOPs that searches are limited
to. The file then holds an ensemble fitted to all trainings. It is not written if R2 is
below 0.8 or Kendall's tau below 0.7, for all of them.
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
_BAND = 1.7e6, 4.2e6
"""FLOPs, as in launch/tables/chainbench.flags."""


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """The chains of all trainings.

    Attributes:
      genomes: ``int32[N, L]``, distinct chains.
      values: the accuracies of each, one per key.
    """

    genomes: np.ndarray
    values: list[list[float]]

    @property
    def accuracy(self) -> np.ndarray:
        """Mean over keys, ``float64[N]``."""
        return np.array([np.mean(found) for found in self.values])

    @property
    def keys(self) -> np.ndarray:
        """Number of trainings, ``int[N]``."""
        return np.array([len(found) for found in self.values])


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOut:
    """Chains with several trainings, predicted from the others.

    Attributes:
      flops: of each, ``float32[M]``.
      predicted: accuracy.
      truth: accuracy, mean over keys.
      once: accuracy with the first key alone.
    """

    flops: np.ndarray
    predicted: np.ndarray
    truth: np.ndarray
    once: np.ndarray

    def within(self, low: float, high: float) -> "HeldOut":
        """Those with FLOPs in a band."""
        kept = (self.flops >= low) & (self.flops <= high)
        return HeldOut(*(part[kept] for part in vars(self).values()))

    def r2(self) -> float:
        """The share of the variance of the truth that is predicted."""
        return float(1 - ((self.predicted - self.truth) ** 2).mean() / self.truth.var())

    def tau(self) -> float:
        """Kendall's, with the truth."""
        return _tau(self.predicted, self.truth)

    def line(self) -> str:
        """The figures as text."""
        once = _tau(self.predicted, self.once)
        return (
            f"{len(self.truth)} held-out chains: R2 {self.r2():.3f}, Kendall's tau "
            f"{self.tau():.3f}, with one training of each {once:.3f}"
        )


def _tau(one: np.ndarray, other: np.ndarray) -> float:
    return float(scipy.stats.kendalltau(one, other).statistic)


def found_in(trainings: list[Training], space: BlockSpace) -> Found:
    """Groups trainings by their chains; those that failed are left out."""
    values: dict[tuple[str, ...], list[float]] = {}
    for each in trainings:
        if each.accuracy is not None:
            values.setdefault(each.blocks, []).append(each.accuracy)
    genomes = np.stack([space.genome(blocks) for blocks in values])
    return Found(genomes, [*values.values()])


def held_out(found: Found, space: BlockSpace) -> HeldOut:
    """Predicts the chains with several trainings.

    Raises:
      UsageError: they are fewer than 20.
    """
    held, accuracy = found.keys > 1, found.accuracy
    if held.sum() < _FEWEST:
        raise UsageError(
            f"{held.sum()} chains have several trainings; at least {_FEWEST} are "
            "needed: train.py --part=noise"
        )
    rest = found.genomes[~held], accuracy[~held], found.keys[~held]
    learned = chain_model.fit(space, *rest)
    genomes = found.genomes[held]
    first = [each[0] for each in found.values]
    return HeldOut(
        np.asarray(space.flops(genomes)),
        np.asarray(chain_model.predict(learned, genomes), np.float64),
        accuracy[held],
        np.array(first)[held],
    )


def made(found: Found, space: BlockSpace, held: HeldOut) -> Chainbench:
    """Fits the benchmark to all trainings."""
    accuracy, keys = found.accuracy, found.keys
    residuals = np.concatenate(
        [np.array(each) - np.mean(each) for each in found.values]
    )
    final = chain_model.fit(space, found.genomes, accuracy, keys)
    return Chainbench(
        found.genomes,
        accuracy,
        keys,
        np.asarray(final.weights),
        noise=float(np.sqrt((residuals**2).sum() / (keys - 1).sum())),
        r2=held.r2(),
        tau=held.tau(),
        held_out=len(held.truth),
    )


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--min_flops", type=float, default=_BAND[0])
    parser.add_argument("--max_flops", type=float, default=_BAND[1])
    parser.add_argument("--trainings", type=Path, default=TRAININGS)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(argv[1:])
    try:
        space = BlockSpace(**chainbench.SPACE)
        found = found_in(read(given.trainings), space)
        held = held_out(found, space)
        low, high = given.min_flops, given.max_flops
        print(held.line())
        print(f"with {low:g} to {high:g} FLOPs, {held.within(low, high).line()}")
        benchmark = made(found, space, held)
        print(f"standard deviation over keys {benchmark.noise:.4f}")
        chainbench.check(benchmark)
        workdir.write_bytes(given.out, chainbench.to_bytes(benchmark))
    except UsageError as error:
        print(f"fit: {error}", file=sys.stderr)
        return 2
    print(f"{len(found.genomes)} chains, written to {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
