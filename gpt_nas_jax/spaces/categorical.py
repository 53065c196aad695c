"""A space of independent categorical choices, to search as is or to subclass."""

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
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word
from gpt_nas_jax.types import Genome, Key, Tokens, UsageError


@dataclasses.dataclass(frozen=True)
class CategoricalSpace:
    """A space with one of several named choices at each place.

    A genome is ``int32[L]``: an index into the choices of each place. All are valid.
    Subclass it to tell the search more: `layers` lets the prior propose genes; `size`
    and `features` help the model-based strategies.

    Example:
      >>> space = CategoricalSpace((("conv", "pool"), ("relu", "silu", "tanh")))
      >>> space.names(space.genome(("pool", "tanh")))
      ('pool', 'tanh')

    Attributes:
      options: names of the choices at each place, two or more.

    Raises:
      UsageError: a place has fewer than two choices, or two with the same name.
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
        """Number of genes, L."""
        return len(self.options)

    @property
    def num_genes(self) -> int:
        """The largest number of choices at a place."""
        return max(map(len, self.options))

    @property
    def num_neighbours(self) -> int:
        """Number of single edits if every place had `num_genes` choices."""
        return self.length * (self.num_genes - 1)

    def sample(self, key: Key, count: int) -> Genome:
        """``int32[count, L]`` genomes, uniform."""
        shape = (count, self.length)
        return jax.random.randint(key, shape, 0, self._counts(), jnp.int32)

    def valid(self, genomes: Genome) -> jax.Array:
        """Whether every gene of ``int32[..., L]`` is a choice, ``bool[...]``."""
        return jnp.all((genomes >= 0) & (genomes < self._counts()), -1)

    def crossover(self, key: Key, first: Genome, second: Genome) -> Genome:
        """One-point crossover."""
        return cells.crossover(key, first, second)

    def mutate(self, key: Key, genome: Genome) -> Genome:
        """Replaces one gene by another choice of its place."""
        return random_neighbour(self, key, genome)

    def neighbour(self, genome: Genome, index: jax.Array) -> tuple[Genome, jax.Array]:
        """Replaces one gene; also returns whether its place has that many choices."""
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
        """A zero-cost estimate of quality, ``float32[...]``; here 0 for all genomes."""
        return jnp.zeros(genomes.shape[:-1])

    def trends(self, genomes: Genome) -> jax.Array:
        """``log(1 + size)``, ``[..., 1]``; ``-log(1 - size)`` where it is negative."""
        size = self.size(genomes)
        return (jnp.sign(size) * jnp.log1p(jnp.abs(size)))[..., None]

    def features(self, genomes: Genome) -> jax.Array:
        """The choices, one-hot, ``float32[..., L * num_genes]``."""
        chosen = jax.nn.one_hot(genomes, self.num_genes)
        return chosen.reshape(*genomes.shape[:-1], -1)

    def names(self, genome: Genome) -> tuple[str, ...]:
        """The name of the choice at each place."""
        genes = np.asarray(genome)
        return tuple(
            names[gene] for names, gene in zip(self.options, genes, strict=True)
        )

    def genome(self, names: Sequence[str]) -> np.ndarray:
        """The genome of named choices, ``int32[L]``.

        Raises:
          UsageError: a name is not a choice of its place, or there are not L names.
        """
        known = len(names) == self.length and all(
            name in options for name, options in zip(names, self.options, strict=True)
        )
        if not known:
            raise UsageError(f"{', '.join(names)} is not a genome of this space")
        genes = [o.index(name) for name, o in zip(names, self.options, strict=True)]
        return np.array(genes, np.int32)

    def layers(self, name: str) -> Sequence[Layer]:
        """The layers of a choice; here none, so the prior cannot be used.

        `gpt_nas_jax.layers_of` lists the layers of a Linen module.
        """
        return ()

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The choices; the prior needs the same ones at all places.

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
        """Empty: the prior learns the choices from random genomes."""
        return {}

    def reading(self, vocabulary: Vocabulary, context: int = CONTEXT) -> "ChoiceTable":
        """The tokens of genomes, choice after choice, for contexts of a given length.

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
        """The layers of a choice, checked."""
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
    """A `ReadingTable` of genomes that are read choice after choice.

    Attributes:
      choices: rows ``[G]``, the words of every choice.
      front: the context before the first choice, ``int32[C]``.
      length: number of genes.
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
        """Number of choices."""
        return len(self.choices.lengths)

    def eliminable(self, genome: Genome) -> jax.Array:
        """Every gene, ``bool[L]``."""
        return jnp.ones(self.length, bool)

    def start(self, genome: Genome) -> Tokens:
        """The empty context before the first choice."""
        return self.front

    def words(self, genome: Genome, position: jax.Array) -> Rows:
        """The layers of the choice at a position."""
        return self.choices.at(genome[position])

    def behind(self, sequence: np.ndarray) -> np.ndarray:
        """The genome again."""
        return sequence

    def openers(self, vocabulary_size: int) -> jax.Array:
        """The first words of genes, ``bool[V]``; see `first_words`."""
        return first_words(self.choices, vocabulary_size)
