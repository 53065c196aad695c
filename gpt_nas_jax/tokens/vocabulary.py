"""Words: layer structures without ids and absolute sizes."""

import dataclasses
import functools
import math
from collections.abc import Iterable

import numpy as np

from gpt_nas_jax.networks import layers

START = 0
"""The token before every network."""
UNKNOWN = 1
"""The token of a layer that is not in the corpus."""
NUM_SPECIAL = 2

# Their values are of the training, not the structure: momentum and drop rates.
_VALUELESS = {"batch_norm", "dropout"}


@functools.cache
def word(layer: layers.Layer, keep_groups: bool = False) -> str:
    """The structure of a layer as text.

    The id and the sizes are removed, including implicit sizes: the kernel of an
    unpadded pooling over the whole feature map becomes ``global``, and a number of
    groups ``one``, ``many`` or, for a depthwise convolution, ``all``. The ratio of a
    convolution's widths is kept, to distinguish blocks with different inner widths.

    Args:
      layer: any layer.
      keep_groups: keep the number of groups and omit the ratio, as the paper does.
    """
    fields = {}
    for part in layers.to_text(layer).split()[1:]:
        name, _, value = part.partition("=")
        if name not in ("id", "in_size", "out_size"):
            fields[name] = value
    match layer:
        case layers.Conv() if not keep_groups:
            depthwise = layer.groups == layer.in_size[2]
            fields["groups"] = (
                "one" if layer.groups == 1 else "all" if depthwise else "many"
            )
            fields["width"] = _ratio(layer.in_size[2], layer.out_size[2])
        case layers.Pool() if not any(layer.padding):
            if layer.kernel == layer.in_size[:2]:
                fields["kernel"] = "global"
        case layers.Other() if layer.name in _VALUELESS:
            fields["value"] = ""
    return " ".join([layer.kind, *(f"{k}={v}" for k, v in fields.items())])


def _ratio(before: int, behind: int) -> str:
    """The ratio of two widths, rounded to a power of two from 1/4 to 4."""
    power = round(math.log2(behind / before))
    return ("/4", "/2", "same", "x2", "x4")[min(max(power, -2), 2) + 2]


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Tokens of words: ``START``, ``UNKNOWN``, then the words in sorted order."""

    words: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of tokens, including the two special ones."""
        return len(self.words) + NUM_SPECIAL

    @functools.cached_property
    def _tokens(self) -> dict[str, int]:
        return {text: index + NUM_SPECIAL for index, text in enumerate(self.words)}

    def encode(self, words: Iterable[str]) -> np.ndarray:
        """Tokens ``int32[L]`` of words; unseen ones become ``UNKNOWN``."""
        return np.array([self._tokens.get(w, UNKNOWN) for w in words], np.int32)

    def decode(self, tokens: Iterable[int]) -> list[str]:
        """The words of tokens, for display."""
        special = ["<start>", "<unknown>"]
        return [(special + list(self.words))[token] for token in tokens]


def build(networks: Iterable[Iterable[str]]) -> Vocabulary:
    """Builds the vocabulary of all words in the networks."""
    return Vocabulary(tuple(sorted({w for network in networks for w in network})))
