"""Rules that hold for all code and every flagfile."""

import ast
import importlib.util
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

import gpt_nas_jax
from gpt_nas_jax import config, flags

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = pathlib.Path(gpt_nas_jax.__file__).parent
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
LAUNCH = sorted(
    path.relative_to(ROOT).as_posix() for path in ROOT.glob("launch/*.flags")
)
MOST_LINES = 400

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff_has_nothing_to_say(command: list[str]):
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("needs ruff, which the extra named test installs")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_module_is_long(module: str):
    assert len(MODULES[module].read_text().splitlines()) <= MOST_LINES


def functions(body: list[ast.stmt]) -> Iterator[Function]:
    """Functions of a module and methods of its classes, private ones, too."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from functions(node.body)
        elif isinstance(node, Function):
            yield node


def untyped(function: Function) -> list[str]:
    """The arguments without a type, and ``return``."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    arguments += [a for a in (given.vararg, given.kwarg) if a is not None]
    names = [a.arg for a in arguments if a.annotation is None]
    if function.returns is None:
        names.append("return")
    return [name for name in names if name not in ("self", "cls")]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_signature_has_types(module: str):
    tree = ast.parse(MODULES[module].read_text())
    found = {f"{f.name}:{f.lineno}": untyped(f) for f in functions(tree.body)}
    assert not {name: missing for name, missing in found.items() if missing}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_public_name_has_a_docstring(module: str):
    tree = ast.parse(MODULES[module].read_text())
    assert ast.get_docstring(tree)
    public = [
        node
        for node in tree.body
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert not [node.name for node in public if not ast.get_docstring(node)]


def test_there_are_flagfiles():
    assert "launch/digits.flags" in LAUNCH


@pytest.mark.parametrize("path", LAUNCH)
def test_every_flagfile_is_a_config(path: str, monkeypatch: pytest.MonkeyPatch):
    # Flagfiles name each other from the root, where they are meant to be used.
    monkeypatch.chdir(ROOT)
    parsed = flags.parse(["main", f"--flagfile={path}"])
    assert isinstance(parsed, config.Config)
    config.check(parsed)
    assert f"--flagfile={path}" in pathlib.Path(path).read_text().splitlines()[0]
