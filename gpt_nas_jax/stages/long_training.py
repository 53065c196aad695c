"""Long training of a network: checkpoints on the way, one test at the end."""

import collections
import dataclasses
import functools
import math
import socket
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import interruption, workdir
from gpt_nas_jax.config import Config, RetrainConfig, RetrainRecipe
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.executors import hosts, processes
from gpt_nas_jax.exhaustion import is_exhausted
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.stages.loss_curve import LossCurve
from gpt_nas_jax.training import confusion, input_wait, pmapped, whole
from gpt_nas_jax.training.batches import TrainingData
from gpt_nas_jax.training.placement import Placement, compute_type, mesh_of
from gpt_nas_jax.training.streamed import placed
from gpt_nas_jax.types import TrainingError, UsageError

# As many steps as keep a device busy while the host reads a loss.
_QUEUED = 16
_SHOWN = 100
"""Maximum number of classes for a confusion matrix in ``result.json``."""
_ADVICE = (
    "train it with a lower --retrain_learning_rate or another --train_precision, by "
    "the flagfile in its folder of the --workdir"
)


def run(
    config: Config, path: Path, chain: Chain, dataset: Dataset
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trains a network on all training images and tests it once.

    Resumes from the checkpoint in ``path``, with the same result. The devices of all
    processes of the run share the batches; one process reads and writes.

    Args:
      config: its ``retrain`` and ``train`` say how.
      path: where checkpoints of this very network lie.
      chain: the network.
      dataset: the images.

    Returns:
      Linen's collections, and epochs, test accuracy and seconds for ``result.json``.
      Where images come from disk ``input_wait`` is the share of the training's time in
      this run that it waited for them.

    Raises:
      TrainingError: the training diverged or ran out of memory.
      UsageError: a checkpoint is damaged or cannot be written.
    """
    return processes.together(_trained, config, path, chain, dataset)


def _trained(
    config: Config, path: Path, chain: Chain, dataset: Dataset
) -> tuple[dict[str, Any], dict[str, Any]]:
    # It may run on a node of a cluster.
    check_devices(config)
    if not hosts.follows() and not workdir.folder(config.workdir).is_dir():
        raise UsageError(
            f"--workdir={config.workdir} is not there on {socket.gethostname()}, where "
            "the training is to run; give a folder that all nodes share"
        )
    recipe, train = config.retrain.recipe, dataset.train
    normalisation = (*train.moments(), dataset.flip, _placement(config))
    try:
        data = placed(train, *normalisation, config.data.balance)
        # A signal takes effect once the current step is saved.
        with interruption.deferred(), input_wait.measured() as wait:
            state, seconds = _train(config, path, chain, data)
            waited = wait.share
        test = placed(dataset.test, *normalisation)
        size = recipe.batch // recipe.accumulate
        variables = state.variables()
        infer = functools.partial(whole.infer, chain, variables)
        classes = dataset.num_classes
        counts = confusion.count(infer, test, size, classes, classes <= _SHOWN)
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        if is_exhausted(error):
            raise TrainingError(_out_of_memory(recipe, error)) from error
        raise
    if counts is None:
        raise TrainingError(
            "the trained network's outputs on test images are not finite numbers; "
            f"{_ADVICE}"
        )
    matrix = counts.confusion
    return variables, {
        "epochs": recipe.epochs,
        "test_accuracy": counts.accuracy(),
        "balanced_accuracy": counts.balanced_accuracy(),
        "seconds": round(seconds, 1),
        **({} if waited is None else {"input_wait": round(waited, 4)}),
        **({} if matrix is None else {"confusion": matrix.tolist()}),
    }


def check_devices(config: Config) -> None:
    """Raises UsageError where the devices cannot share a microbatch equally."""
    recipe, devices = config.retrain.recipe, processes.devices()
    if recipe.batch % devices:
        raise UsageError(
            f"--retrain_batch={recipe.batch} cannot be shared equally by {devices} "
            "devices; make it a multiple of them"
        )
    parts = devices * recipe.accumulate
    if recipe.batch % parts:
        raise UsageError(
            f"--retrain_batch={recipe.batch} cannot be cut into --retrain_accumulate="
            f"{recipe.accumulate} parts that {devices} devices share equally; make it "
            f"a multiple of {parts}"
        )


def _out_of_memory(recipe: RetrainRecipe, error: BaseException) -> str:
    text = str(error).partition("\n")[0] or "of the host"
    return (
        f"the training ran out of memory ({text}); cut its batches of {recipe.batch} "
        f"images into more parts than --retrain_accumulate={recipe.accumulate}, by the "
        "flagfile in its folder of the --workdir"
    )


def _train(
    config: Config, path: Path, chain: Chain, data: TrainingData
) -> tuple[whole.NetworkState, float]:
    """The trained network, and the seconds that its training took in all runs."""
    recipe = config.retrain.recipe
    steps = len(data) // recipe.batch
    key = stage_key(config.seed, "retrain")
    total = recipe.epochs * steps
    shapes = whole.shapes(chain, recipe, steps, data.in_size, key)
    like = {"state": shapes, "seconds": np.zeros(())}
    remedy = f"remove {path}: the same command trains the network from the start"
    follows = hosts.follows()
    found = None if follows else workdir.load_latest(path, like, remedy)
    begun, saved = found or (0, like)
    begun = int(data.placement.of_first(np.int32(begun)))
    resumed = (begun, saved["state"]) if begun else None
    before = float(saved["seconds"])
    # A process that follows another may not see the run's files.
    curve = LossCurve.resumed(path, steps, 0 if follows else begun)
    course = _Course(path, total, steps, config.retrain, curve, before, begun)
    with progress("training, epochs", recipe.epochs, done=begun // steps) as advance:

        def after_step(done: int, state: whole.NetworkState, loss: jax.Array) -> None:
            if done % steps == 0:
                advance(note=f"loss {float(loss):.4f}")
            course.after_step(done, state, loss)

        update = pmapped.step if config.train.parallel == "pmap" else whole.step
        state = whole.fit(chain, recipe, data, key, resumed, after_step, update)
    return state, course.seconds


@dataclasses.dataclass(eq=False)
class _Course:
    """Watches a training and saves its checkpoints.

    Attributes:
      path: of the checkpoints.
      total: steps of the whole training.
      steps: of an epoch.
      settings: how often to save.
      curve: of the loss.
      seconds: that the training took up to the last checkpoint.
      saved: steps done at the last checkpoint.
    """

    path: Path
    total: int
    steps: int
    settings: RetrainConfig
    curve: LossCurve
    seconds: float
    saved: int

    def __post_init__(self) -> None:
        self._begin = time.monotonic() - self.seconds
        self._losses: collections.deque[tuple[int, jax.Array]] = collections.deque()

    def after_step(self, done: int, state: whole.NetworkState, loss: jax.Array) -> None:
        """Saves what is due, or asked for by a signal, where all of it is finite.

        A process that follows another waits for steps alone.
        """
        self._losses.append((done, loss))
        if hosts.follows():
            while len(self._losses) > _QUEUED:
                self._losses.popleft()[1].block_until_ready()
            return
        stopping = interruption.pending()
        due = done == self.total or _is_due(self.settings, done, self.steps)
        # Steps are queued; reading the newest loss would wait for all of them.
        self._read(0 if due or stopping else _QUEUED)
        if due or stopping:
            self._save(done, state)
        if stopping:
            interruption.obey()

    def _read(self, unread: int) -> None:
        """Reads all losses except the newest; each must be finite."""
        while len(self._losses) > unread:
            step, loss = self._losses.popleft()
            value = float(loss)
            if not math.isfinite(value):
                raise self._diverged(f"the loss of step {step} of {self.total}")
            self.curve.add(value)

    def _save(self, done: int, state: whole.NetworkState) -> None:
        kept = (state.params, state.stats, state.optimizer, state.average)
        if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(kept)):
            raise self._diverged(f"a weight after step {done} of {self.total}")
        self.seconds = time.monotonic() - self._begin
        seconds = np.array(self.seconds)
        self.curve.save()
        workdir.save_step(self.path, done, {"state": state, "seconds": seconds})
        self.saved = done

    def _diverged(self, what: str) -> TrainingError:
        kept = "no checkpoint was made before"
        if self.saved:
            kept = f"the checkpoint of step {self.saved} is kept"
        return TrainingError(
            f"the training diverged: {what} is not a finite number ({kept}); {_ADVICE}"
        )


def _is_due(settings: RetrainConfig, done: int, steps: int) -> bool:
    """Whether a checkpoint is due after ``done`` steps, at ``steps`` per epoch."""
    epochs, within = divmod(done, steps)
    at_epoch = not within and epochs % settings.checkpoint_epochs == 0
    every = settings.checkpoint_steps
    return at_epoch or bool(every and done % every == 0)


def _placement(config: Config) -> Placement:
    # pmap shards a batch by itself.
    pmap = config.train.parallel == "pmap"
    mesh = None if pmap else mesh_of(jax.devices())
    return Placement(compute_type(config.train.precision), mesh)
