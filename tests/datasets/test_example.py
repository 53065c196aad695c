"""TFDS records, written with its own protocol buffers."""

import pytest

from gpt_nas_jax.datasets import example

IMAGE = {"bytes_list": {"value": [b"\xff\xd8 pixels", b"more"]}}
LABEL = {"int64_list": {"value": [999, 1]}}


def record(**features: object) -> bytes:
    proto = pytest.importorskip("tensorflow_datasets.proto")
    held = proto.tf_feature_pb2.Features(feature=features)
    return proto.tf_example_pb2.Example(features=held).SerializeToString()


def test_image_and_label_are_read_among_other_features():
    other = {"float_list": {"value": [0.5]}}
    written = record(area=other, image=IMAGE, file_name=IMAGE, label=LABEL, z=LABEL)
    assert example.read(written) == (b"\xff\xd8 pixels", 999)


def test_integers_may_be_unpacked():
    """Field 1 of the list is an unpacked varint, 300."""
    label = b"\x1a\x03" + b"\x08\xac\x02"
    entry = b"\x0a\x05label\x12" + bytes([len(label)]) + label
    features = b"\x0a" + bytes([len(entry)]) + entry
    both = record(image=IMAGE) + b"\x0a" + bytes([len(features)]) + features
    assert example.read(both) == (b"\xff\xd8 pixels", 300)


@pytest.mark.parametrize(
    "features", [{}, {"image": IMAGE}, {"label": LABEL}, {"image": LABEL, "label": {}}]
)
def test_a_record_without_both_is_refused(features):
    with pytest.raises(ValueError, match="no image with a label"):
        example.read(record(**features))
