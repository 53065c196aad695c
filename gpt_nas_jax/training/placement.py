"""On which devices a network is trained and in which type it computes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

_BATCH = "batch"


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where batches lie and what they are made of.

    Parameters are float32 wherever they lie, and are cast to the type of the batch.

    Attributes:
      dtype: of the images of a batch: ``float32`` or ``bfloat16``.
      mesh: the devices that share each batch; None for the default device alone.
    """

    dtype: str = "float32"
    mesh: Mesh | None = None

    def shared_out(self, batch: Any) -> Any:
        """Arrays ``[B, ...]`` inside a jitted program, a share on each device."""
        if self.mesh is None:
            return batch
        sharding = NamedSharding(self.mesh, PartitionSpec(_BATCH))
        return jax.lax.with_sharding_constraint(batch, sharding)

    def everywhere(self, tree: Any) -> Any:
        """Arrays with a copy on each device."""
        if self.mesh is None:
            return tree
        return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec()))


SINGLE = Placement()
"""The default device, in float32."""


def compute_type(precision: str) -> str:
    """The type that ``--train_precision`` stands for on the devices that are there."""
    if precision == "auto":
        return "float32" if jax.default_backend() == "cpu" else "bfloat16"
    return precision


def mesh_of(devices: Sequence[jax.Device]) -> Mesh:
    """A mesh whose devices share a batch."""
    return jax.make_mesh(
        (len(devices),), (_BATCH,), (AxisType.Auto,), devices=list(devices)
    )
