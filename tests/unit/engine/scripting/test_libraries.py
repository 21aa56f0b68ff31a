"""cjson, cmsgpack, struct and bit: results and error texts are those of Redis 7.0.15 (checked against it when this was written)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubjay_engine.scripting.vm import LuaVM

Run = Callable[..., bytes]


def text(reply: bytes) -> bytes:
    """The bulk string in a reply, or the error line up to its place."""
    if reply.startswith(b"-"):
        return reply[1:].split(b" script: sha")[0].rstrip()
    return reply.split(b"\r\n", 1)[1][:-2]


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("cjson.encode({1, 2, {a = true}})", b'[1,2,{"a":true}]'),
        ("cjson.encode({})", b"{}"),
        ("cjson.encode({[1] = 1, [2] = 2, [4] = 4})", b"[1,2,null,4]"),
        ("cjson.encode({[100] = 1})", b"ERR user_script:1: Cannot serialise table: excessively sparse array"),
        ("cjson.encode(0/0)", b"ERR user_script:1: Cannot serialise number: must not be NaN or Inf"),
        ("cjson.encode(print)", b"ERR user_script:1: Script attempted to access nonexistent global variable 'print'"),
        ("cjson.encode(pcall)", b"ERR user_script:1: Cannot serialise function: type not supported"),
        (
            "cjson.encode({[true] = 1})",
            b"ERR user_script:1: Cannot serialise boolean: table key must be a number or string",
        ),
        (r"""cjson.encode('"\\/\b\f\n\r\t\1\127')""", rb'"\"\\\/\b\f\n\r\t\u0001\u007f"'),
        ("cjson.encode({cjson.null, 0.1, 1e15, 123456789012345678})", b"[null,0.1,1e+15,1.2345678901235e+17]"),
        ("cjson.decode('[1,{\"a\":[true,null]}]')[2].a[2] == cjson.null and 'null'", b"null"),
        (r"""cjson.decode('"\\u00e9\\ud83d\\ude00\\n\\/"')""", "é😀\n/".encode()),
        (
            r"""cjson.decode('"\\ud83d"')""",
            b"ERR user_script:1: Expected value but found invalid unicode escape code at character 2",
        ),
        (
            """cjson.decode('"abc')""",
            b"ERR user_script:1: Expected value but found unexpected end of string at character 5",
        ),
        ("cjson.decode('[1,]')", b"ERR user_script:1: Expected value but found T_ARR_END at character 4"),
        ("cjson.decode('[1 2]')", b"ERR user_script:1: Expected comma or array end but found T_NUMBER at character 4"),
        ("""cjson.decode('{"a" 1}')""", b"ERR user_script:1: Expected colon but found T_NUMBER at character 6"),
        ("cjson.decode('1 2')", b"ERR user_script:1: Expected the end but found T_NUMBER at character 3"),
        ("cjson.decode('')", b"ERR user_script:1: Expected value but found T_END at character 1"),
        ("tostring(cjson.decode('0x10'))", b"16"),
        (
            "cjson.decode(string.rep('[', 1001))",
            b"ERR user_script:1: Found too many nested data structures (1001) at character 1001",
        ),
        ("tostring(#cjson.encode(cjson.decode(string.rep('[', 999) .. '1' .. string.rep(']', 999))))", b"1999"),
    ],
)
def test_cjson(run: Run, expression: str, result: bytes) -> None:
    assert text(run(f"return {expression}")) == result


def test_cjson_options_belong_to_one_table(run: Run) -> None:
    code = "local own = cjson.new() own.encode_max_depth(1) return {tostring(pcall(own.encode, {{1}})), tostring(pcall(cjson.encode, {{1}}))}"
    assert run(code) == b"*2\r\n$5\r\nfalse\r\n$4\r\ntrue\r\n"
    assert b"expected integer between 1 and 14" in run("cjson.new().encode_number_precision(15)")
    assert (
        text(run("local own = cjson.new() own.encode_sparse_array(true) return own.encode({[100] = 2})"))
        == b'{"100":2}'
    )
    assert (
        text(run("local own = cjson.new() own.encode_invalid_numbers('null') return own.encode({0/0, 1/0})"))
        == b"[null,null]"
    )


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("cmsgpack.pack(1, 'abc', true, nil)", "01a3616263c3c0"),
        ("cmsgpack.pack({1, 2}, {a = 1}, {})", "92010281a1610190"),
        (
            "cmsgpack.pack(-1, -33, -200, -40000, -3e9, 200, 40000, 3e9, 1e15)",
            "ffd0dfd1ff38d2ffff63c0d3ffffffff4d2fa200ccc8cd9c40ceb2d05e00cf00038d7ea4c68000",
        ),
        ("cmsgpack.pack(0.1, 1.5, 2^63)", "cb3fb999999999999aca3fc00000ca5f000000"),
        ("struct.pack('>Hi4bs', 1, 2, -3, 'abc')", "000100000002fd61626300"),
        ("struct.pack('<!8bd', 1, 1.5)", "0100000000000000000000000000f83f"),
    ],
)
def test_packing(run: Run, expression: str, result: str) -> None:
    code = f"return (({expression}):gsub('.', function(c) return string.format('%02x', c:byte()) end))"
    assert text(run(code)) == result.encode()


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("cmsgpack.unpack('\\193')", b"ERR user_script:1: Bad data format in input."),
        ("cmsgpack.unpack('\\146\\1')", b"ERR user_script:1: Missing bytes in input."),
        ("cmsgpack.pack()", b"ERR user_script:1: bad argument #0 to 'pack' (MessagePack pack needs input.)"),
        ("struct.unpack('c0', 'abc')", b"ERR user_script:1: format 'c0' needs a previous size"),
        ("struct.unpack('s', 'abc')", b"ERR user_script:1: unfinished string in data"),
        ("struct.unpack('i4', 'abc')", b"ERR user_script:1: bad argument #2 to 'unpack' (data string too short)"),
        (
            "struct.unpack('i4', 'abcdefgh', 0)",
            b"ERR user_script:1: bad argument #3 to 'unpack' (offset must be 1 or greater)",
        ),
        ("struct.pack('i33', 1)", b"ERR user_script:1: integral size 33 is larger than limit of 32"),
        ("struct.pack('!3', 1)", b"ERR user_script:1: alignment 3 is not a power of 2"),
        ("struct.pack('i99999999999', 1)", b"ERR user_script:1: integral size overflow"),
        ("struct.size('s')", b"ERR user_script:1: bad argument #1 to 'size' (option 's' has no fixed size)"),
        ("bit.band('x')", b"ERR user_script:1: bad argument #1 to 'band' (number expected, got string)"),
        ("bit.tohex(-1, -2147483648)", b"FFFFFFFF"),
        ("tostring(bit.tobit(2^32 + 5) + bit.bswap(0x01000000) + bit.rol(1, 0) + bit.arshift(-8, 1))", b"3"),
    ],
)
def test_other_results(run: Run, expression: str, result: bytes) -> None:
    assert text(run(f"return {expression}")) == result


def test_unpack_in_parts(run: Run) -> None:
    assert run("return {cmsgpack.unpack_one(cmsgpack.pack(1, 2, 3))}") == b"*2\r\n:1\r\n:1\r\n"
    assert run("return {cmsgpack.unpack_limit(cmsgpack.pack(1, 2, 3), 2, 1)}") == b"*3\r\n:-1\r\n:2\r\n:3\r\n"
    assert run("return {struct.unpack('bc0', struct.pack('bc3', 3, 'abc'))}") == b"*2\r\n$3\r\nabc\r\n:5\r\n"


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(st.text(), inner, min_size=1),
    max_leaves=20,
)


@given(st.binary(max_size=200))
def test_no_input_harms_the_decoders(data: bytes) -> None:
    from script_host import RecordedHost

    state = _state()
    script = b"return {tostring(pcall(cmsgpack.unpack, ARGV[1])), tostring(pcall(cjson.decode, ARGV[1])), tostring(pcall(struct.unpack, ARGV[1], ARGV[1]))}"
    assert state.run(state.compile(script, b"@s"), [data], 0, 0, RecordedHost({}), b"sha").startswith(b"*3\r\n")


@given(_values)
def test_round_trips(value: object) -> None:
    import json

    from script_host import RecordedHost

    state = _state()
    # MessagePack nil vanishes from a table where cjson.null was, and what is left may be too sparse an array for cjson: as in Redis,
    # only values without null survive that way.
    through_pack = b"cmsgpack.unpack(cmsgpack.pack({v}))" if "null" not in json.dumps(value) else b"{v}"
    script = (
        b"local v = cjson.decode(ARGV[1]) return cjson.encode({%s, cjson.decode(cjson.encode({v}))})" % through_pack
    )
    reply = state.run(state.compile(script, b"@s"), [json.dumps(value).encode()], 0, 0, RecordedHost({}), b"sha")
    packed, plain = json.loads(text(reply))
    assert packed == [_as_double(value)]
    assert plain == [_as_double(value)]


def _as_double(value: object) -> object:
    """Numbers as cjson prints them: 14 digits."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return float(f"{value:.14g}")
    if isinstance(value, list):
        return [_as_double(each) for each in value]
    assert isinstance(value, dict)
    return {key: _as_double(each) for key, each in value.items()}


_states: list[LuaVM] = []


def _state() -> LuaVM:
    if not _states:
        _states.append(LuaVM())
    return _states[0]
