"""Values in RDB form: which type code a value gets, and its body.

`write_value` is a generator, so that the body of a big value comes in parts: the snapshot goes on with it slice by slice, everybody else runs it through.
Types are those of REDIS0009, which cannot say everything: a stream's counters are left out, or with `exact` written in the type of Redis 7.0. Fields
that expire need a type of Redis 7.4 in any case.
Called by persistence/snapshot, DUMP and MIGRATE.
"""

from collections.abc import Callable, Iterator
from typing import Any

from scrubjay_engine.persistence import format as rdb
from scrubjay_engine.persistence.rdb_writer import RdbWriter, with_footer

Body = Iterator[None]
PART = 256

_layouts: dict[type, Callable[[RdbWriter, bytes | None, Any, bool], Body]] = {}


def layout(kind: type) -> Callable[[Callable[..., Body]], Callable[..., Body]]:
    """Makes a function the way to write values of that class."""

    def note(function: Callable[..., Body]) -> Callable[..., Body]:
        _layouts[kind] = function
        return function

    return note


def head(writer: RdbWriter, code: int, key: bytes | None) -> None:
    """The type byte, and the key in a file (a payload has none)."""
    writer.byte(code)
    if key is not None:
        writer.string(key)


def write_value(writer: RdbWriter, key: bytes | None, value: object, exact: bool) -> Body:
    """Type, key and body of a value; a generator that yields between parts."""
    if isinstance(value, bytes):
        head(writer, rdb.TYPE_STRING, key)
        writer.string(value)
        return
    yield from _layouts[type(value)](writer, key, value, exact)


def dump_payload(value: object) -> bytes:
    """What DUMP answers for a value."""
    writer = RdbWriter(checksum=False)
    for _ in write_value(writer, None, value, True):
        pass
    return with_footer(writer.take())
