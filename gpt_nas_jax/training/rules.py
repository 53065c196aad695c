"""Which parameters of which block are trained (the paper's acceleration)."""

import enum
from collections.abc import Mapping
from typing import Any

from flax import traverse_util

from gpt_nas_jax.networks.trace import COLLECTIONS


class Rule(enum.Enum):
    """The trained parameters of a block; the rest keep their initial values."""

    ALL = "all"
    BATCH_NORM = "batch_norm"
    NOTHING = "nothing"


def accelerated(proposed: tuple[bool, ...], has_norm: bool) -> tuple[Rule, ...]:
    """The paper's rules: proposed blocks, else BatchNorm, else everything.

    Args:
      proposed: for each block, whether the GPT proposed it.
      has_norm: whether any block holds a BatchNorm.
    """
    if any(proposed):
        return tuple(Rule.ALL if new else Rule.NOTHING for new in proposed)
    return (Rule.BATCH_NORM if has_norm else Rule.ALL,) * len(proposed)


def partition(rule: Rule, variables: Mapping[str, Any]) -> tuple[Any, Any]:
    """Splits a block's parameters into (trained, kept), flat by path.

    Modules with running statistics are BatchNorms, whatever their names.
    """
    flat, of_stats = (
        traverse_util.flatten_dict(variables[name]) for name in COLLECTIONS
    )
    norms = {path[:-1] for path in of_stats}
    trained = {
        path: leaf
        for path, leaf in flat.items()
        if rule is Rule.ALL or (rule is Rule.BATCH_NORM and path[:-1] in norms)
    }
    kept = {path: leaf for path, leaf in flat.items() if path not in trained}
    return trained, kept


def joined(trained: Any, kept: Any) -> Any:
    """The parameters that `partition` split."""
    return traverse_util.unflatten_dict(trained | kept)
