"""The words the whole package shares."""

import dataclasses
from typing import Any, Protocol, TypeAlias

import flax.struct
import jax

Genome: TypeAlias = jax.Array
"""``int32[L]``: one block index a position, then ``PAD`` to the maximal length."""

Tokens: TypeAlias = jax.Array
"""``int32[...]``: words of the vocabulary."""

Key: TypeAlias = jax.Array
"""A typed PRNG key from ``jax.random.key``."""

PAD = -1
"""The gene behind the last block of a genome."""


class UsageError(ValueError):
    """The user's input cannot be used: one line that says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What became of one candidate.

    Attributes:
      fitness: validation accuracy in [0, 1]; ``-inf`` where the candidate failed.
      reason: why it failed, or None.
      seconds: wall-clock time of the evaluation.
    """

    fitness: float
    reason: str | None
    seconds: float


@flax.struct.dataclass
class Candidates:
    """Genomes to evaluate.

    Attributes:
      genomes: ``int32[P, L]``.
      proposed: ``bool[P, L]``, the blocks that the GPT proposed.
    """

    genomes: Genome
    proposed: jax.Array


class Strategy(Protocol):
    """A search as pure functions; all may be called under jit and vmap."""

    def init(self, key: Key) -> Any:
        """The state before the first generation."""

    def ask(self, key: Key, state: Any) -> Candidates:
        """What to evaluate next."""

    def tell(self, state: Any, candidates: Candidates, fitness: jax.Array) -> Any:
        """The state once ``float32[P]`` fitness of the candidates is known."""
