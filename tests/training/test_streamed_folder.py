"""Training on pictures streamed from disk against the same pictures in memory."""

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gpt_nas_jax.config import Recipe, RetrainRecipe
from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.datasets.images import Splits
from gpt_nas_jax.evaluation.evaluator import attempt
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training import confusion, input_wait, streamed, whole
from gpt_nas_jax.training.batches import DeviceImages, TrainingData
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.training.streamed import StreamedImages, placed
from gpt_nas_jax.types import DataError

KEY = jax.random.key(3)
CHAIN = candidate(("Stem",), width=16, num_stages=1, num_classes=3)


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Splits, Splits]:
    """The splits of one folder, in memory and on disk."""
    home, random = tmp_path_factory.mktemp("folder"), np.random.default_rng(0)
    for number in range(75):
        tint = 60 + 60 * np.eye(3)[number % 3]
        noise = random.normal(0, 40, (*random.integers(9, 24, 2), 3))
        path = home / "abc"[number % 3] / f"{number}.{('jpg', 'png')[number % 2]}"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.clip(tint + noise, 0, 255).astype(np.uint8)).save(path)
    memory, disk = (
        images.split(
            registry.load("folder", home, side=12, stream=stream),
            jax.random.key(1),
            0.2,
            None,
        )
        for stream in ("no", "yes")
    )
    return memory, disk


def train_of(splits: Splits, workers: int = 0) -> TrainingData:
    part = splits.train
    if hasattr(part, "workers"):
        part = dataclasses.replace(part, workers=workers)
    return placed(part, splits.mean, splits.std, splits.flip)


def arrays(batches: Any) -> list[tuple[np.ndarray, ...]]:
    return [tuple(map(np.asarray, batch)) for batch in batches]


def same(ours: Any, theirs: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.mark.parametrize("first_step", [0, 7])
@pytest.mark.parametrize(("pad", "cutout"), [(0, 0), (2, 5)])
def test_batches_are_those_in_memory_to_the_bit(
    splits: tuple[Splits, Splits], pad: int, cutout: int, first_step: int
) -> None:
    recipe = Recipe(epochs=2, batch=8, pad=pad, cutout=cutout)
    memory, disk = map(train_of, splits)
    assert isinstance(memory, DeviceImages)
    assert isinstance(disk, StreamedImages)
    ours = arrays(disk.batches(recipe, KEY, first_step))
    assert len(ours) == 2 * (len(disk) // 8) - first_step
    same(ours, arrays(memory.batches(recipe, KEY, first_step)))


@pytest.mark.parametrize("held", [0, streamed.HELD])
def test_what_is_measured_on_is_that_in_memory(
    splits: tuple[Splits, Splits], held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed, "HELD", held)
    memory, disk = map(train_of, splits)
    for size in (7, 16):
        same(arrays(disk.plain(size)), arrays(memory.plain(size)))


@pytest.mark.slow
def test_processes_decode_the_batches_in_memory(splits: tuple[Splits, Splits]) -> None:
    recipe = Recipe(epochs=2, batch=8, pad=1)
    memory, disk = splits
    ours = train_of(disk, workers=2)
    same(
        arrays(ours.batches(recipe, KEY)), arrays(train_of(memory).batches(recipe, KEY))
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_goes_while_it_trains_is_named(
    tmp_path: Path, workers: int
) -> None:
    for number in range(12):
        pixels = np.full((6, 6, 3), 20 * number, np.uint8)
        path = tmp_path / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    part = registry.load("folder", tmp_path, stream="yes", workers=workers).train
    gone = Path(os.fsdecode(part.paths[3].item()))
    gone.unlink()
    data = placed(part, *part.moments(), True)

    def train() -> None:
        arrays(data.batches(Recipe(epochs=1, batch=2), KEY))

    # It is no fault of the candidate that is trained.
    with pytest.raises(DataError, match=f"{gone} cannot be read"):
        attempt(train, "--eval_batch")


def test_fitness_is_the_same_by_block_programs(splits: tuple[Splits, Splits]) -> None:
    recipe = Recipe(epochs=2, batch=8, learning_rate=0.05, pad=1)
    rules = (Rule.ALL,) * len(CHAIN.blocks)
    found = []
    for part in splits:
        states, loss = by_block.fit(
            CHAIN, rules, recipe, train_of(part), KEY, lambda: None
        )
        valid = placed(part.valid, part.mean, part.std, part.flip)
        found.append((float(loss), by_block.accuracy(states, valid, 8)))
    assert found[0] == found[1]


def test_a_retraining_and_its_test_are_the_same(splits: tuple[Splits, Splits]) -> None:
    recipe = RetrainRecipe(epochs=2, batch=16, learning_rate=0.05, pad=1)
    found = []
    for part in splits:
        state = whole.fit(CHAIN, recipe, train_of(part), KEY, None, lambda *_: None)
        test = placed(part.test, part.mean, part.std, part.flip)
        variables = state.variables()
        counts = confusion.count(
            lambda x, v=variables: whole.infer(CHAIN, v, x), test, 16, 3, True
        )
        found.append((state, counts.confusion))
    assert jax.tree.all(jax.tree.map(jnp.array_equal, found[0][0], found[1][0]))
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_the_wait_for_pictures_is_part_of_the_time(
    splits: tuple[Splits, Splits],
) -> None:
    recipe, begin = Recipe(epochs=1, batch=8), time.monotonic()
    memory, disk = map(train_of, splits)
    with input_wait.measured() as none:
        arrays(memory.batches(recipe, KEY))
    assert (none.seconds, none.share) == (None, None)
    with input_wait.measured() as wait:
        arrays(disk.batches(recipe, KEY))
        share = wait.share
    assert 0 < wait.seconds < time.monotonic() - begin
    assert 0 < share <= 1
    # Waits outside the context are not counted.
    before = wait.seconds
    arrays(disk.plain(8))
    assert wait.seconds == before
