"""The command line: rejected input, help and output."""

import configparser
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gpt_nas_jax.main import main
from gpt_nas_jax.types import Lost

ROOT = Path(__file__).resolve().parents[1]
IMPORT = ("--stage=import_benchmark", "--imports_source=no/such.csv")
BAD = {
    "unknown flag": (["--serach_population=3"], "serach_population"),
    "no number": (["--seed=x"], "seed"),
    "out of range": (["--search_crossover_rate=1.5"], "search_crossover_rate"),
    "unknown data": (["--data_name=mnist"], "data_name"),
    "no flagfile": (["--flagfile=no/such.flags"], "no/such.flags"),
    "depths": (["--space_min_depth=9", "--space_max_depth=5"], "--space_max_depth"),
    "stages": (["--space_min_depth=2", "--space_num_stages=3"], "--space_num_stages"),
    "width": (["--space_width=24"], "--space_width"),
    "no module": (["--data_name=no_such_module:load"], "no_such_module"),
    "no prepared directory": (["--data_name=tfds:mnist"], "--data_dir"),
    "no directory": (["--data_name=cifar10"], "--data_dir"),
    "no data": (["--data_name=cifar10", "--data_dir=no/such"], "no/such"),
    "no prior file": (["--prior_nasbench101=no/such.npz"], "no/such.npz"),
    "no other prior file": (
        ["--prior_corpus=nasbench201", "--prior_nasbench201=no/such.npz"],
        "no/such.npz",
    ),
    "batch": (["--eval_batch=5000"], "--eval_batch"),
    "batch of a baseline": (
        ["--stage=baseline", "--retrain_batch=5000"],
        "--retrain_batch",
    ),
    "batch in parts": (["--retrain_accumulate=3"], "--retrain_accumulate=3"),
    "no search": (["--stage=retrain"], "--stage=search"),
    "genome": (["--stage=retrain", "--retrain_genome=1,x"], "--retrain_genome"),
    "genome without its stage": (["--retrain_genome=1,2"], "--stage=retrain"),
    "huge genes": (["--stage=retrain", "--retrain_genome=99999999999,1"], "genome"),
    "padded genome": (["--stage=retrain", "--retrain_genome=-1,1"], "genome"),
    "queries of a search": (["--search_queries=40"], "--stage=tables"),
    "seeds of a search": (["--stage=search", "--search_seeds=3"], "--stage=tables"),
    "json without zoo": (["--zoo_json=x.json"], "--stage=zoo"),
    "json nowhere": (["--stage=zoo", f"--zoo_json={__file__}/x.json"], "--zoo_json"),
    "prior nowhere": ([f"--prior_dir={__file__}"], "--prior_dir"),
    "programs nowhere": ([f"--train_cache_dir={__file__}"], "--train_cache_dir"),
    "warm-up": (["--eval_warmup_epochs=9"], "--eval_warmup_epochs"),
    "few to measure on": (["--data_valid_limit=9"], "--data_valid_limit"),
    "import of nothing": (["--stage=import_benchmark"], "--imports_source"),
    "import to no npz": ([*IMPORT, "--imports_out=x.csv"], "must end with .npz"),
    "import nowhere": ([*IMPORT, f"--imports_out={__file__}/x.npz"], "--imports_out"),
    "import of no file": ([*IMPORT, "--imports_out=x.npz"], "no/such.csv"),
    "source without import": (["--imports_source=x.csv"], "--stage=import_benchmark"),
    "no network": (["--stage=baseline", "--baseline_name=VGG"], "baseline_name"),
    "network without its stage": (["--baseline_name=GoogLeNet"], "--stage=baseline"),
    "argument": (["digits"], "digits"),
}
SMALL = ("--eval_batch=32", "--retrain_batch=32")


