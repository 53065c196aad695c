"""Which run a directory belongs to, and when another run may use it."""

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from gpt_nas_jax import workdir
from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import Ledger

FLAGS = "--seed=3\n--data_dir=\n--eval_epochs=6\n"
RESULT = {"seed": "3", "eval_epochs": "6"}


def claim(path: pathlib.Path, flags: str = FLAGS, **result: str) -> None:
    with workdir.opened(path, flags, RESULT | result):
        pass


def test_a_directory_is_made_and_keeps_its_flags(tmp_path: pathlib.Path):
    path = tmp_path / "runs" / "digits"
    with workdir.opened(path, FLAGS, RESULT):
        assert (path / "flags.txt").read_text(encoding="utf-8") == FLAGS


def test_the_same_run_goes_on(tmp_path: pathlib.Path):
    claim(tmp_path)
    Ledger(tmp_path / "ledger.jsonl").append({"fitness": 1})
    before = (tmp_path / "flags.txt").stat()
    claim(tmp_path)
    assert (tmp_path / "flags.txt").stat() == before
    # Flags that do not affect the result may change, and the file says so.
    moved = FLAGS.replace("--data_dir=", "--data_dir=tfds")
    claim(tmp_path, moved)
    assert (tmp_path / "flags.txt").read_text(encoding="utf-8") == moved
    assert Ledger(tmp_path / "ledger.jsonl").read() == [{"fitness": 1}]


def evaluated(path: pathlib.Path, fitness: float | None = 0.5) -> None:
    """Writes an evaluation to a directory."""
    path.mkdir(exist_ok=True)
    Ledger(path / "ledger.jsonl").append({"fitness": fitness})


def test_a_run_with_other_flags_is_refused(tmp_path: pathlib.Path):
    claim(tmp_path)
    evaluated(tmp_path)
    with pytest.raises(UsageError) as caught:
        claim(tmp_path, FLAGS, seed="4", eval_epochs="7")
    message = str(caught.value)
    assert f"--workdir={tmp_path}" in message
    assert "--seed is '4', was '3'" in message
    assert "--eval_epochs is '7', was '6'" in message
    assert "\n" not in message
    assert (tmp_path / "flags.txt").read_text(encoding="utf-8") == FLAGS


@pytest.mark.parametrize("fitness", [None, 0.5])
def test_the_same_run_keeps_its_reference_from_the_first_fitness_on(
    tmp_path: pathlib.Path, fitness: float | None
):
    claim(tmp_path)
    evaluated(tmp_path, fitness)
    workdir.write_sealed(tmp_path / workdir.REFERENCE, {"scores": [[None, None]]})
    claim(tmp_path)
    kept = (tmp_path / workdir.REFERENCE).exists()
    assert kept == (tmp_path / "ledger.jsonl").exists() == (fitness is not None)


@pytest.mark.parametrize("left", ["nothing", "failures", "state"])
def test_before_the_first_fitness_flags_may_be_corrected(
    tmp_path: pathlib.Path, left: str
):
    claim(tmp_path)
    if left != "nothing":
        evaluated(tmp_path, None)
    if left == "state":
        workdir.save_step(tmp_path / "search", 1, {"a": np.zeros(2)})
    other = FLAGS.replace("=3", "=4")
    claim(tmp_path, other, seed="4")
    assert (tmp_path / "flags.txt").read_text(encoding="utf-8") == other
    # The failures belonged to the old flags.
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "flags.txt"}


@pytest.mark.parametrize(
    "name", ["result.json", "best", "retrain", "tables", "rows", "trainings.jsonl"]
)
def test_any_result_keeps_its_flags(tmp_path: pathlib.Path, name: str):
    claim(tmp_path)
    (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match="belongs to a run with other flags"):
        claim(tmp_path, FLAGS, seed="4")


@pytest.mark.parametrize(
    "name",
    ["search/mine.txt", "ledger.jsonl", "rungs.jsonl", "reference.json", "flags.txt"],
)
def test_files_that_no_run_has_left_are_refused_and_kept(
    tmp_path: pathlib.Path, name: str
):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("# mine\n--seed=3\n", encoding="utf-8")
    with pytest.raises(UsageError, match="choose another"):
        claim(tmp_path)
    assert path.read_text(encoding="utf-8") == "# mine\n--seed=3\n"


def test_a_folder_above_a_run_is_refused(tmp_path: pathlib.Path):
    claim(tmp_path / "search")
    evaluated(tmp_path / "search")
    with pytest.raises(UsageError, match=r"holds search, but flags\.txt is missing"):
        claim(tmp_path)
    assert (tmp_path / "search" / "ledger.jsonl").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "missing or damaged"),
        (b"\xff\x00\xfe", "missing or damaged"),
        (b"# by hand\n--seed=3\n\n--quick\n", "lacks --eval_epochs;"),
        (b"--other=1\n", "lacks --seed and 1 others;"),
    ],
)
def test_damaged_flags_are_refused_in_one_short_line(
    tmp_path: pathlib.Path, content: bytes, message: str
):
    evaluated(tmp_path)
    (tmp_path / "flags.txt").write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        claim(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_removed_while_a_run_writes_is_not_made_anew(
    tmp_path: pathlib.Path,
):
    path = tmp_path / "run"
    with workdir.opened(path, FLAGS, RESULT):
        shutil.rmtree(path)
        for write in (
            lambda: workdir.write_text(path / "best" / "x.txt", "x"),
            lambda: workdir.save_step(path / "search", 1, {"a": np.zeros(2)}),
            lambda: Ledger(path / "ledger.jsonl").append({"fitness": 1}),
        ):
            with pytest.raises(UsageError, match="was removed or replaced"):
                write()
            assert not path.exists()
        path.mkdir()
        with pytest.raises(UsageError, match="was removed or replaced"):
            workdir.write_text(path / "x.txt", "x")


def test_names_that_are_too_long_are_refused(tmp_path: pathlib.Path):
    with pytest.raises(UsageError, match="File name too long"):
        claim(tmp_path / ("x" * 300))
    with pytest.raises(UsageError, match="File name too long"):
        workdir.check(tmp_path / ("x" * 300), RESULT)


def test_values_may_hold_equals_signs(tmp_path: pathlib.Path):
    claim(tmp_path, "--a=b=c\n--seed=3\n--eval_epochs=6\n", a="b=c")
    evaluated(tmp_path)
    claim(tmp_path, "", a="b=c")


def test_a_directory_in_use_is_refused(tmp_path: pathlib.Path):
    with (
        workdir.opened(tmp_path, FLAGS, RESULT),
        pytest.raises(UsageError, match="in use by another process"),
    ):
        claim(tmp_path)
    claim(tmp_path)


HOLD = """
import pathlib, sys
from gpt_nas_jax import workdir

with workdir.opened(pathlib.Path(sys.argv[1]), "", {}):
    print("claimed", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_leaves_the_directory_free(tmp_path: pathlib.Path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], **pipes) as other:
        try:
            assert other.stdout.readline() == b"claimed\n"
            with pytest.raises(UsageError, match="in use by another process"):
                claim(tmp_path)
        finally:
            other.kill()
    with workdir.opened(tmp_path, "", {}):
        pass


def test_a_ledger_without_flags_is_refused(tmp_path: pathlib.Path):
    evaluated(tmp_path)
    with pytest.raises(UsageError, match=r"flags\.txt is missing"):
        claim(tmp_path)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_path_that_cannot_be_a_directory_is_refused(
    tmp_path: pathlib.Path, name: str
):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot be used: .*; choose another"):
        claim(tmp_path / name)
