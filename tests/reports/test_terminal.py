"""Output on a terminal and in a file."""

import pytest
from rich.text import Text

from gpt_nas_jax.reports.terminal import note, part, progress, show_table


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes Rich take any output for a terminal of 60 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes Rich see that the output is captured, whatever the environment says."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "60")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds; a test sets it."""
    now = [1000.0]
    for name in ("time.monotonic", "rich.console.monotonic"):
        monkeypatch.setattr(name, lambda: now[0])
    return now


def run() -> None:
    with progress("search, candidates", 3, done=1) as advance:
        advance()
        advance(1, note="best 0.9871")


@pytest.mark.usefixtures("piped")
def test_progress_is_a_line_a_minute_in_a_file(
    clock: list[float], capfd: pytest.CaptureFixture[str]
):
    with progress("search, candidates", 40, done=8) as advance:
        for number in range(10):
            clock[0] += 25
            advance(note=f"best 0.{number}")
    assert capfd.readouterr().out.splitlines() == [
        "search, candidates: 8 of 40 done",
        "search, candidates: 11 of 40 done; best 0.2",
        "search, candidates: 14 of 40 done; best 0.5",
        "search, candidates: 17 of 40 done; best 0.8",
    ]


@pytest.mark.usefixtures("piped")
def test_within_a_part_the_whole_run_is_estimated_by_the_pace(
    clock: list[float], capfd: pytest.CaptureFixture[str]
):
    # Everything after this bar takes as long as 18 more candidates.
    with part("part 2 of 3", 18.0), progress("search, candidates", 12) as advance:
        for _ in range(4):
            clock[0] += 30
            advance()
    with part("part 1 of 3", None), progress("learning, steps", 2) as advance:
        clock[0] += 90
        advance()
    assert capfd.readouterr().out.splitlines() == [
        "part 2 of 3: search, candidates: 0 of 12 done",
        *(
            f"part 2 of 3: search, candidates: {done} of 12 done; about {left} min "
            "left of the whole run"
            for done, left in ((2, 14), (4, 13))
        ),
        "part 1 of 3: learning, steps: 0 of 2 done",
        "part 1 of 3: learning, steps: 1 of 2 done",
    ]


@pytest.mark.usefixtures("piped")
def test_work_on_candidates_that_are_not_done_counts_for_the_time_left(
    clock: list[float], capfd: pytest.CaptureFixture[str]
):
    with part("part 1 of 2", 3.0), progress("search, candidates", 4) as advance:
        for done in range(1, 5):
            clock[0] += 60
            note(f"rung 1 of 2, {done} of 4", 0.5)
        for _ in range(2):
            advance()
        clock[0] += 60
        advance()
    # One candidate takes two minutes; as much as seven is to be done.
    assert capfd.readouterr().out.splitlines() == [
        "part 1 of 2: search, candidates: 0 of 4 done",
        *(
            f"part 1 of 2: search, candidates: 0 of 4 done; rung 1 of 2, {done} of 4; "
            f"about {14 - done} min left of the whole run"
            for done in range(1, 5)
        ),
        "part 1 of 2: search, candidates: 3 of 4 done; about 7 min left of the whole "
        "run",
    ]


def test_without_a_bar_a_note_shows_nothing(capfd: pytest.CaptureFixture[str]):
    note("rung 1 of 2, 1 of 4", 0.5)
    assert not capfd.readouterr().out


@pytest.mark.usefixtures("terminal")
def test_the_bar_shows_notes_and_counts_work_on_candidates_that_are_not_done(
    clock: list[float],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("COLUMNS", "140")
    with progress("search, candidates", 4):
        clock[0] += 60
        note("rung 1 of 2, 1 of 4", 0.5)
    shown = Text.from_ansi(capfd.readouterr().out).plain
    assert "rung 1 of 2, 1 of 4" in shown
    assert "120.0 s each 0:07:00" in shown


@pytest.mark.usefixtures("terminal")
def test_within_a_part_the_bar_shows_the_time_of_the_whole_run(
    clock: list[float],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("COLUMNS", "140")
    with part("part 2 of 3", 6.0), progress("search, candidates", 4) as advance:
        clock[0] += 60
        advance(2)
    shown = Text.from_ansi(capfd.readouterr().out).plain
    assert "part 2 of 3: search, candidates" in shown
    # 30 seconds each; two are left, then as much work as six more.
    assert "whole run 0:04:00" in shown


@pytest.mark.usefixtures("terminal")
def test_before_the_first_item_the_elapsed_time_is_shown(
    clock: list[float],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("COLUMNS", "100")
    with progress("scoring, networks", 64):
        clock[0] += 150
    assert "150 s so far" in Text.from_ansi(capfd.readouterr().out).plain


@pytest.mark.usefixtures("terminal")
def test_progress_shows_title_count_and_note(capfd: pytest.CaptureFixture[str]):
    run()
    shown = capfd.readouterr().out
    assert "search, candidates" in shown
    assert "1/3" in shown
    assert "3/3" in shown
    assert "best 0.9871" in shown


@pytest.mark.usefixtures("terminal")
def test_the_time_left_goes_by_all_that_was_done(
    clock: list[float],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    """Two candidates that finish together after 100 seconds do not count as fast."""
    monkeypatch.setenv("COLUMNS", "100")
    with progress("search, candidates", 40, done=8) as advance:
        clock[0] += 99.9
        advance()
        clock[0] += 0.1
        advance()
    shown = Text.from_ansi(capfd.readouterr().out).plain
    assert "50.0 s each" in shown
    # 30 are left.
    assert "0:25:00" in shown


CELLS = [
    ("best.blocks", " ".join(["ConvNormActivation"] * 20)),
    ("reason", "needs [bold] 3 GiB :smile: [/] of [1, 2]"),
    ("params", "-12,345"),
]
TITLE = "a title that is longer than all cells of a narrow table together"


@pytest.mark.usefixtures("piped")
def test_tables_in_a_file_are_unbroken_and_literal(capfd: pytest.CaptureFixture[str]):
    show_table(TITLE, ("what", "value"), CELLS)
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == TITLE
    for cells in (("what", "value"), *CELLS):
        assert sum(all(cell in line for cell in cells) for line in lines) == 1


@pytest.mark.usefixtures("piped")
def test_a_title_is_not_broken_at_the_width_of_its_table(
    capfd: pytest.CaptureFixture[str],
):
    show_table(TITLE, ("a",), [(1,)])
    assert capfd.readouterr().out.splitlines()[0] == TITLE


@pytest.mark.usefixtures("terminal")
def test_tables_fit_the_terminal(capfd: pytest.CaptureFixture[str]):
    show_table("digits", ("what", "value"), CELLS)
    shown = Text.from_ansi(capfd.readouterr().out).plain
    assert shown.count("ConvNormActivation") == 20
    assert max(map(len, shown.splitlines())) <= 60


@pytest.mark.usefixtures("piped")
def test_numbers_are_aligned_right_and_words_left(capfd: pytest.CaptureFixture[str]):
    show_table("t", ("words", "numbers"), [("a", 1), ("bbbbbbb", -1000000.5)])
    rows = [line.strip("│").split("│") for line in capfd.readouterr().out.splitlines()]
    words, numbers = zip(*(row for row in rows if len(row) == 2), strict=True)
    assert words == (" a       ", " bbbbbbb ")
    assert numbers == ("          1 ", " -1000000.5 ")
