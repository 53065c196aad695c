"""The accelerators that programs are compiled for, and what their compilers need."""

import dataclasses
import importlib.metadata
import re
from collections.abc import Sequence
from typing import Any

import jax
from jax.experimental import topologies

SLICE = 16
"""Chips of a slice."""


@dataclasses.dataclass(frozen=True)
class Chip:
    """An accelerator.

    Attributes:
      title: for people.
      requirements: packages of its compiler, by the beginning of their names among the
        requirements of the installed JAX.
      environment: variables that keep the compiler from looking for the chip.
      flops: bfloat16 operations a second (vendor's sheet).
      bandwidth: bytes a second to and from its memory.
      memory: its bytes.
      one: arguments of `topologies.get_topology_desc` for a single chip.
      slice: the same for 16 chips on four hosts; empty if there is none.
      options: of the compiler.
    """

    title: str
    requirements: tuple[str, ...]
    environment: dict[str, str]
    flops: float
    bandwidth: float
    memory: float
    one: dict[str, Any]
    slice: dict[str, Any] = dataclasses.field(default_factory=dict)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    def pins(self) -> list[str]:
        """The requirements with the versions that the installed JAX requires."""
        asked = importlib.metadata.requires("jax") or ()
        pins = []
        for name in self.requirements:
            found = {_pin(text) for text in asked if _pin(text).startswith(name)}
            pins += sorted(found)[:1] or [f"{name}=={jax.__version__}"]
        return pins

    def devices(self, count: int) -> Sequence[jax.Device]:
        """One device, or the 16 of a slice."""
        options = self.one if count == 1 else self.slice
        return topologies.get_topology_desc(**options).devices[:count]


def _pin(requirement: str) -> str:
    """A requirement without its extras and markers."""
    return re.sub(r"\[.*?\]", "", requirement.partition(";")[0]).replace(" ", "")


# XLA reads this text instead of querying the GPU.
_H100 = """
gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: 233472
  threads_per_core_limit: 2048
  core_count: 132
  fpus_per_core: 128
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000
  l2_cache_size: 52428800
  clock_rate_ghz: 1.98
  device_memory_size: 84942979072
  shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 8 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""

CHIPS = {
    "tpu": Chip(
        "TPU v5e",
        ("libtpu",),
        {
            # Only one process at a time can open a TPU; nothing here does.
            "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
            "TPU_SKIP_MDS_QUERY": "1",
            "TPU_ACCELERATOR_TYPE": "v5litepod-4",
            "TPU_WORKER_HOSTNAMES": "localhost",
        },
        197e12,
        819e9,
        16 * 2**30,
        {"platform": "tpu", "topology_name": "v5e:2x2"},
        {"platform": "tpu", "topology_name": "v5e:4x4"},
    ),
    "gpu": Chip(
        "H100",
        ("jax-cuda12-plugin", "jax-cuda12-pjrt"),
        {},
        989e12,
        3.35e12,
        84942979072,
        {
            "platform": "cuda",
            "topology_name": "h100",
            "target_config": _H100,
            "topology": "1x1x1",
        },
        # Triton's tile sizes are tuned on the GPU. Without one the first are used,
        # which do not fit every product.
        options={"xla_gpu_enable_triton_gemm": False},
    ),
}
