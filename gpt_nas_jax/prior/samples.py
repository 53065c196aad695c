"""Sample proposals of a prior, as readable words."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.prior.examples import Examples
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.prior.reconstruct import reconstruct
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.tokens.vocabulary import START, Vocabulary
from gpt_nas_jax.types import Genome, Key

_PLACES = 4
_LAYERS_SHOWN = 4
_LIKELIEST = 3
_RATES = (0.5, 1.0)


@dataclasses.dataclass(frozen=True)
class Proposal:
    """The models' predictions at the start of a gene.

    Attributes:
      context: the last layers before it.
      layers: the most likely next layers and their probabilities, descending.
      gene: the most likely one for the first of these layers.
      actual_layer: the true layer.
      actual_gene: the true gene.
    """

    context: tuple[str, ...]
    layers: tuple[tuple[str, float], ...]
    gene: str
    actual_layer: str
    actual_gene: str


@dataclasses.dataclass(frozen=True)
class Rewriting:
    """A random genome of the space, reconstructed.

    Attributes:
      rate: of elimination; at 1 every gene is replaced.
      before: the original genes.
      eliminated: which of them were eliminated.
      after: the resulting genes.
    """

    rate: float
    before: tuple[str, ...]
    eliminated: tuple[bool, ...]
    after: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Samples:
    """Some proposals and some reconstructions."""

    proposals: tuple[Proposal, ...]
    rewritings: tuple[Rewriting, ...]


def draw(
    prior: Prior, space: ReadableSpace, vocabulary: Vocabulary, test: Examples, key: Key
) -> Samples:
    """Samples a prior at a few test examples, and reconstructs a few genomes.

    Args:
      prior: the trained models.
      space: of the genomes.
      vocabulary: decodes the tokens.
      test: examples that the prior was not trained on.
      key: of the places, the genomes and their reconstructions.
    """
    place_key, sample_key, *keys = jax.random.split(key, 2 + len(_RATES))
    names = space.gene_names
    genomes = jax.jit(space.sample, static_argnums=1)(sample_key, len(_RATES))
    return Samples(
        proposals=_proposals(prior, names, vocabulary, test, place_key),
        rewritings=tuple(
            _rewriting(prior, names, genomes[index : index + 1], rate, keys[index])
            for index, rate in enumerate(_RATES)
        ),
    )


def _proposals(
    prior: Prior,
    names: tuple[str, ...],
    vocabulary: Vocabulary,
    test: Examples,
    key: Key,
) -> tuple[Proposal, ...]:
    whole = (test.contexts[:, -_LAYERS_SHOWN:] != START).all(1)
    places = np.asarray(
        jax.random.permutation(key, np.flatnonzero(test.starts & whole))
    )
    # One per gene, since examples of the most common genes look alike.
    _, first = np.unique(test.labels[places], return_index=True)
    places = places[np.sort(first)[:_PLACES]]
    contexts = test.contexts[places]
    shares, genes = jax.tree.map(np.asarray, _asked(prior, contexts))
    found = []
    for row, place in enumerate(places):
        likeliest = np.argsort(-shares[row], kind="stable")[:_LIKELIEST]
        found.append(
            Proposal(
                context=tuple(vocabulary.decode(contexts[row, -_LAYERS_SHOWN:])),
                layers=tuple(
                    zip(
                        vocabulary.decode(likeliest),
                        map(float, shares[row, likeliest]),
                        strict=True,
                    )
                ),
                gene=names[genes[row]],
                actual_layer=vocabulary.decode([test.tokens[place]])[0],
                actual_gene=names[test.labels[place]],
            )
        )
    return tuple(found)


@jax.jit
def _asked(prior: Prior, contexts: Any) -> tuple[jax.Array, jax.Array]:
    """Probabilities of the layers after ``[N, C]``, and the gene of the likeliest."""
    logits = prior.next_layer(contexts)
    layer = jnp.argmax(logits, -1)
    genes = prior.gene_logits(contexts, layer)
    return jax.nn.softmax(logits), jnp.argmax(genes, -1)


_reconstruct = jax.jit(reconstruct)


def _rewriting(
    prior: Prior, names: tuple[str, ...], genomes: Genome, rate: float, key: Key
) -> Rewriting:
    after, eliminated = _reconstruct(prior, key, genomes, rate)
    positions = np.array(prior.table.positions)
    real = np.asarray(prior.table.eliminable(genomes[0]))[positions]

    def genes(genomes: Genome) -> tuple[str, ...]:
        return tuple(names[gene] for gene in np.asarray(genomes)[0, positions][real])

    gone = np.asarray(eliminated)[0, positions][real]
    return Rewriting(rate, genes(genomes), tuple(map(bool, gone)), genes(after))
