"""The 36 human networks as a table."""

import dataclasses
from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.networks.cost import cost, depth
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.reports.terminal import progress, show_table

_CLASSES = 1000


@dataclasses.dataclass(frozen=True)
class Row:
    """One network at its native image size and 1000 classes.

    Attributes:
      name: of the network.
      family: the paper's name for its kind.
      image: side of the image, pixels.
      params: number of parameters.
      macs: multiply-accumulates for one image.
      depth: convolutions and fully connected layers on the longest path.
    """

    name: str
    family: str
    image: int
    params: int
    macs: int
    depth: int


def run(config: Config) -> None:
    """Prints the table and, where a path is given, writes it as JSON.

    Raises:
      UsageError: nothing can be written there.
    """
    json_path = config.zoo.json
    workdir.require_writable("--zoo_json", Path(json_path).parent)
    rows = []
    with progress("reading the 36 networks", len(ZOO)) as advance:
        for name, entry in ZOO.items():
            chain = entry.build(_CLASSES)
            total = cost(chain, entry.image)
            rows.append(
                Row(
                    name,
                    entry.family,
                    entry.image[0],
                    total.params,
                    total.macs,
                    depth(chain, entry.image),
                )
            )
            advance()
    show_table(
        f"{len(rows)} networks, {_CLASSES} classes",
        ("network", "family", "image", "parameters", "multiply-accumulates", "depth"),
        [
            (r.name, r.family, r.image, f"{r.params:,}", f"{r.macs:,}", r.depth)
            for r in rows
        ],
    )
    if json_path:
        workdir.write_json(Path(json_path), [dataclasses.asdict(r) for r in rows])
