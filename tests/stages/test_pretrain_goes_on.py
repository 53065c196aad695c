"""A prior whose learning is killed, and what lies on disk in the meantime."""

import contextlib
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from stages_support import Runs

from gpt_nas_jax import flags, workdir
from gpt_nas_jax.prior import fit
from gpt_nas_jax.prior.fit import Schedule
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.gpt_phases import Outcome, Standing
from gpt_nas_jax.prior.reconstruct import Prior
from gpt_nas_jax.stages import pretrain, problem
from gpt_nas_jax.stages.prior_checkpoints import Checkpoints
from gpt_nas_jax.tokens.corpus import CONTEXT, Windows

# Measured before the first step, behind the 50th and behind the last.
FLAGS = ("--stage=pretrain", "--prior_pretrain_epochs=2", "--prior_patience=9")
RATE = 1e-2
MODEL = GPT(6, 8, num_layers=1)


def same(one: Any, other: Any) -> bool:
    return jax.tree.all(jax.tree.map(np.array_equal, one, other))


Learned = tuple[Prior, dict[str, Any], dict[str, float]]


def learned(command: list[str]) -> Learned:
    """The prior of a command, its report, and the seconds, which are no part of it."""
    config = flags.parse(command[2:])
    cells = pretrain.read_cells(config.prior)
    prior = pretrain.run(config, problem.load(config).space, cells)
    report = workdir.read_sealed(Path(config.workdir) / "prior.json")
    del report["peak_memory_gib"]
    return prior, report, report.pop("seconds")


@pytest.mark.slow
def test_killed_while_it_learns_it_ends_with_the_same_prior(
    runs: Runs, tmp_path: Path
) -> None:
    cut, late = tmp_path / "cut", tmp_path / "late"
    every = "--prior_checkpoint_steps=1"
    own, shared = (f"--prior_dir={tmp_path / name}" for name in ("own", "shared"))
    process = runs.start(cut, *FLAGS, every, own)
    while not any(cut.glob("pretrain-*/50")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)
        assert process.poll() is None, process.communicate()[0]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "own").exists()
    shutil.copytree(cut, late)
    # As if the first process had learned for hours.
    for file in cut.glob("pretrain-*/*.json"):
        state = workdir.read_sealed(file)
        state["seconds"] |= {"reading": 3600.0, "pretrain": 7200.0}
        workdir.write_sealed(file, state)
    found = learned(runs.command(cut, *FLAGS, every, own))
    assert found[2]["reading"] >= 3600
    assert found[2]["pretrain"] >= 7200
    never = "--prior_checkpoint_steps=0"
    expected = learned(runs.command(tmp_path / "whole", *FLAGS, never, shared))
    # A third run finds what another one has learned in the meantime.
    other = learned(runs.command(late, *FLAGS, every, shared))
    for prior, report, _ in (found, other):
        assert same(prior, expected[0])
        assert report == expected[1]
    for path in (cut, late):
        left = {child.name for child in path.iterdir()}
        assert left == {".lock", "flags.txt", "prior.json"}
    kept = [[*(tmp_path / name).iterdir()] for name in ("own", "shared")]
    assert [len(folders) for folders in kept] == [1, 1]
    # Checkpoints are no setting of what is learned.
    assert kept[0][0].name == kept[1][0].name
    files = {child.name for child in kept[0][0].iterdir()}
    assert files == {"gpt", "fcn", "vocabulary.json", "report.json"}


@pytest.fixture(scope="module")
def standings() -> list[Standing]:
    """All of a short learning's second phase."""
    generator = np.random.default_rng(0)
    windows = Windows(generator.integers(2, 6, (20, CONTEXT + 1)), np.ones(20))
    context = np.zeros((1, CONTEXT), np.int32)
    params = jax.jit(MODEL.init)(jax.random.key(0), context)["params"]
    schedule = Schedule(150, 8, RATE, interval=50, patience=1)
    found: list[Standing] = []

    def keep(course: Any) -> None:
        outcome = Outcome(course.points[:1], 1 / 3)
        found.append(Standing((outcome,), course, {"reading": 1.5}))

    key = jax.random.key(0)
    fit.fit_gpt(
        MODEL, params, windows, windows, key, schedule, lambda count: None, None, keep
    )
    return found


def test_the_last_standing_comes_back(tmp_path: Path, standings: list[Standing]):
    path = tmp_path / "checkpoint"
    checkpoints = Checkpoints(path, every=50)
    assert checkpoints.load(MODEL, RATE) is None
    for standing in standings[:-1]:
        checkpoints.save_due(standing)
    assert {child.name for child in path.iterdir()} == {"100", "100.json"}
    # What a crash in the next one leaves.
    shutil.copytree(path / "100", path / "150.orbax-checkpoint-tmp-0")
    (path / "150.json").write_text("{", encoding="utf-8")
    again = Checkpoints(path, every=50)
    found, expected = again.load(MODEL, RATE), standings[-2]
    assert found.outcomes == expected.outcomes
    assert found.seconds == expected.seconds
    assert found.course.points == expected.course.points
    assert found.course.now.step == expected.course.now.step
    assert found.course.now.train_loss == expected.course.now.train_loss
    for one, other in (
        (found.course.now.params, expected.course.now.params),
        (found.course.now.optimizer, expected.course.now.optimizer),
        (found.course.kept, expected.course.kept),
    ):
        assert jax.tree.structure(one) == jax.tree.structure(other)
        assert same(one, other)
    again.save_due(standings[-2])
    again.save_due(standings[-1])
    assert Checkpoints(path, every=50).load(MODEL, RATE).steps == 150
    assert {"100", "100.json"}.isdisjoint(child.name for child in path.iterdir())


@pytest.mark.parametrize(("every", "saved"), [(0, None), (60, 100), (151, None)])
def test_only_so_many_steps_are_worth_a_checkpoint(
    tmp_path: Path, standings: list[Standing], every: int, saved: int | None
):
    path = tmp_path / "checkpoint"
    checkpoints = Checkpoints(path, every)
    for standing in standings:
        checkpoints.save_due(standing)
    found = Checkpoints(path, every).load(MODEL, RATE)
    assert (found and found.steps) == saved
    assert path.exists() == (saved is not None)
