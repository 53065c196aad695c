"""A network as one readable file of Flax, ``network.py``."""

from gpt_nas_jax.exports import source
from gpt_nas_jax.exports.plan import CLASSIFIER, Step
from gpt_nas_jax.exports.source import Facts
from gpt_nas_jax.networks import blocks

FILE = "network.py"

_HEAD = '''"""{title}

Needs jax, flax, numpy and safetensors. The weights are in {weights}.

    from network import predict
    names, probabilities = predict(images)  # uint8[N, {height}, {width}, {channels}]
"""

from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

{constants}

'''

_NETWORK = '''class Network(nn.Module):
    """Normalised images [N, H, W, C] to logits [N, {classes}]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
{calls}
        x = x.mean((1, 2))
        return nn.Dense({classes}, name="{classifier}")(x)


def load_weights(path: str | Path = WEIGHTS) -> dict[str, Any]:
    """Linen's collections of names such as stage1_block1.conv.kernel."""
    variables: dict[str, Any] = {{"params": {{}}, "batch_stats": {{}}}}
    for name, array in load_file(path).items():
        *modules, leaf = name.split(".")
        inside = variables["batch_stats" if leaf in ("mean", "var") else "params"]
        for module in modules:
            inside = inside.setdefault(module, {{}})
        inside[leaf] = array
    return variables


@jax.jit
def logits(variables: dict[str, Any], images: jax.Array) -> jax.Array:
    """Pixels uint8[N, H, W, C] to logits [N, {classes}]."""
    x = (images.astype(jnp.float32) / 255 - jnp.array(MEAN)) / jnp.array(STD)
    return Network().apply(variables, x)


def predict(
    images: np.ndarray, variables: dict[str, Any] | None = None
) -> tuple[list[str], np.ndarray]:
    """Names and probabilities of images, uint8[N, H, W, C] from 0 to 255."""
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape[1:] != IMAGE:
        given = f"{{images.dtype}}{{list(images.shape)}}"
        raise ValueError(f"images are {{given}}, not uint8[N, *{{IMAGE}}]")
    probabilities = nn.softmax(logits(variables or load_weights(), images))
    names = [CLASSES[label] for label in probabilities.argmax(-1)]
    return names, np.asarray(probabilities)
'''


def write(steps: tuple[Step, ...], facts: Facts, weights: str) -> str:
    """The source of ``network.py``.

    Args:
      steps: the blocks.
      facts: of the network and its images.
      weights: name of the weights file next to it.
    """
    head = facts.filled(_HEAD, weights)
    parts = source.copied("flax", [source.part_of(step.module) for step in steps])
    network = _NETWORK.format(
        calls="\n".join(map(_call, steps)),
        classes=len(facts.classes),
        classifier=CLASSIFIER,
    )
    return f"{head}{parts}{network}"


def _call(step: Step) -> str:
    module, name = step.module, f'name="{step.name}"'
    if isinstance(module, blocks.ReLU):
        return source.call("x = nn.relu", ["x"])
    if isinstance(module, blocks.BatchNorm):
        return source.call("x = nn.BatchNorm", ["True", "epsilon=1e-5", name], "(x)")
    part, given = source.part_of(module), source.arguments(module)
    if isinstance(module, blocks.AvgPool | blocks.MaxPool):
        return source.call(f"x = {part}", ["x", *given])
    return source.call(f"x = {part}", [*given, name], "(x)")
