"""Checks of a space by tracing its shapes."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.plugins import called, require, traced
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.types import Space, UsageError

_COUNT = 3
_NETWORKS = 8
_INT_BYTES = 4
_KINDS = {"bool": "b", "int32": "iu", "float32": "iuf"}


@dataclasses.dataclass(frozen=True)
class _Array:
    """The type and sizes of an array that a method returns; None is any size."""

    type: str
    sizes: tuple[int | None, ...]

    def __str__(self) -> str:
        sizes = ("any" if size is None else str(size) for size in self.sizes)
        return f"{self.type}[{', '.join(sizes)}]"

    def matches(self, found: jax.ShapeDtypeStruct) -> bool:
        """Whether an array has this type, or one that is as good, and these sizes.

        Integers are good as real numbers, but genes of fewer than 32 bits would
        overflow where a space computes with them.
        """
        sizes = zip(self.sizes, found.shape, strict=False)
        return (
            len(found.shape) == len(self.sizes)
            and all(due in (None, size) for due, size in sizes)
            and jnp.dtype(found.dtype).kind in _KINDS[self.type]
            and (self.type != "int32" or found.dtype.itemsize >= _INT_BYTES)
        )


def check(where: str, space: Space) -> None:
    """Raises UsageError if strategies cannot use a space; nothing is computed.

    Args:
      where: the argument or setting that names the space, for the message.
      space: its methods are traced for three genomes.
    """
    if space is None or isinstance(space, type):
        found = "None" if space is None else f"the class {space.__name__}"
        raise UsageError(f"{where} is {found}; give an instance of a space")
    require(where, space, Space)
    try:
        hash(space)
    except TypeError as error:
        raise UsageError(
            f"{where} is not hashable ({error}); make its class a frozen dataclass "
            "whose fields are tuples"
        ) from error
    for name, (call, due) in _calls(space).items():
        found = jax.tree.leaves(traced(f"{where}: {name}", *call))
        if len(found) != len(due) or not all(map(_Array.matches, due, found)):
            arrays = [_Array(str(array.dtype), array.shape) for array in found]
            raise UsageError(
                f"{where}: {name} must return {' and '.join(map(str, due))} for "
                f"{_COUNT} genomes, not {' and '.join(map(str, arrays)) or 'nothing'}"
            )


def check_networks(
    where: str, space: NetworkSpace, image: Size, num_classes: int
) -> None:
    """Like `check`, for networks of images; also decodes and traces random ones.

    Some of the networks of a space may fail, but not all of the drawn ones.
    """
    check(where, space)
    require(where, space, NetworkSpace)
    if tuple(space.image) != image or space.num_classes != num_classes:
        raise UsageError(
            f"{where} is for {_images(space.image, space.num_classes)}, but the data "
            f"has {_images(image, num_classes)}; pass on the keywords image and "
            "num_classes"
        )
    # Compiled as a whole, it takes less time than operation by operation.
    sample = jax.jit(space.sample, static_argnums=1)
    genomes = np.asarray(sample(jax.random.key(0), _NETWORKS))
    chains = (_decoded(where, space, genome) for genome in genomes)
    outputs = _out_size(where, chains, image)
    if outputs != (1, 1, num_classes):
        raise UsageError(
            f"{where}: the output of a network is {_times(outputs)}, not one number "
            f"for each of {num_classes} classes; let it end with "
            "networks.chain.Head(num_classes)"
        )


def _decoded(where: str, space: NetworkSpace, genome: np.ndarray) -> Chain:
    chain = called(f"{where}: decode", space.decode, genome)
    if not isinstance(chain, Chain):
        raise UsageError(
            f"{where}: decode must return a Chain, not {type(chain).__name__}"
        )
    return chain


def _out_size(where: str, chains: Iterable[Chain], image: Size) -> Size:
    """The output size of the first network that can be built."""
    failures = []
    for chain in chains:
        try:
            return called(f"{where}: a network", trace, chain, image).out_size
        except UsageError as error:
            failures.append(error)
    raise failures[0]


def _images(image: Size, num_classes: int) -> str:
    return f"images of {_times(image)} in {num_classes} classes"


def _times(size: Size) -> str:
    return "x".join(map(str, size))


def _calls(space: Space) -> dict[str, tuple[tuple[Any, ...], tuple[_Array, ...]]]:
    """By method: a call, its function first, and the arrays that it must return.

    Methods that others use come first.
    """
    length = space.length
    key = jax.random.key(0)
    keys = jax.eval_shape(lambda: jax.random.split(key, _COUNT))
    genomes = jax.ShapeDtypeStruct((_COUNT, length), jnp.int32)
    indices = jax.ShapeDtypeStruct((_COUNT,), jnp.int32)
    genes = _Array("int32", (_COUNT, length))
    answers = _Array("bool", (_COUNT,))
    numbers = _Array("float32", (_COUNT, None))
    each = jax.vmap
    return {
        "sample": ((lambda k: space.sample(k, _COUNT), key), (genes,)),
        "valid": ((space.valid, genomes), (answers,)),
        "crossover": ((each(space.crossover), keys, genomes, genomes), (genes,)),
        "neighbour": ((each(space.neighbour), genomes, indices), (genes, answers)),
        "mutate": ((each(space.mutate), keys, genomes), (genes,)),
        "identity": ((space.identity, genomes), (_Array("int32", (_COUNT, None)),)),
        "choices": ((space.choices,), (_Array("bool", (length, space.num_genes + 1)),)),
        "size": ((space.size, genomes), (_Array("float32", (_COUNT,)),)),
        "features": ((space.features, genomes), (numbers,)),
        "trends": ((space.trends, genomes), (numbers,)),
    }
