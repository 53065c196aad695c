"""Pickles: plain data is loaded, and no code is run."""

import collections
import pathlib
import pickle

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.datasets.benchmarks import plain_pickle

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
KEYS = st.text() | st.tuples(st.text(), st.integers())
PLAIN = st.recursive(
    LEAVES | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(KEYS, inner)
        | st.dictionaries(KEYS, inner).map(collections.OrderedDict)
        | st.sets(st.integers())
    ),
)


@hypothesis.settings(max_examples=25)
@hypothesis.given(PLAIN, st.sampled_from([4, 5]))
def test_plain_data_comes_back(value, protocol):
    assert plain_pickle.loads(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("kind", ["f4", "f8", ">f8", "i8", "u1", "i2", "b1"])
def test_a_scalar_of_numpy_comes_back_as_a_number(kind):
    scalar = np.array(1, kind)[()]
    value = plain_pickle.loads(pickle.dumps({"params": scalar}, 4))["params"]
    assert value == scalar
    assert type(value) in (bool, int, float)


def test_a_scalar_of_an_older_numpy_comes_back():
    content = pickle.dumps(np.float64(1.25), 4)
    name, old = b"numpy._core.multiarray", b"numpy.core.multiarray"
    older = content.replace(bytes([len(name)]) + name, bytes([len(old)]) + old)
    # The frame's length, in bytes 3 to 10, shrinks with the name.
    size = int.from_bytes(older[3:11], "little") - (len(content) - len(older))
    older = older[:3] + size.to_bytes(8, "little") + older[11:]
    assert plain_pickle.loads(older) == 1.25


class Malicious:
    """Creates a file when it is unpickled by `pickle`."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


class Evaluated:
    def __init__(self, path: pathlib.Path) -> None:
        self.text = f"__import__('pathlib').Path({str(path)!r}).touch()"

    def __reduce__(self):
        return eval, (self.text,)


@pytest.mark.parametrize("kind", [Malicious, Evaluated])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_is_not_run(tmp_path, kind, protocol):
    path = tmp_path / "made"
    content = pickle.dumps([kind(path)], protocol)
    with pytest.raises(ValueError, match="it names"):
        plain_pickle.loads(content)
    assert not path.exists()
    pickle.loads(content)
    assert path.exists()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (np.zeros(3), "_reconstruct"),
        (pathlib.PurePosixPath("a"), "pathlib"),
        (collections.defaultdict(list), "defaultdict"),
        (print, "builtins.print"),
    ],
)
def test_anything_else_is_refused_by_its_name(value, name):
    with pytest.raises(ValueError, match=name):
        plain_pickle.loads(pickle.dumps(value, 4))


class Forged:
    """A scalar of a type that is no number; its bytes could act as a pointer."""

    def __init__(self, kind: str) -> None:
        self.kind = np.dtype(kind)

    def __reduce__(self):
        scalar, _ = np.float64(0).__reduce__()
        return scalar, (self.kind, bytes(8))


@pytest.mark.parametrize("kind", ["O", "V8", "M8[s]", "U2"])
def test_a_scalar_that_is_no_number_is_refused(kind):
    with pytest.raises(ValueError, match="a scalar of type"):
        plain_pickle.loads(pickle.dumps(Forged(kind), 4))


@hypothesis.given(st.binary())
def test_bytes_that_are_no_pickle(content):
    try:
        plain_pickle.loads(content)
    except ValueError as error:
        assert "\n" not in str(error)
