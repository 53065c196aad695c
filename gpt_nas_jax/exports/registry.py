"""The formats by name."""

from collections.abc import Mapping

from gpt_nas_jax.exports.format import Format
from gpt_nas_jax.exports.litert import LITERT
from gpt_nas_jax.exports.onnx_file import ONNX
from gpt_nas_jax.exports.sources import FLAX, TORCH
from gpt_nas_jax.exports.stablehlo import STABLEHLO

FORMATS: Mapping[str, Format] = {
    "flax": FLAX,
    "torch": TORCH,
    "stablehlo": STABLEHLO,
    "onnx": ONNX,
    "litert": LITERT,
}
