"""Fitness of a candidate at one rung of successive halving."""

import dataclasses

import flax.struct
import jax
import numpy as np

from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.evaluation.kept import Kept
from gpt_nas_jax.evaluation.trained import TrainedEvaluator
from gpt_nas_jax.training.chain import Part, States
from gpt_nas_jax.types import Evaluation


@flax.struct.dataclass
class Climb:
    """A candidate on its way to a rung.

    Attributes:
      candidate: the network.
      rung: to climb to, counted from 0; it has climbed all lower ones.
    """

    candidate: Candidate
    rung: int = flax.struct.field(pytree_node=False)


@dataclasses.dataclass(frozen=True, eq=False)
class ClimbingEvaluator:
    """Trains a candidate from one rung to the next.

    It resumes from the weights of the previous rung if this process still has them;
    otherwise it trains again from the candidate's key, with the same result. So any
    worker may climb any rung.

    Attributes:
      evaluator: trains.
      kept: the weights of candidates at their rungs.
    """

    evaluator: TrainedEvaluator
    kept: Kept = dataclasses.field(default_factory=Kept)

    def __call__(self, climb: Climb) -> Evaluation:
        """Evaluates a climb; failures of the candidate are results, not exceptions.

        Its accuracies are those of the epochs between the rungs.
        """
        candidate, ends = climb.candidate, self.evaluator.config.recipe.ends()
        begins = (0, *ends)
        begun = begins[climb.rung]
        states = self.kept.take(_name(candidate, begun)) if begun else None
        first = 0 if states is None else climb.rung
        seconds, waited = 0.0, 0.0
        # Lower rungs are climbed again one by one: the time limit applies to each.
        for rung in range(first, climb.rung + 1):
            ended: list[States] = []
            part = Part(begins[rung], ends[rung], states)
            found = self.evaluator.trained(candidate, part, ended.append)
            seconds += found.seconds
            waited += found.waited or 0.0
            if not ended:
                break
            (states,) = ended
        else:
            if climb.rung < len(ends) - 1:
                self.kept.put(_name(candidate, ends[climb.rung]), states)
        return dataclasses.replace(
            found,
            seconds=seconds,
            waited=None if found.waited is None else waited,
            rungs=climb.rung + 1,
        )


def _name(candidate: Candidate, epochs: int) -> tuple[bytes, bytes, bytes, int]:
    """Identifies a network, its trained blocks, its key and the epochs."""
    key = np.asarray(jax.random.key_data(candidate.key))
    arrays = candidate.genome, candidate.proposed, key
    genome, proposed, data = (np.asarray(array).tobytes() for array in arrays)
    return genome, proposed, data, epochs
