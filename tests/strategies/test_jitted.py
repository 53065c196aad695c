"""Jitted programs of strategies."""

import dataclasses

import flax.struct
import pytest

from gpt_nas_jax.strategies.jitted import jit_by_class


@pytest.mark.slow
def test_classes_of_equal_fields_run_their_own_programs():
    # Without the class in the key, about one in seven runs another's program.
    kinds = [
        flax.struct.dataclass(dataclasses.make_dataclass(f"Kind{number}", []))
        for number in range(100)
    ]
    number = jit_by_class(lambda kind: int(type(kind).__name__.removeprefix("Kind")))
    assert [int(number(kind())) for kind in kinds] == list(range(100))
