"""The Kubernetes and Slurm launchers, run with fakes, and checks of all launchers."""

import pathlib
import shutil
import subprocess

import pytest
import yaml
from launchers_support import FAKES, ROOT, Cloud

LAUNCHERS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.glob("launch/**/*.sh")
    if path.name not in ("shared.sh", "worker.sh")
)
XPK = (
    ROOT / "launch" / "tpu" / "xpk.sh",
    "--project=mine",
    "--zone=us-east5-b",
    "--type=v6e-16",
)
RAY = (
    ROOT / "launch" / "kuberay" / "run.sh",
    "--image=registry/image",
    "--workers=3",
    "--resource=google.com/tpu=4",
    "--select=cloud.google.com/gke-spot=true,kind=a100",
)
# What each launcher needs, apart from the name.
NEEDED = {
    "launch/kuberay/run.sh": RAY[1:],
    "launch/tpu/group.sh": (*XPK[1:3], "--machine=ct6e-standard-4t", "--topology=2x4"),
    "launch/tpu/queued.sh": XPK[1:],
    "launch/tpu/xpk.sh": XPK[1:],
}
WHOLE = "jobsets.jobset.x-k8s.io localqueues.kueue.x-k8s.io multislice-queue"
NAMED = ("--name=my-run", "--poll=0")
PROGRAM = ("--", "--workdir=gs://bucket/my & run", "--seed=1")


@pytest.fixture
def cloud(tmp_path: pathlib.Path) -> Cloud:
    return Cloud(tmp_path)


def ray(end: str) -> str:
    """The states of a job whose last one is ``end``."""
    return f"my-run /;my-run Running/RUNNING ;my-run {end}"


def failed(code: int) -> str:
    """The end of a job whose program ended with an exit code."""
    reason = f"Job entrypoint command failed with exit code {code}, last available logs"
    return ray(f"Failed/FAILED {reason}")


@pytest.mark.slow
def test_shellcheck_has_nothing_to_say():
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("needs shellcheck, which the extra named test installs")
    scripts = [*ROOT.glob("launch/**/*.sh"), *FAKES.iterdir()]
    done = subprocess.run(
        [shellcheck, "--external-sources", *scripts],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_every_launcher_helps(cloud: Cloud, launcher: str):
    code, out, _ = cloud.run(ROOT / launcher, "--help")
    assert code == 0 and launcher in out and "# " not in out
    assert not cloud.read("calls")


@pytest.mark.parametrize("launcher", sorted({*LAUNCHERS} - {"launch/slurm.sh"}))
@pytest.mark.parametrize("option", ["restarts", "poll"])
def test_counts_are_checked_before_anything_is_asked(
    cloud: Cloud, launcher: str, option: str
):
    for bad in ("many", "2O", "-1", "08", "1.5", "30s", ""):
        wrong = f"--{option}={bad}"
        command = (ROOT / launcher, "--name=my-run", *NEEDED[launcher], wrong)
        code, _, err = cloud.run(*command, *PROGRAM)
        (line,) = err.splitlines()
        assert code == 2 and f"{wrong} must be a whole number" in line
    assert not cloud.read("calls")


def test_a_ray_job_is_what_was_asked_for(cloud: Cloud):
    cloud.write("lives", ray("Complete/SUCCEEDED "))
    code, out, err = cloud.run(*RAY, *NAMED, *PROGRAM)
    assert code == 0, err
    assert "a line of the log" in out
    job = yaml.safe_load("\n".join(cloud.read("manifest.yaml")))
    assert job["metadata"]["name"] == "my-run"
    assert job["spec"]["entrypoint"] == (
        "python -m gpt_nas_jax.main --executor=ray "
        "'--workdir=gs://bucket/my & run' '--seed=1'"
    )
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]
    (workers,) = job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert workers["replicas"] == workers["minReplicas"] == workers["maxReplicas"] == 3
    pod = workers["template"]["spec"]
    assert pod["nodeSelector"] == {
        "cloud.google.com/gke-spot": "true",
        "kind": "a100",
    }
    (worker,) = pod["containers"]
    assert worker["image"] == "registry/image"
    assert worker["resources"]["limits"]["google.com/tpu"] == "4"
    (container,) = head["template"]["spec"]["containers"]
    assert "google.com/tpu" not in container["resources"]["limits"]
    assert len(cloud.called("kubectl delete rayjob my-run")) == 1


@pytest.mark.parametrize(
    ("lives", "expected", "created"),
    [
        ([failed(2), ray("Complete/SUCCEEDED ")], 2, 1),
        ([failed(75), failed(143), ray("Complete/SUCCEEDED ")], 0, 3),
        ([ray("Failed/ the head is lost"), ray("Complete/SUCCEEDED ")], 0, 2),
    ],
)
@pytest.mark.slow
def test_a_ray_job_is_restarted_where_that_is_right(
    cloud: Cloud, lives: list[str], expected: int, created: int
):
    cloud.write("lives", "\n".join(lives))
    code, _, err = cloud.run(*RAY, *NAMED, *PROGRAM)
    assert code == expected, err
    assert len(cloud.called("kubectl create")) == created


