"""Finalists: the best networks of a search, trained longer and with several keys."""

import dataclasses
from pathlib import Path

import jax
import numpy as np

from gpt_nas_jax import interruption, workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.evaluation.trained import TrainedEvaluator
from gpt_nas_jax.executors import registry as executors
from gpt_nas_jax.executors.stamped import Stamped
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.stages import scoring
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.stages.records import Record, finite, fitness_of, when_and_where
from gpt_nas_jax.types import Space, UsageError
from gpt_nas_jax.workdir import Ledger

KEYS = 3
"""Trainings of each finalist."""


def run(config: Config, problem: Problem, records: list[Record]) -> None:
    """Trains the finalists of a search; resumes where it was stopped.

    They are the best ``--search_finalists`` distinct networks. Each is trained whole
    with three keys, the same for all. Writes ``finalists.jsonl``, one line per
    training.

    Args:
      config: of the run.
      problem: images and space.
      records: the evaluations of the finished search.

    Raises:
      UsageError: the file is damaged or of another search.
    """
    if config.search.finalists == 1:
        return
    ledger = Ledger(_path(config, records), scoring.where(config))
    chosen = _chosen(config, problem.space, records)
    known = _checked(ledger, chosen)
    key = stage_key(config.seed, "finalists")
    items = [
        Candidate(
            np.array(record["genome"], np.int32),
            np.ones(problem.space.length, bool),
            jax.random.fold_in(key, number),
        )
        for record in chosen
        for number in range(KEYS)
    ]
    train = _evaluator(config, problem)
    run = executors.find(config.executor)
    results = run(Stamped(train), items[len(known) :], config.search.workers)
    with progress("finalists, trainings", len(items), len(known)) as advance:
        places = range(len(known), len(items))
        for place, result in zip(places, results, strict=True):
            finalist, number = divmod(place, KEYS)
            ledger.append(
                {
                    "finalist": finalist,
                    "key": number,
                    "genome": chosen[finalist]["genome"],
                    "blocks": chosen[finalist]["blocks"],
                    "fitness": finite(result.fitness),
                    "accuracies": result.accuracies,
                    "reason": result.reason,
                    **when_and_where(result),
                }
            )
            interruption.obey()
            advance()


def best(config: Config, space: Space, records: list[Record]) -> Record:
    """The evaluation of the network to retrain.

    That is the finalist of the highest mean fitness, with its mean as
    ``finalist_fitness`` and the number of finalists as ``finalists``, or, without
    finalists, the fittest candidate. A finalist of which a training failed does not
    count.

    Raises:
      UsageError: finalists are missing, or a training of each of them failed.
    """
    if config.search.finalists == 1:
        return workdir.best(records)
    chosen = _chosen(config, space, records)
    # Nothing is appended, so no worker has to say on which machine it is.
    trained = _checked(Ledger(_path(config, records)), chosen)
    if len(trained) < KEYS * len(chosen):
        raise UsageError(
            f"--workdir={config.workdir} holds {len(trained)} of "
            f"{KEYS * len(chosen)} trainings of finalists; run --stage=search first"
        )
    means = _means(trained)
    if np.isinf(means).all():
        file = _path(config, records)
        reason = next(record["reason"] for record in trained if record["reason"])
        raise UsageError(
            f"each of {len(chosen)} finalists failed in a training, the first with: "
            f"{reason}; the same command trains them again if you remove {file}"
        )
    winner = int(np.argmax(means))
    found = {"finalists": len(chosen), "finalist_fitness": float(means[winner])}
    return chosen[winner] | found


def _means(trained: list[Record]) -> np.ndarray:
    """Mean fitness of each finalist, ``float64[N]``; ``-inf`` where one failed."""
    return (
        np.array([fitness_of(record) for record in trained]).reshape(-1, KEYS).mean(1)
    )


def _path(config: Config, records: list[Record]) -> Path:
    return workdir.finalists(workdir.folder(config.workdir), len(records))


def _chosen(config: Config, space: Space, records: list[Record]) -> list[Record]:
    """The fittest evaluations of distinct networks, the best first."""
    scored = [record for record in records if record["fitness"] is not None]
    genomes = np.array([record["genome"] for record in scored], np.int32)
    names = [row.tobytes() for row in np.asarray(space.identity(genomes))]
    order = sorted(range(len(scored)), key=lambda row: -scored[row]["fitness"])
    distinct: dict[bytes, Record] = {}
    for row in order:
        distinct.setdefault(names[row], scored[row])
    return [*distinct.values()][: config.search.finalists]


def _checked(ledger: Ledger, chosen: list[Record]) -> list[Record]:
    """The trainings so far, each checked for its finalist and key."""
    records = ledger.read()
    for place, record in enumerate(records):
        finalist, number = divmod(place, KEYS)
        there = (record.get("finalist"), record.get("key"), record.get("genome"))
        if finalist >= len(chosen) or there != (
            finalist,
            number,
            chosen[finalist]["genome"],
        ):
            raise UsageError(
                f"{ledger.line(place)} does not belong to this search's finalists; "
                "remove the file: the same command trains them again"
            )
    return records


def _evaluator(config: Config, problem: Problem) -> TrainedEvaluator:
    """Trains whole networks by the recipe of candidates, for more epochs."""
    recipe = dataclasses.replace(
        config.eval.recipe, epochs=config.finalist_epochs(), rungs=""
    )
    # The time limit is made for the shorter training of a candidate.
    settings = dataclasses.replace(
        config.eval, recipe=recipe, trained_blocks="all", max_seconds=0.0
    )
    return scoring.trained(config, problem, settings)
