"""A prior that is still being learned, on disk."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from gpt_nas_jax import interruption, workdir
from gpt_nas_jax.prior import fit
from gpt_nas_jax.prior.curve import Course, Point, Round
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.gpt_phases import Outcome, Standing
from gpt_nas_jax.tokens.reading import EMPTY_CONTEXT


class Checkpoints:
    """The last standing of one learning of the GPT.

    ``<steps>/`` holds parameters and the optimiser's state, ``<steps>.json`` the rest.
    The latter is written first, so that there is none of the former without it.
    """

    def __init__(self, path: Path, every: int) -> None:
        """Saves in a folder once in ``every`` steps; never where that is 0."""
        self._path = path
        self._every = every
        self._last = 0
        self._latest: Standing | None = None

    def load(self, model: GPT, learning_rate: float) -> Standing | None:
        """Loads the last standing that was saved; None without any.

        Raises:
          UsageError: it is damaged.
        """
        remedy = f"remove {self._path}: the same command learns from the start"
        like = _shapes(model, learning_rate)
        found = workdir.load_latest(self._path, like, remedy)
        if found is None:
            return None
        self._last, trees = found
        rest = workdir.read_sealed(self._file(self._last), remedy)
        points = _points(rest["points"])
        now = Round(
            points[-1].step, trees["params"], trees["optimizer"], points[-1].train_loss
        )
        outcomes = tuple(
            Outcome(_points(outcome["points"]), outcome["perplexity"])
            for outcome in rest["outcomes"]
        )
        course = Course(now, trees["kept"], points)
        return Standing(outcomes, course, rest["seconds"])

    def save_due(self, standing: Standing) -> None:
        """Saves the standing after a measurement where enough steps have been done."""
        self._latest = standing
        if self._every and standing.steps - self._last >= self._every:
            self._save(standing)

    @contextlib.contextmanager
    def saved_when_stopped(self) -> Iterator[None]:
        """Saves the last measurement where a signal ends the context."""
        try:
            yield
        except interruption.Stopped:
            if self._every and self._latest and self._latest.steps > self._last:
                self._save(self._latest)
            raise

    def _save(self, standing: Standing) -> None:
        steps, course = standing.steps, standing.course
        rest = {
            "points": [dataclasses.asdict(point) for point in course.points],
            "outcomes": [dataclasses.asdict(one) for one in standing.outcomes],
            "seconds": dict(standing.seconds),
        }
        trees = {
            "params": course.now.params,
            "optimizer": course.now.optimizer,
            "kept": course.kept,
        }
        workdir.write_sealed(self._file(steps), rest)
        workdir.save_step(self._path, steps, trees)
        with workdir.storing(self._path):
            for other in self._path.glob("*.json"):
                if other != self._file(steps):
                    other.unlink()
        self._last = steps

    def _file(self, steps: int) -> Path:
        return self._path / f"{steps}.json"


def _points(values: list[dict[str, Any]]) -> tuple[Point, ...]:
    return tuple(Point(**value) for value in values)


def _shapes(model: GPT, learning_rate: float) -> dict[str, Any]:
    context = EMPTY_CONTEXT[None]
    params = jax.eval_shape(model.init, jax.random.key(0), context)["params"]
    optimizer = jax.eval_shape(fit.adam(learning_rate).init, params)
    return {"params": params, "optimizer": optimizer, "kept": params}
