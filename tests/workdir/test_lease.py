"""The lease of a workdir on a store: one process writes; a dead one is replaced."""

from collections.abc import Callable

import pytest
from hosts_support import STUCK

from gpt_nas_jax.types import Lost, UsageError
from gpt_nas_jax.workdir import lease
from gpt_nas_jax.workdir.lease import Lease
from gpt_nas_jax.workdir.objects import Objects

SHORT = 0.05
"""Seconds after which a lease that is renewed every ten may be taken."""


@pytest.fixture
def objects(request: pytest.FixtureRequest) -> Objects:
    return Objects(f"memory://lease/{request.node.name}")


def unknown(owner: str) -> None:
    """Cannot tell, as for a process on another machine."""


def held(
    objects: Objects, owner: str, is_running: Callable[[str], bool | None] = unknown
) -> Lease:
    one = Lease(objects, owner, is_running)
    one.take()
    return one


def test_a_lease_that_is_renewed_is_refused_in_one_line(
    objects: Objects, capsys: pytest.CaptureFixture[str]
):
    first = Lease(objects, "first", unknown, stale=4 * SHORT)
    first.take()
    second = Lease(objects, "second", unknown, stale=STUCK)
    with pytest.raises(UsageError, match="in use by another process, on ") as refused:
        second.take()
    assert "\n" not in str(refused.value)
    assert capsys.readouterr().err.count("\n") == 1
    first.commit(["a"])
    first.release()


@pytest.mark.parametrize("data", [b"another one", b"{}", b"[]", b""])
def test_a_damaged_state_is_named(objects: Objects, data: bytes):
    held(objects, "first").release()
    objects.create(".store/states/0000000099", data)
    with pytest.raises(UsageError, match="states/0000000099 is damaged; restore it"):
        held(objects, "second")
    objects.remove([".store/states/0000000099"])
    held(objects, "second").release()


def test_a_lease_that_is_not_renewed_is_taken_over(objects: Objects):
    first = held(objects, "first")
    first.commit(["a", "b"])
    second = Lease(objects, "second", unknown, stale=SHORT)
    second.take()
    assert second.state.files == ("a", "b")
    second.commit(["c"])
    # However often the first process tries, nothing changes.
    for _ in range(2):
        with pytest.raises(UsageError, match="another process continues the run"):
            first.commit(["d"])
    first.release()
    assert lease.latest(objects) == second.state
    second.release()


def test_a_process_of_this_machine_is_known_to_live_or_not(
    objects: Objects, capsys: pytest.CaptureFixture[str]
):
    held(objects, "first")
    with pytest.raises(UsageError, match="in use by another process"):
        held(objects, "second", lambda owner: owner == "first")
    third = held(objects, "third", lambda owner: owner != "first")
    assert capsys.readouterr().err == ""
    third.release()


def test_a_released_lease_is_taken_at_once(
    objects: Objects, capsys: pytest.CaptureFixture[str]
):
    first = held(objects, "first")
    first.commit(["a"])
    first.release()
    second = held(objects, "second")
    assert second.state.files == ("a",)
    assert capsys.readouterr().err == ""
    second.release()


def test_one_of_two_that_take_a_lease_at_once_gets_it(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
):
    """Both have seen that the lease is free."""
    second = Lease(objects, "second", unknown)
    free = lease.latest(objects)
    held(objects, "first")
    monkeypatch.setattr(lease, "latest", lambda objects: free)
    with pytest.raises(UsageError, match="in use by another process"):
        second.take()


def test_old_states_do_not_pile_up(objects: Objects):
    one = held(objects, "first")
    for number in range(30):
        one.commit([str(number)])
    assert one.state.number == 31
    assert len(objects.names()) < 10
    one.release()


def test_a_lost_answer_is_not_taken_for_another_process(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
):
    """The store has created the object, but its answer was lost."""
    one = held(objects, "first")
    store = objects._store
    pipe_file, cat_file = store.pipe_file, store.cat_file

    def lost(path: str, data: bytes, mode: str) -> None:
        pipe_file(path, data, mode=mode)
        monkeypatch.setattr(store, "cat_file", deaf)
        raise OSError("connection reset")

    def deaf(path: str) -> bytes:
        monkeypatch.undo()
        raise OSError("connection reset")

    monkeypatch.setattr(store, "pipe_file", lost)
    with pytest.raises(UsageError, match="OSError: connection reset"):
        one.commit(["a"])
    assert store.cat_file == cat_file
    one.commit(["b"])
    assert lease.latest(objects).files == ("b",)
    one.release()


def test_a_store_that_fails_is_asked_again_once_a_run_has_begun(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
):
    one = held(objects, "first")
    failures = iter([OSError("connection reset")])
    store, pipe_file = objects._store, objects._store.pipe_file

    def fails(path: str, data: bytes, mode: str) -> None:
        for error in failures:
            raise error
        pipe_file(path, data, mode=mode)

    monkeypatch.setattr(store, "pipe_file", fails)
    objects.persevere()
    one.commit(["a"])
    assert lease.latest(objects).files == ("a",)
    # A forbidden request is not retried.
    failures = iter([PermissionError("no access"), PermissionError("no access")])
    with pytest.raises(Lost, match=f"{objects.url} does not answer .*no access"):
        one.commit(["b"])
    one.release()


def test_a_store_that_replaces_objects_is_refused(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
):
    """As servers without conditional writes do."""
    store, pipe_file = objects._store, objects._store.pipe_file
    monkeypatch.setattr(
        store, "pipe_file", lambda path, data, mode: pipe_file(path, data)
    )
    with pytest.raises(
        UsageError, match=f"{objects.url} cannot be used: this store re"
    ):
        held(objects, "first")
    assert objects.names() == []
