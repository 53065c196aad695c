"""The step of the retraining: a whole network as one program."""

import functools
from collections.abc import Iterator

import jax

from accelerators import settings
from accelerators.chips import SLICE
from accelerators.work import Work, array
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES, candidate
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.recipe import update_of

_FEW = ("Stem", "AvgPool", "BasicBlock")
_STEPS = 97


def works(short: bool) -> Iterator[Work]:
    """On one chip, and on a slice whose chips share the batch."""
    for name in settings.NAMES[:1] if short else settings.NAMES:
        space, recipe = settings.space(name), settings.config(name).retrain.recipe
        blocks = _FEW if short else BLOCK_NAMES
        stages = min(space.num_stages, len(blocks))
        chain = candidate(blocks, space.width, stages, space.num_classes)
        update = update_of(recipe, _STEPS)
        key = jax.random.key(0)
        state = whole.shapes(chain, recipe, _STEPS, space.image, key)

        batch = recipe.batch
        images = array((batch, *space.image), settings.COMPUTE)
        labels = array((batch,), "int32")
        for chips in (1, SLICE):
            yield Work(
                "retrain",
                f"{name} step of {len(blocks)} blocks",
                functools.partial(whole.updated, chain, update),
                (state, images, labels),
                donated=(0,),
                chips=chips,
                shared=(1, 2),
            )
