"""``gpt_nas_jax.search`` with a workdir on a store."""

import pathlib

import numpy as np
import pytest

import gpt_nas_jax as gnj
from gpt_nas_jax.workdir import Ledger
from gpt_nas_jax.workdir.lease import Lease
from gpt_nas_jax.workdir.objects import Objects

SPACE = gnj.spaces.CategoricalSpace((("a", "b", "c"),) * 4)


class Stop(BaseException):
    """Ends a search as a signal does."""


def evaluate(genome: np.ndarray) -> float:
    return float(genome @ np.array([1, 2, 3, 4]))


def search(workdir: str | pathlib.Path, at: int | None = None) -> tuple[list, int]:
    """A search's candidates and number of evaluations; it stops at number ``at``."""
    calls = []

    def counted(genome: np.ndarray) -> float:
        calls.append(genome)
        if len(calls) == at:
            raise Stop
        return evaluate(genome)

    found = gnj.search(SPACE, counted, "random", 10, workdir=workdir)
    return [(trial.genome.tolist(), trial.fitness) for trial in found], len(calls)


def test_a_search_on_a_store_is_resumed_and_ends_as_one_in_a_folder(
    tmp_path: pathlib.Path,
):
    url = "memory://search/resumed"
    with pytest.raises(Stop):
        search(url, 7)
    found, evaluated = search(url)
    assert (found, evaluated) == (search(tmp_path)[0], 4)
    assert search(url) == (found, 0)
    with pytest.raises(gnj.UsageError, match=f"{url} belongs to a run with other flag"):
        gnj.search(SPACE, evaluate, "random", 5, workdir=url)
    # The files can be copied to a disk and back, and the search resumes.
    objects, copy = Objects(url), tmp_path / "copy"
    plain = [name for name in objects.names() if not name.startswith(".store")]
    objects.download({name: copy / name for name in plain})
    assert len(Ledger(copy / "ledger.jsonl").read()) == 10
    assert search(copy) == (found, 0)
    (copy / "ledger.jsonl").write_bytes(
        b"".join((copy / "ledger.jsonl").read_bytes().splitlines(True)[:6])
    )
    back = Objects("memory://search/back")
    files = [path for path in copy.rglob("*") if path.is_file()]
    back.upload({path.relative_to(copy).as_posix(): path for path in files})
    for evaluated in (4, 0):
        assert search(back.url) == (found, evaluated)
    assert len(back.names(".store/lines")) == 10


def test_a_search_elsewhere_is_refused_while_one_goes_on():
    url = "memory://search/twice"
    other = Lease(Objects(url), "elsewhere", lambda owner: None, stale=0.1)
    other.take()
    with pytest.raises(gnj.UsageError, match=f"{url} is in use by another process"):
        search(url)
    other.release()
