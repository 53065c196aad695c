"""The loss curve of a long training does not depend on interruptions."""

from pathlib import Path

import pytest

from gpt_nas_jax import workdir
from gpt_nas_jax.stages.loss_curve import FILE, LossCurve
from gpt_nas_jax.types import UsageError

LOSSES = [2.0, 1.5, 1.0, 0.75, 0.5, 0.5, 0.25, 0.125, 0.1]
STEPS = 3


def train(folder: Path, done: int, until: int) -> LossCurve:
    """Resumes from a checkpoint at step ``done`` and saves another."""
    curve = LossCurve.resumed(folder, STEPS, done)
    for loss in LOSSES[done:until]:
        curve.add(loss)
    curve.save()
    return curve


def test_an_interrupted_curve_is_that_of_one_run(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", 0, 9)
    assert whole.losses == pytest.approx([4.5 / 3, 1.75 / 3, 0.475 / 3])
    # Cut within an epoch; the second time, a crash loses the checkpoint.
    for done, until in ((0, 4), (4, 8), (4, 8), (8, 9)):
        again = train(tmp_path / "cut", done, until)
    assert again.losses == whole.losses
    files = [tmp_path / name / FILE for name in ("whole", "cut")]
    kept = [workdir.read_sealed(file)["losses"] for file in files]
    assert kept[0] == kept[1] == whole.losses


def test_epochs_before_a_curve_was_kept_are_unknown(tmp_path: Path) -> None:
    curve = train(tmp_path, 4, 9)
    assert curve.losses == [None, None, pytest.approx(0.475 / 3)]


def test_a_damaged_curve_is_refused_with_its_remedy(tmp_path: Path) -> None:
    train(tmp_path, 0, 4)
    (tmp_path / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="remove it"):
        LossCurve.resumed(tmp_path, STEPS, 4)
