"""The long trainings at the end of a run: networks found, and human networks."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpt_nas_jax.config import LATENCY, Config, fields
from gpt_nas_jax.executors import hosts
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.stages import baseline, latency, retrain
from gpt_nas_jax.stages.parts import Parts
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.types import TrainingError

Part = dict[str, Any]


def run(
    config: Config, problem: Problem, genomes: Sequence[np.ndarray], part: Parts
) -> dict[str, Part | list[Part]]:
    """Trains the networks of genomes, then ``--retrain_baselines``, by one recipe.

    Writes ``best/`` for the first genome, ``best-2/`` and so on for the next ones, and
    ``baselines/NAME/``. Resumes where it was stopped. If a network other than the first
    cannot be trained, its line says why; with ``--executor=hosts`` it ends the run. If
    latency was a cost of the search, the networks are measured as well.

    Returns:
      The parts ``best`` and ``retrain`` of ``result.json`` for each genome, and, where
      several networks were trained, all of them in a list, ``trained``; the part
      ``latency``, where networks were measured.
    """
    found: dict[str, Part] = {}
    humans = config.retrain.chosen_baselines()
    left = len(genomes) + len(humans)
    for number, genome in enumerate(genomes, start=1):
        suffix = f"-{number}" if number > 1 else ""
        folder, left = f"best{suffix}", left - 1
        again = fields.to_text(retrain.config_again(config, genome, suffix))
        train = functools.partial(retrain.run, config, problem, genome, again, folder)
        with part.retraining(left):
            found[folder] = train() if number == 1 else _attempt(train)
    for name in humans:
        folder, left = f"baselines/{name}", left - 1
        train = functools.partial(baseline.train, config, problem.dataset, name, folder)
        with part.retraining(left):
            found[name] = _attempt(train)
    parts: dict[str, Part | list[Part]] = {}
    measures = LATENCY in config.search.noted()
    of_latency = _measure(config, problem, found) if measures else {}
    for folder, one in found.items():
        if folder not in humans and "reason" not in one:
            suffix = folder.removeprefix("best")
            parts |= {name + suffix: result for name, result in one.items()}
    parts |= of_latency
    if len(found) > 1:
        parts["trained"] = [_line(name, one) for name, one in found.items()]
    return parts


def _attempt(train: Callable[[], Part]) -> Part:
    """The result of a training, or the reason why there is none."""
    try:
        return train()
    except TrainingError as error:
        # The processes that follow are still in the training that failed.
        if hosts.active():
            raise
        return {"reason": str(error)}


def _measure(config: Config, problem: Problem, found: dict[str, Part]) -> Part:
    """Adds measured latency to the networks that were trained; returns its part."""
    trained = {name: one["best"] for name, one in found.items() if "reason" not in one}
    image = problem.space.image
    networks = [(*_network(problem, name, one), image) for name, one in trained.items()]
    measured, part = latency.of_networks(config, networks)
    for one, (name, *_) in zip(trained.values(), networks, strict=True):
        if name in measured:
            one["latency_measured"] = measured[name]
    return {LATENCY: part} if part else {}


def _network(problem: Problem, name: str, best: Part) -> tuple[str, Chain]:
    """A trained network and its unique name."""
    if "genome" not in best:
        return name, baseline.chain_of(name, problem.dataset)
    chain = problem.space.decode(problem.space.genome(best["blocks"]))
    return ",".join(map(str, best["genome"])), chain


def _line(name: str, found: Part) -> Part:
    """One line of the comparison."""
    if "reason" in found:
        return {"network": name, **found}
    costs = ("params", "flops", "memory", LATENCY, "latency_measured")
    figures = {cost: found["best"][cost] for cost in costs if cost in found["best"]}
    accuracy = found["retrain"]["test_accuracy"]
    seconds = found["retrain"]["seconds"]
    return {"network": name, **figures, "test_accuracy": accuracy, "seconds": seconds}
