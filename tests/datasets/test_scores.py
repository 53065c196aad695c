"""Proxy scores in a compact file."""

import io
import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.config import PROXIES
from gpt_nas_jax.datasets.benchmarks import scores
from gpt_nas_jax.datasets.benchmarks.scores import Scores
from gpt_nas_jax.types import UsageError

OPS = np.array([*itertools.product(range(5), repeat=6)], np.uint8)
NUMBERS = st.floats(allow_nan=False, max_value=1e300)


@st.composite
def files(draw: st.DrawFn) -> Scores:
    cells = draw(st.lists(st.integers(0, 15_624), max_size=8, unique=True))
    names = draw(st.lists(st.sampled_from(PROXIES), max_size=4, unique=True))
    values = draw(
        st.lists(
            st.lists(NUMBERS, min_size=len(names), max_size=len(names)),
            min_size=len(cells),
            max_size=len(cells),
        )
    )
    return Scores(
        OPS[cells], tuple(names), np.array(values).reshape(len(cells), len(names))
    )


@hypothesis.given(written=files())
def test_what_is_written_is_read(tmp_path_factory, written: Scores):
    path = tmp_path_factory.mktemp("scores") / "scores.npz"
    path.write_bytes(scores.to_bytes(written))
    again = scores.read(path)
    np.testing.assert_array_equal(again.ops, written.ops, strict=True)
    np.testing.assert_array_equal(again.scores, written.scores, strict=True)
    assert again.names == written.names
    assert len(again) == len(written)


@pytest.fixture
def path(tmp_path):
    """A file of three cells and two proxies; each proxy is ``-inf`` for one cell."""
    values = np.array([[1.0, 2.0], [-np.inf, 3.0], [0.5, -np.inf]])
    path = tmp_path / "scores.npz"
    path.write_bytes(scores.to_bytes(Scores(OPS[[5, 9, 2]], ("a", "bc"), values)))
    return path


BAD = {
    "another checksum": ({"ops": OPS[[5, 9, 3]]}, "checksum"),
    "no names": ({"names": None, "sha256": None}, "lacks names"),
    "wide": ({"scores": np.zeros((3, 3)), "sha256": None}, "2 names for 3 columns"),
    "flat": ({"scores": np.zeros(3), "sha256": None}, "scores is float64"),
    "short": ({"scores": np.zeros((2, 2)), "sha256": None}, "scores is float64"),
    "nan": ({"scores": np.full((3, 2), np.nan), "sha256": None}, "not a number"),
    "infinite": ({"scores": np.full((3, 2), np.inf), "sha256": None}, "not a number"),
    "a cell twice": ({"ops": OPS[[5, 9, 5]], "sha256": None}, "cell is duplicated"),
    "a proxy twice": (
        {"names": np.array(["a", "a"], "U32"), "sha256": None},
        "proxy is duplicated",
    ),
    "an operation": ({"ops": OPS[[5, 9, 2]] + 1, "sha256": None}, "operation 5"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_another_file_is_refused(path, changes, message):
    with np.load(path) as archive:
        columns = {**archive, **changes}
    np.savez(path, **{k: v for k, v in columns.items() if v is not None})
    with pytest.raises(UsageError, match=message) as caught:
        scores.read(path)
    assert "\n" not in str(caught.value)


@hypothesis.given(data=st.data())
def test_a_truncated_file_is_refused(tmp_path_factory, data):
    values = np.array([[1.0], [-np.inf]])
    buffer = io.BytesIO(scores.to_bytes(Scores(OPS[:2], ("a",), values)))
    content = buffer.getvalue()
    path = tmp_path_factory.mktemp("cut") / "scores.npz"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(UsageError) as caught:
        scores.read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        scores.read(tmp_path / "absent.npz")
