"""The protobuf wire format against the examples of its documentation."""

import struct

import pytest

from gpt_nas_jax.datasets.protobuf import read_fields

# https://protobuf.dev/programming-guides/encoding: a = 150, and b = "testing".
PUBLISHED = bytes.fromhex("089601") + bytes.fromhex("120774657374696e67")


def test_published_examples():
    assert list(read_fields(PUBLISHED)) == [(1, 150), (2, b"testing")]


def test_fixed_width_fields_are_floating_point():
    message = b"\x21" + struct.pack("<d", 0.1) + b"\x2d" + struct.pack("<f", -2.5)
    assert list(read_fields(message)) == [(4, 0.1), (5, -2.5)]


def test_field_numbers_above_15_take_two_bytes():
    assert list(read_fields(b"\x80\x01\x07")) == [(16, 7)]


@pytest.mark.parametrize("size", [1, 2, 4, 5, 11])
def test_a_cut_message_is_refused(size):
    with pytest.raises(ValueError, match=r"cut short|does not end"):
        list(read_fields(PUBLISHED[:size]))


def test_an_unknown_wire_type_is_refused():
    with pytest.raises(ValueError, match="field 1 has unknown wire type 3"):
        list(read_fields(b"\x0b"))
