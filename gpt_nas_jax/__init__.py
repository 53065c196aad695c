"""GPT-NAS in JAX: a generative prior over layers inside an evolutionary search.

A search with any evaluator, in Python:

    >>> import gpt_nas_jax as gnj
    >>> space = gnj.spaces.NasBench201Space()
    >>> found = gnj.search(space, lambda genome: -float(genome.sum()), "random", 20)
    >>> found.best.genome.shape
    (6,)

The names in ``__all__`` are the public interface; everything else may change.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpt_nas_jax import datasets, spaces, strategies
    from gpt_nas_jax.api.prior import learn_prior
    from gpt_nas_jax.api.runs import Run, configure, load, run
    from gpt_nas_jax.api.search import search
    from gpt_nas_jax.api.trials import Result, Trial
    from gpt_nas_jax.config import Config, PriorConfig
    from gpt_nas_jax.inference.predictor import Predictions
    from gpt_nas_jax.networks import blocks
    from gpt_nas_jax.networks.trace import layers_of
    from gpt_nas_jax.types import Candidates, Evaluation, Space, Strategy, UsageError

__version__ = "0.1.0"
__all__ = [
    "Candidates",
    "Config",
    "Evaluation",
    "Predictions",
    "PriorConfig",
    "Result",
    "Run",
    "Space",
    "Strategy",
    "Trial",
    "UsageError",
    "blocks",
    "configure",
    "datasets",
    "layers_of",
    "learn_prior",
    "load",
    "run",
    "search",
    "spaces",
    "strategies",
]

# Imported on first use: the command line's help needs none of them.
_HOMES = {
    "Candidates": "types",
    "Config": "config",
    "Evaluation": "types",
    "Predictions": "inference.predictor",
    "PriorConfig": "config",
    "Result": "api.trials",
    "Run": "api.runs",
    "Space": "types",
    "Strategy": "types",
    "Trial": "api.trials",
    "UsageError": "types",
    "configure": "api.runs",
    "layers_of": "networks.trace",
    "learn_prior": "api.prior",
    "load": "api.runs",
    "run": "api.runs",
    "search": "api.search",
}
_MODULES = {
    "blocks": "networks.blocks",
    "datasets": "datasets",
    "spaces": "spaces",
    "strategies": "strategies",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
