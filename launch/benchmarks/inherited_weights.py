"""Three ways to train the children of a search, compared with a longer training.

    python launch/benchmarks/inherited_weights.py --flagfile=launch/digits.flags

Takes the flags of a run. Random networks of its space are trained in full; they are
the parents. Children are crossed from two parents, and half of their blocks are
replaced by uniform proposals, as in a search. Each child is then trained

- in full (`all`): every block, from random weights;
- by the paper's rules (`paper`): only proposed blocks, the others keep random weights;
- by the paper's rules with inherited weights (`inherited`): blocks that a parent
  has at the same position, counted from the front or the back, keep that parent's
  trained weights.

Prints, for each way: the mean fitness; Kendall's tau with the mean accuracy of two
full trainings that are five times as long; the correlation of fitness and the share
of blocks that are trained; and the seconds of a training.
"""

import dataclasses
import math
import sys
import time
from collections.abc import Sequence

import jax
import numpy as np
import scipy.stats

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config, Recipe
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.prior import controls
from gpt_nas_jax.prior.reconstruct import reconstruct
from gpt_nas_jax.reports import formats
from gpt_nas_jax.reports.terminal import progress, show_table
from gpt_nas_jax.stages import problem
from gpt_nas_jax.training import chain as chain_training
from gpt_nas_jax.training.batches import TrainingData
from gpt_nas_jax.training.chain import States
from gpt_nas_jax.training.placement import SINGLE
from gpt_nas_jax.training.programs import BlockState
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule, accelerated
from gpt_nas_jax.training.shared import SharedImages
from gpt_nas_jax.types import Key, UsageError

_PARENTS, _CHILDREN, _ELIMINATED = 12, 48, 0.5
_LONGER, _LONG_KEYS = 5, 2
_WAYS = ("all", "paper", "inherited")


