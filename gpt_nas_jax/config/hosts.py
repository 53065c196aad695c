"""Settings of a run of several processes."""

import dataclasses
from collections.abc import Iterator

from gpt_nas_jax.config.setting import Section, setting


@dataclasses.dataclass(frozen=True)
class HostsConfig(Section):
    """Where the processes of --executor=hosts find each other."""

    coordinator: str = setting(
        "",
        "Address and free port of process 0, host:port; empty on TPU slices, Slurm "
        "and Open MPI, where JAX finds it.",
        result=False,
    )
    count: int = setting(
        0, "Number of processes, with --hosts_coordinator.", low=0, result=False
    )
    index: int = setting(
        -1,
        "Index of this process, from 0, with --hosts_coordinator.",
        low=-1,
        result=False,
    )

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        if not self.coordinator:
            if (self.count, self.index) != (HostsConfig.count, HostsConfig.index):
                yield "--hosts_count and --hosts_index need --hosts_coordinator"
            return
        host, _, port = self.coordinator.rpartition(":")
        if not host or not port.isdecimal():
            yield f"--hosts_coordinator={self.coordinator} must be host:port"
        if not 0 <= self.index < self.count:
            yield (
                "--hosts_coordinator needs --hosts_count, the number of processes, and "
                f"--hosts_index from 0 to one less; they are {self.count} and "
                f"{self.index}"
            )
