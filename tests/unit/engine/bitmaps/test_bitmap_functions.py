"""Bit functions against the same on Python's integers and strings of digits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubjay_engine.values import bitmap

bitmaps = st.binary(min_size=1, max_size=80) | st.builds(
    lambda size, fill, spot, byte: bytes([fill]) * spot + bytes([byte]) + bytes([fill]) * size,
    st.integers(0, 60), st.sampled_from([0, 255]), st.integers(0, 60), st.integers(0, 255),
)  # fmt: skip


def digits(data: bytes | bytearray) -> str:
    return "".join(f"{byte:08b}" for byte in data)


@given(bitmaps, st.data())
def test_counting_and_searching_a_range(data: bytes, draw: st.DataObject) -> None:
    first = draw.draw(st.integers(0, len(data) * 8 - 1))
    last = draw.draw(st.integers(0, len(data) * 8 - 1))
    window = digits(data)[first : last + 1]
    assert bitmap.count_bits(data, first, last) == window.count("1")
    for bit in (False, True):
        at = window.find("01"[bit])
        assert bitmap.find_bit(data, bit, first, last) == (at if at < 0 else first + at)


@given(st.lists(bitmaps, min_size=1, max_size=4), st.sampled_from(["and", "or", "xor"]))
def test_combining_pads_with_zeros(sources: list[bytes], operation: str) -> None:
    size = max(map(len, sources))
    columns = zip(*(source.ljust(size, b"\0") for source in sources), strict=True)
    expected = bytearray()
    for column in columns:
        byte = column[0]
        for other in column[1:]:
            byte = {"and": byte & other, "or": byte | other, "xor": byte ^ other}[operation]
        expected.append(byte)
    assert bitmap.combine(operation, sources) == bytes(expected)


def test_combining_nothing_and_inverting() -> None:
    assert bitmap.combine("and", [b"", b""]) == b""
    assert bitmap.combine("and", [b"\xff\xff", b""]) == b"\0\0"
    assert bitmap.combine("not", [b"\xf0\x00"]) == b"\x0f\xff"


@given(bitmaps, st.integers(1, 64), st.data())
def test_fields_are_slices_of_the_bits(data: bytes, width: int, draw: st.DataObject) -> None:
    offset = draw.draw(st.integers(0, len(data) * 8))
    window = digits(data)[offset : offset + width].ljust(width, "0")
    assert bitmap.get_field(data, offset, width, False) == int(window, 2)
    assert bitmap.get_field(data, offset, width, True) == int(window, 2) - (int(window[0]) << width)


@given(bitmaps, st.integers(1, 64), st.integers(-(1 << 63), (1 << 63) - 1), st.data())
def test_writing_a_field_changes_nothing_else(data: bytes, width: int, value: int, draw: st.DataObject) -> None:
    offset = draw.draw(st.integers(0, len(data) * 8 + 8))
    buffer = bytearray(data)
    if offset + width > len(data) * 8:
        with pytest.raises(IndexError):
            bitmap.set_field(buffer, offset, width, value)
        assert buffer == data
        return
    bitmap.set_field(buffer, offset, width, value)
    before, low = digits(data), value & ((1 << width) - 1)
    assert digits(buffer) == before[:offset] + f"{low:0{width}b}" + before[offset + width :]


@given(st.integers(1, 64), st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.data())
def test_fields_overflow_by_policy(width: int, signed: bool, increment: int, draw: st.DataObject) -> None:
    if not signed:
        width = min(width, 63)
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    value = draw.draw(st.integers(low, high))
    total = value + increment
    if low <= total <= high:
        assert {bitmap.fit_field(value, increment, width, signed, p) for p in ("wrap", "saturate", "fail")} == {total}
        return
    assert bitmap.fit_field(value, increment, width, signed, "fail") is None
    assert bitmap.fit_field(value, increment, width, signed, "saturate") == (high if total > high else low)
    assert bitmap.fit_field(value, increment, width, signed, "wrap") == (total - low) % (1 << width) + low


def test_a_negative_number_is_too_large_for_an_unsigned_field() -> None:
    """BITFIELD k OVERFLOW SAT SET u8 0 -1 stores 255 in Redis."""
    assert bitmap.fit_field(-1, 0, 8, False, "saturate") == 255
    assert bitmap.fit_field(-1, 0, 8, False, "wrap") == 255
