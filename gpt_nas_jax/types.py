"""Types and protocols shared by the whole package."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import flax.struct
import jax

Genome: TypeAlias = jax.Array
"""``int32[L]``: the gene at each place of a network, ``PAD`` after its end."""

Tokens: TypeAlias = jax.Array
"""``int32[...]``: indices of words in the vocabulary."""

Key: TypeAlias = jax.Array
"""A typed PRNG key from ``jax.random.key``."""

PAD = -1
"""The padding after the last gene of a genome."""


class UsageError(ValueError):
    """Invalid user input; the message is one line with the reason and a remedy."""


class TrainingError(UsageError):
    """A training failed: its network, or its recipe, cannot be trained here."""


class DataError(UsageError):
    """An image cannot be read any more; no fault of the network that needs it."""


class Lost(Exception):
    """The run lost a process, its store or a device; the same command resumes it."""

    exit_code = 75
    """EX_TEMPFAIL, a temporary failure for mailers and job schedulers."""

    @property
    def line(self) -> str:
        """One line for the user."""
        return f"{self}; run the same command again to resume"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The result of evaluating one candidate.

    Attributes:
      fitness: validation accuracy in [0, 1], or the combined ``scores`` if there are
        any; ``-inf`` if the candidate failed.
      reason: why it failed, or None.
      seconds: wall-clock time of the evaluation.
      params: parameters of the network; None if it could not be built.
      flops: floating-point operations for one image, two per multiply-accumulate,
        likewise.
      scores: of zero-cost proxies, by name; None after a training.
      accuracies: validation accuracy after each epoch, None where an output was not
        finite; None as a whole if nothing was trained.
      start: when the evaluation began, in ISO 8601; None if the result was cached.
      worker: which worker evaluated it, likewise.
      rungs: number of rungs of successive halving reached; None without halving.
      waited: seconds that the training waited for images from disk; None if none were
        read from disk.
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
      proposed: ``bool[P, L]``, the genes proposed as new; the paper's acceleration
        trains only these.
      parents: ``int32[P, K]``, the evaluations that each was made from, counted from 0
        over the whole search, -1 for none; None if the strategy does not track them.
        A search writes them to its ledger and passes None to `tell`.
    """

    genomes: Genome
    proposed: jax.Array
    parents: jax.Array | None = None


class Space(Protocol):
    """A search space; all methods may be called under jit and vmap.

    Genomes are ``int32[..., L]`` with genes from 0 to ``num_genes - 1``, then `PAD`.
    """

    @property
    def length(self) -> int:
        """Maximum number of genes, L."""

    @property
    def num_genes(self) -> int:
        """Number of values of a gene."""

    @property
    def num_neighbours(self) -> int:
        """Number of single edits that `neighbour` indexes."""

    def sample(self, key: Key, count: int) -> Genome:
        """``int32[count, L]`` random valid genomes."""

    def valid(self, genomes: Genome) -> jax.Array:
        """Whether ``int32[..., L]`` are networks of the space, ``bool[...]``."""

    def crossover(self, key: Key, first: Genome, second: Genome) -> Genome:
        """A child of two valid genomes."""

    def mutate(self, key: Key, genome: Genome) -> Genome:
        """A valid genome one random edit away."""

    def neighbour(self, genome: Genome, index: jax.Array) -> tuple[Genome, jax.Array]:
        """The genome after the edit with this index, and whether that edit exists."""

    def identity(self, genomes: Genome) -> jax.Array:
        """``int32[..., K]``, equal if two genomes are the same network."""

    def choices(self) -> jax.Array:
        """``bool[L, num_genes + 1]``: the values each gene may have; last `PAD`."""

    def size(self, genomes: Genome) -> jax.Array:
        """``float32[...]``: a zero-cost rank of networks, such as by their weights."""

    def features(self, genomes: Genome) -> jax.Array:
        """``float32[..., F]``: features that a surrogate compares networks by."""

    def trends(self, genomes: Genome) -> jax.Array:
        """``float32[..., T]``: quantities that fitness is expected to grow with."""


class Strategy(Protocol):
    """A search strategy; all methods are pure and may be called under jit and vmap."""

    def init(self, key: Key) -> Any:
        """Returns the initial state."""

    def ask(self, key: Key, state: Any) -> Candidates:
        """Returns the next candidates to evaluate."""

    def tell(self, state: Any, candidates: Candidates, fitness: jax.Array) -> Any:
        """Updates the state with the ``float32[P]`` fitness of the candidates."""
