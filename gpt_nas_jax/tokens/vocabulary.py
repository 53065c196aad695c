"""Words: layer structures without ids and absolute sizes."""

import dataclasses
import functools
import math
from collections.abc import Iterable

import numpy as np

from gpt_nas_jax.networks import layers

START = 0
"""The token in front of every network."""
UNKNOWN = 1
"""The token of a layer that the corpus does not hold."""
NUM_SPECIAL = 2

# Constants of training, not of structure: running-average factors, drop rates.
_VALUELESS = {"batch_norm", "dropout"}


@functools.cache
def word(layer: layers.Layer, keep_groups: bool = False) -> str:
    """The structure of a layer as text.

    The id and the sizes are taken out, and with them what is a size in disguise:
    the window of an unpadded pooling over the whole feature map reads ``global``, and
    a number of groups reads ``one``, ``many`` or, where every channel is its own
    group, ``all``. Of a convolution's widths their ratio stays, so that blocks that
    differ in the width inside them are told apart.

    Args:
      layer: any layer.
      keep_groups: leave the number of groups as it is and the ratio out, as the paper
        does.
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
    """Which power of two widths change by, at most by four."""
    power = round(math.log2(behind / before))
    return ("/4", "/2", "same", "x2", "x4")[min(max(power, -2), 2) + 2]


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Tokens of words: ``START``, ``UNKNOWN``, then the words in sorted order."""

    words: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many tokens there are, the two special ones included."""
        return len(self.words) + NUM_SPECIAL

    @functools.cached_property
    def _tokens(self) -> dict[str, int]:
        return {text: index + NUM_SPECIAL for index, text in enumerate(self.words)}

    def encode(self, words: Iterable[str]) -> np.ndarray:
        """``int32[L]`` tokens of words; unseen ones become ``UNKNOWN``."""
        return np.array([self._tokens.get(w, UNKNOWN) for w in words], np.int32)

    def decode(self, tokens: Iterable[int]) -> list[str]:
        """The words of tokens, for people to read."""
        special = ["<start>", "<unknown>"]
        return [(special + list(self.words))[token] for token in tokens]


def build(networks: Iterable[Iterable[str]]) -> Vocabulary:
    """The vocabulary of all words in the networks."""
    return Vocabulary(tuple(sorted({w for network in networks for w in network})))
