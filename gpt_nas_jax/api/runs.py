"""Runs of the command line, from Python."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gpt_nas_jax import checks, flags, workdir
from gpt_nas_jax.api.trials import Result, result_of
from gpt_nas_jax.config import STAGES, Config
from gpt_nas_jax.executors import processes
from gpt_nas_jax.exports import opened
from gpt_nas_jax.inference import saved
from gpt_nas_jax.inference.owner import AGAIN, owner
from gpt_nas_jax.inference.predictor import Asked, Predictions, Predictor
from gpt_nas_jax.inference.saved import SavedNetwork
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.stages import (
    baseline,
    compile_cache,
    export,
    import_benchmark,
    pipeline,
    predict,
    proxies,
    report,
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
    "report": report.run,
}
_OF_A_NETWORK: dict[str, Callable[[Config, Config, SavedNetwork], None]] = {
    "predict": predict.run,
    "export": export.run,
}
"""Stages that use the network of the run in ``--workdir``."""
_RESULT = "result.json"


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run and the files in its folder so far.

    Attributes:
      path: the folder, ``--workdir``, or an exported file.
      config: the settings.
      folder: subfolder that holds the network.
    """

    path: Path
    config: Config
    folder: str = "best"

    @property
    def result(self) -> Mapping[str, Any] | None:
        """``result.json`` of a retraining or a baseline; None before it exists.

        That of a network in ``before-<evaluations>/`` lies there.
        """
        path = workdir.home_of_result(self.path, self.folder) / _RESULT
        remedy = "run the same command again to rewrite it"
        return workdir.read_sealed(path, remedy) if path.exists() else None

    @property
    def search(self) -> Result:
        """The evaluations of the search so far; it may still be running.

        Raises:
          UsageError: this is an exported file, or the ledger is damaged.
        """
        self._require_folder("its search")
        return result_of(workdir.Ledger(self.path / workdir.LEDGER).look())

    @property
    def architecture(self) -> Mapping[str, Any] | None:
        """``best/architecture.json``; None before the network's training begins."""
        if self.path.is_file():
            found: dict[str, Any] = opened.description(self.path)["architecture"]
            return found
        return saved.description(self.best)

    @functools.cached_property
    def network(self) -> tuple[Chain, Any]:
        """The trained network and its weights.

        It is called as ``network.apply(weights, x, train=False)`` on images
        ``float32[B, H, W, C]``: pixels in [0, 1], minus ``mean`` and divided by
        ``std`` of `architecture`. `predict` does all of this.

        Raises:
          UsageError: nothing has been trained yet, or the weights are damaged.
        """
        self._require_folder("the module")
        return saved.network(self.best, self.config)

    @property
    def best(self) -> Path:
        """The folder of the trained network; UsageError for an exported file."""
        self._require_folder("its best/")
        alone = (self.path / saved.ARCHITECTURE).exists()
        return self.path if alone else self.path / self.folder

    def predict(self, asked: Asked, batch: int | None = None) -> Predictions:
        """Classifies images with the trained network.

        Example:
          >>> import gpt_nas_jax as gnj
          >>> network = gnj.load("runs/digits")  # doctest: +SKIP
          >>> names, probabilities = network.predict("a.png")  # doctest: +SKIP

        Args:
          asked: images as ``uint8[N, H, W, C]`` of the size trained on, or paths of
            pictures and of folders of pictures, which are prepared as in training.
          batch: batch size; by default at most that of the network's test.

        Raises:
          UsageError: nothing has been trained yet, the images differ from those of the
            training in type, range or shape, or a picture cannot be read.
        """
        return self._predictor.predict(asked, batch)

    def _require_folder(self, wanted: str) -> None:
        if self.path.is_file():
            raise UsageError(
                f"{self.path} is an exported file, which can only predict; load the "
                f"run's folder for {wanted}"
            )

    @functools.cached_property
    def _predictor(self) -> Predictor:
        if self.path.is_file():
            return opened.predictor(self.path, self.config)
        return saved.read(self.best, self.config).predictor(self.config)


