"""Fixtures shared by the whole test suite."""

import gc
import itertools
import os
import pathlib
import pickle
import signal
from collections.abc import Callable, Iterator
from typing import Any

import filelock
import flax.linen as nn
import hypothesis
import jax
import numpy as np
import pytest

from gpt_nas_jax.config import TrainConfig
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import Trace, trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench101 import corpus as nasbench101_corpus
from gpt_nas_jax.stages import compile_cache
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word
from gpt_nas_jax.types import PAD, Genome

Spell = Callable[[BlockSpace, Genome, Vocabulary], list[np.ndarray]]

ROOT = pathlib.Path(__file__).resolve().parents[1]

# XLA's older code generator for the CPU compiles in two thirds of the time. JAX reads
# the variable when it starts its backend, here and in processes that tests start.
_CODE_GENERATOR = "--xla_cpu_use_fusion_emitters=false"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_CODE_GENERATOR}".strip()

# Every run has the same examples. No deadline, since any of them may compile.
hypothesis.settings.register_profile(
    "suite", deadline=None, derandomize=True, max_examples=50
)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder shared by all processes of a test run."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session", autouse=True)
def cache_home(shared_folder: pathlib.Path) -> None:
    """Caches compiled programs in the shared folder, not in the user's home."""
    os.environ["XDG_CACHE_HOME"] = str(shared_folder / "cache")
    compile_cache.keep(TrainConfig())


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Restores SIGINT and SIGHUP, which background jobs and nohup ignore."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def collects_rarely() -> None:
    """Makes garbage collection rare.

    Traces and programs stay cached, so scanning them frees little. With Python's
    default thresholds this takes a tenth of the time of all tests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """The folder with NAS-Bench-101 and CIFAR-10, next to the checkout."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"needs the data folder {path.name} beside the checkout")
    return path


@pytest.fixture
def compiled() -> Iterator[list[str]]:
    """A list that grows by one entry whenever XLA compiles a program."""
    events: list[str] = []

    def listen(event: str, seconds: float, **details: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            events.append(event)

    jax.clear_caches()
    jax.monitoring.register_event_duration_secs_listener(listen)
    yield events
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(scope="session", autouse=True)
def compiles_quickly() -> None:
    """Turns off most of XLA's optimisations, also in processes that tests start.

    The programs here run for milliseconds but take seconds to compile optimised.
    """
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="module")
def optimised() -> Iterator[None]:
    """Turns on XLA's optimisations, for tests that are about them."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="session")
def zoo_traces(shared_folder: pathlib.Path) -> dict[str, Trace]:
    """Traces of the zoo's 36 networks with 1000 classes, each at its own image size.

    One process of a test run computes them; the others read its results.
    """
    path = shared_folder / "zoo.pickle"
    with filelock.FileLock(path.with_suffix(".lock")):
        if not path.exists():
            traces = {n: trace(e.build(1000), e.image) for n, e in ZOO.items()}
            path.write_bytes(pickle.dumps(traces))
        return pickle.loads(path.read_bytes())


@pytest.fixture(scope="session")
def random_variables() -> Callable[[nn.Module, Size], Any]:
    """Makes positive parameters and statistics without compiling anything."""

    def make(module: nn.Module, in_size: Size) -> Any:
        generator = np.random.default_rng(0)
        return jax.tree.map(
            lambda leaf: generator.uniform(0.1, 1.0, leaf.shape).astype(np.float32),
            trace(module, in_size).variables,
        )

    return make


@pytest.fixture(scope="session")
def zoo_vocabulary(zoo_traces: dict[str, Trace]) -> Vocabulary:
    """The words of the zoo and of NAS-Bench-101."""
    networks = [[word(p.layer) for p in t.layers] for t in zoo_traces.values()]
    return vocabulary.build([*networks, nasbench101_corpus.words()])


@pytest.fixture(scope="session")
def spell() -> Spell:
    """The tokens of each block of a genome, taken from the whole decoded network."""

    def tokens(space: BlockSpace, genome: Genome, words: Vocabulary) -> list:
        depth = int((np.asarray(genome) != PAD).sum())
        blocks = space.decode(genome).blocks
        # The layers up to a block are those of the chain that ends with it.
        ends = [
            len(trace(Chain(blocks[:count]), space.image).layers)
            for count in range(depth + 1)
        ]
        layers = trace(space.decode(genome), space.image).layers
        return [
            words.encode(word(part.layer) for part in layers[start:end])
            for start, end in itertools.pairwise(ends)
        ]

    return tokens
