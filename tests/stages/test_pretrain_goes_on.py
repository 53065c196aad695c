"""Learning a prior, killed and resumed, and its checkpoints on disk."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from stages_support import Runs

from gpt_nas_jax import flags, workdir
from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.prior import learning
from gpt_nas_jax.prior.corpora import build_phase
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.learning import State
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.stages import pretrain, problem
from gpt_nas_jax.stages.prior_checkpoints import Checkpoints
from gpt_nas_jax.tokens.corpus import CONTEXT, Architectures
from gpt_nas_jax.types import UsageError

pytestmark = pytest.mark.slow

# Measured before the first step, after the 50th and after the last.
FLAGS = (
    "--stage=pretrain",
    "--prior_batch=128",
    "--prior_pretrain_epochs=2",
    "--prior_finetune_epochs=2",
    "--prior_patience=9",
)
CONFIG = PriorConfig(batch=8, learning_rate=1e-2)
MODEL = GPT(6, 8, num_layers=1)


def same(one: Any, other: Any) -> bool:
    """Whether two pytrees are equal bit for bit."""
    return jax.tree.structure(one) == jax.tree.structure(other) and all(
        np.asarray(a).dtype == np.asarray(b).dtype
        and np.asarray(a).tobytes() == np.asarray(b).tobytes()
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


Learned = tuple[Prior, dict[str, Any], dict[str, float]]


def learned(command: list[str]) -> Learned:
    """The prior of a command, its report, and separately the seconds."""
    config = flags.parse(command[2:])
    cells = pretrain.read_cells(config.prior)
    prior = pretrain.run(config, problem.load(config).space, cells)
    report = workdir.read_sealed(Path(config.workdir) / "prior.json")
    del report["peak_memory_gib"]
    return prior, report, report.pop("seconds")


@pytest.mark.long
def test_killed_while_it_learns_it_ends_with_the_same_prior(
    runs: Runs, tmp_path: Path
) -> None:
    cut, late = tmp_path / "cut", tmp_path / "late"
    every = "--prior_checkpoint_steps=1"
    own, shared = (f"--prior_dir={tmp_path / name}" for name in ("own", "shared"))
    runs.die(cut, 50, *FLAGS, every, own)
    assert not (tmp_path / "own").exists()
    shutil.copytree(cut, late)
    load = Checkpoints.load

    def after_hours(checkpoints: Checkpoints, start: State) -> State:
        """Pretends that the first process learned for hours."""
        state = load(checkpoints, start)
        assert state.step >= 50
        return state.spent("reading", 3600.0).spent("pretrain", 7200.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "load", after_hours)
        found = learned(runs.command(cut, *FLAGS, every, own))
    assert found[2]["reading"] >= 3600
    assert found[2]["pretrain"] >= 7200
    never = "--prior_checkpoint_steps=0"
    expected = learned(runs.command(tmp_path / "whole", *FLAGS, never, shared))
    # This run finds the prior that another one has learned in the meantime.
    other = learned(runs.command(late, *FLAGS, every, shared))
    for prior, report, _ in (found, other):
        assert same(prior, expected[0])
        assert report == expected[1]
    for path in (cut, late):
        left = {child.name for child in path.iterdir()}
        files = {"depends.json", "flags.txt", "images.json", "prior.json"}
        assert left == {".lock", *files}
    kept = [[*(tmp_path / name).iterdir()] for name in ("own", "shared")]
    assert [len(folders) for folders in kept] == [1, 1]
    # The checkpoint interval is not part of the prior's name.
    assert kept[0][0].name == kept[1][0].name
    files = {child.name for child in kept[0][0].iterdir()}
    arrays = {"gpt", "fcn", "tokens.npy", "weights.npy"}
    assert files == arrays | {"vocabulary.json", "report.json"}


@pytest.fixture(scope="module")
def states() -> list[State]:
    """The state before a short training, and those at its measurements."""
    generator = np.random.default_rng(0)
    rest, test = (
        Architectures((*generator.integers(2, 6, (10, 12), np.int32),), np.ones(10))
        for _ in range(2)
    )
    phase = build_phase(CONFIG, (rest, test), 10, jax.random.key(0))
    phase = dataclasses.replace(phase, steps=150, interval=50)
    context = np.zeros((1, CONTEXT), np.int32)
    params = jax.jit(MODEL.init)(jax.random.key(0), context)["params"]
    begun = learning.begin_with(params, CONFIG, [phase])
    keys = [jax.random.key(0)]
    found = learning.learn_gpt(MODEL, CONFIG, [phase], keys, begun, lambda count: None)
    return [begun, *found][:-1]


def test_the_last_state_comes_back(tmp_path: Path, states: list[State]):
    path = tmp_path / "checkpoint"
    begun, *measured = states
    checkpoints = Checkpoints(path, every=50)
    assert checkpoints.load(begun) is begun
    for state in measured[:-1]:
        checkpoints.save_due(state)
    assert {child.name for child in path.iterdir()} == {"100"}
    # A crash during the next checkpoint leaves this.
    shutil.copytree(path / "100", path / "150.orbax-checkpoint-tmp-0")
    again = Checkpoints(path, every=50)
    found = again.load(begun)
    assert same(found, measured[-2])
    assert isinstance(found.losses, np.ndarray)
    again.save_due(measured[-2])
    again.save_due(measured[-1])
    assert Checkpoints(path, every=50).load(begun).step == 150
    assert not (path / "100").exists()


@pytest.mark.parametrize(("every", "saved"), [(0, None), (60, 100), (151, None)])
def test_only_so_many_steps_are_worth_a_checkpoint(
    tmp_path: Path, states: list[State], every: int, saved: int | None
):
    path = tmp_path / "checkpoint"
    begun, *measured = states
    checkpoints = Checkpoints(path, every)
    for state in measured:
        checkpoints.save_due(state)
    found = Checkpoints(path, every).load(begun)
    assert found.step == (saved or 0)
    assert path.exists() == (saved is not None)


def test_a_damaged_checkpoint_ends_in_the_remedy(tmp_path: Path, states: list[State]):
    path = tmp_path / "checkpoint"
    Checkpoints(path, every=1).save_due(states[-1])
    data = max(path.rglob("*"), key=lambda file: file.stat().st_size)
    data.write_bytes(b"?" + data.read_bytes()[1:])
    with pytest.raises(UsageError, match=f"remove {path}: the same command learns"):
        Checkpoints(path, every=1).load(states[0])


def test_the_checkpoint_of_another_learning_ends_in_the_remedy(
    tmp_path: Path, states: list[State]
):
    path = tmp_path / "checkpoint"
    Checkpoints(path, every=1).save_due(states[-1])
    other = states[0].replace(losses=np.zeros((1, 99)))
    with pytest.raises(UsageError, match=f"remove {path}: the same command learns"):
        Checkpoints(path, every=1).load(other)
