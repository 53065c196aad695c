"""Batches by successive halving, resumed from their file of climbs."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_nas_jax.evaluation.climbing import Climb
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.stages.rungs import Rungs
from gpt_nas_jax.types import Evaluation
from gpt_nas_jax.workdir import Ledger, MemoryLedger

SPACE = CategoricalSpace((("a", "b", "c"),) * 3)
KEY = jax.random.key(0)


class Trainer:
    """Climbs to a known accuracy; genomes whose genes are all 2 fail at rung 1."""

    def __init__(self, ends_after: int | None = None) -> None:
        self.asked: list[tuple[list[int], int]] = []
        self.ends_after = ends_after

    def __call__(self, climbs: Sequence[Climb]) -> Iterator[Evaluation]:
        for climb in climbs:
            if len(self.asked) == self.ends_after:
                raise KeyboardInterrupt
            genome = climb.candidate.genome
            self.asked.append((genome.tolist(), climb.rung))
            if climb.rung == 1 and (genome == 2).all():
                yield Evaluation(-np.inf, "loss is not a number", 1.0)
            else:
                value = accuracy(genome, climb.rung)
                yield Evaluation(value, None, 1.0, 5, 6, accuracies=(value,))


def accuracy(genome: np.ndarray, rung: int) -> float:
    return (float(genome @ (1, 3, 9)) + 10 * rung) / 100


def rungs(ledger: Ledger) -> Rungs:
    return Rungs(SPACE, False, (1, 1, 1), 3, (), ledger)


def candidates(genomes: Sequence[Sequence[int]]) -> list[Candidate]:
    return [Candidate(np.array(g, np.int32), np.ones(3, bool), KEY) for g in genomes]


def test_one_of_three_goes_on_and_an_equal_network_climbs_once():
    trainer = Trainer()
    genomes = [(n % 3, n // 3, 0) for n in range(9)] + [(2, 2, 0)]
    found = rungs(MemoryLedger()).evaluate(trainer, candidates(genomes))
    assert [e.rungs for e in found] == [1] * 6 + [2, 2, 3, 3]
    assert found[8].fitness == found[9].fitness == accuracy(np.array([2, 2, 0]), 2)
    assert (found[8].seconds, found[9].seconds) == (3, 0)
    assert len(found[8].accuracies) == 3
    assert len(trainer.asked) == 9 + 3 + 1


def test_a_failed_climb_fails_its_candidate_alone():
    genomes = [(2, 2, 2), (1, 1, 1), (1, 1, 0), (0, 0, 1), (0, 0, 0), (0, 1, 0)]
    found = rungs(MemoryLedger()).evaluate(Trainer(), candidates(genomes))
    assert found[0].reason == "loss is not a number"
    assert found[0].fitness == -np.inf
    assert found[0].accuracies is None
    assert [e.rungs for e in found] == [2, 3, 1, 1, 1, 1]


genomes = st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=12)


@settings(max_examples=20)
@given(genomes, st.integers(0, 15))
def test_a_batch_that_was_cut_off_goes_on_in_its_middle(
    tmp_path_factory, genomes: list[tuple[int, ...]], cut: int
):
    folder: Path = tmp_path_factory.mktemp("rungs")
    whole = Trainer()
    due = rungs(Ledger(folder / "whole.jsonl")).evaluate(whole, candidates(genomes))
    first, second = Trainer(ends_after=cut), Trainer()
    with contextlib.suppress(KeyboardInterrupt):
        rungs(Ledger(folder / "cut.jsonl")).evaluate(first, candidates(genomes))
    again = rungs(Ledger(folder / "cut.jsonl"))
    again.read(())
    found = again.evaluate(second, candidates(genomes))
    assert first.asked + second.asked == whole.asked
    plain = [(e.fitness, e.rungs, e.accuracies, e.reason, e.params) for e in found]
    assert plain == [
        (e.fitness, e.rungs, e.accuracies, e.reason, e.params) for e in due
    ]


def test_the_work_of_every_climb_is_told():
    told: list[tuple[str, float]] = []
    by_rungs = dataclasses.replace(
        rungs(MemoryLedger()),
        epochs=(1, 4),
        keep=2,
        note=lambda text, ahead: told.append((text, ahead)),
    )
    by_rungs.evaluate(Trainer(), candidates([(0, 0, 0), (1, 0, 0), (0, 1, 0)]))
    # Seven epochs make three candidates.
    first = [(f"rung 1 of 2, {done} of 3", 3 / 7) for done in (1, 2, 3)]
    assert told == [*first, ("rung 2 of 2, 1 of 1", 12 / 7)]
