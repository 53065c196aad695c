"""``gpt_nas_jax.search`` with any evaluator, resumed and repeated."""

import doctest
import importlib
from pathlib import Path
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from search_support import SPACE, evaluate, genomes

import gpt_nas_jax as gnj


def test_a_search_returns_all_evaluations_and_the_best():
    found = gnj.search(SPACE, evaluate, "regularised_evolution", evaluations=30)
    assert len(found) == 30
    assert [trial.fitness for trial in found] == [evaluate(t.genome) for t in found]
    assert found.best.fitness == max(trial.fitness for trial in found)
    assert [(t.generation, t.index) for t in found][:6] == [
        *((0, index) for index in range(5)),
        (1, 0),
    ]


def test_a_search_repeats_and_depends_on_its_seed():
    first, again, other = (
        genomes(gnj.search(SPACE, evaluate, "random", 20, seed)) for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


class Stop(BaseException):
    """Ends a search as a signal does."""


@pytest.mark.parametrize("strategy", ["regularised_evolution", "genetic"])
@pytest.mark.parametrize("at", [1, 12])
def test_a_stopped_search_goes_on_to_the_same_end(
    strategy: str, at: int, tmp_path: Path
):
    whole = gnj.search(SPACE, evaluate, strategy, evaluations=20)
    calls = []

    def stops(genome: np.ndarray) -> float:
        calls.append(genome)
        if len(calls) == at:
            raise Stop
        return evaluate(genome)

    with pytest.raises(Stop):
        gnj.search(SPACE, stops, strategy, evaluations=20, workdir=tmp_path / "run")
    found = gnj.search(SPACE, stops, strategy, evaluations=20, workdir=tmp_path / "run")
    assert genomes(found) == genomes(whole)
    # Only the interrupted evaluation was repeated.
    assert len(calls) == 21
    again = gnj.search(SPACE, stops, strategy, evaluations=20, workdir=tmp_path / "run")
    assert genomes(again) == genomes(whole)
    assert len(calls) == 21


@flax.struct.dataclass
class OwnState:
    """Random search whose state is whatever it is given."""

    state: Any

    def init(self, key: jax.Array) -> Any:
        return self.state

    def ask(self, key: jax.Array, state: Any) -> gnj.Candidates:
        genomes = SPACE.sample(key, 5)
        return gnj.Candidates(genomes, jnp.ones(genomes.shape, bool))

    def tell(self, state: Any, candidates: gnj.Candidates, fitness: jax.Array) -> Any:
        return state


@pytest.mark.parametrize(
    "state",
    [
        *(None, (), np.zeros(3), {"a": (np.zeros(1), ())}),
        {"best": -np.inf, "count": 0, "key": jax.random.key(1)},
    ],
)
def test_a_state_may_be_any_pytree(state: Any, tmp_path: Path):
    def stops(genome: np.ndarray) -> float:
        calls.append(genome)
        if len(calls) == 8:
            raise Stop
        return evaluate(genome)

    calls: list[np.ndarray] = []
    strategy, workdir = OwnState(state), tmp_path / "run"
    whole = gnj.search(SPACE, evaluate, strategy, evaluations=15)
    with pytest.raises(Stop):
        gnj.search(SPACE, stops, strategy, evaluations=15, workdir=workdir)
    found = gnj.search(SPACE, stops, strategy, evaluations=15, workdir=workdir)
    assert genomes(found) == genomes(whole)
    assert len(calls) == 16


@pytest.mark.parametrize("name", ["genetic", "regularised_evolution"])
def test_a_strategy_made_for_a_shorter_search_is_refused(name: str):
    def never(genome: np.ndarray) -> float:
        raise AssertionError("evaluated")

    strategy = gnj.strategies.create(name, SPACE, 20)
    with pytest.raises(gnj.UsageError, match="for 20 evaluations, and the search has"):
        gnj.search(SPACE, never, strategy, evaluations=40)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": "annealing"}, "unknown strategy 'annealing'"),
        ({"evaluations": 0}, "evaluations=0: give a whole number of 1 or more"),
        ({"evaluations": 20.0}, "evaluations=20.0: give a whole number"),
        ({"evaluations": "20"}, "evaluations='20': give a whole number"),
        ({"seed": 2**40 + 1}, "--seed=1099511627777 must be at most"),
        ({"seed": 1.5}, "--seed=1.5 is of type float, not int"),
        ({"seed": None}, "--seed=None is of type NoneType"),
        ({"space": object()}, "the space lacks length, num_genes, "),
        ({"space": type(SPACE)}, "is the class CategoricalSpace; give an instance"),
        ({"strategy": "gpt_nas"}, "define layers"),
    ],
)
def test_bad_arguments_are_refused_before_any_evaluation(
    arguments: dict, message: str, tmp_path: Path
):
    def never(genome: np.ndarray) -> float:
        raise AssertionError("evaluated")

    given = {"space": SPACE, "evaluate": never, "workdir": tmp_path / "run"}
    with pytest.raises(gnj.UsageError, match=message):
        gnj.search(**given | arguments)
    assert not (tmp_path / "run" / "ledger.jsonl").exists()


@pytest.mark.parametrize(
    "module",
    ["gpt_nas_jax", "api.search", "strategies.creation", "spaces.categorical"],
)
def test_docstrings_run(module: str):
    name = module if module == "gpt_nas_jax" else f"gpt_nas_jax.{module}"
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed


def test_public_names_exist_and_are_documented():
    for name in gnj.__all__:
        assert getattr(gnj, name).__doc__, name
    assert set(gnj.__all__) <= set(dir(gnj))
