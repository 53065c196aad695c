"""The 36 human networks as a table."""

import dataclasses
from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.reports import zoo_table
from gpt_nas_jax.reports.terminal import progress


def run(config: Config) -> None:
    """Prints the table and, where a path is given, writes it as JSON.

    Raises:
      UsageError: nothing can be written there.
    """
    json_path = config.zoo.json
    if json_path:
        workdir.require_file("--zoo_json", Path(json_path))
    rows = []
    with progress("reading the 36 networks", len(ZOO)) as advance:
        for name, entry in ZOO.items():
            rows.append(zoo_table.network_row(name, entry))
            advance()
    zoo_table.show(rows)
    if json_path:
        workdir.write_json(Path(json_path), [dataclasses.asdict(row) for row in rows])
