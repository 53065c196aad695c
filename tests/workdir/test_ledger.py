"""A ledger resumes after any cut and is refused after any change."""

import json
import pathlib
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import Ledger

RECORDS = st.lists(
    st.dictionaries(
        st.text(max_size=5),
        st.none()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=9),
        min_size=1,
        max_size=4,
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("ledger")


@hypothesis.given(records=RECORDS, cut=st.integers(0, 200), more=RECORDS)
def test_a_ledger_cut_anywhere_goes_on_cleanly(
    folder: pathlib.Path, records: list[Any], cut: int, more: list[Any]
):
    path = folder / "ledger.jsonl"
    path.unlink(missing_ok=True)
    for record in records:
        Ledger(path).append(record)
    assert Ledger(path).read() == records
    data = path.read_bytes() if records else b""
    path.write_bytes(data[:cut])
    whole = data[:cut].count(b"\n")
    assert Ledger(path).read() == records[:whole]
    for record in more:
        Ledger(path).append(record)
    assert Ledger(path).read() == records[:whole] + more


def test_a_ledger_is_one_line_of_json_each(tmp_path: pathlib.Path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    assert ledger.read() == []
    ledger.append({"genome": [3, -1], "reason": "line\nbreak"})
    ledger.append({"fitness": None})
    text = (tmp_path / "ledger.jsonl").read_text(encoding="utf-8")
    found = [json.loads(line) for line in text.splitlines()]
    assert all(len(record.pop("checksum")) == 16 for record in found)
    assert found == ledger.read()
    assert len(found) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_json_is_not_written(tmp_path: pathlib.Path, value: float):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append({"fitness": 0.5})
    with pytest.raises(ValueError, match="JSON"):
        ledger.append({"fitness": value})
    ledger.append({"fitness": 0.25})
    assert ledger.read() == [{"fitness": 0.5}, {"fitness": 0.25}]


def written(path: pathlib.Path, count: int) -> list[bytes]:
    """The lines of a new ledger."""
    path.unlink(missing_ok=True)
    ledger = Ledger(path)
    for index in range(count):
        ledger.append({"index": index, "fitness": index / 7})
    return path.read_bytes().splitlines(keepends=True)


@hypothesis.given(st.data())
def test_a_changed_line_is_refused_with_its_number(
    folder: pathlib.Path, data: st.DataObject
):
    path = folder / "changed.jsonl"
    lines = written(path, 4)
    number = data.draw(st.integers(0, 3))
    # A crash leaves a line without its newline, so the last byte is not changed.
    place = data.draw(st.integers(0, len(lines[number]) - 2))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != 10))
    changed = bytearray(lines[number])
    hypothesis.assume(changed[place] != other)
    changed[place] = other
    lines[number] = bytes(changed)
    path.write_bytes(b"".join(lines))
    with pytest.raises(UsageError, match=rf"changed\.jsonl:{number + 1} is damaged"):
        Ledger(path).read()
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize(
    ("order", "first"),
    [((1, 2, 3), 1), ((0, 2, 3), 2), ((0, 1, 1, 2), 3), ((0, 2, 1, 3), 2)],
)
def test_lines_keep_their_places(
    tmp_path: pathlib.Path, order: tuple[int, ...], first: int
):
    path = tmp_path / "ledger.jsonl"
    lines = written(path, 4)
    path.write_bytes(b"".join(lines[index] for index in order))
    with pytest.raises(UsageError, match=rf"ledger\.jsonl:{first} is damaged"):
        Ledger(path).read()


@pytest.mark.parametrize("broken", [b"{", b"", b"\xff\xfe", b"[1, 2]", b"7", b"{}"])
def test_foreign_lines_are_refused(tmp_path: pathlib.Path, broken: bytes):
    path = tmp_path / "ledger.jsonl"
    lines = written(path, 1)
    path.write_bytes(lines[0] + broken + b"\n")
    with pytest.raises(UsageError, match=r"ledger\.jsonl:2 is damaged"):
        Ledger(path).read()


def test_machines_stand_where_they_change(tmp_path: pathlib.Path):
    path = tmp_path / "ledger.jsonl"
    for index, cores in enumerate((2, 2, 4, 2)):
        Ledger(path, {"cores": cores}).append({"index": index})
    text = path.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line.get("machine", {}).get("cores") for line in lines] == [
        *(2, None, None, 4, None, 2, None)
    ]
    ledger = Ledger(path)
    assert ledger.read() == [{"index": index} for index in range(4)]
    assert ledger.machines == [{"cores": 2}, {"cores": 4}, {"cores": 2}]
    assert ledger.line(2) == f"{path}:5"
    # Nothing is written if nothing is evaluated.
    before = path.read_bytes()
    Ledger(path, {"cores": 8}).read()
    assert path.read_bytes() == before
