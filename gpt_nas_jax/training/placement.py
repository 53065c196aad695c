"""The devices that train a network and the type that it computes in."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from gpt_nas_jax.keys import GENERATOR
from gpt_nas_jax.training import first

_BATCH = "batch"


@dataclasses.dataclass(frozen=True)
class Placement:
    """The devices and the type of batches.

    Parameters are float32 wherever they lie, and are cast to the type of the batch.

    Attributes:
      dtype: of the images of a batch: ``float32`` or ``bfloat16``.
      mesh: the devices that share each batch, those of other processes among them;
        None for the default device alone.
    """

    dtype: str = "float32"
    mesh: Mesh | None = None

    def sharded(self, batch: Any) -> Any:
        """Shards arrays ``[B, ...]`` over the devices, inside a jitted program."""
        if self.mesh is None:
            return batch
        return jax.lax.with_sharding_constraint(batch, self._shares())

    def replicated(self, tree: Any) -> Any:
        """Replicates arrays on all devices, inside a jitted program."""
        if self.mesh is None:
            return tree
        sharding = NamedSharding(self.mesh, PartitionSpec())
        return jax.lax.with_sharding_constraint(tree, sharding)

    def everywhere(self, tree: Any) -> Any:
        """Arrays with a copy on each device; each process has the same ones."""
        if self.mesh is None:
            return tree
        sharding = NamedSharding(self.mesh, PartitionSpec())
        if not self.spans_processes:
            return jax.device_put(tree, sharding)

        def copied(leaf: Any) -> jax.Array:
            if first.is_key(leaf):
                data = copied(jax.random.key_data(leaf))
                return jax.random.wrap_key_data(data, impl=GENERATOR)
            # What lies on a device of one process cannot be put on those of all.
            host = np.asarray(leaf)
            return jax.make_array_from_callback(host.shape, sharding, host.__getitem__)

        return jax.tree.map(copied, tree)

    def of_first(self, tree: Any) -> Any:
        """Like `everywhere`, with the arrays of process 0.

        The other processes pass arrays, or shapes and types, of the same structure.
        """
        return self.everywhere(first.of_first(tree) if self.spans_processes else tree)

    def own_rows(self, batch: int) -> np.ndarray:
        """``int[M]``: the rows of a batch that lie on devices of this process."""
        if not self.spans_processes:
            return np.arange(batch)
        places = self._shares().addressable_devices_indices_map((batch,)).values()
        return np.unique(np.concatenate([np.arange(batch)[place] for place in places]))

    def global_batch(self, rows: np.ndarray, batch: int) -> Any:
        """``[batch, ...]``, assembled from each process's own rows, in order."""
        if not self.spans_processes:
            return rows
        own = self.own_rows(batch)

        def share(index: tuple[slice, ...]) -> np.ndarray:
            return rows[np.searchsorted(own, np.arange(batch)[index[0]])]

        shape = (batch, *rows.shape[1:])
        return jax.make_array_from_callback(shape, self._shares(), share)

    @property
    def spans_processes(self) -> bool:
        """Whether devices of other processes share the batches."""
        return self.mesh is not None and self.mesh.is_multi_process

    def _shares(self) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec(_BATCH))


SINGLE = Placement()
"""The default device, in float32."""


def compute_type(precision: str) -> str:
    """The type that ``--train_precision`` stands for on the available devices."""
    if precision == "auto":
        return "float32" if jax.default_backend() == "cpu" else "bfloat16"
    return precision


def mesh_of(devices: Sequence[jax.Device]) -> Mesh:
    """A mesh whose devices share a batch."""
    return jax.make_mesh(
        (len(devices),), (_BATCH,), (AxisType.Auto,), devices=list(devices)
    )
