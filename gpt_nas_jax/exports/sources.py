"""Readable files of Flax and PyTorch that share one file of weights."""

import importlib.util
import itertools
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from gpt_nas_jax.exports import flax_file, plan, torch_file
from gpt_nas_jax.exports.format import Format, Opened, Order
from gpt_nas_jax.exports.source import Facts

WEIGHTS = "network.safetensors"
_numbers = itertools.count()


def _write_flax(order: Order) -> Mapping[str, bytes]:
    steps = _steps(order)
    text = flax_file.write(steps, _facts(order), WEIGHTS)
    return {flax_file.FILE: text.encode(), WEIGHTS: _weights(order, steps)}


def _write_torch(order: Order) -> Mapping[str, bytes]:
    steps = _steps(order)
    features = order.network.variables["params"][_last(order)]["Dense_0"]["kernel"]
    text = torch_file.write(steps, _facts(order), WEIGHTS, features.shape[0])
    return {torch_file.FILE: text.encode(), WEIGHTS: _weights(order, steps)}


def _last(order: Order) -> str:
    return f"blocks_{len(order.network.chain.blocks) - 1}"


def _steps(order: Order) -> tuple[plan.Step, ...]:
    return plan.steps(order.network.chain, order.network.description)


def _facts(order: Order) -> Facts:
    prepared = order.network.preparation
    moments = prepared.mean, prepared.std
    return Facts(order.title, prepared.image, *moments, order.network.classes)


def _weights(order: Order, steps: tuple[plan.Step, ...]) -> bytes:
    # `save_file` would make a file that only its owner can read.
    from safetensors.numpy import save

    written: bytes = save(plan.weights(steps, order.network.variables))
    return written


def _read_flax(path: Path) -> Opened:
    module = _imported(path.with_name(flax_file.FILE))
    weights = module.load_weights()
    return Opened(lambda images: np.asarray(module.logits(weights, images)))


def _read_torch(path: Path) -> Opened:
    import torch

    module = _imported(path.with_name(torch_file.FILE))
    network = module.load()

    def logits(images: np.ndarray) -> np.ndarray:
        found: np.ndarray = module.logits(network, torch.from_numpy(images)).numpy()
        return found

    return Opened(logits)


def _imported(path: Path) -> ModuleType:
    """Loads a file as a module that no other module can import."""
    name = f"_exported_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_SAFETENSORS = {"safetensors": "safetensors"}
FLAX = Format((flax_file.FILE, WEIGHTS), _SAFETENSORS, _write_flax, _read_flax)
TORCH = Format(
    (torch_file.FILE, WEIGHTS),
    _SAFETENSORS | {"torch": "torch"},
    _write_torch,
    _read_torch,
)
