"""The table of human networks: image, parameters, cost and depth of each."""

import dataclasses
from collections.abc import Sequence

from gpt_nas_jax.networks.cost import cost, depth
from gpt_nas_jax.networks.zoo import ZooEntry
from gpt_nas_jax.reports.terminal import show_table

_CLASSES = 1000


@dataclasses.dataclass(frozen=True)
class NetworkRow:
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


def network_row(name: str, entry: ZooEntry) -> NetworkRow:
    """Traces one network of the zoo and computes its row."""
    chain = entry.build(_CLASSES)
    total = cost(chain, entry.image)
    return NetworkRow(
        name,
        entry.family,
        entry.image[0],
        total.params,
        total.macs,
        depth(chain, entry.image),
    )


def show(rows: Sequence[NetworkRow]) -> None:
    """Prints the table."""
    show_table(
        f"{len(rows)} networks, {_CLASSES} classes",
        ("network", "family", "image", "parameters", "multiply-accumulates", "depth"),
        [
            (r.name, r.family, r.image, f"{r.params:,}", f"{r.macs:,}", r.depth)
            for r in rows
        ],
    )
