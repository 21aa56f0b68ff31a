"""The pure codecs of persistence: checksum, compression, compact blobs, streams' listpacks."""

import contextlib
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrubjay_engine.persistence import compact, lzf
from scrubjay_engine.persistence.checksum import crc64
from scrubjay_engine.persistence.errors import CorruptData
from scrubjay_engine.persistence.rdb_writer import with_footer, without_footer
from scrubjay_engine.persistence.stream_codec import decode_node, encode_node


def test_the_checksum_has_its_check_value_however_the_data_is_cut() -> None:
    assert crc64(b"123456789") == 0xE9C6D914C4B8D9CA
    data = bytes(range(256)) * 3
    for cut in (0, 1, 7, 8, 9, 255, len(data)):
        assert crc64(data[cut:], crc64(data[:cut])) == crc64(data)


@given(st.lists(st.sampled_from([b"abc", b"xyzzy", b"\x00", b"abcabcab", b"q"]), max_size=400).map(b"".join))
@example(b"a" * 100_000)
@example(random.Random(1).randbytes(9000) * 2)
def test_what_is_compressed_unpacks_to_itself(data: bytes) -> None:
    packed = lzf.compress(data)
    if packed is not None:
        assert len(packed) <= len(data) - 4
        assert lzf.decompress(packed, len(data)) == data
        with pytest.raises(CorruptData):
            lzf.decompress(packed, len(data) + 1)


def test_compression_makes_repetition_small() -> None:
    packed = lzf.compress(b"hello world " * 1000)
    assert packed is not None and len(packed) < 200
    assert lzf.compress(random.Random(2).randbytes(1000)) is None


@given(st.binary(max_size=200), st.integers(0, 5000))
def test_unpacking_anything_gives_the_size_asked_for_or_an_error(data: bytes, size: int) -> None:
    with contextlib.suppress(CorruptData):
        assert len(lzf.decompress(data, size)) == size


EDGES = [
    0,
    1,
    -1,
    127,
    128,
    4095,
    -4096,
    4096,
    32767,
    -32768,
    8388607,
    -8388608,
    2**31 - 1,
    -(2**31),
    2**63 - 1,
    -(2**63),
]
ELEMENTS = st.one_of(st.sampled_from(EDGES), st.integers(-(2**63), 2**63 - 1), st.binary(max_size=70))


@given(st.lists(ELEMENTS, max_size=30))
@example([b"", b"x" * 63, b"x" * 64, b"x" * 4095, b"x" * 4096, b"x" * 17000])
@example(EDGES)
def test_a_listpack_decodes_to_what_was_encoded(items: list[int | bytes]) -> None:
    assert compact.listpack_with_numbers(compact.encode_listpack(items)) == items


DECODERS = [compact.listpack, compact.ziplist, compact.intset, compact.zipmap]


@given(st.binary(max_size=300), st.sampled_from(DECODERS))
def test_any_bytes_decode_or_are_refused(blob: bytes, decode: object) -> None:
    with contextlib.suppress(CorruptData):
        assert isinstance(decode(blob), list)  # type: ignore[operator]


@given(st.lists(ELEMENTS, min_size=1, max_size=20), st.data())
def test_a_damaged_listpack_decodes_or_is_refused(items: list[int | bytes], data: st.DataObject) -> None:
    blob = bytearray(compact.encode_listpack(items))
    blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CorruptData):
        compact.listpack(bytes(blob))


IDS = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
FIELDS = st.lists(st.binary(max_size=8), min_size=1, max_size=3)


@given(st.lists(st.tuples(IDS, st.booleans(), FIELDS), min_size=1, max_size=20), FIELDS)
def test_stream_entries_survive_their_listpack(
    rows: list[tuple[tuple[int, int], bool, list[bytes]]], common: list[bytes]
) -> None:
    entries = []
    for (ms, seq), same, fields in sorted(rows):
        names = common if same else fields
        entries.append((ms, seq, [part for name in names for part in (name, b"v" + name)]))
    assert decode_node(*encode_node(entries)) == entries


def test_a_payload_with_a_changed_byte_or_a_newer_version_is_refused() -> None:
    payload = with_footer(b"\x00\x03abc")
    assert without_footer(payload) == b"\x00\x03abc"
    for i in range(len(payload)):
        changed = payload[:i] + bytes([payload[i] ^ 0x55]) + payload[i + 1 :]
        with pytest.raises(CorruptData):
            without_footer(changed)