@pytest.mark.parametrize(("flags", "named"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_exit_code_2_before_anything_is_written(
    flags: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    assert main(["main", *SMALL, f"--workdir={path}", *flags]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert named in error
    assert not path.exists()


def test_without_a_home_folder_a_user_is_told_what_to_set(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As in a container whose process has a number that is no user's."""

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    flags = ("--search_strategy=random", f"--workdir={tmp_path / 'run'}")
    assert main(["main", *flags]) == 2
    error = capsys.readouterr().err
    assert error.endswith("set HOME or XDG_CACHE_HOME\n")
    assert error.count("\n") == 1
    # Nothing needs it where no compiled programs are kept.
    assert main(["main", *flags, "--train_cache_size=0", "--eval_batch=5000"]) == 2
    assert "--eval_batch" in capsys.readouterr().err


def test_a_lost_device_ends_with_75(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def lost() -> None:
        raise Lost("the device no longer computes")

    monkeypatch.setattr("sklearn.datasets.load_digits", lost)
    flags = ("--search_strategy=random", f"--workdir={tmp_path / 'run'}")
    assert main(["main", *flags]) == 75
    assert capsys.readouterr().err == (
        "gpt_nas_jax: the device no longer computes; run the same command again to "
        "resume\n"
    )


def test_a_stage_that_runs_out_of_memory_says_so_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def exhausted() -> None:
        raise MemoryError("cannot allocate 1 TiB")

    monkeypatch.setattr("sklearn.datasets.load_digits", exhausted)
    flags = ("--search_strategy=random", f"--workdir={tmp_path / 'run'}")
    assert main(["main", *flags]) == 2
    error = capsys.readouterr().err
    assert "ran out of memory: cannot allocate 1 TiB" in error
    assert error.count("\n") == 1


def test_a_signal_while_the_program_starts_ends_it_as_any_other(tmp_path: Path) -> None:
    code = """
import importlib.abc, os, signal, sys
class Signals(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "jax":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Signals())
"""
    (tmp_path / "sitecustomize.py").write_text(code, encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    ended = subprocess.run(
        [sys.executable, "-m", "gpt_nas_jax.main", "--help"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 130, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith(
        "gpt_nas_jax: stopped; run the same"
    )


@pytest.mark.parametrize(
    "output", ["/dev/full", pytest.param("closed", marks=pytest.mark.slow)]
)
def test_output_that_cannot_be_delivered_is_no_success(output: str) -> None:
    command = [sys.executable, "-m", "gpt_nas_jax.main", "--help"]
    if output == "closed":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(output, os.O_WRONLY)
    ended = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    os.close(writer)
    assert ended.returncode == (141 if output == "closed" else 2)
    assert ended.stderr.count("\n") == (0 if output == "closed" else 1)


def test_a_closed_reader_is_no_error_of_the_user(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(["main", "--help"]) == 128 + signal.SIGPIPE
        monkeypatch.undo()
    assert not capsys.readouterr().err


@pytest.mark.slow
def test_the_console_script_is_the_program(tmp_path: Path) -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    script = settings["options.entry_points"]["console_scripts"].strip()
    assert script == "gpt-nas = gpt_nas_jax.main:console"
    installed = Path(sys.executable).with_name("gpt-nas")
    # The script that pip installs.
    code = "import sys; from gpt_nas_jax.main import console; sys.exit(console())"
    command = [str(installed)] if installed.exists() else [sys.executable, "-c", code]
    for argument, expected, named in (
        ("--help", 0, "gpt-nas --stage=STAGE --help"),
        ("--stage=nothing", 2, "--stage=nothing"),
    ):
        done = subprocess.run(
            [*command, argument], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == expected
        assert named in done.stdout + done.stderr


def test_help_gives_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["main", "--help"]) == 0
    printed = capsys.readouterr().out
    assert "--search_population" in printed
    assert "(paper: 30)" in printed


@pytest.mark.long
def test_zoo_prints_and_writes_the_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "zoo.json"
    assert main(["main", "--stage=zoo", f"--zoo_json={path}"]) == 0
    rows = {row["name"]: row for row in json.loads(path.read_text(encoding="utf-8"))}
    assert len(rows) == 36
    assert rows["ResNet-50"]["params"] == 25_557_032
    assert rows["ResNet-50"]["depth"] == 50
    assert rows["ResNet-50"]["image"] == 224
    assert "25,557,032" in capsys.readouterr().out
