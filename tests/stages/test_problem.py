"""The part of a data set that the search sees."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpt_nas_jax.config import Config, DataConfig
from gpt_nas_jax.datasets.images import Dataset, Images
from gpt_nas_jax.stages import baseline, claim, problem, report
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import LEDGER, Ledger

SMALL = Config(
    eval=dataclasses.replace(
        Config().eval, recipe=dataclasses.replace(Config().eval.recipe, batch=32)
    ),
    retrain=dataclasses.replace(
        Config().retrain, recipe=dataclasses.replace(Config().retrain.recipe, batch=32)
    ),
)


def load(seed: int = 0, **data: float | str) -> Problem:
    config = dataclasses.replace(SMALL, seed=seed, data=DataConfig(**data))
    return problem.load(config)


def seen(loaded: Problem) -> set[bytes]:
    """The images of the search."""
    both = loaded.splits.train.images, loaded.splits.valid.images
    return {image.tobytes() for image in np.concatenate(both)}


def test_the_search_sees_a_share_of_each_class_and_the_retraining_all():
    whole, part = load(), load(fraction=0.2)
    total = len(whole.dataset.train)
    labels = np.concatenate([part.splits.train.labels, part.splits.valid.labels])
    assert len(labels) == round(0.2 * total)
    size = np.bincount(whole.dataset.train.labels)
    assert np.all(np.abs(np.bincount(labels) - 0.2 * size) < 1)
    assert len(part.dataset.train) == total
    assert len(part.splits.test) == len(whole.splits.test)
    assert seen(part) < seen(whole)
    assert seen(load(fraction=0.2)) == seen(part)
    assert seen(load(seed=1, fraction=0.2)) != seen(part)


@pytest.mark.parametrize(("side", "fits"), [(7, False), (8, True), (16, True)])
def test_images_that_are_too_small_for_a_human_network_are_refused(
    side: int, fits: bool
):
    images = Images(
        np.zeros((2, side, side, 3), np.uint8), np.arange(2, dtype=np.int32)
    )
    dataset = Dataset("noise", 2, images, images, flip=True)
    if fits:
        assert baseline.chain_of("GoogLeNet", dataset).blocks
    else:
        with pytest.raises(UsageError, match=r"GoogLeNet: images of 7x7 are too small"):
            baseline.chain_of("GoogLeNet", dataset)


def test_a_terminal_shows_how_the_reading_goes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    for number in range(100):
        path = tmp_path / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4), number, np.uint8)).save(path)
    monkeypatch.setenv("FORCE_COLOR", "1")
    load(name="folder", dir=str(tmp_path))
    shown = capfd.readouterr().out
    assert "reading, pictures" in shown
    assert "100/100" in shown


def test_the_side_of_a_wrong_folder_is_not_kept_for_the_right_one(tmp_path: Path):
    for side, name in ((4, "wrong"), (8, "right")):
        for number in range(80):
            path = tmp_path / name / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            # Of several sizes, so that a side is chosen.
            shape = (side + number % 3,) * 2
            Image.fromarray(np.full(shape, number, np.uint8)).save(path)
    run = dataclasses.replace(SMALL, workdir=str(tmp_path / "run"))

    def side_of(name: str) -> int:
        data = DataConfig(name="folder", dir=str(tmp_path / name))
        config = dataclasses.replace(run, data=data)
        loaded = problem.load(config)
        with claim.opened(config):
            report.note_images(config, loaded)
        return loaded.dataset.side

    first = side_of("wrong")
    assert side_of("right") > first
    # What was chosen for the first fitness stays.
    Ledger(tmp_path / "run" / LEDGER).append({"fitness": 0.5})
    assert side_of("wrong") > first


def test_a_share_that_leaves_a_class_without_an_image_is_refused():
    with pytest.raises(UsageError, match=r"--data_fraction=0.005 leaves a class"):
        load(fraction=0.005)


@pytest.mark.parametrize(
    ("stage", "method", "finalists", "refused"),
    [
        ("search", "trained", 1, True),
        ("all", "zero_cost", 2, True),
        ("search", "zero_cost", 1, False),
        ("retrain", "trained", 3, False),
    ],
)
def test_a_large_batch_is_refused_only_where_networks_are_trained_by_it(
    stage: str, method: str, finalists: int, refused: bool
):
    recipe = dataclasses.replace(SMALL.eval.recipe, batch=5000)
    config = dataclasses.replace(
        SMALL,
        stage=stage,
        eval=dataclasses.replace(SMALL.eval, method=method, recipe=recipe),
        search=dataclasses.replace(SMALL.search, finalists=finalists),
    )
    if refused:
        with pytest.raises(UsageError, match=r"--eval_batch=5000 exceeds the \d+ "):
            problem.load(config)
    else:
        assert len(problem.load(config).splits.train) < 5000
