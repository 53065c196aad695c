"""Searches that ask ahead, are extended, or begin with the user's networks."""

import collections
import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from gpt_nas_jax import workdir
from gpt_nas_jax.datasets.source import silent
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.executors import local
from gpt_nas_jax.executors.cancelling import Cancelled
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.stages import given
from gpt_nas_jax.stages.asking import ask
from gpt_nas_jax.stages.hours import Hours
from gpt_nas_jax.stages.loop import Evaluate, Loop
from gpt_nas_jax.strategies.creation import create
from gpt_nas_jax.types import Candidates, UsageError
from gpt_nas_jax.workdir import Ledger, MemoryLedger, extend, extended

SPACE = CategoricalSpace((("a", "b", "c", "d"),) * 5)
KEY = jax.random.key(3)
SIZE = 4
# Only a deadlock takes this many seconds.
STUCK = 60


def records(items: Sequence[Candidate], known: int) -> Iterator[dict[str, Any]]:
    def fitness(item: Candidate) -> float:
        return float(np.sin(item.genome @ np.array([1, 2, 3, 5, 7])))

    for value in local.run(fitness, items[known:], 2):
        yield {"fitness": value, "reason": None}


def search(
    name: str, generations: int, ledger: Ledger, **fields: Any
) -> list[dict[str, Any]]:
    total = SIZE * generations
    sizes = {"population": SIZE} if name == "genetic" else {"batch": SIZE}
    pool = {"pool": 32, "initial": SIZE} if name == "surrogate" else {}
    strategy = create(name, SPACE, total, **sizes, **pool)

    def plain(strategy: Any, key: jax.Array, state: Any, number: int) -> Candidates:
        return ask(strategy, key, state)

    chosen = {"path": None, "ask": plain, "evaluate": records, **fields}
    return Loop(
        space=SPACE,
        strategy=strategy,
        total=total,
        size=SIZE,
        enough=SIZE,
        ledger=ledger,
        progress=silent,
        **chosen,
    ).run(KEY)


