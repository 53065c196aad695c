"""Search strategies as pure init, ask and tell."""

from gpt_nas_jax.strategies.batched import Batched, Remembering
from gpt_nas_jax.strategies.creation import create
from gpt_nas_jax.strategies.history import History
from gpt_nas_jax.strategies.registry import STRATEGIES

__all__ = ["STRATEGIES", "Batched", "History", "Remembering", "create"]
