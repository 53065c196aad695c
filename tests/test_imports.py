"""Which part of the package may import which."""

import ast
import functools
import pathlib
import subprocess
import sys

import pytest

import gpt_nas_jax

PACKAGE = pathlib.Path(gpt_nas_jax.__file__).parent
# Each part imports only from itself and from the rows below.
ROWS = (
    {"main"},
    {"api"},
    {"flags"},
    {"stages"},
    {"reports"},
    {"exports"},
    {"inference"},
    {"executors"},
    {"evaluation"},
    {"strategies"},
    {"prior"},
    {"training"},
    {"spaces"},
    {"tokens"},
    {"networks"},
    {"datasets"},
    {"workdir"},
    {"checks"},
    {"endings"},
    {
        *("config", "exhaustion", "interruption", "keys", "products", "sorted_rows"),
        "__version__",
    },
    {"plugins"},
    {"types"},
)
DEPTH = {room: depth for depth, row in enumerate(ROWS) for room in row}
# Parts that must not be imported even though their row may permit it.
STRANGERS = {
    "strategies": {"evaluation"},
    "executors": {
        *("evaluation", "strategies", "prior", "training"),
        *("spaces", "tokens", "networks", "datasets"),
    },
}
# Libraries, and the only modules that may import them.
ALONE = {
    "absl.flags": {"main.py", "flags.py", "datasets/streams.py"},
    "etils": {"datasets/location.py"},
    "fsspec": {"workdir/objects.py"},
    "grain": {"datasets/streams.py"},
    "jinja2": {"reports/page/rendering.py"},
    "matplotlib": {"reports/figure.py"},
    "tensorboardX": {"reports/events.py"},
    "litert_converter": {"exports/litert.py"},
    "onnx": {
        *("exports/onnx_file.py", "exports/onnx_graph.py"),
        "exports/onnx_operations.py",
    },
    "orbax": {"workdir/checkpoints.py"},
    "ray": {"executors/ray.py", "executors/ray_cluster.py"},
    "safetensors": {"exports/sources.py"},
    "torch": {"exports/sources.py", "exports/parts/torch_parts.py"},
    "tensorflow_datasets": {"datasets/prepared.py"},
}
# Slow to load, so imported only where a command uses them.
HEAVY = {
    *("grain", "matplotlib", "onnx", "pandas", "scipy.stats", "sklearn"),
    *("tensorflow", "tensorflow_datasets", "torch"),
}
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}


@functools.cache
def imports(path: pathlib.Path) -> tuple[str, ...]:
    """The full names of a module's imports, including those inside functions."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: name the package in full"
            names += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(names)


def room_of(module: str) -> str:
    return module.removesuffix(".py").partition("/")[0]


def rooms_used(path: pathlib.Path) -> set[str]:
    parts = [name.split(".") for name in imports(path)]
    return {part[1] for part in parts if part[0] == "gpt_nas_jax" and len(part) > 1}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"__init__.py"}))
def test_imports_point_downward(module: str):
    room = room_of(module)
    assert room in DEPTH, "a new room needs its row above"
    used = rooms_used(MODULES[module])
    upward = {other for other in used if DEPTH[other] < DEPTH[room]}
    assert not upward, f"{module} imports from above"
    aside = {other for other in used if other != room and DEPTH[other] == DEPTH[room]}
    assert not aside, f"{module} imports from beside"
    assert not used & STRANGERS.get(room, set())


@pytest.mark.parametrize("library", ALONE)
def test_libraries_are_imported_in_one_place(library: str):
    importers = {
        module
        for module, path in MODULES.items()
        if any(f"{name}.".startswith(f"{library}.") for name in imports(path))
    }
    assert importers
    assert importers <= ALONE[library]


def test_the_program_starts_without_heavy_libraries():
    command = [
        sys.executable,
        "-c",
        "import sys, gpt_nas_jax.flags, gpt_nas_jax.api.runs, gpt_nas_jax.main; "
        "print(*sys.modules)",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not HEAVY & set(ran.stdout.split())
