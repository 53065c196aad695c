"""The long trainings at the end of a run: networks found, human ones beside them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.stages import baseline, retrain
from gpt_nas_jax.stages.parts import Parts
from gpt_nas_jax.stages.problem import Problem

Part = dict[str, Any]


def run(
    config: Config, problem: Problem, genomes: Sequence[np.ndarray], part: Parts
) -> dict[str, Part | list[Part]]:
    """Trains the networks of genomes, then ``--retrain_baselines``, by one recipe.

    Leaves ``best/`` for the first genome, ``best-2/`` and so on for the next ones, and
    ``baselines/NAME/``. Goes on where it was stopped.

    Returns:
      The parts ``best`` and ``retrain`` of ``result.json`` for each genome, and, where
      several networks were trained, all of them in a list, ``trained``.
    """
    parts: dict[str, Part | list[Part]] = {}
    trained = []
    for number, genome in enumerate(genomes, start=1):
        suffix = f"-{number}" if number > 1 else ""
        again = fields.to_text(retrain.config_again(config, genome, suffix))
        with part.retraining():
            found = retrain.run(config, problem, genome, again, f"best{suffix}")
        parts |= {name + suffix: result for name, result in found.items()}
        trained.append(_line(f"best{suffix}", found))
    for name in config.retrain.chosen_baselines():
        with part.retraining():
            found = baseline.train(config, problem.dataset, name, f"baselines/{name}")
        trained.append(_line(name, found))
    if len(trained) > 1:
        parts["trained"] = trained
    return parts


def _line(name: str, found: Part) -> Part:
    """One line of the comparison."""
    figures = {cost: found["best"][cost] for cost in ("params", "flops")}
    accuracy = found["retrain"]["test_accuracy"]
    seconds = found["retrain"]["seconds"]
    return {"network": name, **figures, "test_accuracy": accuracy, "seconds": seconds}
