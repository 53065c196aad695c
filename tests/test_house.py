"""Rules for all code and every flagfile."""

import ast
import importlib.util
import pathlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

import gpt_nas_jax
from gpt_nas_jax import checks, config, flags

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = pathlib.Path(gpt_nas_jax.__file__).parent
SOURCES = [
    (path.relative_to(PACKAGE).as_posix(), path)
    for path in sorted(PACKAGE.rglob("*.py"))
]
LAUNCH = sorted(
    path.relative_to(ROOT).as_posix() for path in ROOT.glob("launch/**/*.flags")
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


def test_no_module_is_long():
    lengths = {
        name: len(path.read_text(encoding="utf-8").splitlines())
        for name, path in SOURCES
    }
    assert not {name: lines for name, lines in lengths.items() if lines > MOST_LINES}


def functions(body: list[ast.stmt]) -> Iterator[Function]:
    """Functions of a module and methods of its classes, including private ones."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from functions(node.body)
        elif isinstance(node, Function):
            yield node


def untyped(function: Function) -> list[str]:
    """The arguments without a type, and ``return`` if it has none."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    arguments += [a for a in (given.vararg, given.kwarg) if a is not None]
    names = [a.arg for a in arguments if a.annotation is None]
    if function.returns is None:
        names.append("return")
    return [name for name in names if name not in ("self", "cls")]


def test_every_signature_has_types():
    found = {
        f"{name}:{function.lineno} {function.name}": untyped(function)
        for name, path in SOURCES
        for function in functions(ast.parse(path.read_text(encoding="utf-8")).body)
    }
    assert not {where: missing for where, missing in found.items() if missing}


def without_encoding(path: pathlib.Path) -> Iterator[str]:
    """The calls that read or write text in the encoding of the locale."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        name = called.rpartition(".")[2]
        opens = name == "open" and called not in ("Image.open", "os.open")
        ours = called in ("write_text", "workdir.write_text")
        text = name in ("read_text", "write_text") and not ours
        arguments = [ast.unparse(argument) for argument in node.args]
        mode = arguments[called == "open" :][:1]
        binary = opens and mode and "b" in mode[0]
        named = any(keyword.arg == "encoding" for keyword in node.keywords)
        if (opens or text) and not binary and not named:
            yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_text_is_utf_8_whatever_the_locale():
    """Ruff's rule PLW1514 checks only paths whose type it can infer."""
    folders = ("gpt_nas_jax", "launch", "tests")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert not [where for path in paths for where in without_encoding(path)]


def test_modules_and_their_public_functions_and_classes_have_docstrings():
    for name, path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        public = [
            node
            for node in tree.body
            if isinstance(node, Function | ast.ClassDef)
            and not node.name.startswith("_")
        ]
        bare = [node.name for node in public if not ast.get_docstring(node)]
        assert not bare, f"{name} leaves these without"
        assert ast.get_docstring(tree), f"{name} says not what it is for"


def test_no_docstring_begins_with_what():
    """A docstring says what a thing is or does; "What ..." does neither."""
    folders = ("gpt_nas_jax", "launch", "tests", "examples", "docs")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    pattern = re.compile(r'^\s*r?"""What\b', re.MULTILINE)
    found = {
        str(path.relative_to(ROOT)): pattern.findall(path.read_text(encoding="utf-8"))
        for path in paths
    }
    assert not [path for path, lines in found.items() if lines]


def command_of(flagfile: pathlib.Path) -> list[str]:
    """The command line in a flagfile's header comment."""
    head = [
        line.removeprefix("#").strip()
        for line in flagfile.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    ]
    text = "\n".join(head).replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.startswith("python ")]
    assert commands, f"{flagfile.name} opens with no command"
    return shlex.split(commands[0])


@pytest.mark.parametrize("path", LAUNCH)
def test_every_flagfile_runs_by_the_command_in_its_head(
    path: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(ROOT)
    python, dash_m, module, *arguments = command_of(ROOT / path)
    assert (python, dash_m, module) == ("python", "-m", "gpt_nas_jax.main")
    assert f"--flagfile={path}" in arguments
    parsed = flags.parse([module, *arguments])
    assert isinstance(parsed, config.Config)
    checks.check(parsed)


def test_a_workdir_may_be_on_a_store():
    """Code gets the folder from `workdir.folder`, never from ``--workdir`` itself."""
    made = re.compile(r"Path\([\w.]*\.workdir\b")
    assert not [
        name for name, path in SOURCES if made.search(path.read_text(encoding="utf-8"))
    ]
