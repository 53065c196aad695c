"""Compact files: their checksum, and equal bytes for equal columns."""

import io
import zipfile

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.datasets.benchmarks import compact
from gpt_nas_jax.types import UsageError

COLUMNS = {
    "ops": np.array([[1, 2], [3, 4], [5, 6]], np.uint8),
    "names": np.array(["a", "bc"]),
    "group/accuracy": np.array([0.5, 0.25, 0.75]),
}
DECLARED = {
    "ops": (np.uint8, (compact.N, 2)),
    "names": ("U2", (2,)),
    "group/accuracy": (np.float64, (compact.N,)),
}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "some.npz"
    path.write_bytes(compact.to_bytes(COLUMNS))
    columns = compact.read(path, "some", DECLARED)
    assert columns.keys() == COLUMNS.keys()
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(columns[name], column, strict=True)


@pytest.mark.parametrize("checked", [True, False])
def test_members_are_read_with_and_without_their_suffix(tmp_path, checked):
    path = tmp_path / "some.npz"
    with (
        zipfile.ZipFile(io.BytesIO(compact.to_bytes(COLUMNS))) as written,
        zipfile.ZipFile(path, "w") as bare,
    ):
        for name in written.namelist():
            if checked or not name.startswith("sha256"):
                bare.writestr(name.removesuffix(".npy"), written.read(name))
    columns = compact.read(path, "some", DECLARED)
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(columns[name], column, strict=True)


def test_a_member_that_is_no_column_is_refused_where_all_are_checked(tmp_path):
    path = tmp_path / "some.npz"
    path.write_bytes(compact.to_bytes(COLUMNS))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README", "nothing")
    with pytest.raises(UsageError, match="damaged, fetch it again"):
        compact.read(path, "some", DECLARED)


def test_equal_columns_are_equal_bytes_whenever_they_are_written():
    content = compact.to_bytes(COLUMNS)
    assert content == compact.to_bytes({k: v.copy() for k, v in COLUMNS.items()})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        years = {member.date_time[0] for member in archive.infolist()}
    assert years == {1980}


@pytest.mark.parametrize(
    "changes",
    [
        {"ops": np.array([[1, 2], [3, 4], [5, 7]], np.uint8)},
        {"names": np.array(["a", "bd"])},
        {"another": np.zeros(1)},
        {"sha256": np.zeros(32, np.uint8)},
        {"sha256": np.zeros(5)},
    ],
)
def test_columns_changed_after_writing_are_refused(tmp_path, changes):
    path = tmp_path / "some.npz"
    with np.load(io.BytesIO(compact.to_bytes(COLUMNS))) as archive:
        np.savez(path, **{**archive, **changes})
    with pytest.raises(UsageError, match="checksum"):
        compact.read(path, "some", DECLARED)


@hypothesis.given(data=st.data())
def test_a_changed_byte_changes_no_value(tmp_path_factory, data):
    content = bytearray(compact.to_bytes(COLUMNS))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("changed") / "some.npz"
    path.write_bytes(content)
    try:
        columns = compact.read(path, "some", DECLARED)
    except UsageError:
        return
    # No value depends on this byte, which may be part of a time stamp.
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(columns[name], column, strict=True)


def test_every_truncation_is_refused(tmp_path):
    content = compact.to_bytes(COLUMNS)
    path = tmp_path / "some.npz"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(UsageError) as caught:
            compact.read(path, "some", DECLARED)
        assert "\n" not in str(caught.value)


def test_an_array_of_objects_is_refused(tmp_path):
    path = tmp_path / "some.npz"
    np.savez(path, **(COLUMNS | {"names": np.array([print], object)}))
    with pytest.raises(UsageError, match=r"Python objects, .*in names; .*again"):
        compact.read(path, "some", DECLARED)


def test_a_column_that_may_be_missing(tmp_path):
    path = tmp_path / "some.npz"
    np.savez(path, **{k: v for k, v in COLUMNS.items() if k != "names"})
    columns = compact.read(path, "some", DECLARED, optional=("names",))
    assert columns.keys() == {"ops", "group/accuracy"}
    with pytest.raises(UsageError, match="no some file: it lacks names"):
        compact.read(path, "some", DECLARED)
