"""What a run leaves on disk, and what becomes of it after a crash."""

import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import flax.struct
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax import workdir
from gpt_nas_jax.keys import GENERATOR
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
    # Flags that do not decide the result may change.
    claim(tmp_path, FLAGS.replace("--data_dir=", "--data_dir=tfds"))
    assert (tmp_path / "flags.txt").read_text(encoding="utf-8") == FLAGS


def test_a_run_with_other_flags_is_refused(tmp_path: pathlib.Path):
    claim(tmp_path)
    with pytest.raises(UsageError) as caught:
        claim(tmp_path, FLAGS, seed="4", eval_epochs="7")
    message = str(caught.value)
    assert f"--workdir={tmp_path}" in message
    assert "--seed is '4', was '3'" in message
    assert "--eval_epochs is '7', was '6'" in message
    assert "\n" not in message
    assert (tmp_path / "flags.txt").read_text(encoding="utf-8") == FLAGS


def test_flags_of_another_version_are_refused(tmp_path: pathlib.Path):
    (tmp_path / "flags.txt").write_text(
        "# by hand\n--seed=3\n\n--quick\n", encoding="utf-8"
    )
    with pytest.raises(UsageError, match="--eval_epochs is '6', was None"):
        claim(tmp_path)


def test_values_may_hold_equals_signs(tmp_path: pathlib.Path):
    claim(tmp_path, "--a=b=c\n--seed=3\n--eval_epochs=6\n", a="b=c")
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
    Ledger(tmp_path / "ledger.jsonl").append({"fitness": 1})
    with pytest.raises(UsageError, match=r"a ledger but no flags\.txt"):
        claim(tmp_path)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_path_that_cannot_be_a_directory_is_refused(
    tmp_path: pathlib.Path, name: str
):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"cannot be used: .*; choose another"):
        claim(tmp_path / name)


RECORDS = st.lists(
    st.dictionaries(
        st.text(max_size=5),
        st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
        max_size=4,
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("ledger")


@hypothesis.given(records=RECORDS, cut=st.integers(0, 200), more=RECORDS)
def test_a_ledger_cut_anywhere_goes_on_cleanly(
    folder: pathlib.Path, records: list[Any], cut: int, more: list[Any]
):
    path = folder / "ledger.jsonl"
    path.unlink(missing_ok=True)
    for record in records:
        Ledger(path).append(record)
    assert Ledger(path).read() == records
    data = path.read_bytes() if records else b""
    path.write_bytes(data[:cut])
    whole = data[:cut].count(b"\n")
    assert Ledger(path).read() == records[:whole]
    for record in more:
        Ledger(path).append(record)
    assert Ledger(path).read() == records[:whole] + more


def test_a_ledger_is_one_line_of_json_each(tmp_path: pathlib.Path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    assert ledger.read() == []
    ledger.append({"genome": [3, -1], "reason": "line\nbreak"})
    ledger.append({"fitness": None})
    lines = (tmp_path / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == ledger.read()
    assert len(lines) == 2


@pytest.mark.parametrize("broken", [b"{", b"", b"\xff\xfe"])
def test_a_damaged_line_is_named(tmp_path: pathlib.Path, broken: bytes):
    path = tmp_path / "ledger.jsonl"
    before = b'{"a": 1}\n' + broken + b'\n{"a": 2}\n'
    path.write_bytes(before)
    with pytest.raises(UsageError, match=r"ledger\.jsonl:2 is damaged"):
        Ledger(path).read()
    assert path.read_bytes() == before


def test_text_replaces_the_whole_file(tmp_path: pathlib.Path):
    path = tmp_path / "new" / "result.txt"
    workdir.write_text(path, "a long first text")
    workdir.write_text(path, "second")
    assert path.read_text(encoding="utf-8") == "second"
    assert [*path.parent.iterdir()] == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: pathlib.Path):
    path = tmp_path / "result.json"
    workdir.write_json(path, {"accuracy": 0.5})
    with pytest.raises(UnicodeEncodeError):
        workdir.write_text(path, "half of it, then \ud800")
    with pytest.raises(TypeError):
        workdir.write_json(path, {"accuracy": object()})
    assert workdir.read_json(path) == {"accuracy": 0.5}


@flax.struct.dataclass
class State:
    """A pytree as a strategy or a training has it."""

    weights: dict[str, jax.Array]
    steps: tuple[np.ndarray, ...]
    key: jax.Array
    name: str = flax.struct.field(pytree_node=False)


def state(value: float) -> State:
    weights = {
        "half": jnp.full((2, 3), value, jnp.bfloat16),
        "whole": jnp.arange(4, dtype=jnp.float32) * value,
        "infinite": jnp.array([-jnp.inf, value]),
    }
    steps = np.array(7 * value, np.int32), np.array([True]), np.zeros((), np.float32)
    return State(weights, steps, jax.random.key(int(value), impl=GENERATOR), "chain")


def assert_same(found: Any, expected: Any) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        assert one.dtype == other.dtype
        if jax.dtypes.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, other = map(jax.random.key_data, (one, other))
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shapes_only", [False, True])
def test_a_tree_comes_back(tmp_path: pathlib.Path, shapes_only: bool):
    workdir.save_tree(tmp_path / "weights", state(1.5))
    like = jax.eval_shape(lambda: state(0)) if shapes_only else state(0)
    assert_same(workdir.load_tree(tmp_path / "weights", like), state(1.5))


def test_a_tree_is_replaced(tmp_path: pathlib.Path):
    for value in (1, 2):
        workdir.save_tree(tmp_path / "weights", state(value))
    assert_same(workdir.load_tree(tmp_path / "weights", state(0)), state(2))
    assert [*tmp_path.iterdir()] == [tmp_path / "weights"]


def test_without_a_step_nothing_is_loaded(tmp_path: pathlib.Path):
    assert workdir.load_latest(tmp_path / "search", state(0)) is None
    (tmp_path / "search").mkdir()
    assert workdir.load_latest(tmp_path / "search", state(0)) is None


def test_the_latest_complete_step_is_loaded_and_older_ones_go(tmp_path: pathlib.Path):
    for step in (2, 9, 10):
        workdir.save_step(tmp_path, step, state(step))
    assert {child.name for child in tmp_path.iterdir()} == {"10"}
    # What a crash leaves: a later step that is not yet renamed, an older one.
    shutil.copytree(tmp_path / "10", tmp_path / "11.orbax-checkpoint-tmp-0")
    shutil.copytree(tmp_path / "10", tmp_path / "9")
    shutil.rmtree(tmp_path / "9" / "d")
    step, found = workdir.load_latest(tmp_path, state(0))
    assert step == 10
    assert_same(found, state(10))
    workdir.save_step(tmp_path, 11, state(11))
    assert not {"9", "10"} & {child.name for child in tmp_path.iterdir()}
    assert workdir.load_latest(tmp_path, state(0))[0] == 11


def test_a_file_that_cannot_take_its_place_leaves_nothing(tmp_path: pathlib.Path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        workdir.write_bytes(tmp_path / "folder", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    workdir.write_bytes(tmp_path / "new" / "file", b"first")
    workdir.write_bytes(tmp_path / "new" / "file", b"second")
    assert (tmp_path / "new" / "file").read_bytes() == b"second"
    assert len([*(tmp_path / "new").iterdir()]) == 1
