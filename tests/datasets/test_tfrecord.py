"""The TFRecord reader against files from an independent writer."""

import bisect
import pathlib
import struct

import hypothesis
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.datasets.tfrecord import read_records
from gpt_nas_jax.types import UsageError

RECORDS = [b"first", b"", bytes(range(40))]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("tfrecord") / "some.tfrecord"


@hypothesis.settings(deadline=None)
@hypothesis.given(records=st.lists(st.binary(max_size=300), max_size=5))
def test_reads_what_was_written(path, write_records, records):
    write_records(path, records)
    assert list(read_records(path)) == records


def test_checksum_is_the_published_crc_32c(path, write_records):
    # RFC 3720, B.4: the CRC-32C of 32 zero bytes is 0x8a9136aa; masked by hand here.
    write_records(path, [bytes(32)])
    masked = ((0x8A9136AA >> 15) + (0x8A9136AA << 17) + 0xA282EAD8) % 2**32
    assert path.read_bytes()[-4:] == struct.pack("<I", masked)
    assert list(read_records(path)) == [bytes(32)]


@hypothesis.settings(deadline=None)
@hypothesis.given(data=st.data())
def test_any_flipped_bit_is_refused_with_its_record(path, write_records, data):
    offsets = write_records(path, RECORDS)
    bit = data.draw(st.integers(0, 8 * offsets[-1] - 1))
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    damaged = bisect.bisect_right(offsets, bit // 8) - 1

    records = read_records(path)
    assert [next(records) for _ in range(damaged)] == RECORDS[:damaged]
    with pytest.raises(UsageError, match=rf"byte {offsets[damaged]} "):
        next(records)


@hypothesis.settings(deadline=None)
@hypothesis.given(data=st.data())
def test_a_truncated_file_is_refused_with_its_record(path, write_records, data):
    offsets = write_records(path, RECORDS)
    size = data.draw(st.integers(0, offsets[-1]).filter(lambda n: n not in offsets))
    path.write_bytes(path.read_bytes()[:size])
    cut = bisect.bisect_right(offsets, size) - 1

    records = read_records(path)
    assert [next(records) for _ in range(cut)] == RECORDS[:cut]
    with pytest.raises(UsageError, match=rf"byte {offsets[cut]} is cut short"):
        next(records)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*absent\.tfrecord"):
        list(read_records(tmp_path / "absent.tfrecord"))


def test_another_format_is_refused(path):
    path.write_text(
        "module_hash,validation_accuracy\n00005c142e6f48ac,0.93\n", encoding="utf-8"
    )
    with pytest.raises(UsageError, match=r"byte 0 .*no TFRecord file"):
        list(read_records(path))
