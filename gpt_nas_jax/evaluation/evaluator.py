"""Shared by evaluators: candidates, and failures that must not end a search."""

import math
from collections.abc import Callable
from typing import Protocol, TypeVar

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.exhaustion import is_exhausted, release
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import Cost, cost
from gpt_nas_jax.plugins import described
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.types import DataError, Evaluation, Key, Lost

Value = TypeVar("Value")

GIB = 2**30
"""Bytes of a GiB."""


@flax.struct.dataclass
class Candidate:
    """One network to evaluate.

    Attributes:
      genome: ``int32[L]``.
      proposed: ``bool[L]``, which blocks the GPT proposed.
      key: decides everything random in its training.
    """

    genome: np.ndarray
    proposed: np.ndarray
    key: Key


class Evaluator(Protocol):
    """Maps a candidate to its evaluation."""

    def __call__(self, candidate: Candidate) -> Evaluation:
        """Evaluates a candidate; its failures are results, not exceptions.

        Raises:
          DataError: images cannot be read.
          Lost: the device computes nothing any more.
        """


class Failure(Exception):
    """Why a candidate has no fitness."""


def attempt(
    function: Callable[[], Value], batch: str
) -> tuple[Value | None, str | None]:
    """Calls a function; returns (its result, None) or (None, the reason it failed).

    Memory that a function held when it raised is released. Images that cannot be read
    fail no candidate, nor does a device that is lost: they end the run, which resumes
    once the images can be read or the device is there.

    Args:
      function: evaluates a candidate.
      batch: the flag that says how many images it takes at a time.

    Raises:
      DataError: images cannot be read.
      Lost: the device computes nothing any more.
    """
    try:
        return function(), None
    except Failure as failure:
        return None, str(failure)
    except (DataError, Lost):
        raise
    except Exception as error:
        # One network in a thousand may break a compiler; a search of days must
        # survive it. The ledger shows what happened.
        reason, exhausted = described(error), is_exhausted(error)
        if exhausted:
            text = str(error).partition("\n")[0]
            reason = (
                f"ran out of memory: {text or 'of the host'}; lower --eval_max_memory "
                f"or {batch}"
            )
        release(error)
        if not exhausted:
            _require_device(reason)
        return None, reason


def _require_device(reason: str) -> None:
    """Raises Lost if the device that failed a candidate fails everything from now on.

    An illegal access to a GPU's memory, for example, ends its context for the process.
    """
    try:
        jax.block_until_ready(jnp.zeros(1) + 1)
    except Exception as error:
        # Other candidates on the device may fill its memory.
        if not is_exhausted(error):
            raise Lost(f"the device no longer computes, since: {reason}") from error


def built(
    space: NetworkSpace, genome: np.ndarray
) -> tuple[tuple[Chain, Cost] | None, str | None]:
    """The network of a genome with its cost, or None and why it cannot be built."""

    def build() -> tuple[Chain, Cost]:
        chain = space.decode(genome)
        return chain, cost(chain, space.image)

    return attempt(build, "--eval_batch")


def check_memory(needed: int, limit: float) -> None:
    """Raises Failure where a training step needs more than ``limit`` GiB.

    Args:
      needed: bytes.
      limit: ``--eval_max_memory``.
    """
    needed /= GIB
    if needed > limit:
        # Rounded up, so that the candidate fits within the limit that is shown.
        enough = math.ceil(needed * 1000) / 1000
        raise Failure(
            f"a training step needs about {enough:g} GiB of memory, more than "
            f"--eval_max_memory={limit:g}"
        )
