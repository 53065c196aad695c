"""Tables and figures: of searches on a benchmark, and those of the paper."""

from collections.abc import Callable

from gpt_nas_jax.config import Config
from gpt_nas_jax.stages import benchmark_tables
from gpt_nas_jax.stages.paper import initial_networks, runs

_PAPER: dict[str, Callable[[Config], None]] = {
    "3": runs.run,
    "4": initial_networks.run_table4,
    "5": initial_networks.run_table5,
    "figure2": initial_networks.run_figure2,
}


def run(config: Config) -> None:
    """Runs what is missing of the table that the config names, and writes it.

    Raises:
      UsageError: an input cannot be used.
    """
    _PAPER.get(config.tables.name, benchmark_tables.run)(config)
