"""Files are written completely or not at all; some carry a checksum."""

import errno
import json
import os
import pathlib
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax import workdir
from gpt_nas_jax.types import UsageError


def test_text_replaces_the_whole_file(tmp_path: pathlib.Path):
    path = tmp_path / "new" / "result.txt"
    workdir.write_text(path, "a long first text")
    workdir.write_text(path, "second")
    assert path.read_text(encoding="utf-8") == "second"
    assert [*path.parent.iterdir()] == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: pathlib.Path):
    path = tmp_path / "result.json"
    workdir.write_json(path, {"accuracy": 0.5})
    with pytest.raises(UnicodeEncodeError):
        workdir.write_text(path, "half of it, then \ud800")
    for bad in (object(), float("nan"), [float("inf")]):
        with pytest.raises((TypeError, ValueError), match="JSON"):
            workdir.write_json(path, {"accuracy": bad})
    assert workdir.read_json(path) == {"accuracy": 0.5}


def test_a_file_that_cannot_be_put_in_place_leaves_nothing(tmp_path: pathlib.Path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="folder cannot be written: Is a directory"):
        workdir.write_bytes(tmp_path / "folder", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    workdir.write_bytes(tmp_path / "new" / "file", b"first")
    workdir.write_bytes(tmp_path / "new" / "file", b"second")
    assert (tmp_path / "new" / "file").read_bytes() == b"second"
    assert len([*(tmp_path / "new").iterdir()]) == 1


def test_writers_of_one_file_do_not_disturb_each_other(tmp_path: pathlib.Path):
    path, texts = tmp_path / "report.html", [str(i) * 1000 for i in range(100)]
    with ThreadPoolExecutor(2) as threads:
        assert [*threads.map(lambda text: workdir.write_text(path, text), texts)]
    assert path.read_text(encoding="utf-8") in texts
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_keeps_what_was_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    file, ledger = tmp_path / "result.json", workdir.Ledger(tmp_path / "ledger.jsonl")
    ledger.append({"fitness": 1})
    workdir.write_json(file, {"a": 1})

    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match=f"^no space left to write {file}; make"):
            workdir.write_json(file, {"a": 2})
        with pytest.raises(UsageError, match=r"no space left to write .*ledger\.jsonl"):
            ledger.append({"fitness": 2})
    assert workdir.read_json(file) == {"a": 1}
    assert workdir.Ledger(tmp_path / "ledger.jsonl").read()[0] == {"fitness": 1}


def test_an_equal_file_is_not_touched(tmp_path: pathlib.Path):
    path = tmp_path / "result.json"
    workdir.write_json(path, {"accuracy": 0.5})
    before = path.stat().st_ino
    workdir.write_json(path, {"accuracy": 0.5})
    assert path.stat().st_ino == before
    workdir.write_json(path, {"accuracy": 0.25})
    assert workdir.read_json(path) == {"accuracy": 0.25}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("files")


@hypothesis.given(
    value=st.dictionaries(st.text(max_size=4), VALUES, max_size=4), data=st.data()
)
def test_a_sealed_value_comes_back_or_is_refused(
    folder: pathlib.Path, value: dict, data: st.DataObject
):
    hypothesis.assume("checksum" not in value)
    path = folder / "sealed.json"
    workdir.write_sealed(path, value)
    assert workdir.read_sealed(path) == json.loads(json.dumps(value))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(
        st.integers(0, 7)
    )
    path.write_bytes(content)
    try:
        found = workdir.read_sealed(path, "write it again")
    except UsageError as error:
        assert str(error).startswith(f"{path} is damaged (")
        assert str(error).endswith("; write it again")
    else:
        # Whitespace between values does not matter.
        assert found == json.loads(json.dumps(value))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"{}", b"\xff\xfe", b"null"])
def test_what_is_not_sealed_is_refused(tmp_path: pathlib.Path, content: bytes):
    path = tmp_path / "prior.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"prior\.json is damaged"):
        workdir.read_sealed(path)


def test_arrays_come_back_or_are_refused(tmp_path: pathlib.Path):
    path = tmp_path / "rows.npy"
    array = np.arange(12, dtype=np.int32).reshape(3, 4)
    workdir.write_array(path, array)
    np.testing.assert_array_equal(workdir.read_array(path), array)
    np.testing.assert_array_equal(np.load(path), array)
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(UsageError, match="checksum does not fit"):
            workdir.read_array(path)
        path.write_bytes(content[:place])
        with pytest.raises(UsageError, match="is damaged"):
            workdir.read_array(path)


def test_a_missing_file_is_damage_with_a_remedy(tmp_path: pathlib.Path):
    for read in (workdir.read_json, workdir.read_sealed, workdir.read_array):
        with pytest.raises(UsageError, match=r"damaged \(No such file.*; make it"):
            read(tmp_path / "gone", "make it")
