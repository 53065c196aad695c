"""The example of a user-defined data set, run by the command in its docstring."""

import ast
import json
import pathlib
import shlex

import pytest

from gpt_nas_jax.main import main

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
# Smaller settings; with its own flags, the command takes a minute.
TINY = (
    *("--search_population=2", "--search_generations=1", "--search_batch=2"),
    *("--space_max_depth=2", "--space_num_stages=1", "--eval_epochs=1"),
    *("--data_train_limit=64", "--retrain_epochs=1"),
)


def command() -> list[str]:
    source = (EXAMPLES / "own_dataset.py").read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(source)).replace("\\\n", " ")
    (line,) = [line for line in text.splitlines() if "python -m" in line]
    return shlex.split(line)


@pytest.mark.long
def test_its_command_searches_and_retrains(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    variable, python, dash_m, module, *arguments = command()
    assert variable == "PYTHONPATH=examples"
    assert (python, dash_m, module) == ("python", "-m", "gpt_nas_jax.main")
    path = tmp_path / "run"
    assert main([module, *arguments, *TINY, f"--workdir={path}"]) == 0
    result = json.loads((path / "result.json").read_text(encoding="utf-8"))
    assert result["dataset"] == "own_dataset:load"
    best = json.loads((path / "best" / "architecture.json").read_text(encoding="utf-8"))
    assert best["classes"] == ["disc", "square", "cross"]
