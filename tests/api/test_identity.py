"""A working directory belongs to one search, recognised by the digests of its parts."""

import dataclasses
import enum
import functools
from pathlib import Path
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from search_support import SPACE, evaluate, genomes

import gpt_nas_jax as gnj
from gpt_nas_jax.api import identity


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
