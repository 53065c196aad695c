"""Runs of the command line, from Python."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from gpt_nas_jax import checks, flags, workdir
from gpt_nas_jax.api.trials import Result, result_of
from gpt_nas_jax.config import Config
from gpt_nas_jax.executors import hosts
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.spaces import registry
from gpt_nas_jax.stages import (
    baseline,
    import_benchmark,
    pipeline,
    proxies,
    tables,
    zoo,
)
from gpt_nas_jax.types import UsageError

_STAGES: dict[str, Callable[[Config], None]] = {
    "zoo": zoo.run,
    "import_benchmark": import_benchmark.run,
    "tables": tables.run,
    "proxies": proxies.run,
    "baseline": baseline.run,
}
_RESULT = "result.json"


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run and what it has left in its folder so far.

    Attributes:
      path: the folder, ``--workdir``.
      config: the settings.
    """

    path: Path
    config: Config

    @functools.cached_property
    def result(self) -> Mapping[str, Any] | None:
        """``result.json``, which a retraining or a baseline leaves; else None."""
        path = self.path / _RESULT
        remedy = "start the same command again: it is written again"
        return workdir.read_sealed(path, remedy) if path.exists() else None

    @functools.cached_property
    def search(self) -> Result:
        """The evaluations of the search, so far."""
        return result_of(workdir.Ledger(self.path / workdir.LEDGER).read())

    @functools.cached_property
    def architecture(self) -> Mapping[str, Any] | None:
        """``best/architecture.json``, of the network that was trained, or None."""
        path = self.path / "best" / "architecture.json"
        if not path.exists():
            return None
        found: dict[str, Any] = workdir.read_json(path)
        return found

    @functools.cached_property
    def network(self) -> tuple[Chain, Any]:
        """The network that was trained, and its weights.

        It is called as ``network.apply(weights, x, train=False)`` on images
        ``float32[B, H, W, C]``: pixels in [0, 1], less ``mean``, by ``std`` of
        `architecture`.

        Raises:
          UsageError: nothing was trained yet, or the weights are damaged.
        """
        found = self.architecture
        if found is None:
            raise UsageError(f"no network in {self.path} is trained yet; retrain first")
        image, classes = tuple(found["image"]), found["num_classes"]
        if "genome" in found:
            space = registry.build(self.config.space, image, classes)
            chain = space.decode(jnp.asarray(space.genome(found["blocks"])))
        else:
            chain = ZOO[found["name"]].build(classes, image)
        remedy = "start the same command again: it is written again"
        shapes = trace(chain, image).variables
        folder = self.path / "best" / "weights"
        return chain, workdir.load_tree(folder, shapes, remedy)


def run(config: Config) -> Run:
    """Does what the config says, as the command line does; returns what is there then.

    Example:
      >>> import gpt_nas_jax as gnj
      >>> config = gnj.configure(stage="zoo", workdir="runs/zoo")
      >>> gnj.run(config).path  # doctest: +SKIP
      PosixPath('runs/zoo')

    Raises:
      UsageError: it cannot be done as told.
      Lost: another process of the run has ended.
    """
    if config.executor == "hosts":
        hosts.lead(config.hosts, lambda: _run(config))
    else:
        _run(config)
    return Run(Path(config.workdir), config)


def _run(config: Config) -> None:
    checks.check(config)
    _STAGES.get(config.stage, pipeline.run)(config)


def configure(
    flagfile: str | os.PathLike[str] | None = None, **settings: Any
) -> Config:
    """The config that flags of these names and values make on a command line.

    Example:
      >>> import gpt_nas_jax as gnj
      >>> gnj.configure(search_strategy="random", eval_epochs=3).eval.recipe.epochs
      3

    Args:
      flagfile: of settings that come first.
      **settings: by the flags' names, without dashes; see ``docs/flags.md``.

    Raises:
      UsageError: a setting is unknown, out of range or contradicts another.
    """
    arguments = [] if flagfile is None else [f"--flagfile={os.fspath(flagfile)}"]
    arguments += [f"--{name}={value}" for name, value in settings.items()]
    config = flags.parse(["configure", *arguments])
    assert isinstance(config, Config)
    checks.check(config)
    return config


def load(path: str | os.PathLike[str]) -> Run:
    """A run of the command line, or of `run`, by its folder.

    Raises:
      UsageError: there is no such run, or its settings cannot be read.
    """
    file = Path(path) / workdir.FLAGS
    if not file.exists():
        raise UsageError(f"{path} is not a run's folder: it has no {workdir.FLAGS}")
    if "--evaluations=" in file.read_text(encoding="utf-8"):
        raise UsageError(
            f"{path} belongs to a search from Python; call search again with the same "
            "arguments: it returns what is there"
        )
    config = flags.parse(["load", f"--flagfile={file}"])
    assert isinstance(config, Config)
    return Run(Path(path), config)
