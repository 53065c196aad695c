"""The current part of ``--stage=all``, and how long later ones take."""

import contextlib
import dataclasses

from gpt_nas_jax.config import Config
from gpt_nas_jax.reports import terminal
from gpt_nas_jax.stages import finalists
from gpt_nas_jax.stages.problem import Problem

Context = contextlib.AbstractContextManager[None]


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a run, for their progress bars.

    The time of a later part is estimated from the pace of the current one: the cost of
    a training is proportional to the images in its epochs. It is unknown before
    candidates are trained, if they are scored by proxies, and in a search that ends
    after some hours.

    Attributes:
      config: of the run.
      problem: its images.
    """

    config: Config
    problem: Problem

    def prior(self) -> Context:
        """While the prior is learned."""
        return self._part("prior", None)

    def search(self) -> Context:
        """While candidates are evaluated."""
        if self.config.eval.method != "trained" or self.config.search.max_hours:
            return self._part("search", None)
        epochs = self.config.eval.mean_epochs()
        rest = self._retraining(epochs)
        if self.config.search.finalists > 1:
            trainings = finalists.KEYS * self.config.search.finalists
            rest += trainings * self.config.finalist_epochs() / epochs
        return self._part("search", rest)

    def finalists(self) -> Context:
        """While finalists are trained."""
        return self._part("search", self._retraining(self.config.finalist_epochs()))

    def retraining(self, left: int) -> Context:
        """While a network is trained for long, and ``left`` others are to be."""
        return self._part("retraining", left * float(self.config.retrain.recipe.epochs))

    def _retraining(self, epochs: float) -> float:
        """The cost of retraining in trainings of ``epochs`` epochs in the search.

        A whole front counts as one network, since its size is not known yet.
        """
        retrain = self.config.retrain
        networks = int(retrain.pick) if retrain.pick.isdecimal() else 1
        networks += len(retrain.chosen_baselines())
        images = len(self.problem.dataset.train) / len(self.problem.splits.train)
        return networks * retrain.recipe.epochs / epochs * images

    def _part(self, name: str, rest: float | None) -> Context:
        if self.config.stage != "all":
            return contextlib.nullcontext()
        names = ["prior"] * self.config.needs_prior() + ["search", "retraining"]
        label = f"part {1 + names.index(name)} of {len(names)}"
        return terminal.part(label, rest)
