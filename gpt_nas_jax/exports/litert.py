"""A network for LiteRT (formerly TensorFlow Lite), one image at a time.

The converter's interface is private, so its version is pinned.
"""

from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
from jax import export

from gpt_nas_jax.exports.format import Format, Opened, Order
from gpt_nas_jax.networks.platform import native_forms

FILE = "network.tflite"
_INPUT, _OUTPUT = "images", "logits"


def _write(order: Order) -> Mapping[str, bytes]:
    from litert_converter import converter_api_ext as converter
    from litert_converter.mlir import ir, passmanager

    dtype = np.uint8 if order.pixels else np.float32
    image = jax.ShapeDtypeStruct((1, *order.network.preparation.image), dtype)
    with native_forms():
        exported = export.export(jax.jit(order.function))(image)
    context = ir.Context()
    converter.prepare_mlir_context(context)
    with context:
        module = ir.Module.parse(exported.mlir_module())
        names = {
            ir.StringAttr(one.attributes["sym_name"]).value: one
            for one in module.body.operations
        }
        converter.set_signature(
            names["main"].operation, "serving_default", [_INPUT], [_OUTPUT]
        )
        converter.run_convert_to_tfl_passes(
            module, passmanager.PassManager(), converter.ConvertToTFLConfig()
        )
        content: bytes = converter.export_flatbuffer_to_bytes(module.operation)
    return {FILE: content}


def _read(path: Path) -> Opened:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    run = interpreter.get_signature_runner()
    dtype = interpreter.get_input_details()[0]["dtype"]

    def logits(images: np.ndarray) -> np.ndarray:
        rows = [run(**{_INPUT: image[None]})[_OUTPUT] for image in images]
        return np.concatenate(rows)

    return Opened(logits, dtype == np.uint8)


LITERT = Format(
    (FILE,),
    {
        "litert_converter": "litert-converter==0.5.0",
        "ai_edge_litert": "ai-edge-litert==2.3.0",
    },
    _write,
    _read,
)
