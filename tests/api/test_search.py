"""``gpt_nas_jax.search`` with any evaluator, resumed and repeated."""

import dataclasses
import doctest
import enum
import functools
import importlib
import math
from pathlib import Path
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpt_nas_jax as gnj
from gpt_nas_jax.api import identity

SPACE = gnj.spaces.CategoricalSpace((("a", "b", "c"),) * 4)


def evaluate(genome: np.ndarray) -> float:
    return float(genome @ np.array([1, 2, 3, 4]))


def genomes(result: gnj.Result) -> list[list[int]]:
    return [trial.genome.tolist() for trial in result]


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


def test_failures_are_reported_with_their_reason():
    def fails(genome: np.ndarray) -> object:
        if genome[0] == 0:
            raise ValueError("no zeros\nat all")
        if genome.tolist()[:2] == [2, 1]:
            return np.ones(3)
        if genome[0] == 1:
            return {"fitness": None, "reason": "diverged", "epoch": 3}
        return {"fitness": math.nan} if genome[1] == 0 else 1.0

    found = gnj.search(SPACE, fails, "random", evaluations=40)
    kinds = {(trial.reason or "").partition(":")[0] for trial in found}
    assert len(kinds) >= 4
    for trial in found:
        expected = {0: "ValueError: no zeros", 1: "diverged"}.get(int(trial.genome[0]))
        if expected is None and trial.genome[1] == 0:
            expected = "fitness is not a finite number"
        if trial.genome.tolist()[:2] == [2, 1]:
            expected = "TypeError: evaluate returned ndarray of shape"
        # Reasons end with the place of the error, in parentheses.
        assert (trial.reason or "").partition(" (")[0] == (expected or "")
        assert (trial.fitness == -math.inf) == (expected is not None)
        assert trial.details == ({"epoch": 3} if trial.genome[0] == 1 else {})


def test_details_may_be_anything_that_json_can_nearly_express(tmp_path: Path):
    def details(genome: np.ndarray) -> dict[str, Any]:
        if genome[0] == 0:
            return {"fitness": None, "reason": ValueError("no zeros")}
        return {
            "fitness": np.float32(evaluate(genome)),
            "loss": math.nan,
            "epoch": np.int64(3),
            "by_epoch": jnp.arange(2.0, dtype=jnp.bfloat16),
            "worst": np.float32("nan"),
        }

    found = gnj.search(SPACE, details, "random", 20, workdir=tmp_path / "run")
    again = gnj.search(SPACE, details, "random", 20, workdir=tmp_path / "run")
    for trial, same in zip(found, again, strict=True):
        assert trial.details == same.details
        if trial.genome[0] == 0:
            assert trial.reason == "no zeros"
        else:
            details = {"loss": None, "epoch": 3, "by_epoch": [0.0, 1.0], "worst": None}
            assert trial.details == details


@pytest.mark.parametrize("wrong", ["2 GB", [1, 2], {"a": 1}])
def test_a_cost_that_is_no_number_fails_the_candidate(wrong: Any):
    def costs(genome: np.ndarray) -> dict[str, Any]:
        memory = wrong if genome[0] == 0 else np.int64(5)
        return {"fitness": 1.0, "params": None, "memory": memory}

    for trial in gnj.search(SPACE, costs, "random", 20):
        assert ("returned memory=" in (trial.reason or "")) == (trial.genome[0] == 0)


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"blocks": 4}, "returned blocks=4; return a list of names"),
        ({"blocks": ["Conv", 1]}, "return a list of names"),
        ({"start": "now"}, "must not name start"),
        ({"proposed": True}, "must not name proposed"),
    ],
)
def test_a_detail_that_the_report_could_not_show_fails_the_candidate(
    details: dict[str, Any], reason: str
):
    def evaluated(genome: np.ndarray) -> dict[str, Any]:
        return {"fitness": 1.0} | (details if genome[0] == 0 else {"blocks": ["Conv"]})

    for trial in gnj.search(SPACE, evaluated, "random", 20):
        assert (reason in (trial.reason or "")) == (trial.genome[0] == 0)


def test_a_mapping_without_fitness_is_named():
    def misspelt(genome: np.ndarray) -> dict[str, Any]:
        if genome[0] == 2:
            return {"fitness": 1.0}
        return {"fitnes": 1.0} if genome[0] else {"fitness": None}

    expected = {
        0: "evaluate gave no reason",
        1: "TypeError: evaluate returned a mapping without fitness",
        2: "",
    }
    for trial in gnj.search(SPACE, misspelt, "random", 20):
        assert (trial.reason or "").startswith(expected[int(trial.genome[0])])


def test_a_detail_that_json_cannot_express_fails_the_candidate_with_its_type():
    def details(genome: np.ndarray) -> dict[str, Any]:
        wrong = (Stop(), 1 + 2j, np.longdouble(1.5))[genome[1]]
        return {"fitness": 1.0, "kept": wrong if genome[0] == 0 else None}

    found = gnj.search(SPACE, details, "random", 40)
    failed = [trial for trial in found if trial.genome[0] == 0]
    assert {int(trial.genome[1]) for trial in failed} == {0, 1, 2}
    for trial in failed:
        kind = ("Stop", "complex", "longdouble")[trial.genome[1]]
        assert f"a detail of type {kind}" in trial.reason


def test_without_a_single_fitness_the_search_ends():
    with pytest.raises(
        gnj.UsageError, match="none of 10 candidates could be evaluated"
    ):
        gnj.search(SPACE, lambda genome: 1 / 0, "random", evaluations=20)


