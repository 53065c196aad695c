"""Pullbacks that travel from one program to another."""

from collections.abc import Collection, Sequence
from typing import Any

import flax.struct
import jax

from gpt_nas_jax.training.stored import FeatureMaps, load, store


@flax.struct.dataclass
class Pullback:
    """The pullback of a function without the arguments that it holds.

    A program writes all its outputs to memory, even its own arguments. So the arguments
    are left out, and the program that calls the pullback receives them as well.

    Attributes:
      saved: what it holds besides the arguments.
      places: for each array it holds, its index in the arguments followed by ``saved``.
      structure: of the function that `jax.vjp` returned.
    """

    saved: tuple[FeatureMaps, ...]
    places: tuple[int, ...] = flax.struct.field(pytree_node=False)
    structure: Any = flax.struct.field(pytree_node=False)

    def function(self, args: Sequence[jax.Array]) -> Any:
        """The function that `jax.vjp` returned, given the same arguments."""
        arrays = [*args, *map(load, self.saved)]
        leaves = [arrays[place] for place in self.places]
        return jax.tree.unflatten(self.structure, leaves)


def portable(
    args: Sequence[jax.Array], function: Any, grouped: Collection[int]
) -> Pullback:
    """A pullback that may leave the program it was made in.

    Args:
      args: of the program that has made it.
      function: what `jax.vjp` returned in it.
      grouped: numbers of channels that are convolved in groups.
    """
    leaves, structure = jax.tree.flatten(function)
    numbers = {id(arg): number for number, arg in enumerate(args)}
    saved, places = [], []
    for leaf in leaves:
        places.append(numbers.get(id(leaf), len(args) + len(saved)))
        if id(leaf) not in numbers:
            saved.append(store(leaf, grouped))
    return Pullback(tuple(saved), tuple(places), structure)
