"""Listpacks against Redis' format: what we write is what redis-server writes, and damage is refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubjay_engine.values.listpack import dump_of, entries_of

INTEGERS = st.one_of(
    st.sampled_from(
        [
            edge + step
            for bits in (7, 12, 13, 15, 16, 23, 24, 31, 32, 63)
            for edge in (2**bits, -(2**bits))
            for step in (-1, 0, 1)
        ]
    ),
    st.integers(-(2**63), 2**63 - 1),
).map(lambda number: b"%d" % number)
ELEMENTS = st.one_of(
    INTEGERS, st.binary(max_size=80), st.sampled_from([b"x" * size for size in (63, 64, 4095, 4096, 20000)])
)


@given(st.lists(ELEMENTS, max_size=30))
def test_elements_survive(elements: list[bytes]) -> None:
    dump = dump_of(elements)
    assert struct.unpack("<IH", dump[:6]) == (len(dump), len(elements))
    assert dump[-1] == 0xFF
    assert entries_of(dump) == elements


@pytest.mark.parametrize(
    ("element", "encoded"),
    [
        (b"0", b"\x00\x01"),
        (b"127", b"\x7f\x01"),
        (b"128", b"\xc0\x80\x02"),
        (b"-1", b"\xdf\xff\x02"),
        (b"4095", b"\xcf\xff\x02"),
        (b"-4096", b"\xd0\x00\x02"),
        (b"4096", b"\xf1\x00\x10\x03"),
        (b"-32769", b"\xf2\xff\x7f\xff\x04"),
        (b"8388608", b"\xf3\x00\x00\x80\x00\x05"),
        (b"9223372036854775807", b"\xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09"),
        (b"-9223372036854775808", b"\xf4\x00\x00\x00\x00\x00\x00\x00\x80\x09"),
        (b"9223372036854775808", b"\x939223372036854775808\x14"),
        (b"01", b"\x8201\x03"),
        (b"-0", b"\x82-0\x03"),
        (b"+1", b"\x82+1\x03"),
        (b"", b"\x80\x01"),
        (b"a" * 64, b"\xe0\x40" + b"a" * 64 + b"\x42"),
        (b"a" * 200, b"\xe0\xc8" + b"a" * 200 + b"\x01\xca"),
        (b"a" * 4096, b"\xf0\x00\x10\x00\x00" + b"a" * 4096 + b"\x20\x85"),
    ],
)
def test_encodings_are_redis_own(element: bytes, encoded: bytes) -> None:
    assert dump_of([element])[6:-1] == encoded


@given(st.lists(ELEMENTS, min_size=1, max_size=8), st.data())
def test_damage_is_refused_or_harmless(elements: list[bytes], data: st.DataObject) -> None:
    dump = bytearray(dump_of(elements))
    at = data.draw(st.integers(0, len(dump) - 1))
    dump[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(dump)))
    for candidate in (bytes(dump), bytes(dump[:cut])):
        try:
            found = entries_of(candidate)
        except ValueError:
            continue
        assert len(found) <= len(candidate)
