"""The RDB reader against files it never saw whole, damaged files, and files of every age put together by hand."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rdb_files
from rdb_files import Collector, Key
from scrubjay_engine.persistence.checksum import crc64
from scrubjay_engine.persistence.compact import encode_listpack
from scrubjay_engine.persistence.errors import CorruptData, UnsupportedData
from scrubjay_engine.persistence.rdb_reader import WANTS_DATA, RdbReader, read_value

SAMPLE = {
    0: {
        b"text": Key("string", b"some text that repeats, some text that repeats", -1),
        b"number": Key("string", b"-12345", 4102444800000),
        b"list": Key("list", [b"a", b"17", b"x" * 500], -1),
        b"set": Key("set", [b"m%d" % i for i in range(300)], -1),
        b"hash": Key("hash", [b"f", b"v", b"g", b"w"], -1),
        b"zset": Key("zset", [b"a", float("-inf"), b"b", 1.5], 1),
        b"stream": Key("stream", rdb_files.Stream([(1, 1, [b"f", b"v"])], (1, (1, 1), (0, 0), (0, 0), -1)), -1),
    },
    9: {b"other": Key("string", b"", -1)},
}
FILE = rdb_files.file_of(SAMPLE)


@pytest.mark.parametrize("chunk", [1, 2, 13, 100, 1 << 20])
def test_a_file_reads_the_same_in_chunks_of_any_size(chunk: int) -> None:
    assert rdb_files.collect(FILE, chunk).keys == SAMPLE


def test_a_file_that_ends_early_is_refused_at_every_length() -> None:
    for size in range(len(FILE)):
        with pytest.raises(CorruptData):
            rdb_files.collect(FILE[:size])


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_a_damaged_file_is_refused(at: int, flip: int) -> None:
    damaged = FILE[:at] + bytes([FILE[at] ^ flip]) + FILE[at + 1 :]
    with pytest.raises((CorruptData, UnsupportedData)):
        rdb_files.collect(damaged)


@given(st.binary(max_size=400))
def test_any_bytes_behind_the_magic_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(CorruptData, UnsupportedData):
        rdb_files.collect(b"REDIS0011" + body)


@given(st.sampled_from([*range(8), *range(9, 26)]), st.binary(max_size=300))
def test_any_payload_of_any_type_is_read_or_refused(kind: int, body: bytes) -> None:
    with contextlib.suppress(CorruptData, UnsupportedData):
        read_value(bytes([kind]) + body, Collector(), b"key")


def test_what_follows_the_file_is_left_alone() -> None:
    reader = RdbReader(Collector())
    reader.feed(FILE + b"*1\r\n")
    while reader.read() == 1:
        pass
    assert reader.rest() == b"*1\r\n"
    assert reader.position == len(FILE)


def test_a_slice_ends_when_its_budget_is_used() -> None:
    sink = Collector()
    reader = RdbReader(sink)
    reader.feed(FILE)
    assert reader.read(3) == 1
    assert 9 not in sink.keys


def test_a_claimed_length_is_not_believed_before_the_bytes_are_there() -> None:
    reader = RdbReader(Collector())
    reader.feed(b"REDIS0009\x00\x01k\x81\x00\x00\x00\x08\x00\x00\x00\x00")
    assert reader.read() == WANTS_DATA
    with pytest.raises(CorruptData, match="before its end marker"):
        reader.finish()


def test_newer_versions_and_foreign_files_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedData, match="Can't handle RDB format version 99"):
        rdb_files.collect(b"REDIS0099")
    with pytest.raises(CorruptData, match="Wrong signature"):
        rdb_files.collect(b"PK\x03\x04 not a dump")


def test_a_wrong_checksum_is_refused_and_a_zero_means_none() -> None:
    body = b"REDIS0009\x00\x01k\x01v\xff"
    good = body + crc64(body).to_bytes(8, "little")
    assert rdb_files.collect(good).keys == rdb_files.collect(body + bytes(8)).keys
    with pytest.raises(CorruptData, match="Wrong RDB checksum"):
        rdb_files.collect(body + b"\x01" * 8)


def test_hash_fields_with_expiry_of_redis_and_valkey() -> None:
    far = 4102444800000
    table = b"\x18" + far.to_bytes(8, "little") + b"\x02" + b"\x01\x01a\x011" + b"\x00\x01b\x012"
    pack_of_three = encode_listpack([b"a", b"1", far, b"b", b"2", 0])
    packed = b"\x19" + far.to_bytes(8, "little") + bytes([len(pack_of_three)]) + pack_of_three
    valkey = b"\x16\x02\x01a\x011" + far.to_bytes(8, "little") + b"\x01b\x012" + b"\xff" * 8
    for payload in (table, packed, valkey):
        sink = Collector()
        read_value(payload, sink, b"k")
        assert sink.keys[0][b"k"].value == [b"a", b"1", far, b"b", b"2", -1]


def test_data_of_modules_is_passed_over_and_their_values_are_refused_by_name() -> None:
    module = b"\x81" + (0b000010 << 58 | 7).to_bytes(8, "big")  # C, then A eight times; version 7
    sink = rdb_files.collect(
        b"REDIS0009\xf7" + module + b"\x02\x01" + b"\x02\x09\x05\x03abc\x04" + bytes(8) + b"\x00\xff" + bytes(8)
    )
    assert sink.notes == ["data of the module CAAAAAAAA version 7"]
    with pytest.raises(UnsupportedData, match="module CAAAAAAAA"):
        rdb_files.collect(b"REDIS0009\x07\x01k" + module)


def test_a_zipmap_and_seconds_of_expiry_from_the_first_versions() -> None:
    zipmap = b"\x02\x01f\x01\x00v\x01g\x02\x01ww\x00\xff"
    sink = rdb_files.collect(b"REDIS0003\xfd\x10\x00\x00\x00\x09\x01k" + bytes([len(zipmap)]) + zipmap + b"\xff")
    assert sink.keys == {0: {b"k": Key("hash", [b"f", b"v", b"g", b"ww"], 16000)}}
