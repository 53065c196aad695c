"""Loading objects from the user's modules by import path."""

import dataclasses
import pathlib
from typing import Any, Protocol

import flax.struct
import jax
import jax.numpy as jnp
import pytest

from gpt_nas_jax import plugins
from gpt_nas_jax.types import UsageError


@pytest.fixture
def module(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a user's module that can be imported."""
    name = f"of_a_user_{tmp_path.name}"
    text = "class Outer:\n    class Inner:\n        value = 3\n"
    (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / f"{name}_broken.py").write_text("1 / 0\n", encoding="utf-8")
    lacking = "import a_package_that_is_not_here.part\n"
    (tmp_path / f"{name}_lacking.py").write_text(lacking, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_names_reach_into_classes(module: str):
    assert plugins.load("--flag", f"{module}:Outer.Inner").value == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{0}:Absent", "--flag={0}:Absent: {0} has no Absent"),
        ("{0}:Outer.Absent", "--flag={0}:Outer.Absent: {0} has no Outer.Absent"),
        ("{0}_absent:Outer", "no module named '{0}_absent'"),
        ("{0}_broken:Outer", "importing {0}_broken raised ZeroDivisionError"),
        ("{0}_absent.part:Outer", "no module named '{0}_absent'; run from the folder"),
        (
            "{0}_lacking:Outer",
            "importing {0}_lacking raised ModuleNotFoundError: No module named "
            "'a_package_that_is_not_here'; install it",
        ),
        ("{0}:", "give an import path, module:Name"),
        (":Outer", "give an import path, module:Name"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_one_line(
    module: str, given: str, message: str
):
    with pytest.raises(UsageError) as caught:
        plugins.load("--flag", given.format(module))
    assert message.format(module) in str(caught.value)
    assert "\n" not in str(caught.value)


class Outside(Protocol):
    """Declares one part."""

    Inner: type


class Asked(Outside, Protocol):
    """Declares two more."""

    number: int

    def ask(self) -> None:
        """Does nothing."""

    def _hidden(self) -> None:
        """Is not required."""


def test_missing_parts_are_named(module: str):
    found = plugins.load("--flag", f"{module}:Outer")
    plugins.require("--flag", found, Outside)
    with pytest.raises(UsageError, match=r"--flag=x lacks ask, number$"):
        plugins.require("--flag=x", found, Asked)


def test_classes_of_equal_fields_have_their_own_traces():
    # Without a new function each time, about one in ten has another's.
    def drawn(part: Any) -> jax.Array:
        return jnp.zeros(int(type(part).__name__.removeprefix("Kind")))

    kinds = [
        flax.struct.dataclass(dataclasses.make_dataclass(f"Kind{number}", []))
        for number in range(100)
    ]
    shapes = [plugins.traced("a part", drawn, kind()).shape for kind in kinds]
    assert shapes == [(number,) for number in range(100)]
