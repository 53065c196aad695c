"""A small data set, recipe and network that all training tests share."""

from collections.abc import Iterator

import jax
import pytest

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.data import images
from gpt_nas_jax.networks.candidate import candidate
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.training.batches import DeviceImages, to_device


@pytest.fixture(scope="session")
def digits() -> DeviceImages:
    dataset = images.load("digits", "")
    splits = images.split(dataset, jax.random.key(0), 0.15, 200)
    return to_device(splits.train, splits.mean, splits.std, splits.flip)


@pytest.fixture
def compiled() -> Iterator[list[str]]:
    """Grows by an entry whenever XLA compiles a program."""
    events: list[str] = []

    def listen(event: str, seconds: float, **details: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            events.append(event)

    jax.clear_caches()
    jax.monitoring.register_event_duration_secs_listener(listen)
    yield events
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return Recipe(epochs=1, batch=32, learning_rate=0.05, warmup_epochs=0, pad=1)


@pytest.fixture(scope="session")
def chain() -> Chain:
    names = ("Stem", "InvertedResidual", "BottleneckGrouped", "SqueezeExcitation")
    return candidate(names, width=16, num_stages=2, num_classes=10)
