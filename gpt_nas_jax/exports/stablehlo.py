"""A network as StableHLO, weights included, by `jax.export`."""

from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
from jax import export

from gpt_nas_jax.exports.format import Format, Opened, Order
from gpt_nas_jax.types import UsageError

FILE = "network.stablehlo"
_CALLED = {"gpu": "cuda"}
"""JAX's names of platforms that have another name in files."""


def _here() -> str:
    """The platform of this process, by its name in files."""
    return _CALLED.get(jax.default_backend(), jax.default_backend())


def _write(order: Order) -> Mapping[str, bytes]:
    here = _here()
    if here not in order.platforms:
        raise UsageError(
            f"--export_platforms={','.join(order.platforms)} lacks {here}, on which "
            "the file is checked; add it, or export where one of these is"
        )
    (batch,) = export.symbolic_shape("batch")
    dtype = np.uint8 if order.pixels else np.float32
    images = jax.ShapeDtypeStruct((batch, *order.network.preparation.image), dtype)
    exported = export.export(jax.jit(order.function), platforms=order.platforms)
    return {FILE: bytes(exported(images).serialize())}


def _read(path: Path) -> Opened:
    exported = export.deserialize(bytearray(path.read_bytes()))
    here = _here()
    if here not in exported.platforms:
        raise UsageError(
            f"{path} is for {', '.join(exported.platforms)}, not for {here}; export it "
            f"again with {here} in --export_platforms"
        )
    call = jax.jit(exported.call)
    pixels = exported.in_avals[0].dtype == np.uint8
    return Opened(lambda images: np.asarray(call(images)), pixels)


STABLEHLO = Format((FILE,), {"flatbuffers": "flatbuffers"}, _write, _read)