def run(config: Config) -> Run:
    """Runs the stage of a config, as the command line does, and returns the run.

    Example:
      >>> import gpt_nas_jax as gnj
      >>> config = gnj.configure(stage="zoo", workdir="runs/zoo")
      >>> gnj.run(config).path  # doctest: +SKIP
      PosixPath('runs/zoo')

    Raises:
      UsageError: the config is invalid or cannot be carried out.
      Lost: another process of the run has ended, or its store does not answer.
    """
    done: list[Run] = []
    with compile_cache.restored():
        processes.lead(config, lambda: done.append(_run(config)))
    # A follower has done nothing by itself.
    return done[0] if done else Run(workdir.folder(config.workdir), config)


def _run(config: Config) -> Run:
    checks.check(config)
    if "workdir" not in STAGES[config.stage].reads:
        return _staged(config)
    # Reports and predictions do not write to a run, which may be in progress.
    with workdir.fetched(config.workdir, config.stage not in ("report", "predict")):
        return _staged(config)


def _staged(config: Config) -> Run:
    if config.stage in _OF_A_NETWORK:
        found = load(config.workdir)
        if found.path.is_file():
            raise UsageError(
                f"--workdir={config.workdir} is an exported file; name the folder of "
                "the run, or call gpt_nas_jax.load(FILE).predict from Python"
            )
        network = saved.read(found.best, found.config)
        _OF_A_NETWORK[config.stage](config, found.config, network)
        return found
    _STAGES.get(config.stage, pipeline.run)(config)
    return Run(workdir.folder(config.workdir), config)


def configure(
    flagfile: str | os.PathLike[str] | None = None, **settings: Any
) -> Config:
    """Makes the config that the same flags give on a command line.

    Example:
      >>> import gpt_nas_jax as gnj
      >>> gnj.configure(search_strategy="random", eval_epochs=3).eval.recipe.epochs
      3

    Args:
      flagfile: is read first; ``settings`` override it.
      **settings: values by flag name, without dashes; see ``docs/flags.md``.

    Raises:
      UsageError: a setting is unknown, out of range or contradicts another.
    """
    arguments = [] if flagfile is None else [f"--flagfile={os.fspath(flagfile)}"]
    for name, value in settings.items():
        if value is None:
            raise UsageError(f"{name}=None: give a value, or leave it out")
        arguments.append(f"--{name}={value}")
    config = _config(arguments)
    checks.check(config)
    return config


def load(path: str | os.PathLike[str]) -> Run:
    """Loads a run of the command line or of `run` by its workdir or its ``best/``.

    A run on a store is loaded by its workdir, and downloaded completely, in its current
    state.

    To predict, a copy of ``best/`` is enough, and so is a file of ``--stage=export``
    with its ``network.json`` next to it.

    Raises:
      UsageError: there is no such run, or its settings cannot be read.
    """
    if workdir.is_store(path):
        with workdir.fetched(os.fspath(path), writes=False) as home:
            return _loaded(home)
    return _loaded(workdir.folder(path))


def _loaded(home: Path) -> Run:
    path = home
    if home.is_file():
        return Run(home, _config(opened.description(home)["flags"].splitlines()))
    folder = "best"
    run = owner(home) if (home / saved.ARCHITECTURE).exists() else None
    if run is not None:
        home, folder = run, home.relative_to(run).as_posix()
    kept = (home / name for name in (workdir.FLAGS, *AGAIN))
    file = next((one for one in kept if one.exists()), None)
    if file is None and not path.exists():
        raise UsageError(
            f"there is no {path}; give the folder of a run, its best/ or an exported "
            "file"
        )
    if file is None:
        raise UsageError(f"{path} is not a run's folder: it has no {workdir.FLAGS}")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is damaged: it is not text; restore it") from error
    if "--evaluations=" in text:
        raise UsageError(
            f"{path} belongs to a search from Python; call search again with the same "
            "arguments: it returns what is there"
        )
    try:
        config = _config([f"--flagfile={file}"])
    except UsageError as error:
        raise UsageError(
            f"{file} cannot be read by this version of gpt_nas_jax: {error}"
        ) from error
    return Run(home, config, folder)


def _config(arguments: list[str]) -> Config:
    config = flags.parse(["load", *arguments])
    if isinstance(config, str):
        raise UsageError("--help is for the command line; leave it out")
    return config
