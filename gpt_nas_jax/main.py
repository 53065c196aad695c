"""Command line: ``python -m gpt_nas_jax.main --flagfile=launch/digits.flags``."""

import sys
from collections.abc import Callable

from absl import logging

from gpt_nas_jax import checks, flags
from gpt_nas_jax.config import Config
from gpt_nas_jax.stages import (
    baseline,
    import_benchmark,
    pipeline,
    proxies,
    tables,
    zoo,
)
from gpt_nas_jax.types import UsageError

_STAGES: dict[str, Callable[[Config], None]] = {
    "zoo": zoo.run,
    "import_benchmark": import_benchmark.run,
    "tables": tables.run,
    "proxies": proxies.run,
    "baseline": baseline.run,
}


def run(config: Config) -> None:
    """Does what the config says.

    Raises:
      UsageError: it cannot be done as told.
    """
    checks.check(config)
    _STAGES.get(config.stage, pipeline.run)(config)


def main(argv: list[str]) -> int:
    """Runs a command line; returns the exit code: 2 where it cannot be used."""
    # Orbax tells of every file it writes.
    logging.set_verbosity(logging.WARNING)
    try:
        config = flags.parse(argv)
        if isinstance(config, str):
            print(config)
        else:
            run(config)
    except UsageError as error:
        print(f"gpt_nas_jax: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("gpt_nas_jax: stopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
