"""Invalid strategies are refused before anything is evaluated."""

import dataclasses
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import pytest

import gpt_nas_jax as gnj
from gpt_nas_jax.strategies.contract import asked
from gpt_nas_jax.types import Candidates, UsageError

SPACE = gnj.spaces.CategoricalSpace((("a", "b", "c"),) * 4)


@flax.struct.dataclass
class Good:
    """Three random genomes at a time."""

    def init(self, key: jax.Array) -> Any:
        return jnp.int32(0)

    def ask(self, key: jax.Array, state: Any) -> Any:
        genomes = SPACE.sample(key, 3)
        return Candidates(genomes, jnp.ones(genomes.shape, bool))

    def tell(self, state: Any, candidates: Candidates, fitness: jax.Array) -> Any:
        return state + 1


@flax.struct.dataclass
class Genomes(Good):
    """Returns the genomes alone."""

    def ask(self, key: jax.Array, state: Any) -> Any:
        return SPACE.sample(key, 3)


@flax.struct.dataclass
class NothingProposed(Good):
    """Does not say which genes are proposed."""

    def ask(self, key: jax.Array, state: Any) -> Any:
        return Candidates(SPACE.sample(key, 3), None)


@flax.struct.dataclass
class OneGenome(Good):
    """Asks a single genome, without a population axis."""

    def ask(self, key: jax.Array, state: Any) -> Any:
        genome = SPACE.sample(key, 1)[0]
        return Candidates(genome, jnp.ones(genome.shape, bool))


@flax.struct.dataclass
class RealGenomes(Good):
    """Returns genomes as floats."""

    def ask(self, key: jax.Array, state: Any) -> Any:
        found = super().ask(key, state)
        return found.replace(genomes=found.genomes.astype(float))


@flax.struct.dataclass
class OutOfSpace(Good):
    """Returns genes that are out of range."""

    def ask(self, key: jax.Array, state: Any) -> Any:
        found = super().ask(key, state)
        return found.replace(genomes=found.genomes.at[1].set(99))


@flax.struct.dataclass
class Branches(Good):
    """Branches in Python on an array's value."""

    def ask(self, key: jax.Array, state: Any) -> Any:
        return super().ask(key, state) if state > 0 else None


@flax.struct.dataclass
class OtherState(Good):
    """Returns a state with a different structure."""

    def tell(self, state: Any, candidates: Candidates, fitness: jax.Array) -> Any:
        return state, fitness


@flax.struct.dataclass
class OtherType(Good):
    """Begins with an integer, which `tell` replaces by the best fitness."""

    def init(self, key: jax.Array) -> Any:
        return {"best": jnp.array(0)}

    def tell(self, state: Any, candidates: Candidates, fitness: jax.Array) -> Any:
        return {"best": jnp.maximum(state["best"], fitness.max())}


@flax.struct.dataclass
class OtherShape(Good):
    """Keeps the fitness of the last candidates, but begins with one number."""

    def tell(self, state: Any, candidates: Candidates, fitness: jax.Array) -> Any:
        return state + fitness.astype(int)


@flax.struct.dataclass
class EmptyState(Good):
    """Begins with an array of no elements."""

    def init(self, key: jax.Array) -> Any:
        return jnp.zeros((0, 3))


@flax.struct.dataclass
class OtherNumber(Good):
    """Asks three candidates but declares five."""

    batch: int = flax.struct.field(pytree_node=False, default=5)


@flax.struct.dataclass
class Traced(Good):
    """Has a batch size that jit would trace."""

    batch: int = 3


@flax.struct.dataclass
class Greedy(Good):
    """Branches in Python on a field that jit traces."""

    greed: float = 0.5

    def ask(self, key: jax.Array, state: Any) -> Any:
        return super().ask(key, state) if self.greed > 0.3 else None


@flax.struct.dataclass
class Patient(Good):
    """Counts in Python to a field that jit traces."""

    patience: Any = 2

    def tell(self, state: Any, candidates: Candidates, fitness: jax.Array) -> Any:
        return state + sum(range(self.patience))


@flax.struct.dataclass
class Costly(Good):
    """Has names of costs that jit would trace."""

    costs: tuple[str, ...] = ()


@flax.struct.dataclass
class Named(Good):
    """Has names that jit would trace."""

    names: tuple[str, ...] = ("a", "b")


@flax.struct.dataclass
class Calling(Good):
    """Has a function that jit would trace."""

    scale: Any = abs


@dataclasses.dataclass(frozen=True)
class NoPytree:
    """Not a pytree, so jit does not accept it."""

    init, ask, tell = Good.init, Good.ask, Good.tell


@dataclasses.dataclass(frozen=True)
class NoTell:
    """Has no ``tell``."""

    init, ask = Good.init, Good.ask


@flax.struct.dataclass
class Descends(Good):
    """Names parents, and wants them back."""

    def ask(self, key: jax.Array, state: Any) -> Any:
        return super().ask(key, state).replace(parents=jnp.zeros((3, 1), int))

    def tell(self, state: Any, candidates: Candidates, fitness: jax.Array) -> Any:
        return state + candidates.parents.sum()


def test_the_number_of_candidates_is_found():
    assert asked("good", Good(), SPACE) == 3


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Good, "is a class; give an instance"),
        (NoTell(), "lacks tell"),
        (NoPytree(), "is not a pytree; decorate its class with @flax.struct.dataclass"),
        (Traced(), "the field batch must be static"),
        (Costly(), "the field costs must be static"),
        (Greedy(), "ask cannot be traced by jit: TracerBoolConversionError"),
        (Patient(), "tell cannot be traced by jit: TracerIntegerConversionError"),
        (
            Named(),
            r"Named\.names\[0\] is of type str, not an array; make its field static",
        ),
        (Calling(), r"Calling\.scale is of type builtin.*make its field static"),
        (OtherNumber(), "ask returned 3 candidates; its batch, .* is 5"),
        (Genomes(), "must return gpt_nas_jax.Candidates"),
        (NothingProposed(), r"must return genomes int32\[P, 4\] and proposed"),
        (OneGenome(), r"must return genomes int32\[P, 4\] and proposed"),
        (RealGenomes(), "genomes as int32 and proposed as bool, not float32 and bool"),
        (OutOfSpace(), r"the genome \[99, 99, 99, 99\], which is not valid"),
        (Branches(), "ask cannot be traced by jit: TracerBoolConversionError"),
        (OtherState(), "must return a state like the one init returns"),
        (
            OtherType(),
            r"state\['best'\] is int32\[\] from init and float32\[\] from tell",
        ),
        (OtherShape(), r"; state is int32\[\] from init and int32\[3\] from tell"),
        (EmptyState(), r"init returns an empty array, state = float32\[0, 3\], which"),
        (Descends(), "tell cannot be traced by jit: AttributeError"),
    ],
)
def test_what_cannot_search_is_refused_in_one_line(strategy: Any, message: str):
    def never(genome: Any) -> float:
        raise AssertionError("evaluated")

    with pytest.raises(UsageError, match=message) as caught:
        gnj.search(SPACE, never, strategy, evaluations=6)
    assert "\n" not in str(caught.value)
