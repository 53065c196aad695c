"""Signals stop a run at once or, if deferred, where no work is lost."""

import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gpt_nas_jax import interruption
from gpt_nas_jax.interruption import Stopped
from gpt_nas_jax.main import main

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_ends_the_run_with_its_exit_code(number: signal.Signals):
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as caught, interruption.handled():
        signal.raise_signal(number)
        pytest.fail("goes on")
    assert caught.value.exit_code == 128 + number
    assert signal.getsignal(number) == before


def test_a_deferred_signal_waits_for_the_end_of_all_contexts():
    reached = []
    with pytest.raises(Stopped), interruption.handled():
        with interruption.deferred():
            with interruption.deferred():
                signal.raise_signal(signal.SIGTERM)
                reached.append("inner")
            assert interruption.pending()
            reached.append("outer")
        reached.append("behind")
    assert reached == ["inner", "outer"]


def test_a_check_obeys_within_a_deferred_context():
    with pytest.raises(Stopped), interruption.handled(), interruption.deferred():
        interruption.check()
        signal.raise_signal(signal.SIGTERM)
        interruption.check()
        pytest.fail("goes on")


def test_what_is_saved_on_the_way_out_is_not_stopped_again():
    saved = []
    with pytest.raises(Stopped), interruption.handled():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            for part in range(2):
                with interruption.deferred():
                    saved.append(part)
    assert saved == [0, 1]


def test_without_a_signal_nothing_happens():
    with interruption.handled(), interruption.deferred():
        interruption.check()
        assert not interruption.pending()


def test_a_later_run_in_the_same_process_begins_anew():
    with pytest.raises(Stopped), interruption.handled():
        signal.raise_signal(signal.SIGTERM)
    with interruption.handled():
        assert not interruption.pending()
        interruption.check()


def test_an_ignored_signal_stays_ignored():
    """For example, SIGHUP under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption.handled():
            signal.raise_signal(signal.SIGHUP)
            assert not interruption.pending()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_a_library_has_swallowed_is_obeyed_later():
    reached = []
    with pytest.raises(Stopped), interruption.handled():
        with contextlib.suppress(Stopped):
            signal.raise_signal(signal.SIGTERM)
        interruption.check()
        reached.append("goes on")
        interruption.obey()
        reached.append("still")
    assert reached == ["goes on"]


def test_a_signal_that_a_library_makes_an_error_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """JAX does this to exceptions raised while it compares two pytrees."""

    def load_digits() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except Stopped as stopped:
            raise ValueError("cannot compare") from stopped

    monkeypatch.setattr("sklearn.datasets.load_digits", load_digits)
    command = ["main", "--search_strategy=random", f"--workdir={tmp_path / 'run'}"]
    assert main(command) == 143
    assert capsys.readouterr().err == (
        "gpt_nas_jax: stopped; run the same command again to resume\n"
    )


class Collected:
    """Raises a signal when it is garbage-collected."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_comes_while_an_object_is_collected_is_obeyed(
    capsys: pytest.CaptureFixture[str],
):
    """Python prints exceptions raised in finalisers and continues."""
    with pytest.raises(Stopped), interruption.handled():
        one = Collected()
        del one
        threading.Event().wait(60)
    assert capsys.readouterr().err == ""


def test_other_errors_of_finalisers_are_shown_as_before(
    monkeypatch: pytest.MonkeyPatch,
):
    class Broken:
        def __del__(self) -> None:
            raise ValueError("broken")

    shown = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda found: shown.append(str(found.exc_value))
    )
    with interruption.handled():
        one = Broken()
        del one
    assert shown == ["broken"]


TWICE = """
import signal, sys
from gpt_nas_jax import interruption

with interruption.handled(), interruption.deferred():
    signal.raise_signal(signal.SIGTERM)
    print("deferred", flush=True)
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        print("goes on")
"""


def test_a_second_signal_ends_the_process_at_once():
    done = subprocess.run(
        [sys.executable, "-c", TWICE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stdout == "deferred\n"
    assert "a second signal ends the program at once" in done.stderr
    assert "Traceback" not in done.stderr


RELAYED = """
import signal
from gpt_nas_jax import interruption

with interruption.handled(), interruption.deferred():
    signal.raise_signal(signal.SIGTERM)
    interruption.relay(signal.SIGTERM)
    interruption.relay(signal.SIGINT)
    print("goes on", flush=True)
    signal.raise_signal(signal.SIGINT)
"""


def test_a_signal_of_another_process_is_never_the_second_one():
    """All processes of a run may receive the same signal and relay it."""
    done = subprocess.run(
        [sys.executable, "-c", RELAYED], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (130, "goes on\n")
    assert done.stderr.count("gpt_nas_jax: stopping") == 1


def test_a_signal_of_another_process_ends_the_run():
    with pytest.raises(Stopped) as caught, interruption.handled():
        interruption.relay(signal.SIGTERM)
        threading.Event().wait(60)
    assert caught.value.exit_code == 143


def test_a_forwarded_signal_is_reported_and_ends_nothing():
    told, heard = [], threading.Event()

    def tell(number: int) -> None:
        told.append(number)
        heard.set()

    with interruption.handled(), interruption.forwarded(tell):
        signal.raise_signal(signal.SIGTERM)
        assert heard.wait(60)
        assert not interruption.pending()
    assert told == [signal.SIGTERM]