def test_a_first_candidate_that_fails_does_not_end_the_search():
    calls = []

    def fails_once(genome: np.ndarray) -> float:
        calls.append(genome)
        return evaluate(genome) if len(calls) > 1 else 1 / 0

    # A prime number of evaluations is asked for one by one.
    found = gnj.search(SPACE, fails_once, "random", evaluations=11)
    assert len(calls) == 11
    assert [trial.reason is None for trial in found.trials] == [False, *[True] * 10]


class Stop(BaseException):
    """Ends a search as a signal does."""


@pytest.mark.parametrize("strategy", ["regularised_evolution", "genetic"])
@pytest.mark.parametrize("at", [1, 7, 12])
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


@pytest.mark.parametrize("state", [None, (), np.zeros(3), {"a": (np.zeros(1), ())}])
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


def test_a_workdir_belongs_to_the_settings_of_one_strategy(tmp_path: Path):
    def made(**settings: Any) -> gnj.Strategy:
        return gnj.strategies.create("regularised_evolution", SPACE, 10, **settings)

    found = gnj.search(SPACE, evaluate, made(), 10, workdir=tmp_path)
    again = gnj.search(SPACE, evaluate, made(), 10, workdir=tmp_path)
    assert genomes(again) == genomes(found)
    with pytest.raises(gnj.UsageError, match="--strategy is"):
        gnj.search(SPACE, evaluate, made(sample=7), 10, workdir=tmp_path)


@flax.struct.dataclass
class Settings:
    """Values of every kind that a strategy may hold."""

    array: jax.Array
    key: jax.Array
    names: Any
    other: Any = flax.struct.field(pytree_node=False, default=None)


class Registered:
    """A pytree that is no dataclass; its setting is no leaf."""

    def __init__(self, rate: float) -> None:
        self.rate = rate


jax.tree_util.register_pytree_node(
    Registered, lambda one: ((), one.rate), lambda rate, _: Registered(rate)
)


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


@dataclasses.dataclass
class Filled:
    """Fills a field while it is used."""

    size: int
    absent: int = dataclasses.field(init=False)
    cache: dict[str, int] = dataclasses.field(default_factory=dict, compare=False)


def test_a_digest_does_not_change_with_use():
    first, used = Filled(3), Filled(3, {"a": 1})
    assert identity.digest(first) == identity.digest(used) != identity.digest(Filled(4))
    texts = (np.array(["x", "".join(("y", "y"))], object) for _ in range(2))
    assert len({identity.digest(text) for text in texts}) == 1


def test_a_digest_depends_on_values_and_on_no_address():
    def one(**changes: Any) -> Settings:
        values = {
            "array": jnp.arange(3.0),
            "key": jax.random.key(1),
            "names": {"a": (1, 2.5), "b": [None, "x", True]},
            "other": object(),
        }
        return Settings(**values | changes)

    expected = identity.digest(one())
    assert identity.digest(one()) == expected
    changes = [
        {"array": jnp.arange(3)},
        {"array": jnp.arange(3.0)[None]},
        {"array": jnp.arange(3.0) + 1e-6},
        {"key": jax.random.key(2)},
        {"names": {"a": (1, 2.5), "b": [None, "x", 1]}},
        {"names": {"a": (1, 2), "b": [None, "x", True]}},
        {"names": {"a": ((1, 2.5),), "b": [None, "x", True]}},
        {"other": "object"},
        *(
            {"other": kind(value)}
            for kind in (np.float32, np.int64)
            for value in (1, 2)
        ),
        {"other": b"x"},
        {"other": Registered(0.1)},
        {"other": Registered(0.9)},
        *({"other": np.array(["a", x], object)} for x in ("b", "c")),
        *({"other": frozenset(names)} for names in (("a", "b"), ("a", "c"))),
        *({"other": each} for each in Colour),
        *({"other": Path(name)} for name in ("a", "b")),
        *({"other": functools.partial(evaluate, x)} for x in (1, 2)),
    ]
    found = {identity.digest(one(**change)) for change in changes}
    assert len(found | {expected}) == len(changes) + 1


def test_a_workdir_belongs_to_one_search(tmp_path: Path):
    gnj.search(SPACE, evaluate, "random", 10, workdir=tmp_path)
    with pytest.raises(gnj.UsageError, match="--seed is '1', was '0'"):
        gnj.search(SPACE, evaluate, "random", 10, seed=1, workdir=tmp_path)
    other = gnj.spaces.CategoricalSpace((("a", "b", "d"),) * 4)
    with pytest.raises(gnj.UsageError, match="--space is"):
        gnj.search(other, evaluate, "random", 10, workdir=tmp_path)
    with pytest.raises(gnj.UsageError, match="call search again"):
        gnj.load(tmp_path)


def test_a_workdir_belongs_to_the_limits_of_its_space(tmp_path: Path):
    """They are no part of the definition of a gene."""
    chains = gnj.spaces.BlockSpace((8, 8, 1), 10, 2, 6, 16, 2)
    deeper = dataclasses.replace(chains, min_depth=5)
    cells = gnj.spaces.NasBench201Space((32, 32, 3), 10)
    larger = gnj.spaces.NasBench201Space((64, 64, 3), 100)
    for first, second in ((chains, deeper), (cells, larger)):
        path = tmp_path / type(first).__name__
        gnj.search(first, lambda genome: 1.0, "random", 5, workdir=path)
        gnj.search(first, lambda genome: 1 / 0, "random", 5, workdir=path)
        with pytest.raises(gnj.UsageError, match="--space is"):
            gnj.search(second, lambda genome: 1.0, "random", 5, workdir=path)


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
