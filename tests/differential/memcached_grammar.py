"""Random memcached requests for the differential test: text, meta and binary, well-formed and not.

A request is bytes that both servers get, made so that the servers' framing stays in step: a value is as long as announced, or longer. Left out is what is
known to differ (engine/DIFFERENCES.md) and what shows a server's own sizes.
"""

from __future__ import annotations

import base64
import struct

from hypothesis import strategies as st

KEYS = [b"a", b"bb", b"key", b"ns:one", b"\xc3\xa9", b"x" * 250]
VALUES = [
    b"",
    b"0",
    b"1",
    b"9",
    b"10",
    b"99",
    b"00",
    b" 5",
    b"5 ",
    b"+7",
    b"-1",
    b"abc",
    b"18446744073709551615",
    b"y" * 300,
]
EXPIRIES = [b"0", b"0", b"0", b"1000", b"-1", b"2592000", b"1000000000", b"4102444800"]

keys = st.sampled_from(KEYS)
values = st.one_of(st.sampled_from(VALUES), st.binary(max_size=40))
noreply = st.sampled_from([b"", b"", b"", b" noreply"])
numbers = st.sampled_from(
    [b"0", b"1", b"5", b"18446744073709551615", b"18446744073709551616", b"-1", b"+3", b"x", b"4294967296"]
)
small = st.integers(0, 40).map(lambda number: b"%d" % number)
words = st.one_of(keys, numbers, st.sampled_from([b"noreply", b"v", b"k", b"", b"y" * 251, b"T0", b"\0", b"\t"]))


@st.composite
def storage(draw: st.DrawFn) -> bytes:
    """set and its kin; now and then with a value that is longer than it says."""
    verb = draw(st.sampled_from([b"set", b"set", b"add", b"replace", b"append", b"prepend", b"cas"]))
    value = draw(values)
    cas = b" " + draw(st.one_of(small, numbers)) if verb == b"cas" else b""
    flags = draw(st.sampled_from([b"0", b"0", b"7", b"4294967295"]))
    line = b"%s %s %s %s %d%s%s\r\n" % (
        verb, draw(keys), flags, draw(st.sampled_from(EXPIRIES)), len(value), cas, draw(noreply)
    )  # fmt: skip
    return line + value + draw(st.sampled_from([b"", b"", b"", b"", b"", b"z"])) + b"\r\n"


@st.composite
def retrieval(draw: st.DrawFn) -> bytes:
    verb = draw(st.sampled_from([b"get", b"gets", b"gat 0", b"gats 1000", b"gat x", b"bget"]))
    return b"%s %s\r\n" % (verb, b" ".join(draw(st.lists(keys, min_size=1, max_size=5))))


@st.composite
def plain(draw: st.DrawFn) -> bytes:
    """incr, decr, touch, delete, flush_all and the like."""
    key, end = draw(keys), draw(noreply)
    return draw(
        st.sampled_from(
            [
                b"incr %s %s%s\r\n" % (key, draw(numbers), end),
                b"decr %s %s%s\r\n" % (key, draw(numbers), end),
                b"touch %s %s%s\r\n" % (key, draw(st.sampled_from(EXPIRIES)), end),
                b"delete %s%s%s\r\n" % (key, draw(st.sampled_from([b"", b"", b" 0", b" 1"])), end),
                b"flush_all%s%s\r\n" % (draw(st.sampled_from([b"", b" 0", b" -1", b" x"])), end),
                b"verbosity %s%s\r\n" % (draw(st.sampled_from([b"0", b"x"])), end),
                b"version\r\n",
                b"stats nothing\r\n",
                b"stats detail\r\n",
                b"stats cachedump\r\n",
            ]
        )
    )


flags = st.one_of(
    st.sampled_from(
        [b"b", b"c", b"f", b"h", b"k", b"q", b"s", b"t", b"u", b"v", b"I", b"P1", b"L1", b"!", b"Oab", b"M", b"Fx"]
    ),
    st.sampled_from(
        [b"N0", b"N1000", b"R30", b"R5000", b"T0", b"T1000", b"T-1", b"Tx", b"O" + b"o" * 40, b"M9", b"MS"]
    ),
    st.sampled_from([b"J5", b"J13", b"Jx", b"D2", b"D18446744073709551615", b"Dx", b"F7", b"F4294967296", b"Cx", b"v"]),
    st.sampled_from([b"MI", b"MD", b"M+", b"M-", b"ME", b"MA", b"MP", b"MR", b"Mx"]),
    small.map(lambda number: b"C" + number),
)


