"""The `#!` line of scripts and libraries."""

import pytest

from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.scripting import flags


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (b"return 1", (flags.COMPATIBLE, b"return 1")),
        (b"#!lua\nreturn 1", (0, b"\nreturn 1")),
        (b"#!lua flags=\nreturn 1", (0, b"\nreturn 1")),
        (b"#!lua flags=no-writes,allow-oom\nx", (flags.NO_WRITES | flags.ALLOW_OOM, b"\nx")),
        (b'#!lua "flags=allow-stale"\nx', (flags.ALLOW_STALE, b"\nx")),
        (
            b"#!lua flags=no-cluster flags=allow-cross-slot-keys\nx",
            (flags.NO_CLUSTER | flags.ALLOW_CROSS_SLOT_KEYS, b"\nx"),
        ),
    ],
)
def test_script_flags(code: bytes, expected: tuple[int, bytes]) -> None:
    assert flags.script_flags(code) == expected


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (b"#!lua", "ERR Invalid script shebang"),
        (b"#!lua 'x\ny", "ERR Invalid engine in script shebang"),
        (b"#!js\ny", "ERR Unexpected engine in script shebang: #!js"),
        (b"#!lua x=1\ny", "ERR Unknown lua shebang option: x=1"),
        (b"#!lua flags=no-writes,\ny", "ERR Unexpected flag in script shebang: "),
    ],
)
def test_script_flags_refused(code: bytes, text: str) -> None:
    with pytest.raises(CommandError) as refused:
        flags.script_flags(code)
    assert str(refused.value) == text


def test_library_head() -> None:
    head = flags.library_head(b'#!LUA name="my_lib"\ncode')
    assert (head.engine, head.name, head.code) == (b"LUA", b"my_lib", b"\ncode")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (b"", "ERR Missing library metadata"),
        (b"#!lua name=x", "ERR Invalid library metadata"),
        (b"#!lua\n", "ERR Library name was not given"),
        (b"#!lua name=a name=b\n", "ERR Invalid metadata value, name argument was given multiple times"),
        (b"#!lua name=a foo=b\n", "ERR Invalid metadata value given: foo=b"),
    ],
)
def test_library_head_refused(code: bytes, text: str) -> None:
    with pytest.raises(CommandError) as refused:
        flags.library_head(code)
    assert str(refused.value) == text


def test_names() -> None:
    assert flags.is_name(b"aZ_09")
    assert not any(flags.is_name(name) for name in (b"", b"a-b", b"a b", b"\xc3\xa9", b"a\0"))
    assert flags.function_flags([b"NO-WRITES", b"allow-oom"]) == flags.NO_WRITES | flags.ALLOW_OOM
    assert flags.function_flags([b"nonsense"]) is None
    assert flags.flag_names(flags.ALLOW_STALE | flags.NO_WRITES) == ["no-writes", "allow-stale"]
