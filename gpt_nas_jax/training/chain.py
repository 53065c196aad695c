"""Training a chain of blocks by block programs."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterable

import flax.linen as nn
import jax
import optax

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.training import confusion, programs
from gpt_nas_jax.training.batches import TrainingData
from gpt_nas_jax.training.loss import count_right, loss_and_gradient
from gpt_nas_jax.training.programs import BlockState
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.training.stored import store
from gpt_nas_jax.training.targets import Labels
from gpt_nas_jax.types import Key

States = tuple[BlockState, ...]


def start(
    chain: Chain,
    rules: tuple[Rule, ...],
    optimizer: optax.GradientTransformation,
    in_size: Size,
    key: Key,
) -> States:
    """Every block of a chain before its first step; ``rules`` has one a block."""
    states, size = [], in_size
    for index, (block, rule) in enumerate(zip(chain.blocks, rules, strict=True)):
        block_key = jax.random.fold_in(key, index)
        states.append(programs.start(block, rule, optimizer, size, block_key))
        size = trace(block, size).out_size
    return tuple(states)


def compile_block(
    block: nn.Module,
    rules: Iterable[Rule],
    optimizer: optax.GradientTransformation,
    x: jax.ShapeDtypeStruct,
    is_first: bool,
) -> None:
    """Compiles the programs of a block at one place; runs none of them.

    Args:
      block: the module.
      rules: that it may be trained by.
      optimizer: of the search.
      x: shape and type of its input, ``[B, H, W, C]``.
      is_first: whether the input consists of images.
    """
    in_size = x.shape[1:]
    x = x if is_first else jax.eval_shape(store, x)
    for rule in rules:
        state = programs.compile_start(block, rule, optimizer, in_size)
        frozen = state.rule is Rule.NOTHING
        if frozen:
            programs.forward_only.lower(state, x).compile()
        # A first block without training has nothing below it that is trained.
        if not (frozen and is_first):
            forward = programs.forward.lower(state, x, is_first)
            forward.compile()
            y, _, pullback = forward.out_info
            programs.backward.lower(optimizer, pullback, state, x, y).compile()
        programs.infer.lower(state, x).compile()


def step(
    optimizer: optax.GradientTransformation,
    states: States,
    x: jax.Array,
    labels: Labels,
) -> tuple[States, jax.Array]:
    """One update of every block with something to train; returns the loss too.

    There is no backward pass below the first of them.
    """
    lowest = next(
        index for index, state in enumerate(states) if state.rule is not Rule.NOTHING
    )
    new, runs = list(states), {}
    for index, state in enumerate(states):
        if index < lowest:
            x, stats = programs.forward_only(state, x)
        else:
            y, stats, pullback = programs.forward(state, x, index == 0)
            runs[index], x = (pullback, state, x), y
        new[index] = state.replace(stats=stats)
    loss, *dy = loss_and_gradient(x, labels)
    for index in reversed(range(lowest, len(states))):
        trained, inner, dy = programs.backward(optimizer, *runs.pop(index), *dy)
        new[index] = new[index].replace(trained=trained, optimizer=inner)
    return tuple(new), loss


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a training, with the same steps as in the whole.

    Attributes:
      begun: epochs that were done before.
      until: epochs that are done when it ends; None for all.
      states: blocks as they were after ``begun`` epochs; None if ``begun`` is 0.
    """

    begun: int = 0
    until: int | None = None
    states: States | None = None


WHOLE = Part()


def fit(
    chain: Chain,
    rules: tuple[Rule, ...],
    recipe: Recipe,
    data: TrainingData,
    key: Key,
    after_step: Callable[[], None],
    after_epoch: Callable[[int, States, jax.Array], None] = lambda *_: None,
    part: Part = WHOLE,
) -> tuple[States, jax.Array]:
    """Trains a chain; returns its blocks and the last epoch's mean loss.

    Args:
      chain: the network.
      rules: what of each block is trained.
      recipe: how.
      data: training images.
      key: decides initial weights, order and augmentation.
      after_step: called after each step; may raise to stop the training.
      after_epoch: called with an epoch's number, from 1, the blocks and the mean loss;
        may raise, too.
      part: which epochs; by default all of them.
    """
    init_key, epochs_key = jax.random.split(key)
    states = part.states
    if states is None:
        update = optimizer(recipe, len(data) // recipe.batch)
        states = start(chain, rules, update, data.in_size, init_key)
    states = data.placement.everywhere(states)
    return train(states, recipe, data, epochs_key, after_step, after_epoch, part)


def train(
    states: States,
    recipe: Recipe,
    data: TrainingData,
    key: Key,
    after_step: Callable[[], None],
    after_epoch: Callable[[int, States, jax.Array], None] = lambda *_: None,
    part: Part = WHOLE,
) -> tuple[States, jax.Array]:
    """Like `fit`, for blocks that `start` has initialised.

    ``key`` decides order and augmentation.
    """
    steps = len(data) // recipe.batch
    update = optimizer(recipe, steps)
    batches = data.batches(recipe, key, part.begun * steps)
    until = recipe.epochs if part.until is None else part.until
    for number in range(part.begun, until):
        losses = []
        for batch in itertools.islice(batches, steps):
            states, loss = step(update, states, *batch)
            losses.append(loss)
            after_step()
        # Steps are queued faster than they run; wait, so that time limits hold.
        jax.block_until_ready(losses)
        mean_loss = sum(losses) / len(losses)
        after_epoch(number + 1, states, mean_loss)
    return states, mean_loss


def accuracy(states: States, data: TrainingData, batch: int) -> float:
    """Accuracy in [0, 1], using running statistics."""
    return measure(functools.partial(_infer, states), data, batch)


def balanced_accuracy(
    states: States, data: TrainingData, batch: int, num_classes: int
) -> float:
    """Mean of the accuracies of the classes, using running statistics.

    NaN where any logit is not a finite number.
    """
    infer = functools.partial(_infer, states)
    counts = confusion.count(infer, data, batch, num_classes)
    return math.nan if counts is None else counts.balanced_accuracy()


def measure(
    infer: Callable[[jax.Array], jax.Array], data: TrainingData, batch: int
) -> float:
    """Accuracy in [0, 1] of ``infer``, which maps images to logits.

    NaN where any logit is not a finite number.
    """
    right = []
    for x, labels in data.plain(batch):
        right.append(count_right(infer(x), labels))
    return sum(map(float, right)) / len(data)


def _infer(states: States, x: jax.Array) -> jax.Array:
    for state in states:
        x = programs.infer(state, x)
    return x