@st.composite
def meta(draw: st.DrawFn) -> bytes:
    verb = draw(st.sampled_from([b"mg", b"mg", b"ms", b"ms", b"md", b"ma", b"mn", b"mx"]))
    given = draw(st.lists(flags, max_size=6))
    if verb == b"ma":  # 1.6.18 forgets T where the number grows
        given = [flag for flag in given if not flag.startswith(b"T")]
    key = draw(keys)
    if b"b" in given and draw(st.booleans()):
        key = base64.b64encode(draw(st.binary(min_size=1, max_size=20)))
    value = draw(values)
    size = [b"%d" % len(value)] if verb == b"ms" else []
    line = b" ".join([verb, key, *size, *given]) + b"\r\n"
    return line + value + b"\r\n" if verb == b"ms" else line


lines = st.lists(words, max_size=6).map(lambda parts: b" ".join(parts) + b"\r\n")
VERBS = [
    b"get",
    b"gets",
    b"delete",
    b"incr",
    b"touch",
    b"mg",
    b"md",
    b"ma",
    b"gat",
    b"me",
    b"cas",
    b"nothing",
    b"lru",
    b"slabs",
]
malformed = st.one_of(
    lines,
    st.builds(lambda verb, rest: verb + b" " + rest, st.sampled_from(VERBS), lines),
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"") + b"\r\n"),
)

OPCODES = [*range(0x10), *range(0x11, 0x1B), 0x1C, 0x1D, 0x1E, 0x23, 0x24]
EXTRAS = {0x01: 8, 0x02: 8, 0x03: 8, 0x11: 8, 0x12: 8, 0x13: 8, 0x05: 20, 0x06: 20, 0x15: 20, 0x16: 20}
TOUCHES = (0x1C, 0x1D, 0x1E, 0x23, 0x24)
BARE = (0x07, 0x08, 0x0A, 0x0B, 0x17, 0x18)
WITH_VALUE = (0x01, 0x02, 0x03, 0x0E, 0x0F, 0x11, 0x12, 0x13, 0x19, 0x1A)


def packet(
    opcode: int, key: bytes = b"", extras: bytes = b"", value: bytes = b"", cas: int = 0, opaque: int = 7
) -> bytes:
    """A request of the binary protocol."""
    body = extras + key + value
    return struct.pack(">BBHBBHIIQ", 0x80, opcode, len(key), len(extras), 0, 0, len(body), opaque, cas) + body


@st.composite
def binary(draw: st.DrawFn) -> bytes:
    opcode = draw(st.sampled_from([code for code in OPCODES if code not in (0x07, 0x17)]))
    cas = draw(st.sampled_from([0, 0, 0, 1, 2, 5, 9]))
    key = b"" if opcode in BARE else draw(keys)
    extras = b""
    if EXTRAS.get(opcode) == 8:
        extras = struct.pack(">II", draw(st.sampled_from([0, 7])), draw(st.sampled_from([0, 1000, 1000000000])))
    elif EXTRAS.get(opcode) == 20:
        expiry = draw(st.sampled_from([0, 1000, 0xFFFFFFFF]))
        extras = struct.pack(">QQI", draw(st.sampled_from([0, 1, 2**64 - 1])), draw(st.sampled_from([0, 12])), expiry)
    elif opcode in TOUCHES:
        extras = struct.pack(">I", draw(st.sampled_from([0, 1000])))
    value = draw(values) if opcode in WITH_VALUE else b""
    return packet(opcode, key, extras, value, cas)


@st.composite
def bad_binary(draw: st.DrawFn) -> bytes:
    """Lengths that contradict the opcode or each other, unknown opcodes; what follows may be cut off by the server."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return packet(draw(st.integers(0x25, 0xFF)))
    if kind == 1:
        opcode = draw(st.sampled_from([code for code in OPCODES if code != 0x10]))
        return packet(opcode, draw(keys), draw(st.binary(max_size=24)))
    if kind == 2:
        return struct.pack(">BBHBBHIIQ", 0x80, draw(st.sampled_from(OPCODES)), 5, 8, 0, 0, 3, 7, 0) + b"x" * 13
    return packet(draw(st.sampled_from([0x20, 0x21, 0x22])), b"PLAIN", b"", b"\0user\0pass")


text_requests = st.one_of(storage(), storage(), retrieval(), plain(), meta(), meta(), malformed)
binary_requests = st.one_of(binary(), binary(), binary(), binary(), bad_binary())
