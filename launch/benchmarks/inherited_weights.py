"""Three ways to train the children of a search, compared with a longer training.

    python launch/benchmarks/inherited_weights.py --flagfile=launch/digits.flags

Takes the flags of a run. Random networks of its space are trained in full; they are
the parents. Children are crossed from two parents and lose half of their blocks to
uniform proposals, as in a search. Each child is then trained

- in full (`all`): every block, from random weights;
- by the paper's rules (`paper`): only proposed blocks, the others keep random weights;
- by the paper's rules with inherited weights (`inherited`): blocks that stand in a
  parent at the same place, from the front or from the back, keep that parent's trained
  weights.

Prints, for each way: the mean fitness; Kendall's tau with the mean accuracy of two
trainings in full that are five times as long; the correlation of fitness and the share
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
        """Every block from random weights, for ``longer`` times the epochs."""
        epochs = longer * self.recipe.epochs
        recipe = dataclasses.replace(self.recipe, epochs=epochs)
        rules = (Rule.ALL,) * len(chain.blocks)
        return self._trained(self._start(chain, rules, key), recipe, key)

    def frozen(
        self,
        chain: Chain,
        proposed: Sequence[bool],
        parents: Sequence[States],
        key: Key,
    ) -> tuple[float, float]:
        """By the paper's rules; also returns the share of blocks that are trained.

        Where there are parents, the other blocks keep the weights that a parent has
        there. A block that no parent has there is trained, too.
        """
        states = self._start(chain, (Rule.ALL,) * len(chain.blocks), key)
        sources = [_source(states, index, parents) for index in range(len(states))]
        if parents:
            pairs = zip(proposed, sources[:-1], strict=True)
            proposed = [new or source is None for new, source in pairs]
        rules = (*accelerated(tuple(proposed), has_norm=True), Rule.ALL)
        drawn = self._start(chain, rules, key)
        begun = [
            state
            if source is None or (rule is Rule.ALL and index < len(proposed))
            else _with_weights(state, source)
            for index, (state, source, rule) in enumerate(
                zip(drawn, sources, rules, strict=True)
            )
        ]
        _, fitness = self._trained(tuple(begun), self.recipe, key)
        return fitness, float(np.mean(proposed))

    def _start(self, chain: Chain, rules: tuple[Rule, ...], key: Key) -> States:
        update = optimizer(self.recipe, len(self.train) // self.recipe.batch)
        in_size = self.train.in_size
        return chain_training.start(chain, rules, update, in_size, key)

    def _trained(
        self, states: States, recipe: Recipe, key: Key
    ) -> tuple[States, float]:
        steps = len(self.train) // recipe.batch
        update = optimizer(recipe, steps)
        for batch in self.train.batches(recipe, jax.random.fold_in(key, 1)):
            states, _ = chain_training.step(update, states, *batch)
        return states, chain_training.accuracy(states, self.valid, recipe.batch)


def _source(states: States, index: int, parents: Sequence[States]) -> BlockState | None:
    """The equal block of a parent at the same place from the front or the back."""
    for theirs in parents:
        for place in (index, index - len(states) + len(theirs)):
            if 0 <= place < len(theirs) and (
                (theirs[place].block, theirs[place].in_size)
                == (states[index].block, states[index].in_size)
            ):
                return theirs[place]
    return None


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
    parent_key, cross_key, propose_key, *keys = jax.random.split(
        jax.random.key(config.seed), 3 + _PARENTS + _CHILDREN
    )
    genomes = space.sample(parent_key, _PARENTS)
    pairs = jax.random.randint(cross_key, (_CHILDREN, 2), 0, _PARENTS)
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
