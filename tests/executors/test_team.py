"""How the processes of a run find each other."""

import os
from typing import Any

import jax
import pytest
from jax._src.clusters import ClusterEnv

from gpt_nas_jax.config import HostsConfig
from gpt_nas_jax.executors import team
from gpt_nas_jax.types import Lost, UsageError


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the leaders that JAX finds; none of them is reached."""
    addresses = []

    def initialize(address: str | None, *_: Any, **__: Any) -> None:
        if address is None:
            address, *_ = ClusterEnv.auto_detect_unset_distributed_params(
                None, None, None, None, None, 1
            )
        if address is None:
            raise ValueError("coordinator_address should be defined.")
        addresses.append(address)
        raise jax.errors.JaxRuntimeError("DEADLINE_EXCEEDED: Barrier timed out.\nMore")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    # Undone afterwards, whatever is set meanwhile.
    monkeypatch.setenv("JAX_COORDINATOR_PORT", "")
    monkeypatch.delenv("JAX_COORDINATOR_PORT")
    for name in [n for n in os.environ if n.startswith(("SLURM_", "OMPI_"))]:
        monkeypatch.delenv(name)
    return addresses


def slurm(job: int) -> dict[str, str]:
    """The environment of a task of a Slurm job."""
    numbers = {"NTASKS": 4, "PROCID": 1, "LOCALID": 0, "JOB_ID": job}
    named = {f"SLURM_{name}": str(number) for name, number in numbers.items()}
    return named | {"SLURM_STEP_NODELIST": "node[001-002]"}


def open_mpi(job: int) -> dict[str, str]:
    """The environment of a process that mpirun has started."""
    numbers = {"SIZE": 4, "RANK": 1, "LOCAL_RANK": 0}
    named = {f"OMPI_COMM_WORLD_{name}": str(n) for name, n in numbers.items()}
    return named | {"OMPI_MCA_orte_hnp_uri": f"{4096 * job}.0;tcp://10.0.0.1:34911"}


@pytest.mark.parametrize("environment", [slurm, open_mpi])
def test_jobs_on_the_same_nodes_have_ports_of_their_own(
    environment: Any, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in (7, 8):
        for name, value in environment(job).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(Lost, match=r"did not reach the other .*Barrier timed out"):
            team.join(HostsConfig())
    first, second = found
    assert first != second and first.split(":")[0] == second.split(":")[0]
    monkeypatch.setenv("JAX_COORDINATOR_PORT", "1234")
    with pytest.raises(Lost):
        team.join(HostsConfig())
    assert found[-1].endswith(":1234")


def test_elsewhere_the_leader_has_the_documented_port(found: list[str]) -> None:
    with pytest.raises(UsageError, match="give --hosts_coordinator"):
        team.join(HostsConfig())
    assert os.environ["JAX_COORDINATOR_PORT"] == "8476"


def test_a_leader_that_the_user_named_is_to_be_there(found: list[str]) -> None:
    with pytest.raises(UsageError, match="cannot join the other processes"):
        team.join(HostsConfig("localhost:1", 2, 1))
    assert found == ["localhost:1"]
