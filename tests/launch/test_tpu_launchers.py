"""The launchers of TPU slices, against a fake ``gcloud`` whose hosts are folders."""

import collections
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAKES = pathlib.Path(__file__).parent / "fakes"
HOSTS = ("host-0", "host-1")


@dataclasses.dataclass(frozen=True)
class Kind:
    """What differs between the launchers.

    Attributes:
      options: of the slice.
      lost: the state of a slice that was preempted.
      asks: the command that asks for the state.
      makes: the one that makes the slice.
      deletes: the one that deletes it.
    """

    options: tuple[str, ...]
    lost: str
    asks: str
    makes: str
    deletes: str


KINDS = {
    "queued": Kind(
        ("--type=v6e-8", "--spot"),
        "SUSPENDED",
        "queued-resources list",
        "queued-resources create",
        "queued-resources delete",
    ),
    "group": Kind(
        ("--machine=ct6e-standard-4t", "--topology=2x4", "--spot"),
        "TERMINATED",
        "managed list",
        "managed create",
        "managed delete",
    ),
}


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A fake cloud in a folder, and a launcher.

    Attributes:
      folder: of the cloud.
      checkout: of the launcher.
      launcher: its name.
    """

    folder: pathlib.Path
    checkout: pathlib.Path
    launcher: str

    @property
    def kind(self) -> Kind:
        return KINDS[self.launcher]

    def start(self, ends: str, *more: str) -> subprocess.Popen[str]:
        """Starts the launcher, with a program whose runs end like this."""
        (self.folder / "ends").write_text(f"{ends}\n", encoding="utf-8")
        script = self.checkout / "launch" / "tpu" / f"{self.launcher}.sh"
        where = ["--name=my-slice", "--project=mine", "--zone=us-east5-b", "--poll=0"]
        program = ["--", "--workdir=gs://bucket/my run", "--seed=1"]
        return subprocess.Popen(
            ["bash", script, *where, *self.kind.options, *more, *program],
            env={
                **os.environ,
                "PATH": f"{FAKES}:{os.environ['PATH']}",
                "FAKE_CLOUD": str(self.folder),
                "PREEMPTED": self.kind.lost,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, ends: str, *more: str) -> tuple[int, str, str]:
        """As `start`; the exit code and the output."""
        launcher = self.start(ends, *more)
        out, err = launcher.communicate(timeout=60)
        return launcher.returncode, out, err

    def read(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def called(self, command: str) -> list[dict[str, str]]:
        """The flags of each call of a command."""
        found = []
        for line in self.read("calls"):
            arguments = line.split("|")
            words = " ".join(a for a in arguments if not a.startswith("--"))
            if f" {command} " in f" {words} ":
                flags = (a[2:].partition("=") for a in arguments if a.startswith("--"))
                found.append({name: value for name, _, value in flags})
        return found

    def runs(self) -> dict[str, int]:
        """How often the program was started on each host."""
        return collections.Counter(line.split(":")[0] for line in self.read("runs"))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A small one, with a file that git ignores and one that it does not know yet."""
    path = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "launch" / "tpu", path / "launch" / "tpu")
    shutil.copy(ROOT / "launch" / "shared.sh", path / "launch")
    (path / ".gitignore").write_text("runs/\n", encoding="utf-8")
    (path / "runs").mkdir()
    for name in ("runs/ledger.jsonl", "own.flags"):
        (path / name).touch()
    subprocess.run(["git", "init", "--quiet", path], check=True)
    return path


@pytest.fixture(params=KINDS)
def cloud(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path, checkout: pathlib.Path
) -> Cloud:
    return Cloud(tmp_path, checkout, request.param)


def test_a_preempted_slice_is_made_anew(cloud: Cloud):
    code, out, err = cloud.run("preempt 0")
    assert code == 0, err
    assert cloud.runs() == dict.fromkeys(HOSTS, 2)
    made, deleted = cloud.called(cloud.kind.makes), cloud.called(cloud.kind.deletes)
    assert len(made) == len(deleted) == 2
    assert made[0] == made[1]
    # Every host, both times, got the same flags, as one word each.
    line = "-m|gpt_nas_jax.main|--executor=hosts|--workdir=gs://bucket/my run|--seed=1|"
    assert {run.partition(": ")[2] for run in cloud.read("runs")} == {line}
    assert out.count(line) == 4
    assert not (cloud.folder / "slice").exists()


def test_the_slice_is_a_spot_one_where_that_is_asked(cloud: Cloud):
    assert cloud.run("0")[0] == 0
    if cloud.launcher == "queued":
        (made,) = cloud.called("queued-resources create")
        assert "spot" in made and made["runtime-version"] == "v2-alpha-tpuv6e"
        assert made["node-id"] == "my-slice"
        return
    (made,) = cloud.called("instance-templates create")
    assert made["provisioning-model"] == "SPOT"
    (policy,) = cloud.called("create workload-policy")
    assert policy["accelerator-topology"] == "2x4" and policy["region"] == "us-east5"
    (resized,) = cloud.called("managed resize")
    assert resized["size"] == "2"
    # What belongs to the group goes with it.
    assert cloud.called("instance-templates delete")
    assert cloud.called("resource-policies delete")


