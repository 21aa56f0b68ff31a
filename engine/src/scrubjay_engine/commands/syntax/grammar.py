"""From a line of syntax to the argument tree that COMMAND DOCS shows.

    key:key@0 value condition:oneof?^2.6.12(nx=NX xx=XX) get=GET?^6.2.0 seconds:integer=EX

An argument is its name, then in this order, each where it applies: `:type` (without one: a string, or with a token a pure token), `=TOKEN` that
comes before it, `@n` the key specification it belongs to, `?` may be left out, `*` may be repeated, `+` repeated with its token, `^version` it came
with, `~version` it is deprecated since, and in parentheses the arguments it consists of. Names and tokens with other signs stand in quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scrubjay_engine.core.client import SetReply

_WORD = r"(?:'[^']*'|[^\s:=@?*+^~()']+)"
_ARGUMENT = re.compile(
    rf"(?P<name>{_WORD})(?::(?P<type>[a-z-]+))?(?:=(?P<token>{_WORD}))?(?:@(?P<key>\d+))?"
    r"(?P<flags>[?*+]*)(?:\^(?P<since>[\d.]+))?(?:~(?P<deprecated>[\d.]+))?"
)
_FLAGS = {"?": "optional", "*": "multiple", "+": "multiple_token"}

Tree = dict[bytes, object]


@dataclass(frozen=True, slots=True)
class SyntaxLineError(ValueError):
    """A line of syntax that cannot be read: a mistake in this package."""

    line: str
    at: int

    def __str__(self) -> str:
        return f"cannot read {self.line[self.at :][:30]!r} in {self.line!r}"


def parse(line: str) -> list[Tree]:
    """The argument trees of one command."""
    trees, at = _arguments(line, 0)
    if at != len(line):
        raise SyntaxLineError(line, at)
    return trees


def _arguments(line: str, at: int) -> tuple[list[Tree], int]:
    trees: list[Tree] = []
    while at < len(line) and line[at] != ")":
        if line[at] == " ":
            at += 1
            continue
        match = _ARGUMENT.match(line, at)
        if match is None:
            raise SyntaxLineError(line, at)
        at = match.end()
        inside: list[Tree] = []
        if line[at : at + 1] == "(":
            inside, at = _arguments(line, at + 1)
            if line[at : at + 1] != ")":
                raise SyntaxLineError(line, at)
            at += 1
        trees.append(_tree(match, inside))
    return trees, at


def _tree(match: re.Match[str], inside: list[Tree]) -> Tree:
    token = match["token"]
    kind = match["type"] or ("string" if token is None else "pure-token")
    tree: Tree = {b"name": _bare(match["name"]), b"type": kind.encode()}
    if match["key"]:
        tree[b"key_spec_index"] = int(match["key"])
    if token is not None:
        tree[b"token"] = _bare(token)
    if match["since"]:
        tree[b"since"] = match["since"].encode()
    if match["deprecated"]:
        tree[b"deprecated_since"] = match["deprecated"].encode()
    if match["flags"]:
        tree[b"flags"] = SetReply([_FLAGS[sign] for sign in match["flags"]])
    if inside:
        tree[b"arguments"] = inside
    return tree


def _bare(word: str) -> bytes:
    return (word[1:-1] if word.startswith("'") else word).encode()
