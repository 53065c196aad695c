"""Checkpoints are written completely or not at all; damaged ones are refused."""

import os
import pathlib
import shutil
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax import workdir
from gpt_nas_jax.keys import GENERATOR
from gpt_nas_jax.types import UsageError


@flax.struct.dataclass
class State:
    """A pytree like those of strategies and trainings."""

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
    # A crash leaves a later step not yet renamed and an older one partly removed.
    shutil.copytree(tmp_path / "10", tmp_path / "11.orbax-checkpoint-tmp-0")
    shutil.copytree(tmp_path / "10", tmp_path / "9")
    shutil.rmtree(tmp_path / "9" / "d")
    step, found = workdir.load_latest(tmp_path, state(0))
    assert step == 10
    assert_same(found, state(10))
    workdir.save_step(tmp_path, 11, state(11))
    assert not {"9", "10"} & {child.name for child in tmp_path.iterdir()}
    assert workdir.load_latest(tmp_path, state(0))[0] == 11


def test_equal_arrays_are_not_written_again(tmp_path: pathlib.Path):
    path = tmp_path / "weights"
    workdir.save_tree(path, state(1.5))
    before = stamps(path)
    workdir.save_tree(path, state(1.5))
    assert stamps(path) == before
    workdir.save_tree(path, state(2))
    assert stamps(path) != before


def stamps(path: pathlib.Path) -> dict[pathlib.Path, int]:
    return {file: file.stat().st_mtime_ns for file in path.rglob("*")}


@pytest.mark.parametrize("folder", ["9²", "²", "٣", "1.5", "-1", "007"])
def test_only_numbers_are_steps(tmp_path: pathlib.Path, folder: str):
    workdir.save_step(tmp_path, 3, state(3))
    (tmp_path / folder).mkdir()
    assert workdir.load_latest(tmp_path, state(0))[0] == 3
    workdir.save_step(tmp_path, 4, state(4))
    assert (tmp_path / folder).exists()


DAMAGES = {
    "emptied": lambda file: file.write_bytes(b""),
    "truncated": lambda file: file.write_bytes(
        file.read_bytes()[: file.stat().st_size // 2]
    ),
    "flipped": lambda file: file.write_bytes(flipped(file.read_bytes())),
    "removed": lambda file: file.unlink(),
}


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damaged_file_is_refused_with_its_path_and_the_remedy(
    tmp_path: pathlib.Path, damage: str
):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    workdir.save_tree(whole, state(1.5))
    names = [f.relative_to(whole) for f in whole.rglob("*") if f.stat().st_size]
    names = [name for name in names if (whole / name).is_file()]
    assert len(names) > 5
    for name in names:
        shutil.copytree(whole, cut)
        DAMAGES[damage](cut / name)
        with pytest.raises(UsageError, match="is damaged") as caught:
            workdir.load_tree(cut, state(0), "remove it")
        assert str(cut / name) in str(caught.value)
        assert str(caught.value).endswith("; remove it")
        # The next save replaces the damaged tree.
        workdir.save_tree(cut, state(2))
        assert_same(workdir.load_tree(cut, state(0)), state(2))
        shutil.rmtree(cut)


def test_an_empty_step_is_refused(tmp_path: pathlib.Path):
    workdir.save_step(tmp_path, 3, state(3))
    (tmp_path / "7").mkdir()
    with pytest.raises(UsageError, match=r"7/checksums\.json is damaged"):
        workdir.load_latest(tmp_path, state(0))


def test_a_tree_of_other_arrays_is_refused(tmp_path: pathlib.Path):
    workdir.save_tree(tmp_path / "weights", {"a": np.zeros(3)})
    for other in ({"b": np.zeros(3)}, {"a": np.zeros(4)}):
        with pytest.raises(UsageError, match="other arrays than expected"):
            workdir.load_tree(tmp_path / "weights", other)


@pytest.mark.parametrize("moment", ["before", "between"])
def test_a_replacement_that_was_stopped_leaves_a_whole_tree(
    tmp_path: pathlib.Path, moment: str
):
    """As after a kill: the new folder is complete, the old one in place or aside."""
    path = tmp_path / "weights"
    workdir.save_tree(path, state(1))
    shutil.copytree(path, tmp_path / ".weights.tmp")
    if moment == "between":
        path.rename(tmp_path / ".weights.old")
    assert_same(workdir.load_tree(path, state(0)), state(1))
    workdir.save_tree(path, state(2))
    assert_same(workdir.load_tree(path, state(0)), state(2))
    assert [*tmp_path.iterdir()] == [path]


def test_what_a_stopped_replacement_left_is_in_no_way(tmp_path: pathlib.Path):
    """As after a kill before the old folder was removed."""
    path = tmp_path / "weights"
    workdir.save_tree(path, state(1))
    shutil.copytree(path, tmp_path / ".weights.old")
    for value in (2, 3):
        workdir.save_tree(path, state(value))
        assert_same(workdir.load_tree(path, state(0)), state(value))
    assert [*tmp_path.iterdir()] == [path]


def test_every_file_is_on_disk_before_a_tree_gets_its_name(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    synced: list[str] = []
    sync, rename = os.fsync, pathlib.Path.rename
    before: list[set[str]] = []

    def noted(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def renamed(path: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
        if target == tmp_path / "weights":
            every = {str(one) for one in (path, *path.rglob("*"))}
            before.append(every - {*synced})
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(pathlib.Path, "rename", renamed)
    workdir.save_tree(tmp_path / "weights", state(1))
    assert before == [set()]
