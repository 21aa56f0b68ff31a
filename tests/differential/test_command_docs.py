"""The command table is redis-server 7.0.15's, command by command: COMMAND INFO whole, COMMAND DOCS but for its words, which are our own.

Of sentences (summary, complexity, what changed, what replaces a command) only the presence and the versions are compared; of argument trees every
name, type, token, flag and version.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import pytest

import resp
import servers

Fields: TypeAlias = dict[str, object]
WORDS = {"summary", "replaced_by", "notes"}


@pytest.fixture(scope="module")
def tables() -> Iterator[tuple[resp.Connection, resp.Connection]]:
    with (
        servers.redis() as reference,
        servers.scrubjay() as subject,
        reference.connect(protocol=3) as one,
        subject.connect(protocol=3) as other,
    ):
        yield one, other


def plain(frame: resp.Frame) -> object:
    """Maps as dicts, sets as sorted lists, everything else as it is: what order means nothing is gone."""
    if frame.kind == b"%":
        flat = frame.children
        fields = {str(plain(key)): plain(value) for key, value in zip(flat[::2], flat[1::2], strict=True)}
        return {name: "words" if name in WORDS else value for name, value in fields.items()}
    if frame.kind in (b"~", b"*"):
        items = [plain(child) for child in frame.children]
        return sorted(items, key=repr) if frame.kind == b"~" else items
    return frame.value.decode() if isinstance(frame.value, bytes) else frame.value


def info_of(connection: resp.Connection) -> dict[str, list[object]]:
    """COMMAND INFO by name, subcommands beside their containers."""
    found: dict[str, list[object]] = {}

    def take(row: object) -> None:
        assert isinstance(row, list)
        name, *rest = row
        subcommands = rest.pop()
        found[str(name)] = rest
        for sub in subcommands:
            take(sub)

    for row in connection.frame("COMMAND").children:
        take(plain(row))
    return found


def docs_of(connection: resp.Connection) -> dict[str, Fields]:
    """COMMAND DOCS by name, subcommands beside their containers, sentences taken out."""
    found: dict[str, Fields] = {}

    def take(name: str, fields: object) -> None:
        assert isinstance(fields, dict)
        for sub, inside in fields.pop("subcommands", {}).items():
            take(sub, inside)
        found[name] = {
            key: [row[0] for row in value] if key == "history" else value
            for key, value in fields.items()
            if key != "complexity"  # Redis leaves it out of some
        }

    everything = plain(connection.frame("COMMAND", "DOCS"))
    assert isinstance(everything, dict)
    for name, fields in everything.items():
        take(name, fields)
    return found


def differences(expected: dict[str, object], got: dict[str, object]) -> list[str]:
    return [f"{name}: {got.get(name)} is not {row}" for name, row in expected.items() if got.get(name) != row]


def test_command_info(tables: tuple[resp.Connection, resp.Connection]) -> None:
    expected, got = info_of(tables[0]), info_of(tables[1])
    assert len(expected) == 366
    assert differences(dict(expected), dict(got)) == []


def test_command_docs(tables: tuple[resp.Connection, resp.Connection]) -> None:
    expected, got = docs_of(tables[0]), docs_of(tables[1])
    assert len(expected) == 366
    assert differences(dict(expected), dict(got)) == []


def test_every_command_says_what_it_is_for(tables: tuple[resp.Connection, resp.Connection]) -> None:
    lacking = [name for name, fields in docs_of(tables[1]).items() if not {"summary", "since", "group"} <= set(fields)]
    assert lacking == []


def test_one_command_is_shown_in_the_same_layout(tables: tuple[resp.Connection, resp.Connection]) -> None:
    """The order of fields and the types of RESP3, for one with everything in it."""
    for words in (("COMMAND", "DOCS", "geosearch"), ("COMMAND", "INFO", "georadius"), ("COMMAND", "INFO", "no-such")):
        frames = [connection.frame(*words) for connection in tables]
        assert layout(frames[1]) == layout(frames[0])


def layout(frame: resp.Frame) -> object:
    """Kinds and field names in order; elements of sets in any order."""
    if frame.kind == b"%":
        flat = frame.children
        return [(key.value, layout(value)) for key, value in zip(flat[::2], flat[1::2], strict=True)]
    if frame.children:
        inside = [layout(child) for child in frame.children]
        return (frame.kind, sorted(inside, key=repr) if frame.kind == b"~" else inside)
    return frame.kind