@pytest.mark.parametrize("lag", [0, 1, 2])
def test_with_a_lag_a_batch_is_asked_without_the_last_ones(lag: int):
    seen = []

    def noted(strategy: Any, key: jax.Array, state: Any, number: int) -> Candidates:
        seen.append((number, int(state.count) // SIZE))
        return ask(strategy, key, state)

    search("random", 6, MemoryLedger(), ask=noted, lag=lag)
    assert seen == [(number, max(0, number - lag)) for number in range(6)]


def test_with_a_lag_the_next_batch_runs_before_the_last_one_has_ended():
    begun = [threading.Event() for _ in range(3)]
    numbers = itertools.count()

    def meeting(items: Sequence[Candidate], known: int) -> Iterator[dict[str, Any]]:
        number = next(numbers)
        begun[number].set()
        # All but the last batch wait until the next one has begun.
        assert number == 2 or begun[number + 1].wait(STUCK)
        yield from records(items, known)

    found = search("random", 3, MemoryLedger(), evaluate=meeting, lag=1)
    assert len(found) == 3 * SIZE


def test_when_a_batch_fails_the_next_one_is_cancelled():
    """Nothing is evaluated after the search has ended with an error."""
    numbers, first, cancelled = itertools.count(), threading.Event(), threading.Event()

    def failing(items: Sequence[Candidate], known: int) -> Iterator[dict[str, Any]]:
        # Called by the main thread, in the order of the batches.
        return batch(next(numbers), items, known)

    def batch(
        number: int, items: Sequence[Candidate], known: int
    ) -> Iterator[dict[str, Any]]:
        if not number:
            assert first.wait(STUCK)
            raise ArithmeticError("the first batch")
        first.set()
        # Like rungs, which yield nothing until the whole batch is done.
        end = time.monotonic() + STUCK
        try:
            while time.monotonic() < end:
                collections.deque(local.run(lambda item: 1, items, 1), maxlen=0)
        except Cancelled:
            cancelled.set()
            raise
        yield from records(items, known)

    with pytest.raises(ArithmeticError, match="the first batch"):
        search("random", 3, MemoryLedger(), evaluate=failing, lag=1)
    assert cancelled.is_set()


@pytest.mark.parametrize(
    ("name", "read", "remedy"),
    [
        ("extended.json", workdir.extended, "restore it: "),
        ("hours.json", lambda path: Hours(path, 1.0), "remove it: "),
        (
            "depends.json",
            lambda path: workdir.keep_same(path, "space", "x"),
            "remove .* if the code",
        ),
    ],
)
def test_a_damaged_file_has_the_remedy_of_the_documentation(
    name: str, read: Callable[[Path], object], remedy: str, tmp_path: Path
):
    (tmp_path / name).write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=rf"{name} is damaged.*; {remedy}"):
        read(tmp_path)


class Cut(Exception):
    """Stands for the end of the process."""


def _searched(
    name: str, file: Path, lag: int, evaluate: Evaluate
) -> list[dict[str, Any]]:
    """The evaluations of a search; none if it was cut off."""
    with contextlib.suppress(Cut):
        return search(
            name, 5, Ledger(file), path=file.parent, lag=lag, evaluate=evaluate
        )
    return []


@pytest.mark.slow
@pytest.mark.parametrize("lag", [0, 1, 2])
@pytest.mark.parametrize("name", ["genetic", "regularised_evolution"])
def test_a_search_that_is_cut_off_again_and_again_ends_with_the_same_ledger(
    name: str, lag: int, tmp_path: Path
):
    def three(items: Sequence[Candidate], known: int) -> Iterator[dict[str, Any]]:
        for number, record in enumerate(records(items, known)):
            if number == 3:
                raise Cut
            yield record

    file, starts = tmp_path / "ledger.jsonl", 0
    while not (found := _searched(name, file, lag, three)):
        starts += 1
    # The first start adds three lines, the others the fourth of a batch and three more.
    assert starts > 3
    assert found == search(name, 5, MemoryLedger(), lag=lag)


@pytest.mark.parametrize("name", ["random", "genetic", "regularised_evolution"])
@pytest.mark.parametrize("cut", [0, 3])
def test_an_extended_search_equals_a_longer_one(name: str, cut: int, tmp_path: Path):
    """``cut`` lines of the last generation are missing when the search resumes."""
    due = search(name, 7, MemoryLedger())
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for record in due[: 3 * SIZE - cut]:
        ledger.append(record)
    extend(tmp_path)
    count = extended(tmp_path)
    assert count == 3 * SIZE - cut
    found = search(name, 7, Ledger(tmp_path / "ledger.jsonl"), extended=count)
    assert found == due


@pytest.mark.slow
def test_a_surrogate_goes_on_from_a_shorter_search(tmp_path: Path):
    """It is told the old evaluations, though it would now ask for other networks."""
    short = search("surrogate", 4, Ledger(tmp_path / "ledger.jsonl"))
    found = search(
        "surrogate", 6, Ledger(tmp_path / "ledger.jsonl"), extended=len(short)
    )
    assert found[: len(short)] == short
    genomes = {tuple(record["genome"]) for record in found}
    assert len(genomes) == len(found) == 6 * SIZE


def test_a_search_ends_early_between_two_batches():
    told: list[int] = []
    found = search(
        "random",
        5,
        MemoryLedger(),
        after=told.append,
        ends=lambda done: done >= 2 * SIZE,
    )
    assert len(found) == 2 * SIZE
    assert told == [SIZE, 2 * SIZE]


@pytest.mark.parametrize("lost", [0, 1])
def test_hours_are_over_until_evaluations_are_lost(lost: int, tmp_path: Path):
    hours = Hours(tmp_path, most=1e-9)
    assert not hours.are_over(0)
    hours.save(8)
    again = Hours(tmp_path, most=1e-9)
    assert again.are_over(8 - lost) == (not lost)
    assert not Hours(tmp_path, most=1.0).are_over(8)
    assert not Hours(tmp_path, most=0).are_over(8)


def test_given_networks_come_first(tmp_path: Path):
    file = tmp_path / "networks.txt"
    rows = [f"a,b,c,d,{last}" for last in "abcdabc"]
    lines = ["# mine", *rows[:2], "", *rows[2:]]
    file.write_text("\n".join(lines), encoding="utf-8")
    networks = given.read(str(file), SPACE)
    assert [",".join(SPACE.names(network)) for network in networks] == rows

    def first(strategy: Any, key: jax.Array, state: Any, number: int) -> Candidates:
        return given.placed(networks, ask(strategy, key, state), number)

    found = search("genetic", 3, MemoryLedger(), ask=first)
    assert [record["genome"] for record in found[:7]] == networks.tolist()
    # A prior may have proposed blocks of the networks that these replace.
    drawn = Candidates(np.zeros((9, 5), np.int32), np.zeros((9, 5), bool))
    proposed = np.asarray(given.placed(networks, drawn, 0).proposed)
    assert proposed.any(1).tolist() == [True] * 7 + [False] * 2
    assert all(record["parents"] == [] for record in found[:7])
    assert found[7]["genome"] not in networks.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c,d\n", "networks.txt:1"),
        ("a,b,c,d,e\n", "networks.txt:1"),
        ("# nothing\n", "names no network"),
        (None, "cannot be read"),
    ],
)
def test_an_invalid_network_is_refused_with_its_line(
    text: str | None, message: str, tmp_path: Path
):
    file = tmp_path / "networks.txt"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        given.read(str(file), SPACE)
