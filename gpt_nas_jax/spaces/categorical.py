"""A space of independent choices, to search as it is or to derive one's own from."""

import dataclasses
from collections.abc import Mapping, Sequence

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.networks.layers import Layer, to_text
from gpt_nas_jax.plugins import called
from gpt_nas_jax.spaces import cells
from gpt_nas_jax.spaces.neighbours import random_neighbour
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.reading import Rows, empty_context, first_words, rows
from gpt_nas_jax.tokens.vocabulary import UNKNOWN, Vocabulary, word
from gpt_nas_jax.types import Genome, Key, Tokens, UsageError


@dataclasses.dataclass(frozen=True)
class CategoricalSpace:
    """Genomes with one of several named choices at each place.

    A genome is ``int32[L]``: for every place an index into its choices. All are valid.
    Derive a class to say more: `layers` lets the prior propose genes, `size` and
    `features` help the strategies that learn from the search.

    Example:
      >>> space = CategoricalSpace((("conv", "pool"), ("relu", "silu", "tanh")))
      >>> space.names(space.genome(("pool", "tanh")))
      ('pool', 'tanh')

    Attributes:
      options: names of the choices of each place, two or more.

    Raises:
      UsageError: a place has fewer than two choices, or two of one name.
    """

    options: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise UsageError("a space without places; give the choices of each")
        for place, names in enumerate(self.options):
            if isinstance(names, str):
                raise UsageError(
                    f"place {place} has the string {names!r} as its choices; give a "
                    "tuple of names"
                )
            if len(names) < 2 or len(set(names)) < len(names):
                raise UsageError(
                    f"place {place} has the choices {', '.join(names) or 'none'}; give "
                    "two or more of different names"
                )

    @property
    def length(self) -> int:
        """Genes of a genome, L."""
        return len(self.options)

    @property
    def num_genes(self) -> int:
        """The most choices that a place has."""
        return max(map(len, self.options))

    @property
    def num_neighbours(self) -> int:
        """Single edits of a genome, were all places to have the most choices."""
        return self.length * (self.num_genes - 1)

    def sample(self, key: Key, count: int) -> Genome:
        """``int32[count, L]`` genomes, uniform."""
        shape = (count, self.length)
        return jax.random.randint(key, shape, 0, self._counts(), jnp.int32)

    def valid(self, genomes: Genome) -> jax.Array:
        """Whether every gene of ``int32[..., L]`` is a choice, ``bool[...]``."""
        return jnp.all((genomes >= 0) & (genomes < self._counts()), -1)

    def crossover(self, key: Key, first: Genome, second: Genome) -> Genome:
        """The front of one genome, the back of the other."""
        return cells.crossover(key, first, second)

    def mutate(self, key: Key, genome: Genome) -> Genome:
        """One gene replaced by another choice of its place."""
        return random_neighbour(self, key, genome)

    def neighbour(self, genome: Genome, index: jax.Array) -> tuple[Genome, jax.Array]:
        """One gene replaced, and whether its place has that many choices."""
        place, step = index // (self.num_genes - 1), index % (self.num_genes - 1)
        count = self._counts()[place]
        gene = (genome[place] + 1 + step) % count
        return genome.at[place].set(gene), step < count - 1

    def identity(self, genomes: Genome) -> jax.Array:
        """The genomes themselves, ``int32[..., L]``."""
        return genomes

    def choices(self) -> jax.Array:
        """``bool[L, num_genes + 1]``: which value each gene may have; never `PAD`."""
        return jnp.arange(self.num_genes + 1) < self._counts()[:, None]

    def size(self, genomes: Genome) -> jax.Array:
        """A guess of quality at no cost, ``float32[...]``; here 0 for all genomes."""
        return jnp.zeros(genomes.shape[:-1])

    def trends(self, genomes: Genome) -> jax.Array:
        """The logarithm of 1 more than `size`, ``[..., 1]``."""
        return jnp.log1p(self.size(genomes))[..., None]

    def features(self, genomes: Genome) -> jax.Array:
        """The choices, one-hot, ``float32[..., L * num_genes]``."""
        chosen = jax.nn.one_hot(genomes, self.num_genes)
        return chosen.reshape(*genomes.shape[:-1], -1)

    def names(self, genome: Genome) -> tuple[str, ...]:
        """The choice of every place, by name."""
        genes = np.asarray(genome)
        return tuple(
            names[gene] for names, gene in zip(self.options, genes, strict=True)
        )

    def genome(self, names: Sequence[str]) -> np.ndarray:
        """The genome of named choices, ``int32[L]``.

        Raises:
          UsageError: a name is no choice of its place, or they are not L.
        """
        known = len(names) == self.length and all(
            name in options for name, options in zip(names, self.options, strict=True)
        )
        if not known:
            raise UsageError(f"{', '.join(names)} is not a genome of this space")
        genes = [o.index(name) for name, o in zip(names, self.options, strict=True)]
        return np.array(genes, np.int32)

    def layers(self, name: str) -> Sequence[Layer]:
        """The layers that a choice stands for; here none, so that no prior reads it.

        `gpt_nas_jax.layers_of` lists those of a Linen module.
        """
        return ()

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The choices, which must be the same at all places for a prior.

        Raises:
          UsageError: places have different choices.
        """
        if len(set(self.options)) > 1:
            raise UsageError(
                "the prior needs the same choices at every place, and this space has "
                "different ones; search it by another strategy than gpt_nas"
            )
        return self.options[0]

    @property
    def human_genes(self) -> Mapping[str, int]:
        """None: the prior learns the choices from random genomes."""
        return {}

    def reading(self, vocabulary: Vocabulary, context: int = CONTEXT) -> "ChoiceTable":
        """How genomes read, in the tokens of a vocabulary: choice after choice.

        Contexts have the given length.

        Raises:
          UsageError: places have different choices, or no choice has layers.
        """
        spelled = [
            vocabulary.encode(map(word, self._layers(name))) for name in self.gene_names
        ]
        if not any(map(len, spelled)):
            raise UsageError(
                f"{type(self).__name__} does not say which layers its choices stand "
                "for, which the prior reads; define layers(name), or search by another "
                "strategy"
            )
        front = jnp.asarray(empty_context(context))
        return ChoiceTable(rows(spelled, (self.num_genes,)), front, self.length)

    def definition(self) -> str:
        """The choices and their layers, as text."""
        names = dict.fromkeys(name for names in self.options for name in names)
        lines = [str(self.options)]
        for name in names:
            lines += [f"{name}: {to_text(layer)}" for layer in self._layers(name)]
        return "\n".join(lines)

    def _layers(self, name: str) -> tuple[Layer, ...]:
        """The layers of a choice, each of them known to be one."""
        where = f"{type(self).__name__}: layers({name!r})"
        found = called(where, self.layers, name)
        if not isinstance(found, Sequence) or isinstance(found, str):
            shown = type(found).__name__
        else:
            wrong = [each for each in found if not isinstance(each, Layer)]
            shown = f"a sequence that holds {wrong[0]!r}" if wrong else ""
        if shown:
            raise UsageError(
                f"{where} returned {shown}; return a sequence of layers, such as "
                "gpt_nas_jax.layers_of(module, (8, 8, 16))"
            )
        return tuple(found)

    def _counts(self) -> jax.Array:
        return jnp.array([len(names) for names in self.options], jnp.int32)


@flax.struct.dataclass
class ChoiceTable:
    """A `ReadingTable` of genomes that read one choice after the other.

    Attributes:
      choices: rows ``[G]``, the words of every choice.
      front: the context in front of the first choice, ``int32[C]``.
      length: genes of a genome.
    """

    choices: Rows
    front: Tokens
    length: int = flax.struct.field(pytree_node=False)

    @property
    def positions(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(range(self.length))

    @property
    def num_genes(self) -> int:
        """As many as there are choices."""
        return len(self.choices.lengths)

    def eliminable(self, genome: Genome) -> jax.Array:
        """Every gene, ``bool[L]``."""
        return jnp.ones(self.length, bool)

    def start(self, genome: Genome) -> Tokens:
        """Nothing stands in front of the first choice."""
        return self.front

    def words(self, genome: Genome, position: jax.Array) -> Rows:
        """The layers of the choice at a position."""
        return self.choices.at(genome[position])

    def behind(self, sequence: np.ndarray) -> np.ndarray:
        """The genome again, and its end, should its last choices have no layers."""
        return np.append(sequence, UNKNOWN)

    def openers(self, vocabulary_size: int) -> jax.Array:
        """The first words of genes, ``bool[V]``; see `first_words`."""
        return first_words(self.choices, vocabulary_size)
