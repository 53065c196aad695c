"""Messages between processes: evaluators without images, functions only once."""

import dataclasses

import jax
import numpy as np
import pytest

from gpt_nas_jax.config import Config, SearchConfig, SpaceConfig
from gpt_nas_jax.evaluation.trained import TrainedEvaluator
from gpt_nas_jax.executors.sending import Common, Recent
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.limits import Limit, Limited
from gpt_nas_jax.stages import problem, scoring
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.types import UsageError

SPACES = ("blocks", "nasbench201")
NAME = "problem"


@dataclasses.dataclass(frozen=True, eq=False)
class Process:
    """A stand-in for a process, which keeps the problem that it has loaded itself."""

    common: Common
    problem: Problem


def config(space: str) -> Config:
    return Config(space=SpaceConfig(name=space), search=SearchConfig(filter=3))


@pytest.fixture(scope="module", params=SPACES)
def processes(request: pytest.FixtureRequest) -> tuple[Process, Process]:
    made = [Process(Common(), problem.load(config(request.param))) for _ in range(2)]
    for process in made:
        process.common.keep(NAME, process.problem)
    return made[0], made[1]


def sent(value: object, processes: tuple[Process, Process]) -> object:
    data = processes[0].common.dumps(value)
    # A fifth of the size of the images.
    assert len(data) < 20_000
    return processes[1].common.loads(data)


def test_an_evaluator_works_on_the_images_of_the_process_that_gets_it(
    processes: tuple[Process, Process],
) -> None:
    ours, own = (process.problem for process in processes)
    space = ours.space
    if isinstance(space, BlockSpace):
        space = Limited(space, (Limit("params", 0, 0),), 1)
    made = dataclasses.replace(ours, space=space)
    settings = config("blocks")
    evaluator = scoring.trained(settings, made, settings.eval)
    got = sent(evaluator, processes)
    assert isinstance(got, TrainedEvaluator)
    assert got.splits is own.splits
    assert got.train.here().images.shape[0] == len(own.splits.train)
    assert (got.config, got.placement, got.max_memory) == (
        evaluator.config,
        evaluator.placement,
        evaluator.max_memory,
    )
    genome = np.asarray(ours.space.sample(jax.random.key(0), 1)[0])
    assert got.space.decode(genome) == space.decode(genome)
    assert got.space.valid(genome)


def test_a_scorer_sees_the_same_images(
    processes: tuple[Process, Process],
) -> None:
    first, second = processes
    scorer = scoring.scorer(config("blocks"), first.problem)
    got = second.common.loads(first.common.dumps(scorer))
    jax.tree.map(np.testing.assert_array_equal, got.batches, scorer.batches)
    assert got.names == scorer.names
    assert (jax.random.key_data(got.key) == jax.random.key_data(scorer.key)).all()


def test_what_cannot_be_sent_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="cannot send a part of the run") as refused:
        Common().dumps(lambda item: item)
    assert "\n" not in str(refused.value)


def test_a_function_is_sent_again_only_when_two_others_came_between() -> None:
    sender, receiver = Recent(), Recent()
    functions = [len, max, min]
    for places, new in (([0, 1, 0, 1, 0], 2), ([2], 1), ([0], 0), ([1], 1)):
        sent = [sender.sent(functions[place]) for place in places]
        assert sum(value is not None for _, value in sent) == new
        got = [receiver.received(one) for one in sent]
        assert got == [functions[place] for place in places]
