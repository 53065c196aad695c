"""Code in the documentation: Python runs, command lines parse."""

import ast
import importlib
import pathlib
import re
import shlex
from collections.abc import Iterator

import pytest
from docs_support import PAGES, ROOT, Block, blocks

from gpt_nas_jax import checks, config, flags

PYTHON = [b for page in PAGES for b in blocks(page) if b.language == "python"]
SHELL = [b for page in PAGES for b in blocks(page) if b.language in ("sh", "bash")]
NOT_RUN = [block for block in PYTHON if block.not_run]
RUN = sorted({block.page for block in PYTHON if not block.not_run})
COMMANDS = (["python", "-m", "gpt_nas_jax.main"], ["gpt-nas"])


@pytest.mark.parametrize("page", RUN)
def test_python_runs(
    page: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    """Runs the blocks of a page in order, in one namespace and an empty folder."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in PYTHON:
        if block.page == page and not block.not_run:
            # Makes line numbers in tracebacks match the page.
            text = "\n" * (block.line - 1) + block.text
            exec(compile(text, str(ROOT / page), "exec"), names)


@pytest.mark.parametrize(
    "block", NOT_RUN, ids=[f"{b.page}:{b.line} ({b.not_run})" for b in NOT_RUN]
)
def test_python_that_is_not_run_imports_what_exists(block: Block):
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")


def commands(block: Block) -> Iterator[list[str]]:
    """The program's command lines in a shell block."""
    lexer = shlex.shlex(
        block.text.replace("\\\n", " ").replace("\n", "\n;\n"),
        posix=True,
        punctuation_chars=True,
    )
    lexer.whitespace_split = True
    command: list[str] = []
    for part in [*lexer, ";"]:
        if not set(part) <= set("&|;()<>"):
            command.append(part)
            continue
        # Variables may be set before a command.
        while command and re.match(r"\w+=", command[0]):
            del command[0]
        for start in COMMANDS:
            if command[: len(start)] == start:
                yield command[len(start) :]
        command = []


@pytest.mark.parametrize("block", SHELL, ids=[f"{b.page}:{b.line}" for b in SHELL])
def test_command_lines_parse(block: Block, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    for arguments in commands(block):
        parsed = flags.parse(["gpt_nas_jax.main", *arguments])
        if isinstance(parsed, config.Config):
            checks.check(parsed)


def test_command_lines_are_found():
    text = (
        "pip install . && python -m gpt_nas_jax.main --seed=1  # a comment\n"
        "XLA_FLAGS=--a=b gpt-nas --flagfile=x \\\n  --seed=2\n"
    )
    assert list(commands(Block("", 1, "sh", text, None))) == [
        ["--seed=1"],
        ["--flagfile=x", "--seed=2"],
    ]
    assert any(True for block in SHELL for _ in commands(block))
