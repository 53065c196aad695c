"""The long trainings at the end of a run: networks found, human ones beside them."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.stages import baseline, retrain
from gpt_nas_jax.stages.parts import Parts
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.types import UsageError

Part = dict[str, Any]


def run(
    config: Config, problem: Problem, genomes: Sequence[np.ndarray], part: Parts
) -> dict[str, Part | list[Part]]:
    """Trains the networks of genomes, then ``--retrain_baselines``, by one recipe.

    Leaves ``best/`` for the first genome, ``best-2/`` and so on for the next ones, and
    ``baselines/NAME/``. Goes on where it was stopped. If a network other than the first
    cannot be trained, its line says why.

    Returns:
      The parts ``best`` and ``retrain`` of ``result.json`` for each genome, and, where
      several networks were trained, all of them in a list, ``trained``.
    """
    parts: dict[str, Part | list[Part]] = {}
    trained = []
    humans = config.retrain.chosen_baselines()
    left = len(genomes) + len(humans)
    for number, genome in enumerate(genomes, start=1):
        suffix = f"-{number}" if number > 1 else ""
        folder, left = f"best{suffix}", left - 1
        again = fields.to_text(retrain.config_again(config, genome, suffix))
        train = functools.partial(retrain.run, config, problem, genome, again, folder)
        with part.retraining(left):
            found = train() if number == 1 else _attempt(train)
        if "reason" not in found:
            parts |= {name + suffix: result for name, result in found.items()}
        trained.append(_line(folder, found))
    for name in humans:
        folder, left = f"baselines/{name}", left - 1
        train = functools.partial(baseline.train, config, problem.dataset, name, folder)
        with part.retraining(left):
            trained.append(_line(name, _attempt(train)))
    if len(trained) > 1:
        parts["trained"] = trained
    return parts


def _attempt(train: Callable[[], Part]) -> Part:
    """The result of a training, or the reason why there is none."""
    try:
        return train()
    except UsageError as error:
        return {"reason": str(error)}


def _line(name: str, found: Part) -> Part:
    """One line of the comparison."""
    if "reason" in found:
        return {"network": name, **found}
    figures = {cost: found["best"][cost] for cost in ("params", "flops")}
    accuracy = found["retrain"]["test_accuracy"]
    seconds = found["retrain"]["seconds"]
    return {"network": name, **figures, "test_accuracy": accuracy, "seconds": seconds}
