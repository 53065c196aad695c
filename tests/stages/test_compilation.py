"""Compiled programs are kept in a private, bounded directory and found again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stages_support import Runs, ledger

from gpt_nas_jax.main import main

pytestmark = pytest.mark.slow

# Keeps programs in a directory, up to a number of bytes.
BOUND = """
import sys
from gpt_nas_jax.config import TrainConfig
from gpt_nas_jax.stages import compile_cache
size = int(sys.argv[2]) / 2**30
compile_cache.keep(TrainConfig(cache_dir=sys.argv[1], cache_size=size))
"""


def test_a_directory_that_others_write_to_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    run = tmp_path / "run"
    flags = (f"--workdir={run}", f"--train_cache_dir={shared}")
    assert main(["main", "--search_strategy=genetic", *flags]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--train_cache_dir" in error
    assert not run.exists()


def test_what_is_kept_is_bounded(filled: Path, tmp_path: Path) -> None:
    """The most recently read programs stay; files of JAX's own limit are removed."""
    path = tmp_path / "programs"
    shutil.copytree(filled, path)
    first, *others = sorted(path.glob("*-cache"))
    for day, file in enumerate([*others, first]):
        os.utime(file, (day * 86_400, 0))
    (path / "of-jax-atime").write_bytes(bytes(8))
    most = first.stat().st_size + others[-1].stat().st_size
    subprocess.run([sys.executable, "-c", BOUND, str(path), str(most)], check=True)
    assert {*path.glob("*-*")} == {first, others[-1]}


@pytest.mark.long
def test_warming_up_changes_no_result(runs: Runs, tmp_path: Path) -> None:
    flags = (
        "--stage=search",
        "--search_strategy=genetic",
        "--search_generations=1",
        "--eval_trained_blocks=all",
    )
    runs.finish(tmp_path / "warm", *flags, "--train_warmup=all")
    runs.finish(tmp_path / "cold", *flags)
    assert ledger(tmp_path / "warm") == ledger(tmp_path / "cold")
    assert all(line["fitness"] for line in ledger(tmp_path / "warm"))


@pytest.mark.long
def test_four_devices_compile_what_one_does_with_the_same_results(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(devices: int) -> list[str]:
        monkeypatch.setenv(
            "XLA_FLAGS", f"--xla_force_host_platform_device_count={devices}"
        )
        cache = tmp_path / f"compiled{devices}"
        runs.finish(
            tmp_path / f"run{devices}",
            "--stage=search",
            "--search_strategy=genetic",
            "--search_generations=1",
            f"--train_cache_dir={cache}",
        )
        # The key after a program's name depends on the number of devices.
        return sorted(path.name.split("-")[0] for path in cache.glob("*-cache"))

    one, four = (search(devices) for devices in (1, 4))
    assert one == four
    assert len(one) > 20
    assert ledger(tmp_path / "run1") == ledger(tmp_path / "run4")


# Compiles three programs and prints how many of them were in the directory.
FOUND = """
import sys
import jax
from gpt_nas_jax.config import TrainConfig
from gpt_nas_jax.stages import compile_cache
found = []
jax.monitoring.register_event_listener(lambda event, **_: found.append(event))
compile_cache.keep(TrainConfig(cache_dir=sys.argv[1]))
exec(sys.argv[2])
for number in range(3):
    jax.jit(lambda x: x * number + number).lower(1.0).compile()
print(sum(event.endswith("/cache_hits") for event in found))
"""


def found(path: Path, also: str = "") -> int:
    """How many of three programs a new process finds; it must not print warnings."""
    done = subprocess.run(
        [sys.executable, "-c", FOUND, str(path), also],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    return int(done.stdout)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cache") / "programs"
    assert found(path) == 0
    assert found(path) == 3
    return path


def broken(kind: str, path: Path) -> None:
    """Damages an entry as a kill between two writes or a full disk would."""
    entry = min(path.glob("*-cache"))
    match kind:
        case "no program":
            entry.unlink()
        case "an empty program":
            entry.write_bytes(b"")
        case "half a program":
            entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("no program", marks=pytest.mark.long),
        pytest.param("an empty program", marks=pytest.mark.long),
        "half a program",
    ],
)
def test_an_entry_that_a_crash_left_is_replaced(
    filled: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "programs"
    shutil.copytree(filled, path)
    broken(kind, path)
    assert found(path) == 2
    assert found(path) == 3


def test_programs_are_found_in_a_directory_that_was_moved(
    filled: Path, tmp_path: Path
) -> None:
    shutil.copytree(filled, tmp_path / "elsewhere")
    assert found(tmp_path / "elsewhere") == 3


# Replaces the directory with a file, so that nothing can be written there.
BLOCK = """
import pathlib, shutil
path = pathlib.Path(sys.argv[1])
shutil.rmtree(path)
path.touch()
"""


def test_an_unwritable_directory_is_reported_once(tmp_path: Path) -> None:
    """As on a full disk, JAX warns about every program."""
    path = tmp_path / "programs"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            FOUND,
            str(path),
            BLOCK,
        ],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0\n"
    assert done.stderr.count("\n") == 1
    assert f"compiled programs are not kept in {path} (" in done.stderr
