"""The notation of argument trees, and that every line of it can be read."""

from __future__ import annotations

import pytest

from scrubjay_engine.commands.syntax import lookup
from scrubjay_engine.commands.syntax.grammar import SyntaxLineError, parse
from scrubjay_engine.commands.syntax.history import HISTORY, REPLACED, history


def test_a_line_becomes_a_tree() -> None:
    key, condition, seconds = parse("key:key@0 condition:oneof?^2.6.12(nx=NX '~'='~') seconds:integer=EX*~3.0.0")
    assert key == {b"name": b"key", b"type": b"key", b"key_spec_index": 0}
    assert condition == {
        b"name": b"condition",
        b"type": b"oneof",
        b"since": b"2.6.12",
        b"flags": ["optional"],
        b"arguments": [
            {b"name": b"nx", b"type": b"pure-token", b"token": b"NX"},
            {b"name": b"~", b"type": b"pure-token", b"token": b"~"},
        ],
    }
    assert seconds[b"flags"] == ["multiple"] and seconds[b"deprecated_since"] == b"3.0.0"


@pytest.mark.parametrize("line", ["a(b", "a)", "(a)", "a='x"])
def test_a_wrong_line_is_shown(line: str) -> None:
    with pytest.raises(SyntaxLineError, match="cannot read"):
        parse(line)


def test_every_line_can_be_read() -> None:
    assert all(lookup.arguments(name) for name in lookup.LINES)


def test_every_change_has_a_version_and_words() -> None:
    for name in HISTORY:
        for version, words in history(name):
            assert version.replace(b".", b"").isdigit() and words
    assert all(since.replace(".", "").isdigit() for since, _ in REPLACED.values())
