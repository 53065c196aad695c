"""Strategies by name and by import path, and their settings."""

import dataclasses
from pathlib import Path

import flax.struct
import jax
import numpy as np
import pytest

from gpt_nas_jax import checks
from gpt_nas_jax.config import Config, EvalConfig, SearchConfig, names
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.strategies import create, registry, settings
from gpt_nas_jax.strategies.genetic import Genetic
from gpt_nas_jax.types import UsageError

SPACE = CategoricalSpace((("a", "b", "c"),) * 4)


def test_settings_reach_the_fields_of_a_strategy():
    made = create("surrogate", SPACE, 40, pool=32, elites=2)
    assert (made.pool, made.elites, made.initial) == (32, 2, 10)
    assert create("regularised_evolution", SPACE, 40, sample=7).sample == 7


def test_rates_reach_the_genetic_algorithm_and_the_elimination():
    made = create("genetic", SPACE, 40, crossover_rate=0.5, mutation_rate=0.2)
    assert (made.crossover_rate, made.mutation_rate) == (0.5, 0.2)
    made = create(
        *("uniform_refill", NasBench201Space(), 40),
        mutation_rate=0.1,
        elimination_rate=0.7,
        elimination_generations=9,
    )
    assert made.genetic.mutation_rate == 0.1
    assert (made.elimination_rate, made.generations) == (0.7, 9)


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("random", "mutation_rate"),
        ("regularised_evolution", "crossover_rate"),
        ("surrogate", "elimination_rate"),
        ("genetic", "elimination_generations"),
    ],
)
def test_a_rate_that_a_strategy_does_not_have_is_refused(name: str, rate: str):
    with pytest.raises(UsageError, match=f"{name} has no {rate}; leave it out"):
        create(name, SPACE, 20, **{rate: 1})


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"evaluations": 0}, "evaluations=0: give a whole number of 1 or more"),
        ({"evaluations": 20.0}, "evaluations=20.0: give a whole number"),
        ({"seed": -1}, "--seed=-1 must be at least 0"),
        ({"batch": 0}, "--search_batch=0 must be at least 1"),
        ({"population": 1}, "--search_population=1 must be at least 2"),
        ({"mutation_rate": 1.5}, "--search_mutation_rate=1.5 must be at most 1"),
        ({"objectives": ("flops",)}, "objectives=flops lacks accuracy"),
        ({"objectives": ("accuracy", "flops", "flops")}, "accuracy and, each once"),
    ],
)
def test_numbers_out_of_range_are_refused(sizes: dict[str, float], message: str):
    with pytest.raises(UsageError, match=message):
        create("genetic", SPACE, **{"evaluations": 20, **sizes})


def test_a_class_in_place_of_its_name_is_refused():
    with pytest.raises(UsageError, match="is not a name; give one, or the import path"):
        create(Genetic, SPACE, 20)


def test_batches_and_populations_divide_the_evaluations():
    assert create("random", SPACE, 44).batch == 4
    assert create("genetic", SPACE, 44).population == 11
    assert create("genetic", SPACE, 200).population == 25
    assert create("random", SPACE, 7).batch == 1
    assert create("regularised_evolution", SPACE, 31).population == 10


@pytest.mark.parametrize(
    ("name", "sizes", "message"),
    [
        ("genetic", {}, "genetic needs a population that divides the 31 evaluations"),
        ("genetic", {"population": 4}, "genetic asks for 4 candidates at a time"),
        ("random", {"batch": 3}, "random asks for 3 candidates at a time"),
    ],
)
def test_what_does_not_divide_the_evaluations_is_refused(
    name: str, sizes: dict[str, int], message: str
):
    with pytest.raises(UsageError, match=message):
        create(name, SPACE, 31, **sizes)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("surrogate", "pools=3", "surrogate has no setting pools; its settings are"),
        ("surrogate", "batch=3", "surrogate has no setting batch"),
        ("surrogate", "pool", "'pool' is not name=value"),
        ("surrogate", "pool=x", "pool of surrogate must be an integer, got 'x'"),
        ("surrogate", "pool=1,pool=2", "gives pool twice"),
        ("gpt_nas_online", "elimination_rate=a", "must be a number, got 'a'"),
        ("gpt_nas_online", "elimination_rate=60", "must be at most 1: 60"),
        ("gpt_nas", "uniform_share=-0.1", "must be at least 0: -0.1"),
        ("gpt_nas", "uniform_share=nan", "must be at least 0: nan"),
        ("surrogate", "pool=1", "pool of surrogate must be at least 2: 1"),
        ("regularised_evolution", "sample=0", "must be at least 1: 0"),
        ("regularised_evolution", "repeats=true", "has no setting repeats"),
        ("annealing", "", "unknown strategy 'annealing'; give random, "),
    ],
)
def test_settings_that_do_not_fit_are_refused(name: str, text: str, message: str):
    with pytest.raises(UsageError) as caught:
        registry.check(name, SearchConfig(settings=text), 40)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


