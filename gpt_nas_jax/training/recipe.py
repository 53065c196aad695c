"""The learning-rate schedule, the optimiser and the update of a recipe."""

import dataclasses
import functools

import optax

from gpt_nas_jax.config import Recipe, RetrainRecipe


# One optimiser for equal settings: jit compares its functions by identity.
@functools.cache
def optimizer(recipe: Recipe, steps_per_epoch: int) -> optax.GradientTransformation:
    """SGD with momentum, weight decay and the recipe's schedule."""
    return optax.chain(
        optax.add_decayed_weights(recipe.weight_decay),
        optax.sgd(
            learning_rate(recipe, steps_per_epoch), recipe.momentum, nesterov=True
        ),
    )


@dataclasses.dataclass(frozen=True)
class Update:
    """How a step changes a whole network.

    Attributes:
      optimizer: moves the parameters.
      label_smoothing: share of the label that all classes get equally.
      ema: decay of the running average; 0 where none is kept.
      accumulate: microbatches that a batch is cut into.
      drop_path: probability of skipping the last residual block.
    """

    optimizer: optax.GradientTransformation
    label_smoothing: float = 0.0
    ema: float = 0.0
    accumulate: int = 1
    drop_path: float = 0.0


def update_of(recipe: RetrainRecipe, steps_per_epoch: int) -> Update:
    """The update of a long training."""
    moved = optimizer(recipe, steps_per_epoch)
    return Update(
        moved,
        recipe.label_smoothing,
        recipe.ema,
        recipe.accumulate,
        recipe.drop_path,
    )


def learning_rate(recipe: Recipe, steps_per_epoch: int) -> optax.Schedule:
    """The learning rate of each step, counted from 0.

    A schedule that decays to 0 does so before each of the recipe's ends and restarts at
    its peak after it (arXiv 1608.03983). At most half of the first part is warm-up.
    """
    ends = recipe.ends() if _decays_to_0(recipe) else (recipe.epochs,)
    begins = (0, *ends[:-1])
    segments = [
        # Weights that were trained need no warm-up.
        _segment(
            recipe,
            end - begin,
            0 if begin else recipe.warmup_epochs,
            steps_per_epoch,
        )
        for begin, end in zip(begins, ends, strict=True)
    ]
    return optax.join_schedules(
        segments, [begin * steps_per_epoch for begin in begins[1:]]
    )


def _decays_to_0(recipe: Recipe) -> bool:
    return recipe.schedule in ("cosine", "linear")


def _segment(
    recipe: Recipe, epochs: int, warmup_epochs: float, steps_per_epoch: int
) -> optax.Schedule:
    """A rise to the peak, then the schedule of a recipe over so many epochs."""
    steps = epochs * steps_per_epoch
    warmup = round(warmup_epochs * steps_per_epoch)
    if _decays_to_0(recipe):
        warmup = min(warmup, steps // 2)
    warmup = max(1, warmup)
    rest = max(1, steps - warmup)
    # From the first step on there is something to learn from.
    rise = optax.linear_schedule(
        recipe.learning_rate / warmup, recipe.learning_rate, warmup - 1
    )
    match recipe.schedule:
        case "constant":
            then = optax.constant_schedule(recipe.learning_rate)
        case "cosine":
            then = optax.cosine_decay_schedule(recipe.learning_rate, rest)
        case "linear":
            then = optax.linear_schedule(recipe.learning_rate, 0.0, rest)
        case "step":
            every = recipe.step_epochs * steps_per_epoch
            boundaries = range(every, warmup + rest, every)
            passed = sum(boundary <= warmup for boundary in boundaries)
            drops = {boundary - warmup: 0.1 for boundary in boundaries[passed:]}
            then = optax.piecewise_constant_schedule(
                recipe.learning_rate * 0.1**passed, drops
            )
        case _:
            raise ValueError(f"unknown schedule {recipe.schedule!r}")
    return optax.join_schedules([rise, then], [warmup])
