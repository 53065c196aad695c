"""Jitted programs of strategies."""

import dataclasses
from typing import Any

import flax.struct
import pytest

from gpt_nas_jax.strategies.jitted import jit_by_class


def kinds_of(count: int) -> list[type]:
    """Classes that differ in their name alone, ``Kind0`` and so on."""
    return [
        flax.struct.dataclass(dataclasses.make_dataclass(f"Kind{number}", []))
        for number in range(count)
    ]


def number_of(part: Any) -> int:
    return int(type(part).__name__.removeprefix("Kind"))


@flax.struct.dataclass
class Whole:
    """A strategy with a part of any class."""

    part: Any


@pytest.mark.slow
def test_classes_of_equal_fields_run_their_own_programs():
    # Without the class in the key, about one in seven runs another's program.
    number = jit_by_class(number_of)
    assert [int(number(kind())) for kind in kinds_of(100)] == list(range(100))


def test_parts_of_equal_fields_run_their_own_programs():
    # Without the part's class in the key, about one in seven runs another's program.
    number = jit_by_class(lambda whole: number_of(whole.part))
    parts = [Whole(kind()) for kind in kinds_of(40)]
    assert [int(number(part)) for part in parts] == list(range(40))
