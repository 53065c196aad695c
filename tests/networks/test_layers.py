"""The text form of layers."""

import hypothesis
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.networks.layers import (
    KINDS,
    Conv,
    FullyConnected,
    Layer,
    Other,
    Pool,
    from_text,
    to_text,
)
from gpt_nas_jax.types import UsageError

COUNT = st.integers(1, 10**6)
PAIR = st.tuples(COUNT, COUNT)
SIZE = st.tuples(COUNT, COUNT, COUNT)
PADDING = st.tuples(*[st.integers(-9, 9)] * 4)
NAME = st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True)
VALUE = st.lists(st.integers() | st.floats(allow_nan=False), max_size=3).map(tuple)
PLACE = {"id": st.integers(0, 10**6), "in_size": SIZE, "out_size": SIZE}
WINDOW = {"kernel": PAIR, "stride": PAIR, "padding": PADDING, "dilation": COUNT}
LAYERS: dict[str, st.SearchStrategy[Layer]] = {
    "conv": st.builds(Conv, **PLACE, **WINDOW, groups=COUNT, bias=st.booleans()),
    "pool": st.builds(Pool, **PLACE, **WINDOW, type=st.sampled_from(["max", "avg"])),
    "fc": st.builds(FullyConnected, **PLACE, bias=st.booleans()),
    "other": st.builds(Other, **PLACE, name=NAME, value=VALUE),
}
GOOD = (
    "pool id=3 in_size=8x6x16 out_size=4x3x16 "
    "type=max kernel=3x2 stride=2x2 padding=1,1,0,1 dilation=1"
)


@pytest.mark.parametrize("kind", KINDS)
@hypothesis.given(data=st.data())
def test_text_reads_back_as_the_same_layer(kind: str, data: st.DataObject):
    layer = data.draw(LAYERS[kind])
    text = to_text(layer)
    again = from_text(text)
    assert again == layer
    # 1 and 1.0 compare equal, but are different values of a layer.
    assert to_text(again) == text


def test_text_is_what_a_reader_of_the_table_would_write():
    layer = Pool(3, (8, 6, 16), (4, 3, 16), "max", (3, 2), (2, 2), (1, 1, 0, 1), 1)
    assert to_text(layer) == GOOD
    relu = Other(0, (8, 8, 4), (8, 8, 4), "relu", ())
    assert to_text(relu) == "other id=0 in_size=8x8x4 out_size=8x8x4 name=relu value="


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (GOOD, "", "kind must be one of conv, pool, fc, other"),
        (GOOD, " \t ", "kind must be one of"),
        ("pool id", "dense id", "kind must be one of"),
        (" dilation=1", "", "expected the fields id, in_size"),
        ("type=max", "type=max type=max", "expected the fields"),
        ("dilation=1", "dilation=1 groups=1", "expected the fields"),
        ("type=max kernel=3x2", "kernel=3x2 type=max", "expected the fields"),
        ("id=3", "id", "invalid literal"),
        ("id=3", "id=three", "three"),
        ("type=max", "type=median", "'median' is not one of avg, max"),
        ("kernel=3x2", "kernel=3", "'3' should hold 2 integers"),
        ("kernel=3x2", "kernel=3x2x1", "should hold 2 integers"),
        ("in_size=8x6x16", "in_size=8x6", "should hold 3 integers"),
        ("padding=1,1,0,1", "padding=1,1", "should hold 4 integers"),
    ],
)
def test_a_malformed_pooling_is_named(old: str, new: str, named: str):
    assert old in GOOD
    with pytest.raises(UsageError, match=named):
        from_text(GOOD.replace(old, new))


@pytest.mark.parametrize(
    "text",
    [
        "fc id=0 in_size=1x1x4 out_size=1x1x2 bias=maybe",
        "other id=0 in_size=1x1x4 out_size=1x1x4 name=Batch-Norm value=",
        "other id=0 in_size=1x1x4 out_size=1x1x4 name=relu value=1,x",
        "other id=0 in_size=1x1x4 out_size=1x1x4 name=relu value=1,,2",
    ],
)
def test_a_malformed_layer_of_another_kind_is_refused(text: str):
    with pytest.raises(UsageError, match=text.split()[0]):
        from_text(text)


@hypothesis.given(field=st.integers(0, 8), value=st.text(max_size=8))
def test_a_damaged_field_is_read_or_refused_but_never_crashes(field: int, value: str):
    parts = GOOD.split()
    parts[field] = parts[field].partition("=")[0] + "=" + value
    try:
        layer = from_text(" ".join(parts))
    except UsageError:
        return
    assert from_text(to_text(layer)) == layer