@pytest.mark.slow
def test_an_unreachable_ray_job_is_left_alone(cloud: Cloud):
    cloud.write("job", "my-run Running/RUNNING ")
    cloud.write("unanswered", 1000)
    code, _, err = cloud.run(*RAY, *NAMED, *PROGRAM)
    assert code == 1 and "left as it is" in err
    assert not cloud.called("kubectl create") + cloud.called("kubectl delete")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "codes", "expected"),
    [("Completed", "0 0 0 0", 0), ("Failed", "0 2 2", 2), ("Failed", "", 1)],
)
def test_xpk_makes_a_cluster_and_deletes_it(
    cloud: Cloud, end: str, codes: str, expected: int
):
    cloud.write("lives", f"my-run ;my-run {end}")
    cloud.write("codes", codes)
    code, out, err = cloud.run(*XPK, *NAMED, "--spot", *PROGRAM)
    assert code == expected, err
    assert "a line of the log" in out
    (made,) = cloud.called("xpk cluster create")
    assert "spot" in made and made["tpu-type"] == "v6e-16"
    (submitted,) = cloud.called("xpk workload create")
    assert submitted["restart-on-exit-codes"] == "75"
    assert submitted["max-restarts"] == "20"
    assert "'--workdir=gs://bucket/my & run' '--seed=1'" in submitted["command"]
    assert not (cloud.folder / "slice").exists()


@pytest.mark.slow
@pytest.mark.parametrize("unanswered", [1, 1000])
def test_a_cluster_that_does_not_answer_is_not_deleted_with_its_program(
    cloud: Cloud, unanswered: int
):
    cloud.write("slice", "RUNNING")
    cloud.write("has", WHOLE)
    cloud.write("job", "my-run ;my-run Completed".replace(";", "\n"))
    cloud.write("codes", "0 0 0 0")
    cloud.write("unanswered", unanswered)
    code, _, err = cloud.run(*XPK, *NAMED, *PROGRAM)
    assert not cloud.called("xpk workload create")
    if unanswered == 1:
        assert code == 0, err
        assert not (cloud.folder / "slice").exists()
    else:
        assert code == 1 and "left as it is" in err
        assert not cloud.called("xpk cluster delete")
        assert (cloud.folder / "slice").exists()


@pytest.mark.slow
@pytest.mark.parametrize("has", ["", *(WHOLE.rsplit(" ", n)[0] for n in (2, 1))])
def test_a_cluster_that_was_made_in_part_is_made_anew(cloud: Cloud, has: str):
    cloud.write("halves", f"{has}\n{has}")
    cloud.write("lives", "my-run ;my-run Completed")
    code, _, err = cloud.run(*XPK, *NAMED, *PROGRAM)
    assert code == 0, err
    assert len(cloud.called("xpk cluster create")) == 3
    assert len(cloud.called("xpk workload create")) == 1
    assert len(cloud.called("xpk cluster delete")) == 3
    assert not (cloud.folder / "slice").exists()


@pytest.mark.slow
def test_a_cluster_that_is_never_whole_is_given_up_and_deleted(cloud: Cloud):
    cloud.write("halves", "\n" * 100)
    code, _, err = cloud.run(*XPK, *NAMED, *PROGRAM)
    assert code == 1 and "my-run was not to be had" in err
    assert len(cloud.called("xpk cluster create")) == 5
    assert not cloud.called("xpk workload create")
    assert not (cloud.folder / "slice").exists()


@pytest.mark.parametrize(
    ("end", "restarts", "queued_again"),
    [(0, 0, 0), (2, 0, 0), (1, 0, 0), (75, 0, 1), (143, 19, 1), (143, 20, 0)],
)
def test_a_slurm_job_is_queued_again_where_that_is_right(
    cloud: Cloud, end: int, restarts: int, queued_again: int
):
    code, _, _ = cloud.run(
        ROOT / "launch" / "slurm.sh",
        *PROGRAM[1:],
        FAKE_END=str(end),
        SLURM_JOB_ID="7",
        SLURM_RESTART_COUNT=str(restarts),
    )
    assert code == end
    program = "srun|python|-m|gpt_nas_jax.main|--executor=hosts|"
    assert cloud.read("calls")[0] == program + "|".join([*PROGRAM[1:], ""])
    assert len(cloud.called("scontrol requeue 7")) == queued_again


@pytest.mark.parametrize("given", [{}, {"SLURM_CPUS_PER_TASK": "8"}])
def test_a_slurm_task_has_the_cores_that_were_asked_for(
    cloud: Cloud, given: dict[str, str]
):
    script = ROOT / "launch" / "slurm.sh"
    cloud.run(script, *PROGRAM[1:], FAKE_END="0", SLURM_JOB_ID="7", **given)
    assert cloud.read("cores") == ["".join(given.values())]