@dataclasses.dataclass(frozen=True, eq=False)
class Trainer:
    """Trains chains on one device.

    Attributes:
      train: images to learn from.
      valid: images to measure on.
      recipe: of an evaluation.
    """

    train: TrainingData
    valid: TrainingData
    recipe: Recipe

    def full(self, chain: Chain, key: Key, longer: int = 1) -> tuple[States, float]:
        """Trains every block from random weights, ``longer`` times the epochs."""
        epochs = longer * self.recipe.epochs
        recipe = dataclasses.replace(self.recipe, epochs=epochs)
        rules = (Rule.ALL,) * len(chain.blocks)
        states, _ = chain_training.fit(chain, rules, recipe, self.train, key, _go_on)
        return states, self._accuracy(states)

    def frozen(
        self,
        chain: Chain,
        proposed: Sequence[bool],
        parents: Sequence[States],
        key: Key,
    ) -> tuple[float, float]:
        """Trains by the paper's rules; also returns the share of trained blocks.

        With parents, the other blocks keep the weights that a parent has there. A block
        that no parent has there is also trained.
        """
        start_key, train_key = jax.random.split(key)
        sources = _sources(chain, self.train.in_size, parents)
        if parents:
            pairs = zip(proposed, sources[:-1], strict=True)
            proposed = [new or source is None for new, source in pairs]
        rules = (*accelerated(tuple(proposed), has_norm=True), Rule.ALL)
        update = optimizer(self.recipe, len(self.train) // self.recipe.batch)
        drawn = chain_training.start(
            chain, rules, update, self.train.in_size, start_key
        )
        # The classifier, the last block, is trained from the weights of a parent.
        keeps = [*(not new for new in proposed), True]
        begun = tuple(
            _with_weights(state, source) if source and keep else state
            for state, source, keep in zip(drawn, sources, keeps, strict=True)
        )
        states, _ = chain_training.train(
            begun, self.recipe, self.train, train_key, _go_on
        )
        return self._accuracy(states), float(np.mean(proposed))

    def _accuracy(self, states: States) -> float:
        return chain_training.accuracy(states, self.valid, self.recipe.batch)


def _go_on() -> None:
    """Never stops a training."""


def _sources(
    chain: Chain, size: Size, parents: Sequence[States]
) -> list[BlockState | None]:
    """For each block, the equal one of a parent at the same position, or None.

    Positions count from the front or from the back.
    """
    found = []
    for index, block in enumerate(chain.blocks):
        there = (
            theirs[place]
            for theirs in parents
            for place in (index, index - len(chain.blocks) + len(theirs))
            if 0 <= place < len(theirs)
        )
        same = (one for one in there if (one.block, one.in_size) == (block, size))
        found.append(next(same, None))
        size = trace(block, size).out_size
    return found


def _with_weights(state: BlockState, source: BlockState) -> BlockState:
    weights = {"stats": source.stats}
    weights["kept" if state.rule is Rule.NOTHING else "trained"] = source.trained
    return state.replace(**weights)


def measure(config: Config) -> tuple[dict[str, list], list[float]]:
    """By way: (fitness, share of trained blocks, seconds) of each child; the truth."""
    loaded = problem.load(config)
    space, splits, placement = loaded.space, loaded.splits, SINGLE
    images = [
        SharedImages(part, splits, placement).here()
        for part in (splits.train, splits.valid)
    ]
    trainer = Trainer(*images, config.eval.recipe)
    parent_key, pair_key, cross_key, propose_key, *keys = jax.random.split(
        jax.random.key(config.seed), 4 + _PARENTS + _CHILDREN
    )
    genomes = space.sample(parent_key, _PARENTS)
    pairs = jax.random.randint(pair_key, (_CHILDREN, 2), 0, _PARENTS)
    crossed = jax.vmap(space.crossover)(
        jax.random.split(cross_key, _CHILDREN),
        genomes[pairs[:, 0]],
        genomes[pairs[:, 1]],
    )
    children, proposed = reconstruct(
        controls.uniform(space), propose_key, crossed, _ELIMINATED
    )
    found, truth = {way: [] for way in _WAYS}, []
    with progress("networks", _PARENTS + _CHILDREN) as advance:
        parents = []
        for genome, key in zip(genomes, keys, strict=False):
            parents.append(trainer.full(space.decode(genome), key)[0])
            advance()
        for index, key in enumerate(keys[_PARENTS:]):
            advance()
            chain = space.decode(children[index])
            new = space.proposed_blocks(
                *map(np.asarray, (children[index], proposed[index]))
            )
            if not any(new):
                continue
            two = [parents[place] for place in np.asarray(pairs[index])]
            for way in _WAYS:
                start = time.perf_counter()
                if way == "all":
                    fitness, share = trainer.full(chain, key)[1], 1.0
                else:
                    fitness, share = trainer.frozen(
                        chain, new, two if way == "inherited" else [], key
                    )
                found[way].append((fitness, share, time.perf_counter() - start))
            long = [
                trainer.full(chain, jax.random.fold_in(key, n), _LONGER)[1]
                for n in range(_LONG_KEYS)
            ]
            truth.append(float(np.mean(long)))
    return found, truth


def row(
    way: str, found: Sequence[tuple[float, float, float]], truth: Sequence[float]
) -> tuple[str, ...]:
    """A line of the table."""
    fitness, share, seconds = map(np.array, zip(*found, strict=True))
    kept = np.isfinite(fitness) & np.isfinite(truth)
    tau = scipy.stats.kendalltau(fitness[kept], np.array(truth)[kept]).statistic
    r = np.corrcoef(fitness[kept], share[kept])[0, 1] if share.std() else math.nan
    return (
        way,
        f"{fitness[kept].mean():.4f}",
        f"{fitness[kept].std(ddof=1):.4f}",
        f"{tau:.2f}",
        f"{share.mean():.2f}",
        formats.number(r, ".2f"),
        f"{np.median(seconds):.2f}",
    )


def main(argv: list[str]) -> int:
    try:
        config = flags.parse(argv)
        found, truth = measure(config)
    except UsageError as error:
        print(f"inherited_weights: {error}", file=sys.stderr)
        return 2
    show_table(
        f"{len(truth)} children, {config.eval.recipe.epochs} epochs",
        ("trained", "mean", "std", "tau", "share", "r with share", "median s"),
        [row(way, found[way], truth) for way in _WAYS],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
