"""Settings of a run on a Ray cluster."""

import dataclasses
from collections.abc import Iterator

from gpt_nas_jax.config.setting import Section, setting


@dataclasses.dataclass(frozen=True)
class RayConfig(Section):
    """Where the workers of --executor=ray are, and what each of them gets."""

    address: str = setting(
        "",
        "Address of the cluster, host:port, or local to start one on this machine; "
        "empty: RAY_ADDRESS, else a cluster that this machine is part of, else local.",
        result=False,
    )
    workers: int = setting(
        0,
        "Workers to start; those that do not fit wait for nodes to join; 0: as many "
        "as fit.",
        low=0,
        result=False,
    )
    device: str = setting(
        "auto",
        "What a worker runs on: a TPU chip, a GPU or CPU cores; auto: the first of "
        "these that the cluster has at the start.",
        choices=("auto", "tpu", "gpu", "cpu"),
        result=False,
    )
    cores: int = setting(
        1,
        "CPU cores that Ray reserves for a worker on the CPU, and threads that it "
        "uses unless NPROC is set.",
        low=1,
        result=False,
    )

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        if "://" in self.address:
            yield (
                f"--ray_address={self.address}: start the command on a machine of the "
                "cluster, or by `ray job submit`, and leave the address out"
            )
