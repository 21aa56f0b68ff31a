"""How two servers' replies are compared: byte for byte, except where Redis leaves something open.

Each command of a family names its way. A way turns a reply into something that `==` compares; the frame's type bytes
stay in it, so a simple string never equals a bulk string.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from resp import Frame

Comparable: TypeAlias = object
Way: TypeAlias = Callable[[Frame], Comparable]


def exact(reply: Frame) -> Comparable:
    """Byte for byte: type, length, order, error text."""
    return reply


def unordered(reply: Frame) -> Comparable:
    """The same elements in any order (members of a set, keys of a keyspace)."""
    return (reply.kind, sorted(child.raw() for child in reply.children)) if reply.children else reply


def unordered_throughout(reply: Frame) -> Comparable:
    """The same elements in any order on every level (libraries and their functions, which Redis keeps in hash tables)."""
    if not reply.children:
        return reply
    return (reply.kind, sorted((unordered_throughout(child) for child in reply.children), key=repr))


def unordered_pairs(reply: Frame) -> Comparable:
    """The same pairs in any order: a hash, flat in RESP2 and a map in RESP3."""
    raw = [child.raw() for child in reply.children]
    return (reply.kind, sorted(zip(raw[::2], raw[1::2], strict=True))) if raw and len(raw) % 2 == 0 else reply


def shape(reply: Frame) -> Comparable:
    """The same types and counts; for what is random or measured (SRANDMEMBER, MEMORY USAGE). Errors compare exactly."""
    if reply.is_error:
        return reply
    return (reply.kind, reply.value is None, tuple(shape(child) for child in reply.children))


def scan_page(ways: Way) -> Way:
    """A reply of the SCAN family from a small collection: the cursor, and the elements compared by `ways`."""

    def compare(reply: Frame) -> Comparable:
        if len(reply.children) != 2:
            return reply
        return (reply.children[0], ways(reply.children[1]))

    return compare


def near(tolerance: int) -> Way:
    """An integer that depends on the clock: equal when both fall into one bucket of about `tolerance`, or are negative."""

    def compare(reply: Frame) -> Comparable:
        if reply.kind != b":" or not isinstance(reply.value, bytes):
            return reply
        number = int(reply.value)
        return reply if number < 0 else _Near(number, tolerance)

    return compare


class _Near:
    """A number that equals every number at most `tolerance` away."""

    def __init__(self, number: int, tolerance: int) -> None:
        self.number, self.tolerance = number, tolerance

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Near) and abs(self.number - other.number) <= self.tolerance

    __hash__ = None  # type: ignore[assignment]  # nearness is no equivalence


def masked(*fields: str) -> Way:
    """Exact, but the values that follow these field names (idle times, memory sizes) are not looked at."""
    hidden = {field.encode() for field in fields}

    def hide(reply: Frame) -> Frame:
        children: list[Frame] = []
        for child in reply.children:
            name = children[-1].value if children else None
            hit = isinstance(name, bytes) and name in hidden and len(children) % 2 == 1
            children.append(Frame(b"?", b"hidden") if hit else hide(child))
        return Frame(reply.kind, tuple(children)) if reply.children else reply

    return hide


def without_column(index: int) -> Way:
    """An array of rows in which one column is a measured time (XPENDING's idle)."""

    def compare(reply: Frame) -> Comparable:
        return (reply.kind, [[c for i, c in enumerate(row.children) if i != index] or row for row in reply.children])

    return lambda reply: reply if not reply.children else compare(reply)


def words(reply: Frame) -> Comparable:
    """Exact but for the order of words in a text: an ACL's command rules stand in the order of a hash table."""
    if reply.children:
        return (reply.kind, [words(child) for child in reply.children])
    return (
        reply.kind,
        sorted(reply.value.split(b" ")) if isinstance(reply.value, bytes) and not reply.is_error else reply,
    )


def string_encoding(reply: Frame) -> Comparable:
    """OBJECT ENCODING of a string: Redis' answer depends on the command that wrote it (INCRBYFLOAT leaves the text 10 as
    `embstr`, PFADD a short `raw`), ours on the value alone (engine/DIFFERENCES.md), so that all of them count as one."""
    return b"string" if reply.value in (b"int", b"embstr", b"raw") else reply
