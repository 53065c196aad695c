"""The two phases of the GPT's learning: what of its corpus does what, and for how long.

Architectures are parted whole, into those that are learned from, those that say when to
stop, and those that the result is measured on. The last take no part in any choice, so
what is measured on them is no better than it would be elsewhere.
"""

import dataclasses
import math

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.prior.fit import STEPS_A_CALL, Schedule
from gpt_nas_jax.tokens import corpus
from gpt_nas_jax.tokens.corpus import Architectures, Windows
from gpt_nas_jax.types import Key

# Between two measurements: a measurement costs as much as some dozen steps.
_PASSES = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Phase:
    """One phase.

    Attributes:
      networks: in the corpus.
      learned: distinct architectures learned from.
      stopping: distinct ones that say when to stop; 0 where nothing does.
      held_out: distinct ones that the result is measured on.
      windows: of those learned from.
      curve: windows of those that the learning curve is measured on: of those that say
        when to stop, else of those held out.
      known: windows of all but those held out.
      held: windows of those held out.
      steps_a_pass: updates in one pass over the windows learned from.
      schedule: how long to learn.
    """

    networks: int
    learned: int
    stopping: int
    held_out: int
    windows: Windows
    curve: Windows
    known: Windows
    held: Windows
    steps_a_pass: int
    schedule: Schedule


def cut(
    config: PriorConfig,
    parts: tuple[Architectures, Architectures],
    epochs: int,
    key: Key,
) -> Phase:
    """One phase of a corpus.

    Args:
      config: of the prior. With ``patience`` as large a share of what is seen as was
        held out of everything says when to stop.
      parts: the corpus as (seen, held out).
      epochs: passes over the distinct windows, at most.
      key: decides what says when to stop.

    Raises:
      UsageError: too few architectures to part.
    """
    seen, held = parts
    held_windows = corpus.windows(held)
    stopping = 0
    if config.patience:
        learned, valid = corpus.hold_out(seen, key, config.holdout)
        windows, curve = corpus.windows(learned), corpus.windows(valid)
        known, stopping = corpus.joined([windows, curve]), len(valid)
    else:
        learned, windows, curve = seen, corpus.windows(seen), held_windows
        known = windows
    return Phase(
        networks=int(seen.counts.sum() + held.counts.sum()),
        learned=len(learned),
        stopping=stopping,
        held_out=len(held),
        windows=windows,
        curve=curve,
        known=known,
        held=held_windows,
        steps_a_pass=steps(config, len(windows), 1),
        schedule=Schedule(
            steps(config, len(windows), epochs),
            config.batch,
            config.learning_rate,
            interval(config, len(windows)),
            config.patience,
        ),
    )


def steps(config: PriorConfig, windows: int, epochs: int) -> int:
    """Updates in so many passes over distinct windows."""
    return math.ceil(windows / config.batch) * epochs


def interval(config: PriorConfig, windows: int) -> int:
    """Updates between two measurements: about two passes, in whole calls."""
    calls = round(steps(config, windows, _PASSES) / STEPS_A_CALL)
    return STEPS_A_CALL * max(1, calls)
