"""The n-gram model whose corpus and smoothing do best on validation architectures."""

import dataclasses
from collections.abc import Sequence

from gpt_nas_jax.prior import ngram
from gpt_nas_jax.prior.corpora import Phase
from gpt_nas_jax.prior.ngram import NGram
from gpt_nas_jax.tokens.corpus import Windows, balanced

STRENGTHS = (1, 3, 10, 30, 100, 300, 1000)
"""Of backing off: 1 is Witten-Bell smoothing, which takes every window for independent
evidence; but a cell repeats within a network, and networks of one architecture are
alike."""


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """A corpus that a model may be fitted to.

    Attributes:
      part: without the validation architectures.
      whole: with them.
    """

    part: Windows
    whole: Windows


def baseline(phases: Sequence[Phase], vocabulary_size: int, longest: int) -> NGram:
    """The baseline for a GPT that was trained in these phases.

    It is fitted to the last corpus alone or to all of them, weighted equally, whichever
    does better on the validation architectures of the last corpus.
    """
    (part, validation), whole = phases[-1].parts, phases[-1].known
    corpora = [Corpus(part, whole)]
    if before := [phase.known for phase in phases[:-1]]:
        every = (balanced([*before, own]) for own in (part, whole))
        corpora.append(Corpus(*every))
    return best(corpora, validation, vocabulary_size, longest)


def best(
    corpora: Sequence[Corpus], validation: Windows, vocabulary_size: int, longest: int
) -> NGram:
    """The model of n-grams up to ``longest`` with the lowest validation perplexity.

    Every corpus is tried with all `STRENGTHS`; the best pair is fitted to the whole
    corpus.
    """

    def perplexity(choice: tuple[Corpus, NGram, float]) -> float:
        _, fitted, strength = choice
        return ngram.perplexity(fitted.backing_off(strength), validation)

    fitted = [(one, ngram.fit(one.part, vocabulary_size, longest)) for one in corpora]
    choices = [(*pair, strength) for pair in fitted for strength in STRENGTHS]
    corpus, _, strength = min(choices, key=perplexity)
    whole = ngram.fit(corpus.whole, vocabulary_size, longest)
    return whole.backing_off(strength)
