"""A program to compile, by the shapes of its arguments."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

BATCH = "batch"


@dataclasses.dataclass(frozen=True)
class Work:
    """A program.

    Attributes:
      part: of the check, such as ``blocks``.
      name: unique within its part.
      function: of arrays.
      args: shapes and types of its arguments.
      donated: the arguments that it consumes.
      chips: how many share it.
      shared: the arguments whose first axis is sharded over the chips; all others are
        replicated.
    """

    part: str
    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    donated: tuple[int, ...] = ()
    chips: int = 1
    shared: tuple[int, ...] = ()

    def lower(self, mesh: Mesh) -> jax.stages.Lowered:
        """The program for the devices of a mesh, not compiled yet."""
        args = []
        for index, arg in enumerate(self.args):
            spec = PartitionSpec(BATCH) if index in self.shared else PartitionSpec()
            args.append(_placed(arg, NamedSharding(mesh, spec)))
        jitted = jax.jit(self.function, donate_argnums=self.donated)
        return jitted.lower(*args)


def plain(program: Callable[..., Any]) -> Callable[..., Any]:
    """A jitted function of this package without its options, which are for the CPU."""
    return program.__wrapped__


def array(shape: tuple[int, ...], dtype: Any = "float32") -> jax.ShapeDtypeStruct:
    """A shape and a type."""
    return jax.ShapeDtypeStruct(shape, dtype)


def _placed(tree: Any, sharding: NamedSharding) -> Any:
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        tree,
    )
