"""User-defined blocks, in addition to those of Table II."""

import dataclasses
import functools
import inspect

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax import plugins
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.network import WIDTH_MULTIPLE, Block
from gpt_nas_jax.types import UsageError

_FLAG = "--space_blocks"
_SIDE = 8


def block(path: str) -> Block:
    """Makes a block from the import path of a Linen module.

    A module with the fields ``features`` and ``stride`` outputs ``features`` channels
    at ``1 / stride`` of the resolution, rounded up. One with neither field keeps its
    input's shape. Both are called as ``module(x, train)``. The block is named after the
    class.

    Raises:
      UsageError: it cannot be imported, is not such a module, cannot be trained without
        random numbers, or its output has a different shape.
    """
    found, where = plugins.load(_FLAG, path), f"{_FLAG}={path}"
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        raise UsageError(f"{where} is not a class derived from flax.linen.Module")
    parameters = list(inspect.signature(found.__call__).parameters)
    if parameters[1:] != ["x", "train"]:
        raise UsageError(f"{where} lacks __call__(self, x, train)")
    fields = {field.name for field in dataclasses.fields(found)}
    missing = sorted({"features", "stride"} - fields)
    if len(missing) == 1:
        raise UsageError(
            f"{where} lacks the field {missing[0]}; a block has both features and "
            "stride, or neither where it keeps its input's shape"
        )
    made = _keeping(found) if missing else _shaping(found)
    _check_shapes(where, made)
    return made


def _shaping(kind: type[nn.Module]) -> Block:
    return Block(kind.__name__, lambda f, s: kind(features=f, stride=s))


def _keeping(kind: type[nn.Module]) -> Block:
    return Block(kind.__name__, lambda f, s: kind(), shapes=False)


def _check_shapes(where: str, made: Block) -> None:
    """Traces the block at each kind of place, also as in training."""
    narrow, wide = WIDTH_MULTIPLE, 2 * WIDTH_MULTIPLE
    places = [(narrow, narrow, 1)]
    if made.shapes:
        places += [(narrow, wide, 1), (narrow, wide, 2)]
    for channels, features, stride in places:
        block, image = made.build(features, stride), (_SIDE, _SIDE, channels)
        try:
            traced = trace(block, image)
        except Exception as error:
            text = plugins.one_line(error)
            raise UsageError(f"{where} cannot be traced: {text}") from error
        train = functools.partial(block.apply, train=True, mutable=["batch_stats"])
        x = jax.ShapeDtypeStruct((1, *image), jnp.float32)
        try:
            # Programs are kept by their modules.
            hash(block)
            jax.eval_shape(train, traced.collections(), x)
        except Exception as error:
            text = plugins.one_line(error)
            raise UsageError(f"{where} cannot be trained: {text}") from error
        size = traced.out_size
        expected = (_SIDE // stride, _SIDE // stride, features)
        if size != expected:
            raise UsageError(
                f"{where} turns {_SIDE}x{_SIDE}x{channels} into "
                f"{'x'.join(map(str, size))} where features={features} and "
                f"stride={stride} ask for {'x'.join(map(str, expected))}"
            )