@pytest.mark.parametrize("end", [2, 1])
def test_what_cannot_go_on_ends_the_slice(cloud: Cloud, end: int):
    code, _, _ = cloud.run(f"{end} 0")
    assert code == end
    assert cloud.runs() == dict.fromkeys(HOSTS, 1)
    assert not (cloud.folder / "slice").exists()


def test_a_stopped_program_goes_on_where_it_was(cloud: Cloud):
    code, _, err = cloud.run("143 75 0")
    assert code == 0, err
    assert cloud.runs() == dict.fromkeys(HOSTS, 3)
    assert len(cloud.called(cloud.kind.makes)) == 1


def test_it_gives_up_in_the_end(cloud: Cloud):
    code, _, err = cloud.run("75 75 75", "--restarts=1")
    assert code == 75
    assert cloud.runs() == dict.fromkeys(HOSTS, 2)
    assert "gives up after 1 restarts" in err
    assert not (cloud.folder / "slice").exists()


def test_an_unanswered_question_does_not_mean_none(cloud: Cloud):
    """A slice is there; for a while nobody says so."""
    (cloud.folder / "slice").write_text("ACTIVE RUNNING", encoding="utf-8")
    asks = cloud.kind.asks.replace(" ", "_")
    (cloud.folder / asks).write_text("1000", encoding="utf-8")
    code, _, err = cloud.run("0")
    assert code == 1
    assert "cannot tell whether my-slice is there; it is left as it is" in err
    assert len(cloud.called(cloud.kind.asks)) == 20
    assert not cloud.called(cloud.kind.makes) + cloud.called(cloud.kind.deletes)


def test_a_program_is_found_again_when_the_connection_is_lost(cloud: Cloud):
    for host in HOSTS:
        os.mkfifo(cloud.folder / f"{host}.told")
    ssh = "tpu-vm ssh" if cloud.launcher == "queued" else "compute ssh"
    calls = 1 if cloud.launcher == "queued" else len(HOSTS)
    (cloud.folder / "lost").write_text(str(calls), encoding="utf-8")
    launcher = cloud.start("wait")
    # Each host's log is shown, and shown again when it is found again.
    shown = [launcher.stdout.readline() for _ in range(2 * len(HOSTS))]
    assert all("gpt_nas_jax.main" in line for line in shown)
    for host in HOSTS:
        (cloud.folder / f"{host}.told").write_text("0\n", encoding="utf-8")
    _, err = launcher.communicate(timeout=60)
    assert launcher.returncode == 0, err
    assert "exit code 255" in err
    assert len(cloud.called(ssh)) == 2 * calls
    assert cloud.runs() == dict.fromkeys(HOSTS, 1)


def test_the_slice_is_deleted_when_the_launcher_is_stopped(cloud: Cloud):
    for host in HOSTS:
        os.mkfifo(cloud.folder / f"{host}.told")
    launcher = cloud.start("wait")
    assert "gpt_nas_jax.main" in launcher.stdout.readline()
    launcher.send_signal(signal.SIGTERM)
    launcher.communicate(timeout=60)
    assert launcher.returncode == 143
    assert not (cloud.folder / "slice").exists()


def test_a_slice_can_be_kept(cloud: Cloud):
    code, _, err = cloud.run("0", "--keep")
    assert code == 0
    assert "my-slice is kept and may cost money" in err
    assert not cloud.called(cloud.kind.deletes)


def test_a_slice_that_cannot_be_deleted_is_named(cloud: Cloud):
    deletes = cloud.kind.deletes.replace(" ", "_")
    (cloud.folder / deletes).write_text("1", encoding="utf-8")
    code, _, err = cloud.run("0")
    assert code == 1
    assert "my-slice may still be there and cost money" in err


def test_a_slice_that_is_not_to_be_had_is_not_asked_for_for_ever(cloud: Cloud):
    makes = cloud.kind.makes.replace(" ", "_")
    (cloud.folder / makes).write_text("1000", encoding="utf-8")
    code, _, err = cloud.run("0")
    assert code == 1
    assert "my-slice was not to be had" in err
    assert len(cloud.called(cloud.kind.makes)) == 10


def test_hosts_get_the_checkout_as_it_stands(cloud: Cloud):
    cloud.run("0", "--keep", "--extras=tpu")
    for host in HOSTS:
        folder = cloud.folder / host / "my-slice"
        assert (folder / "own.flags").exists()
        assert not (folder / "runs").exists()
    installed = [line for line in cloud.read("installed") if "pip install" in line]
    assert len(installed) == 2 and all("[tpu]" in line for line in installed)


@pytest.mark.parametrize("more", [["--nam=x"], ["--name=x/../y"], ["--spot=no"]])
def test_wrong_options_end_before_anything_is_asked(cloud: Cloud, more: list[str]):
    code, _, err = cloud.run("0", *more)
    assert code == 2 and len(err.splitlines()) == 1
    assert not cloud.read("calls")
