"""Tables and figures: of searches on a benchmark, and those of the paper."""

from collections.abc import Callable

from gpt_nas_jax.config import Config
from gpt_nas_jax.stages import benchmark_tables
from gpt_nas_jax.stages.paper import figure2, table3, table4, table5

_PAPER: dict[str, Callable[[Config], None]] = {
    "3": table3.run,
    "4": table4.run,
    "5": table5.run,
    "figure2": figure2.run,
}


def run(config: Config) -> None:
    """Runs what is missing of the table that the config names, and writes it.

    Raises:
      UsageError: an input cannot be used.
    """
    _PAPER.get(config.tables.name, benchmark_tables.run)(config)
