"""The memory that control groups allow, read from trees as Linux mounts them."""

from pathlib import Path

import jax
import pytest

from gpt_nas_jax.executors import control_group, machine

V2 = "0::/system.slice/slurmstepd.scope/job_7/step_0\n"
V1 = "9:name=systemd:/\n4:cpu,memory:/slurm/job_7/step_0\n0::/\n"


def write(root: Path, limits: dict[str, str]) -> None:
    for name, text in limits.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("memberships", "limits", "expected"),
    [
        # Of a job, above the group that the process is in.
        (
            V2,
            {
                "system.slice/slurmstepd.scope/job_7/step_0/memory.max": "max\n",
                "system.slice/slurmstepd.scope/job_7/memory.max": "4294967296\n",
                "system.slice/memory.max": "max\n",
            },
            4 * 2**30,
        ),
        # The lowest counts, wherever it is.
        (
            V2,
            {
                "system.slice/slurmstepd.scope/job_7/step_0/memory.max": "500\n",
                "system.slice/memory.max": "400\n",
            },
            400,
        ),
        # A container sees its own group as the root.
        (V2, {"memory.max": "1000\n"}, 1000),
        ("0::/\n", {"memory.max": "1000\n"}, 1000),
        (
            V1,
            {
                "memory/slurm/job_7/memory.limit_in_bytes": "3000\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            3000,
        ),
        (V1, {}, None),
        ("", {"memory.max": "1000\n"}, None),
    ],
)
def test_the_lowest_limit_of_all_groups_counts(
    memberships: str, limits: dict[str, str], expected: int | None, tmp_path: Path
):
    write(tmp_path, limits)
    assert control_group.least(memberships, tmp_path) == expected


def test_a_device_has_no_more_memory_than_the_groups_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, {"memory.max": f"{2**28}\n", "self": "0::/\n"})
    monkeypatch.setattr(control_group, "_MOUNTS", tmp_path)
    monkeypatch.setattr(control_group, "_MEMBERSHIPS", tmp_path / "self")
    assert machine.memory() == 2**28 // jax.local_device_count()
