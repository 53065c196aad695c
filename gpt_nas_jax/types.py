"""The words the whole package shares."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import flax.struct
import jax

Genome: TypeAlias = jax.Array
"""``int32[L]``: what stands at each place of a network, ``PAD`` behind its end."""

Tokens: TypeAlias = jax.Array
"""``int32[...]``: words of the vocabulary."""

Key: TypeAlias = jax.Array
"""A typed PRNG key from ``jax.random.key``."""

PAD = -1
"""The gene behind the last block of a genome."""


class UsageError(ValueError):
    """The user's input cannot be used: one line that says why and what to do."""


class Lost(Exception):
    """Another process of the run has ended, or its store; the same command goes on."""

    exit_code = 75
    """Of a temporary failure, as mailers and job schedulers know it."""

    @property
    def line(self) -> str:
        """One line for the user."""
        return f"{self}; the same command goes on"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The result of evaluating one candidate.

    Attributes:
      fitness: validation accuracy in [0, 1], or, where there are ``scores``, what
        they make together; ``-inf`` where the candidate failed.
      reason: why it failed, or None.
      seconds: wall-clock time of the evaluation.
      params: parameters of the network; None where it could not be built.
      flops: floating-point operations for one image, two a multiply-accumulate,
        likewise.
      scores: of zero-cost proxies, by their names; None after a training.
      accuracies: validation accuracy after each epoch, None where an output was not
        finite; None as a whole where nothing was trained.
      start: when the evaluation began, in ISO 8601; None where it was remembered.
      worker: which worker made it, likewise.
      rungs: how many rungs of successive halving it has climbed; None without them.
      waited: seconds of it that the training waited for images from disk; None where
        none came from there.
    """

    fitness: float
    reason: str | None
    seconds: float
    params: int | None = None
    flops: int | None = None
    scores: Mapping[str, float] | None = None
    accuracies: tuple[float | None, ...] | None = None
    start: str | None = None
    worker: str | None = None
    rungs: int | None = None
    waited: float | None = None


@flax.struct.dataclass
class Candidates:
    """Genomes to evaluate.

    Attributes:
      genomes: ``int32[P, L]``.
      proposed: ``bool[P, L]``, the genes that are proposed as new, which is what the
        paper's acceleration trains.
      parents: ``int32[P, K]``, the evaluations that each was made from, counted from 0
        over the whole search, and -1 for none; None where a strategy does not say.
    """

    genomes: Genome
    proposed: jax.Array
    parents: jax.Array | None = None


class Space(Protocol):
    """A search space as strategies see it; all may be called under jit and vmap.

    Genomes are ``int32[..., L]`` with genes from 0 to ``num_genes - 1``, then `PAD`.
    """

    @property
    def length(self) -> int:
        """Genes of the longest genome, L."""

    @property
    def num_genes(self) -> int:
        """How many values a gene may have."""

    @property
    def num_neighbours(self) -> int:
        """How many single edits `neighbour` counts."""

    def sample(self, key: Key, count: int) -> Genome:
        """``int32[count, L]`` random valid genomes."""

    def valid(self, genomes: Genome) -> jax.Array:
        """Whether ``int32[..., L]`` are networks of the space, ``bool[...]``."""

    def crossover(self, key: Key, first: Genome, second: Genome) -> Genome:
        """A child of two valid genomes."""

    def mutate(self, key: Key, genome: Genome) -> Genome:
        """A valid genome one random edit away."""

    def neighbour(self, genome: Genome, index: jax.Array) -> tuple[Genome, jax.Array]:
        """The genome one numbered edit away, and whether there is such an edit."""

    def identity(self, genomes: Genome) -> jax.Array:
        """``int32[..., K]``, equal where two genomes are the same network."""

    def choices(self) -> jax.Array:
        """``bool[L, num_genes + 1]``: which value each gene may have; last `PAD`."""

    def size(self, genomes: Genome) -> jax.Array:
        """``float32[...]``: ranks networks by their weights, at no cost."""

    def features(self, genomes: Genome) -> jax.Array:
        """``float32[..., F]``: what a surrogate compares networks by."""

    def trends(self, genomes: Genome) -> jax.Array:
        """``float32[..., T]``: what fitness is expected to grow with."""


class Strategy(Protocol):
    """A search as pure functions; all may be called under jit and vmap."""

    def init(self, key: Key) -> Any:
        """The state before the first generation."""

    def ask(self, key: Key, state: Any) -> Candidates:
        """The next candidates to evaluate."""

    def tell(self, state: Any, candidates: Candidates, fitness: jax.Array) -> Any:
        """The state once ``float32[P]`` fitness of the candidates is known."""
