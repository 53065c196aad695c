"""Workdirs on a store: writes survive a kill at any moment."""

import contextlib
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import fsspec
import numpy as np
import pytest

from gpt_nas_jax import workdir
from gpt_nas_jax.types import Lost, UsageError
from gpt_nas_jax.workdir import Ledger, places
from gpt_nas_jax.workdir.objects import Objects

REMEDY = "remove it"


def tree(value: int) -> dict[str, Any]:
    return {"a": np.full(3, value, np.float32), "b": np.int32(value)}


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return f"memory://mirrors/{request.node.name.translate({91: 45, 93: None})}"


class Killed(BaseException):
    """Stands for the end of the process."""


@contextlib.contextmanager
def killed_at(moment: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets the store make ``moment`` changes; every further one raises `Killed`."""
    store = type(fsspec.filesystem("memory"))
    left = itertools.count(moment, -1)

    def counted(name: str) -> Any:
        plain = getattr(store, name)

        def called(self: Any, *args: Any, **options: Any) -> Any:
            if next(left) <= 0:
                raise Killed
            return plain(self, *args, **options)

        return called

    with monkeypatch.context() as patched:
        for name in ("pipe_file", "put_file", "rm_file"):
            patched.setattr(store, name, counted(name))
        with contextlib.suppress(Killed):
            yield


def save(folder: pathlib.Path, value: int) -> None:
    """Replaces a folder with one that has checksums, like a checkpoint."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("a", "d/b"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(str(value), encoding="utf-8")
    workdir.write_sealed(folder / "checksums.json", {"value": value})


def saved(folder: pathlib.Path) -> int | None:
    """Returns the value of a complete folder, or None if it does not exist."""
    if not folder.exists():
        return None
    value: int = workdir.read_sealed(folder / "checksums.json", REMEDY)["value"]
    for name in ("a", "d/b"):
        assert (folder / name).read_text(encoding="utf-8") == str(value)
    return value


def work(url: str, done: list[str]) -> None:
    """Writes to a workdir and records in ``done`` what must survive."""
    with workdir.fetched(url) as path:
        workdir.write_text(path / "flags.txt", "--seed=1\n")
        done.append("flags")
        ledger = Ledger(path / "ledger.jsonl", {"cores": 2})
        for number in range(2):
            ledger.append({"number": number})
            done.append("line")
        for step in (1, 2):
            save(path / str(step), step)
            done.append("step")
        shutil.rmtree(path / "1")
        for value in (3, 4):
            save(path / "weights", value)
            done.append("weights")


def test_a_process_killed_at_any_moment_leaves_what_it_had_written(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    for moment in itertools.count():
        one, done = f"{url}/{moment}", list[str]()
        with killed_at(moment, monkeypatch):
            work(one, done)
        with workdir.fetched(one) as path:
            assert (path / "flags.txt").exists() or "flags" not in done
            lines = Ledger(path / "ledger.jsonl").read()
            assert lines == [{"number": number} for number in range(len(lines))]
            assert len(lines) >= done.count("line")
            for step in (1, 2):
                assert saved(path / str(step)) in (None, step)
            assert saved(path / "2") or done.count("step") < 2
            # A folder that was being replaced may be gone; it is then made again.
            assert saved(path / "weights") in (None, 3, 4)
        if done.count("weights") == 2:
            break
    assert saved(path / "weights") == 4
    assert moment > 20


def test_a_checkpoint_is_found_by_another_process(url: str):
    with workdir.fetched(url) as path:
        for step in (1, 2):
            workdir.save_step(path / "search", step, tree(step))
    with workdir.fetched(url) as path:
        assert [one.name for one in (path / "search").iterdir()] == ["2"]
        step, found = workdir.load_latest(path / "search", tree(0), REMEDY)
    assert (step, found["b"]) == (2, 2)


def test_a_workdir_on_a_store_is_found_by_another_process(url: str):
    with workdir.fetched(url) as path:
        workdir.write_text(path / "best" / "a.txt", "kept\n")
        (path / "gone.txt").write_text("", encoding="utf-8")
        workdir.write_text(path / ".hidden", "")
    names = Objects(url).names()
    assert {"best/a.txt", "gone.txt"} <= set(names)
    assert ".hidden" not in names
    with workdir.fetched(url) as path:
        assert (path / "best" / "a.txt").read_text(encoding="utf-8") == "kept\n"
        (path / "gone.txt").unlink()
    assert "gone.txt" not in Objects(url).names()
    # Leftovers in the local folder do not count. A mirror that is only read adds its
    # page to the files of a run that may still be going on.
    (path / "other.txt").write_text("", encoding="utf-8")
    with workdir.fetched(url, writes=False) as path:
        assert [file.name for file in path.rglob("*.txt")] == ["a.txt"]
        before = Objects(url).names()
        workdir.write_text(path / "report.html", "page")
    assert set(Objects(url).names()) == {"report.html", *before}


def test_a_store_that_fails_while_a_workdir_is_fetched_is_asked_again(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    with workdir.fetched(url) as path:
        workdir.write_text(path / "a.txt", "kept\n")
    store = type(fsspec.filesystem("memory"))
    failures, get = iter([OSError("connection reset")]), store.get

    def fails(self: Any, *args: Any) -> None:
        for error in failures:
            raise error
        get(self, *args)

    monkeypatch.setattr(store, "get", fails)
    with workdir.fetched(url) as path:
        assert (path / "a.txt").read_text(encoding="utf-8") == "kept\n"
    assert not [*failures]


def test_a_ledger_is_an_object_a_line_that_nobody_replaces(url: str):
    """The same holds for a run within a run."""
    name = "runs/one-0/ledger.jsonl"
    with workdir.fetched(url) as path:
        workdir.write_text(path / "runs" / "one-0" / "flags.txt", "--seed=1\n")
        ledger = Ledger(path / name, {"cores": 2})
        ledger.append({"number": 0})
        objects = Objects(url)
        # As of a former owner whose last request reached the store late.
        objects.create(f".store/lines/{name}/0000001", b"of another process")
        with pytest.raises(Lost, match=f"added an evaluation to {name}"):
            ledger.append({"number": 1})
        assert ledger.read() == [{"number": 0}]
        assert ledger.line(0) == f"{url}/.store/lines/{name}/0000000"
        objects.remove([f".store/lines/{name}/0000001"])
    with workdir.fetched(url) as path:
        assert Ledger(path / name).read() == [{"number": 0}]


@pytest.mark.parametrize("damage", ["is missing", "is damaged"])
def test_a_damaged_line_is_refused_with_its_object(url: str, damage: str):
    objects, name = Objects(url), ".store/lines/ledger.jsonl/000000"
    with workdir.fetched(url) as path:
        for number in range(3):
            Ledger(path / "ledger.jsonl").append({"number": number})
    objects.remove([f"{name}1"])
    if damage == "is damaged":
        objects.create(f"{name}1", b'{"number": 1}\n')
    with (
        pytest.raises(
            UsageError, match=rf"{name}1 {damage}.*delete it and all objects after"
        ),
        workdir.fetched(url),
    ):
        pass
    # The remedy works, and the lease was released.
    objects.remove([f"{name}1", f"{name}2"])
    with workdir.fetched(url) as path:
        assert Ledger(path / "ledger.jsonl").read() == [{"number": 0}]
        Ledger(path / "ledger.jsonl").append({"number": 1})


def test_a_ledger_whose_first_line_was_damaged_begins_anew(url: str):
    """The remedy then deletes all objects; the file beside them does not count."""
    objects, name = Objects(url), ".store/lines/ledger.jsonl/000000"
    with workdir.fetched(url) as path:
        for number in range(2):
            Ledger(path / "ledger.jsonl", {"cores": 2}).append({"number": number})
    assert "ledger.jsonl" in objects.names()
    objects.remove([f"{name}0", f"{name}1"])
    for count in range(3):
        with workdir.fetched(url) as path:
            ledger = Ledger(path / "ledger.jsonl", {"cores": 2})
            assert ledger.read() == [{"number": number} for number in range(count)]
            ledger.append({"number": count})


def test_a_folder_that_was_removed_by_hand_is_gone(url: str):
    with workdir.fetched(url) as path:
        save(path / "search" / "3", 3)
    names = [name for name in Objects(url).names() if name.startswith("search/")]
    Objects(url).remove(names)
    with workdir.fetched(url) as path:
        assert saved(path / "search" / "3") is None


def test_a_folder_that_was_copied_to_a_store_is_a_workdir(
    url: str, tmp_path: pathlib.Path
):
    workdir.write_text(tmp_path / "flags.txt", "--seed=1\n")
    save(tmp_path / "search" / "3", 3)
    for number, cores in enumerate((2, 2, 4)):
        Ledger(tmp_path / "ledger.jsonl", {"cores": cores}).append({"number": number})
    objects = Objects(url)
    files = {
        file.relative_to(tmp_path).as_posix(): file for file in tmp_path.rglob("*")
    }
    objects.upload({name: file for name, file in files.items() if file.is_file()})
    for count in (3, 4):
        with workdir.fetched(url) as path:
            assert saved(path / "search" / "3") == 3
            ledger = Ledger(path / "ledger.jsonl", {"cores": 4})
            assert [record["number"] for record in ledger.read()] == [*range(count)]
            assert ledger.machines == [{"cores": 2}, {"cores": 4}]
            ledger.append({"number": count})
    assert len(objects.names(".store/lines")) == 5


def test_a_copied_ledger_that_was_cut_after_its_machine_goes_on(
    url: str, tmp_path: pathlib.Path
):
    workdir.write_text(tmp_path / "flags.txt", "--seed=1\n")
    file = tmp_path / "ledger.jsonl"
    for number, cores in enumerate((2, 4)):
        Ledger(file, {"cores": cores}).append({"number": number})
    *kept, _ = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(kept))
    assert Ledger(file).look() == [{"number": 0}]
    files = {name: tmp_path / name for name in ("flags.txt", "ledger.jsonl")}
    Objects(url).upload(files)
    for count in (1, 2, 3):
        with workdir.fetched(url) as path:
            ledger = Ledger(path / "ledger.jsonl", {"cores": 4})
            assert [record["number"] for record in ledger.read()] == [*range(count)]
            ledger.append({"number": count})
            assert ledger.machines == [{"cores": 2}, {"cores": 4}]


def test_a_damaged_ledger_that_was_copied_is_refused(url: str, tmp_path: pathlib.Path):
    (tmp_path / "any").write_text('{"number": 1}\n', encoding="utf-8")
    Objects(url).upload(dict.fromkeys(("flags.txt", "ledger.jsonl"), tmp_path / "any"))
    with (
        pytest.raises(UsageError, match=rf"{url}/ledger.jsonl:1 is damaged"),
        workdir.fetched(url),
    ):
        pass


def test_files_of_others_are_left_alone(url: str, tmp_path: pathlib.Path):
    (tmp_path / "any").write_text("any", encoding="utf-8")
    Objects(url).upload({"images/1.png": tmp_path / "any"})
    with workdir.fetched(url) as path:
        workdir.write_text(path / "flags.txt", "--seed=1\n")
        assert not (path / "images").exists()
    assert "images/1.png" in Objects(url).names()


def test_failed_candidates_are_taken_out_of_the_store(url: str):
    flags = {"seed": "1"}
    for _ in range(2):
        with workdir.fetched(url) as path, workdir.opened(path, "--seed=1\n", flags):
            assert Ledger(path / "ledger.jsonl").read() == []
            Ledger(path / "ledger.jsonl").append({"fitness": None})
    lines = [n for n in Objects(url).names() if n.startswith(".store/lines")]
    assert len(lines) == 1


def test_errors_name_the_store(url: str):
    with (
        pytest.raises(UsageError, match=f"{url}/search/3/checksums.json is damaged"),
        workdir.fetched(url) as path,
    ):
        (path / "search" / "3").mkdir(parents=True)
        workdir.load_latest(path / "search", tree(0))


@pytest.mark.parametrize(
    "url",
    ["gs://bucket", "s3://bucket/", "gs://bucket/a*", "gs://bucket/../a", "b://c/d"],
)
def test_a_url_that_names_no_folder_on_a_store_is_refused(url: str):
    with (
        pytest.raises(UsageError, match=r"give a folder, gs://BUCKET/FOLDER or"),
        workdir.fetched(url),
    ):
        pass


def test_mirrors_of_dead_processes_are_removed():
    places.enter()
    own = places.folder("memory://a/b").parents[2]
    dead = own.with_name("dead")
    (dead / "gs").mkdir(parents=True)
    assert places.is_running("dead") is None
    (dead / ".lock").touch()
    assert places.is_running("dead") is False
    assert places.is_running(own.name) is True
    places.sweep()
    assert not dead.exists()
    assert own.exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "--workdir is empty"),
        ("gs:/bucket/run", "give the URL as text, gs://BUCKET/FOLDER"),
        (pathlib.Path("s3://bucket/run"), "give the URL as text, s3://BUCKET/FOLDER"),
        ("gs:bucket/run", "--workdir=gs:bucket/run lacks a slash"),
    ],
)
def test_a_workdir_that_would_be_another_folder_is_refused(
    given: str | pathlib.Path, message: str
):
    with pytest.raises(UsageError, match=message):
        places.folder(given)


def test_a_path_is_its_own_folder(tmp_path: pathlib.Path):
    with workdir.fetched(str(tmp_path)) as path:
        assert path == tmp_path
    assert workdir.below("runs/a/", "b", "c") == "runs/a/b/c"
    assert workdir.below("gs://a/b", "c") == "gs://a/b/c"
    inner = workdir.folder(workdir.below("gs://a/b", "c"))
    assert inner == workdir.folder("gs://a/b/") / "c"
    assert workdir.shown(f"see {inner}.") == "see gs://a/b/c."


def test_only_their_user_can_write_to_the_folder_of_mirrors(tmp_path: pathlib.Path):
    """Whatever the umask; compiled programs are refused in other folders."""
    code = (
        "import os; os.umask(0o002); from gpt_nas_jax.workdir import places; "
        "places.enter()"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert tmp_path / "gpt_nas_jax" in folders
    assert not [path for path in folders if path.stat().st_mode & 0o022]
