"""Evaluations record when and where they were made."""

import datetime

import jax

from gpt_nas_jax.executors import local
from gpt_nas_jax.executors.stamped import Stamped
from gpt_nas_jax.types import Evaluation


def evaluate(item: int) -> Evaluation:
    return Evaluation(float(item), None, 0.5)


def test_evaluations_bear_their_start_and_their_worker():
    before = datetime.datetime.now(datetime.UTC)
    found = list(local.run(Stamped(evaluate), range(3), 2))
    after = datetime.datetime.now(datetime.UTC)
    assert [evaluation.fitness for evaluation in found] == [0.0, 1.0, 2.0]
    names = {f"{d.platform}:{d.id}/{n}" for d in jax.local_devices() for n in (0, 1)}
    assert {evaluation.worker for evaluation in found} <= names
    millisecond = datetime.timedelta(milliseconds=1)
    for evaluation in found:
        start = datetime.datetime.fromisoformat(evaluation.start)
        assert before - millisecond <= start <= after


def test_outside_an_executor_the_worker_is_the_program():
    assert Stamped(evaluate)(1).worker == "main"
