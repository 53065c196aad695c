"""The launchers of TPU slices, run with a fake ``gcloud`` whose hosts are folders."""

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from launchers_support import ROOT, Cloud

HOSTS = ("host-0", "host-1")
NAMED = ("--name=my-slice", "--project=mine", "--zone=us-east5-b", "--poll=0")
PROGRAM = ("--", "--workdir=gs://bucket/my run", "--seed=1")


@dataclasses.dataclass(frozen=True)
class Slice:
    """A launcher and its slice.

    Attributes:
      launcher: the name of the script.
      options: the options that describe the slice.
      lost: the state of a preempted slice.
      asks: the command that queries the state.
      makes: the command that creates the slice.
      deletes: the command that deletes it.
    """

    launcher: str
    options: tuple[str, ...]
    lost: str
    asks: str
    makes: str
    deletes: str


SLICES = {
    "queued": Slice(
        "queued",
        ("--type=v6e-8", "--spot"),
        "SUSPENDED",
        "queued-resources list",
        "queued-resources create",
        "queued-resources delete",
    ),
    "group": Slice(
        "group",
        ("--machine=ct6e-standard-4t", "--topology=2x4", "--spot"),
        "TERMINATED",
        "managed list",
        "managed create",
        "managed delete",
    ),
}


@pytest.fixture(params=SLICES)
def tpu(request: pytest.FixtureRequest) -> Slice:
    return SLICES[request.param]


@pytest.fixture
def cloud(tmp_path: pathlib.Path) -> Cloud:
    return Cloud(tmp_path)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A small checkout with an ignored file and an untracked one."""
    path = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "launch" / "tpu", path / "launch" / "tpu")
    shutil.copy(ROOT / "launch" / "shared.sh", path / "launch")
    (path / ".gitignore").write_text("runs/\n", encoding="utf-8")
    (path / "runs").mkdir()
    for name in ("runs/ledger.jsonl", "own.flags"):
        (path / name).touch()
    subprocess.run(["git", "init", "--quiet", path], check=True)
    return path


@dataclasses.dataclass(frozen=True)
class Launcher:
    """Starts a slice's launcher with a program whose runs end in given ways."""

    cloud: Cloud
    tpu: Slice
    checkout: pathlib.Path

    def start(self, ends: str, *more: str) -> subprocess.Popen[str]:
        self.cloud.write("ends", ends)
        script = self.checkout / "launch" / "tpu" / f"{self.tpu.launcher}.sh"
        command = [script, *NAMED, *self.tpu.options, *more, *PROGRAM]
        return self.cloud.start(*command, PREEMPTED=self.tpu.lost)

    def __call__(self, ends: str, *more: str) -> tuple[int, str, str]:
        launcher = self.start(ends, *more)
        out, err = launcher.communicate(timeout=60)
        return launcher.returncode, out, err

    def is_there(self) -> bool:
        """Whether the slice exists."""
        return (self.cloud.folder / "slice").exists()

    def fail(self, command: str, times: int) -> None:
        """Makes the next ``times`` calls of a command fail."""
        self.cloud.write(command.replace(" ", "_"), times)


@pytest.fixture
def launch(cloud: Cloud, tpu: Slice, checkout: pathlib.Path) -> Launcher:
    return Launcher(cloud, tpu, checkout)


def test_a_preempted_slice_is_made_anew(cloud: Cloud, tpu: Slice, launch: Launcher):
    code, out, err = launch("preempt 0")
    assert code == 0, err
    assert cloud.runs() == dict.fromkeys(HOSTS, 2)
    made, deleted = cloud.called(tpu.makes), cloud.called(tpu.deletes)
    assert len(made) == len(deleted) == 2
    assert made[0] == made[1]
    # Every host got the same flags both times, and its log is shown.
    line = "-m|gpt_nas_jax.main|--executor=hosts|--workdir=gs://bucket/my run|--seed=1|"
    assert {run.partition(": ")[2] for run in cloud.read("runs")} == {line}
    assert out.count(line) == 4
    assert not launch.is_there()


def test_what_cannot_be_done_is_not_tried_again(cloud: Cloud, launch: Launcher):
    code, _, _ = launch("2 0")
    assert code == 2
    assert cloud.runs() == dict.fromkeys(HOSTS, 1)
    assert not launch.is_there()


def test_an_unanswered_question_does_not_mean_none(
    cloud: Cloud, tpu: Slice, launch: Launcher
):
    cloud.write("slice", "ACTIVE")
    launch.fail(tpu.asks, 1000)
    code, _, err = launch("0")
    assert code == 1
    assert "cannot tell whether my-slice is there; it is left as it is" in err
    assert len(cloud.called(tpu.asks)) == 20
    assert not cloud.called(tpu.makes) + cloud.called(tpu.deletes)


@pytest.mark.parametrize(
    "more", ["--nam=x", "--name=x/../y", "--spot=no", "--restarts", "--zone="]
)
def test_wrong_options_end_before_anything_is_asked(
    cloud: Cloud, launch: Launcher, more: str
):
    code, _, err = launch("0", more)
    assert code == 2 and len(err.splitlines()) == 1
    assert not cloud.read("calls")


@pytest.mark.slow
def test_a_stopped_program_goes_on_where_it_was(
    cloud: Cloud, tpu: Slice, launch: Launcher
):
    code, _, err = launch("143 75 0")
    assert code == 0, err
    assert cloud.runs() == dict.fromkeys(HOSTS, 3)
    assert len(cloud.called(tpu.makes)) == 1