OWN = """
import flax.struct
from gpt_nas_jax.strategies import Remembering
from gpt_nas_jax.types import Candidates
import jax.numpy as jnp

@flax.struct.dataclass
class Firsts(Remembering):
    '''Asks the space alone, with a setting that must be given.'''
    offset: int = flax.struct.field(pytree_node=False)

    def ask(self, key, state):
        genomes = self.space.sample(key, self.batch + self.offset)[self.offset:]
        return Candidates(genomes, jnp.ones(genomes.shape, bool))

@flax.struct.dataclass
class Seeded(Firsts):
    offset: int = flax.struct.field(pytree_node=False, default=0)
    seed: int = flax.struct.field(pytree_node=False, default=0)

@flax.struct.dataclass
class Rated(Remembering):
    mutation_rate: float

@flax.struct.dataclass
class Whole:
    population: int = flax.struct.field(pytree_node=False)
    def init(self): pass
    def ask(self): pass
    def tell(self): pass

@flax.struct.dataclass
class Traced:
    batch: int
    def init(self): pass
    def ask(self): pass
    def tell(self): pass

class NoData:
    def init(self): pass
    def ask(self): pass
    def tell(self): pass

class NoTell:
    def init(self): pass
    def ask(self): pass

@flax.struct.dataclass
class NoBatch:
    space: object = flax.struct.field(pytree_node=False)
    def init(self): pass
    def ask(self): pass
    def tell(self): pass
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a user's module that defines strategies."""
    name = f"strategies_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_a_users_class_gets_its_fields_and_settings(module: str):
    made = create(f"{module}:Firsts", SPACE, 20, batch=4, offset=2)
    assert (made.space, made.batch, made.queries, made.offset) == (SPACE, 4, 20, 2)
    state = made.init(jax.random.key(0))
    assert made.ask(jax.random.key(1), state).genomes.shape == (4, 4)


def test_a_field_that_create_cannot_set_is_refused(module: str):
    with pytest.raises(UsageError, match=r"Seeded has a field seed, .*; rename it"):
        create(f"{module}:Seeded", SPACE, 20, seed=7)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("NoTell", "lacks tell"),
        ("NoData", "is not a dataclass"),
        ("NoBatch", "lacks the field batch, or population"),
        ("Traced", "the field batch must be static"),
        ("Firsts", "needs the settings offset"),
    ],
)
def test_a_class_that_lacks_a_part_is_refused(module: str, given: str, message: str):
    with pytest.raises(UsageError, match=message):
        registry.check(f"{module}:{given}", SearchConfig(), 40)


def test_learned_strategies_need_a_prior():
    asking = {name for name in registry.STRATEGIES if registry.asks_prior(name)}
    assert asking == names.LEARNED
    for name in asking:
        with pytest.raises(UsageError, match="needs a prior"):
            create(name, SPACE, 30)


def test_names_are_those_of_the_config():
    whole = {name for name, entry in registry.STRATEGIES.items() if entry.whole}
    assert whole == names.WHOLE
    assert tuple(registry.STRATEGIES) == names.STRATEGIES


def test_each_rate_has_the_strategies_that_it_is_filled_in_for():
    fields = {field.name for field in dataclasses.fields(SearchConfig)}
    rates = {name for name in fields if name.endswith("_rate")}
    assert set(names.RATES) == {*rates, "elimination_generations"}
    for rate, readers in names.RATES.items():
        field = rate.replace("elimination_generations", "generations")
        filled = {n for n, one in registry.STRATEGIES.items() if field in one.filled}
        assert filled == readers


@flax.struct.dataclass
class Typed:
    """Fields of every type that a setting may have."""

    whole: int = 1
    real: float = 0.5
    text: str = "x"
    flag: bool = False


def test_settings_take_the_types_of_their_fields():
    text = "whole=3,real=2,text=1e3,flag=true"
    found = settings.values("typed", Typed, (), text)
    assert found == {"whole": 3, "real": 2.0, "text": "1e3", "flag": True}
    assert [type(value) for value in found.values()] == [int, float, str, bool]


@flax.struct.dataclass
class Annotated:
    """Fields whose defaults have another type than their annotation."""

    rate: float = 1
    top: int | None = None
    weights: tuple[int, ...] = (1,)
    most: int | None = 5


def test_an_annotation_counts_more_than_a_default():
    assert settings.values("own", Annotated, (), "rate=0.5") == {"rate": 0.5}
    # Text for a field of another type is read as its default is.
    assert settings.values("own", Annotated, (), "most=7") == {"most": 7}


@pytest.mark.parametrize("text", ["top=5", "weights=5"])
def test_other_types_cannot_be_set_from_text(text: str):
    with pytest.raises(UsageError, match="cannot be set from text; annotate it as int"):
        settings.values("own", Annotated, (), text)


def test_python_may_set_a_field_of_any_type():
    given = {"rate": np.float32(0.5), "top": 5, "weights": (1, 2), "most": None}
    assert settings.values("own", Annotated, (), given) == given
    with pytest.raises(UsageError, match="rate of own must be a number, got 'fast'"):
        settings.values("own", Annotated, (), {"rate": "fast"})


def test_rungs_count_what_a_users_class_asks_for(module: str):
    rungs = dataclasses.replace(EvalConfig().recipe, rungs="2,6,18", epochs=18)
    config = dataclasses.replace(
        Config(),
        eval=dataclasses.replace(EvalConfig(), recipe=rungs, keep=6),
        search=SearchConfig(strategy=f"{module}:Whole", batch=5, population=30),
    )
    checks.check(config)
    search = dataclasses.replace(config.search, population=5)
    with pytest.raises(UsageError, match="--search_population must be at least"):
        checks.check(dataclasses.replace(config, search=search))


def test_a_rate_is_for_the_users_classes_that_have_its_field(module: str):
    rated, firsts = (
        dataclasses.replace(
            Config(),
            search=SearchConfig(strategy=f"{module}:{name}", mutation_rate=0.7),
        )
        for name in ("Rated", "Firsts")
    )
    checks.check(rated)
    with pytest.raises(UsageError, match=r"_rate=0\.7 has no effect on .*:Firsts; "):
        checks.check(firsts)
