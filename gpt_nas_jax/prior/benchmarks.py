"""The benchmarks whose networks a GPT can be pre-trained on."""

import dataclasses
from collections.abc import Callable, Mapping

from gpt_nas_jax.spaces.nasbench101 import corpus as nasbench101_corpus
from gpt_nas_jax.spaces.nasbench101.corpus import Columns
from gpt_nas_jax.spaces.nasbench201 import corpus as nasbench201_corpus
from gpt_nas_jax.tokens.corpus import Architectures
from gpt_nas_jax.tokens.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class CellBenchmark:
    """How to turn the cells of a benchmark into token sequences.

    Attributes:
      title: its name, for display.
      words: returns all words of its networks, given the ``keep_groups`` of
        `vocabulary.word`.
      architectures: returns the token sequences of the networks of cells.
    """

    title: str
    words: Callable[[bool], tuple[str, ...]]
    architectures: Callable[[Columns, Vocabulary], Architectures]


NASBENCH101 = CellBenchmark(
    "NAS-Bench-101", nasbench101_corpus.words, nasbench101_corpus.architectures
)
NASBENCH201 = CellBenchmark(
    "NAS-Bench-201", nasbench201_corpus.words, nasbench201_corpus.architectures
)
BENCHMARKS: Mapping[str, CellBenchmark] = {
    "nasbench101": NASBENCH101,
    "nasbench201": NASBENCH201,
}
"""By the values of ``--prior_corpus``."""
