"""Assembles one Python file from the parts that a network needs."""

import ast
import dataclasses
import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import flax.linen as nn

from gpt_nas_jax.exports.parts import flax_parts
from gpt_nas_jax.networks import blocks

FUNCTIONS: Mapping[type[nn.Module], str] = {
    blocks.AvgPool: "avg_pool",
    blocks.MaxPool: "max_pool",
    blocks.Conv: "conv",
}
"""Blocks whose part is a function; all other parts are classes of the same name."""

_WIDTH = 88
_INDENT = 8 * " "
_LINE = 70
"""Maximum characters of a tuple on one line."""

_PARTS = Path(flax_parts.__file__).parent


def part_of(module: nn.Module) -> str:
    """The name of a block's part."""
    return FUNCTIONS.get(type(module), type(module).__name__)


def arguments(module: nn.Module, parts: ModuleType = flax_parts) -> list[str]:
    """A block's arguments for its part, without those that have the default value.

    Returns:
      Source of each, with its name if the parameter has a default.
    """
    written = []
    for name, parameter in inspect.signature(
        getattr(parts, part_of(module))
    ).parameters.items():
        if name in ("parent", "name", "x"):
            continue
        value = getattr(module, name, parameter.default)
        if parameter.default is inspect.Parameter.empty:
            written.append(literal(value))
        elif value != parameter.default:
            written.append(f"{name}={literal(value)}")
    return written


def call(function: str, arguments: Sequence[str], behind: str = "") -> str:
    """A line of a method, or three if it is too long."""
    inside = ", ".join(arguments)
    line = f"{_INDENT}{function}({inside}){behind}"
    if len(line) <= _WIDTH:
        return line
    return f"{_INDENT}{function}(\n{_INDENT}    {inside}\n{_INDENT}){behind}"


def copied(kind: str, needed: Iterable[str]) -> str:
    """The source of parts and everything they use, in the order of the file.

    Args:
      kind: ``flax`` or ``torch``.
      needed: names of functions and classes of that module.
    """
    text = (_PARTS / f"{kind}_parts.py").read_text(encoding="utf-8")
    defined = {
        node.name: node
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    wanted: set[str] = set()
    queue = [name for name in needed if name in defined]
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            used = (n.id for n in ast.walk(defined[name]) if isinstance(n, ast.Name))
            queue += [other for other in used if other in defined]
    pieces = [
        ast.get_source_segment(text, node)
        for name, node in defined.items()
        if name in wanted
    ]
    return "".join(f"{piece}\n\n\n" for piece in pieces)


@dataclasses.dataclass(frozen=True)
class Facts:
    """Facts about a network, besides its blocks, that a file states."""

    title: str
    image: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]

    def filled(self, head: str, weights: str) -> str:
        """Fills these facts into the template of a file's head.

        Args:
          head: template with the fields ``title``, ``weights``, ``height``, ``width``,
            ``channels`` and ``constants``.
          weights: name of the weights file.
        """
        height, width, channels = self.image
        return head.format(
            title=self.title,
            weights=weights,
            height=height,
            width=width,
            channels=channels,
            constants=self._constants(weights),
        )

    def _constants(self, weights: str) -> str:
        return (
            f"WEIGHTS = Path(__file__).with_name({literal(weights)})\n"
            f"IMAGE = {self.image}  # height, width, channels\n"
            "# Of pixels in [0, 1], by channel.\n"
            f"MEAN = {literal(self.mean)}\n"
            f"STD = {literal(self.std)}\n"
            f"CLASSES = {literal(self.classes)}\n"
        )


def literal(value: Any) -> str:
    """A value as source; a long tuple has one line per item."""
    if isinstance(value, str):
        quoted = '"' in value and "'" not in value
        return repr(value) if quoted else json.dumps(value, ensure_ascii=False)
    if not isinstance(value, tuple):
        return repr(value)
    items = list(map(literal, value))
    line = f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if len(line) <= _LINE:
        return line
    return "(\n" + "".join(f"    {item},\n" for item in items) + ")"