@pytest.mark.slow
def test_a_defect_is_not_tried_again(cloud: Cloud, launch: Launcher):
    assert launch("1 0")[0] == 1
    assert cloud.runs() == dict.fromkeys(HOSTS, 1)


@pytest.mark.slow
def test_the_launcher_gives_up_in_the_end(cloud: Cloud, launch: Launcher):
    code, _, err = launch("75 75 75", "--restarts=1")
    assert code == 75
    assert cloud.runs() == dict.fromkeys(HOSTS, 2)
    assert "gives up after 1 restarts" in err
    assert not launch.is_there()


@pytest.mark.slow
def test_the_slice_is_what_was_asked_for(cloud: Cloud, tpu: Slice, launch: Launcher):
    assert launch("0")[0] == 0
    if tpu.launcher == "queued":
        (made,) = cloud.called(tpu.makes)
        assert made["accelerator-type"] == "v6e-8" and "spot" in made
        assert made["runtime-version"] == "v2-alpha-tpuv6e"
        return
    (policy,) = cloud.called("create workload-policy")
    assert policy["accelerator-topology"] == "2x4" and policy["region"] == "us-east5"
    (template,) = cloud.called("instance-templates create")
    assert template["provisioning-model"] == "SPOT"
    (resized,) = cloud.called("managed resize")
    assert resized["size"] == "2"
    # Both are deleted with the group, and beforehand in case any are left over.
    assert len(cloud.called("instance-templates delete")) == 2
    assert len(cloud.called("resource-policies delete")) == 2


@pytest.mark.slow
def test_a_program_is_found_again_when_the_connection_is_lost(
    cloud: Cloud, tpu: Slice, launch: Launcher
):
    for host in HOSTS:
        os.mkfifo(cloud.folder / f"{host}.told")
        cloud.write(f"lost-{host}", "")
    ssh, calls = ("tpu-vm ssh", 1) if tpu.launcher == "queued" else ("compute ssh", 2)
    launcher = launch.start("wait")
    # Each host's log is shown, and shown again after reconnecting.
    shown = [launcher.stdout.readline() for _ in range(2 * len(HOSTS))]
    assert all("gpt_nas_jax.main" in line for line in shown)
    for host in HOSTS:
        cloud.write(f"{host}.told", 0)
    _, err = launcher.communicate(timeout=60)
    assert launcher.returncode == 0, err
    assert "exit code 255" in err
    assert len(cloud.called(ssh)) == 2 * calls
    assert cloud.runs() == dict.fromkeys(HOSTS, 1)


@pytest.mark.slow
def test_the_slice_is_deleted_when_the_launcher_is_stopped(
    cloud: Cloud, launch: Launcher
):
    for host in HOSTS:
        os.mkfifo(cloud.folder / f"{host}.told")
    launcher = launch.start("wait")
    assert "gpt_nas_jax.main" in launcher.stdout.readline()
    launcher.send_signal(signal.SIGTERM)
    launcher.communicate(timeout=60)
    assert launcher.returncode == 143
    assert not launch.is_there()


@pytest.mark.slow
def test_a_slice_can_be_kept(cloud: Cloud, tpu: Slice, launch: Launcher):
    code, _, err = launch("0", "--keep")
    assert code == 0
    assert "my-slice is kept and may cost money" in err
    assert not cloud.called(tpu.deletes)


@pytest.mark.slow
def test_a_slice_that_cannot_be_deleted_is_named(
    cloud: Cloud, tpu: Slice, launch: Launcher
):
    launch.fail(tpu.deletes, 1000)
    code, _, err = launch("0")
    assert code == 1
    assert "my-slice may still be there and cost money" in err
    assert len(cloud.called(tpu.deletes)) == 20


@pytest.mark.slow
@pytest.mark.parametrize("end", [0, 2])
@pytest.mark.parametrize("failed", [("asks",), ("deletes",), ("asks", "deletes")])
def test_a_failure_at_the_end_leaves_no_slice(
    cloud: Cloud, tpu: Slice, launch: Launcher, end: int, failed: tuple[str, ...]
):
    for host in HOSTS:
        os.mkfifo(cloud.folder / f"{host}.told")
    launcher = launch.start("wait")
    assert "gpt_nas_jax.main" in launcher.stdout.readline()
    for command in failed:
        launch.fail(getattr(tpu, command), 1)
    for host in HOSTS:
        cloud.write(f"{host}.told", end)
    _, err = launcher.communicate(timeout=60)
    assert launcher.returncode == end, err
    assert "may still be there" not in err
    assert not launch.is_there()


@pytest.mark.slow
def test_slice_requests_are_limited(cloud: Cloud, tpu: Slice, launch: Launcher):
    launch.fail(tpu.makes, 1000)
    code, _, err = launch("0")
    assert code == 1
    assert "my-slice was not to be had" in err
    assert "may still be there" not in err
    assert len(cloud.called(tpu.makes)) == 10


@pytest.mark.slow
def test_hosts_get_the_checkout_as_it_stands(cloud: Cloud, launch: Launcher):
    launch("0", "--keep", "--extras=tpu")
    for host in HOSTS:
        folder = cloud.folder / host / "my-slice"
        assert (folder / "own.flags").exists()
        assert not (folder / "runs").exists()
    installed = [line for line in cloud.read("installed") if "pip install" in line]
    assert len(installed) == 2 and all("[tpu]" in line for line in installed)
