"""Untrained networks, and their exported files read without this package."""

import dataclasses
import functools
import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np

from gpt_nas_jax.config import DataConfig
from gpt_nas_jax.datasets import preparation, registry
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.inference.saved import SavedNetwork
from gpt_nas_jax.networks.blocks import ConvNormActivation
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.networks.zoo.efficientnet import MBConv
from gpt_nas_jax.networks.zoo.mobilenet import InvertedBottleneck
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES, chain_of, named
from gpt_nas_jax.spaces.nasbench201 import network as nasbench201

BATCH = 64
_MOMENTUM = 0.9
# The network that launch/digits.flags found.
WINNER = (
    *("Stem", "InvertedResidual", "AvgPool", "BatchNorm"),
    *("ResBottleneckBlock", "Conv", "ResBottleneckBlock"),
)
# The first block keeps the shape of its input, so it needs a projection.
ALL = ("SqueezeExcitation", *BLOCK_NAMES)


@functools.cache
def digits() -> Dataset:
    return registry.load("digits")


def chain(name: str) -> Chain:
    """The network of this name, from the zoo or defined here."""
    match name:
        case "all blocks":
            return chain_of(named(ALL), 16, 2, 10)
        case "small":
            return chain_of(named(("Stem", "InvertedResidual")), 16, 1, 10)
        case "inverted bottlenecks":
            # EfficientNet's, with and without an expansion and a shortcut.
            made = [
                MBConv(*shape, epsilon=1e-3, momentum=_MOMENTUM)
                for shape in ((16, 1, 3, 1), (24, 6, 5, 2), (24, 6, 3, 1))
            ]
            return Chain((ConvNormActivation(16), *made, Head(10)))
        case "mobile":
            # MobileNetV2's, with and without an expansion and a shortcut.
            shapes = ((16, 1), (24, 6, 2), (24, 6))
            made = [InvertedBottleneck(*shape) for shape in shapes]
            return Chain((ConvNormActivation(16), *made, Head(10)))
        case "digits":
            return chain_of(named(WINNER), 32, 2, 10)
        case "plain":
            return chain_of(named(("Conv", "ReLU", "Conv")), 16, 1, 10)
        case "an unused node":
            # Its ReLU is one of zeros.
            return nasbench201.network((0, 3, 3, 3, 0, 3))
        case "nasbench201":
            return nasbench201.network((3, 1, 2, 0, 4, 3))
    return ZOO[name].build(10, digits().test.size)


def saved(home: Path, name: str, varied: bool = True) -> SavedNetwork:
    """A network for digits, as a run saves it in ``home``."""
    made = chain(name)
    generator = np.random.default_rng(0)

    def drawn(path: tuple, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        shape = leaf.shape
        match path[-1].key:
            case "kernel":
                values = generator.normal(0, np.prod(shape[:-1]) ** -0.5, shape)
            case "scale" | "var":
                values = generator.uniform(0.5, 1.5, shape)
            case _:
                values = generator.normal(0, 0.1, shape)
        return values.astype(np.float32)

    traced = trace(made, digits().test.size)
    variables = jax.tree_util.tree_map_with_path(drawn, traced.collections())
    description = {
        "name": name,
        "image": list(digits().test.size),
        "num_classes": 10,
        "classes": list(digits().classes),
        "params": traced.params,
    }
    if name in ("all blocks", "digits"):
        description["num_stages"] = 2
    prepared = preparation.of(DataConfig(), digits())
    description |= prepared.to_json() | {"prepare": prepared.to_json()}
    network = SavedNetwork(home, made, variables, description, prepared)
    return _varied(network) if varied else network


def _varied(network: SavedNetwork) -> SavedNetwork:
    """The same network, with statistics and a classifier adapted to real images.

    Otherwise a deep network with random weights maps all images to similar logits.
    """
    mean, std = network.preparation.moments
    x = (digits().test.images[:BATCH] / np.float32(255) - mean) / std

    @jax.jit
    def run(variables: dict) -> tuple:
        rngs = {"dropout": jax.random.key(0)}
        how = {"mutable": ["batch_stats"], "rngs": rngs}
        return network.chain.apply(variables, x, True, **how)

    zeros = jax.tree.map(np.zeros_like, network.variables["batch_stats"])
    logits, after = run(network.variables | {"batch_stats": zeros})

    def statistic(path: tuple, leaf: jax.Array) -> np.ndarray:
        value = np.asarray(leaf) / np.float32(1 - _MOMENTUM)
        # Normalising a nearly constant channel would amplify its rounding errors.
        return np.maximum(value, 0.2) if path[-1].key == "var" else value

    statistics = jax.tree_util.tree_map_with_path(statistic, after["batch_stats"])
    params = network.variables["params"]
    last = f"blocks_{len(network.chain.blocks) - 1}"
    dense, logits = params[last]["Dense_0"], np.asarray(logits)
    average, spread = (logits - dense["bias"]).mean(0), logits.std(0)
    changed = {"kernel": dense["kernel"] / spread, "bias": -average / spread}
    params = params | {last: params[last] | {"Dense_0": changed}}
    variables = {"params": params, "batch_stats": statistics}
    return dataclasses.replace(network, variables=variables)


def logits_of(network: SavedNetwork, images: np.ndarray) -> np.ndarray:
    """The logits of all images, computed by one program."""
    rows = np.arange(-(-len(images) // BATCH) * BATCH).reshape(-1, BATCH)
    chosen = np.minimum(rows, len(images) - 1)
    parts = [network.logits(images[part]) for part in chosen]
    return np.concatenate(parts)[: len(images)]


_STRANGER = """
import json, sys
sys.modules["gpt_nas_jax"] = None  # Whoever imports it fails.
sys.path.insert(0, ".")
import numpy as np

name, images = sys.argv[1], np.load("images.npy")
if name == "flax":
    import network
    names, _ = network.predict(images)
    logits = network.logits(network.load_weights(), images)
elif name == "torch":
    import network_torch, torch
    pixels = torch.from_numpy(images)
    names, _ = network_torch.predict(pixels)
    logits = network_torch.logits(network_torch.load(), pixels)
elif name == "stablehlo":
    from jax import export
    names = None
    with open("network.stablehlo", "rb") as file:
        logits = export.deserialize(bytearray(file.read())).call(images)
elif name == "onnxruntime":
    import onnxruntime
    names = None
    session = onnxruntime.InferenceSession("network.onnx")
    (logits,) = session.run(["logits"], {"images": images})
elif name == "litert":
    from ai_edge_litert.interpreter import Interpreter
    names = None
    run = Interpreter("network.tflite").get_signature_runner()
    logits = [run(images=image[None])["logits"][0] for image in images]
else:
    from onnx.reference import ReferenceEvaluator
    names = None
    (logits,) = ReferenceEvaluator("network.onnx").run(None, {"images": images})
np.save("logits.npy", np.asarray(logits))
print(json.dumps(names))
"""


def read_by_a_stranger(
    folder: Path, program: str, images: np.ndarray
) -> tuple[list[str] | None, np.ndarray]:
    """Names and logits from a process that cannot import this package."""
    np.save(folder / "images.npy", images)
    command = [sys.executable, "-c", _STRANGER, program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), np.load(folder / "logits.npy")
