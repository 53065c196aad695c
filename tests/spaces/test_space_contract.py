"""Spaces that strategies cannot use are refused before anything is evaluated."""

from typing import Any

import jax
import pytest

import gpt_nas_jax as gnj
from gpt_nas_jax.spaces import contract

OPTIONS = (("a", "b", "c"), ("d", "e"))
SPACES = (
    gnj.spaces.CategoricalSpace(OPTIONS),
    gnj.spaces.BlockSpace((8, 8, 1), 10, 2, 4, 16, 2),
    gnj.spaces.NasBench101Space(),
    gnj.spaces.NasBench201Space(),
)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_spaces_of_the_library_pass(space: gnj.Space) -> None:
    contract.check("the space", space)


WRONG = {
    "size": (lambda _, genomes: genomes.sum(), ["float32[3] for 3 genomes", "int32[]"]),
    "features": (lambda _, genomes: genomes[0, 0], ["float32[3, any]", "int32[]"]),
    "valid": (lambda _, genomes: genomes, ["bool[3]", "int32[3, 2]"]),
    "choices": (lambda _: None, ["bool[2, 4]", "nothing"]),
    "neighbour": (lambda _, genome, index: genome, ["bool[3]", "not int32[3, 2]"]),
    "mutate": (lambda _, key, genome: genome[:1], ["int32[3, 2]", "int32[3, 1]"]),
    "crossover": (
        lambda _, key, first, second: first.astype("int8"),
        ["int32[3, 2]", "not int8[3, 2]"],
    ),
    "sample": (
        lambda _, key, count: [1, 2] if key > 0 else [],
        ["cannot be traced by jit", "test_space_contract.py"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_method_is_named_with_what_it_must_return(name: str) -> None:
    method, words = WRONG[name]
    kind = type("Own", (gnj.spaces.CategoricalSpace,), {name: method})
    with pytest.raises(gnj.UsageError) as caught:
        gnj.search(kind(OPTIONS), lambda genome: 1.0, "random", evaluations=5)
    message = str(caught.value)
    assert message.startswith(f"the space: {name} ")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_list_among_the_fields_is_refused() -> None:
    space: Any = gnj.spaces.CategoricalSpace([("a", "b"), ("c", "d")])  # type: ignore[arg-type]
    with pytest.raises(gnj.UsageError, match=r"not hashable .* tuples"):
        gnj.search(space, lambda genome: 1.0, "random", evaluations=5)


def test_a_missing_method_is_named() -> None:
    class Less:
        length = 2

        def sample(self, key: jax.Array, count: int) -> None:
            """Nothing."""

    with pytest.raises(gnj.UsageError, match="the space lacks num_genes"):
        gnj.search(Less(), lambda genome: 1.0, "random", evaluations=5)  # type: ignore[arg-type]
